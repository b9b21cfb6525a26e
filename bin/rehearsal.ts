// What most calls do, done once on nobody's rules: V8 keeps the functions that it compiled meanwhile (compiled.ts), and no others.

import { statePaths } from '../control/paths.ts';
import type { ToolAnswer } from '../control/socket/protocol.ts';
import { ipsetOnStored } from '../control/stored/stored-sets.ts';
import { listStored } from '../control/stored/stored-text.ts';
import { runOnStoredRules } from '../control/stored/stored-tool.ts';

const RULES = `*filter
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -s 2001:db8::/32 -p tcp -m multiport --dports 22,80:90 -m comment --comment "a word" -j LOG --log-prefix "in: "
COMMIT
`;

const CALLS = [
  '-N web',
  '-A web -s 2001:db8::1 -p tcp --dport 22 -m limit --limit 3/min -j LOG --log-prefix ssh',
  '-A INPUT -p tcp --syn -m comment --comment web -j web',
  '-I INPUT 1 -i eth0 -p udp --dport 53 -j ACCEPT',
  '-R INPUT 1 -p icmpv6 -j ACCEPT',
  '-C INPUT -i lo -j ACCEPT',
  '-D INPUT -i lo -j ACCEPT',
  '-D INPUT 1',
  '-t nat -A POSTROUTING -o eth0 -j MASQUERADE',
  '-P INPUT DROP',
  '-S',
  '-nvL',
  '-Z',
  '-L -n --line-numbers',
  '-h',
  '-F',
  '-X',
];

/** Leaves its files in the folder. */
export async function rehearse(folder: string): Promise<void> {
  const paths = statePaths(folder, {});
  const nobody = (): Promise<ToolAnswer> => Promise.reject(new Error('no daemon serves a rehearsal'));
  const date = new Date();
  await runOnStoredRules(paths, undefined, { program: 'ip6tables-restore', argv: [], stdin: RULES, date }, nobody);
  for (const call of CALLS) {
    const argv = call.split(' ');
    listStored(paths, 'ip6tables', argv, date);
    await runOnStoredRules(paths, undefined, { program: 'ip6tables', argv, date }, nobody);
  }
  for (const call of ['create s hash:ip', 'add s 192.0.2.1', 'list']) {
    await ipsetOnStored(paths, { argv: call.split(' '), stdin: undefined }, async () => false, nobody);
  }
}
