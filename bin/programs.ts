// The programs that are called by their classic names. The build makes one text of all of them (see compiled.ts), but each runs its modules
// only when it is called.

import type { ToolName } from '../control/socket/protocol.ts';
import { MULTI, PROGRAM_NAMES } from './program-names.ts';

export const rehearse = async (folder: string): Promise<void> => (await import('./rehearsal.ts')).rehearse(folder);

/** Runs the program under the name that it was called by (one of PROGRAM_NAMES); the value is the exit code. */
export async function run(name: string, words: readonly string[]): Promise<number> {
  switch (name) {
    case 'conntrack':
      return (await import('./conntrack.ts')).main(words);
    case 'ipset':
      return (await import('./ipset.ts')).main(words);
    case 'iptables-xml':
      return (await import('./iptables-xml.ts')).main(words);
    case MULTI:
      return multi(words);
    case 'iptables-apply':
    case 'ip6tables-apply':
      return (await import('./iptables-apply.ts')).main(name, words);
    default:
      return (await import('./tools.ts')).main(name.replace('-legacy', '') as ToolName, words);
  }
}

async function multi([name, ...words]: readonly string[]): Promise<number> {
  const known = PROGRAM_NAMES.filter((one) => /^ip6?tables(?!-apply)/.test(one));
  if (name !== undefined && known.includes(name)) return run(name, words);
  const list = known.map((one) => ` * ${one}\n`).join('');
  process.stderr.write(`ERROR: No valid subcommand given.\nValid subcommands:\n${list}`);
  return 1;
}
