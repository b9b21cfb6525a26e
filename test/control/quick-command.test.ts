// Edits that are read without the parser leave the same rules, answers and complaints as those that are read with it.

import { describe, expect, it } from 'vitest';
import { builtinRegistry } from '../../control/extensions.ts';
import { hostNames } from '../../control/host-names.ts';
import { quickCommand } from '../../control/tool/quick-command.ts';
import { parseCommandLine, runTool } from '../../control/tool/tool.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { wordsOf } from '../../grammar/words.ts';

const lookup = builtinRegistry();
const names = hostNames();
const made = (): Ruleset => new Ruleset(6, { lookup, names });
const call = (ruleset: Ruleset, line: string) =>
  runTool({ program: 'ip6tables', argv: line.split(' '), date: new Date(0) }, ruleset);
const quick = (ruleset: Ruleset, line: string) => {
  const { source, words } = wordsOf(line.split(' '));
  return quickCommand(words, source, ruleset);
};

describe('read without the parser', () => {
  it.each([
    '-A INPUT -p tcp --dport 22 -j ACCEPT',
    '-A INPUT -s 2001:db8::/32 ! -d ::1 -i eth0 -m conntrack --ctstate NEW,RELATED -j web',
    '-I INPUT 2 -p udp -m udp --sport 53 -j DROP',
    '-I INPUT -j LOG --log-prefix x',
    '-R INPUT 1 -p icmpv6 --icmpv6-type echo-request -j RETURN',
    '-D INPUT -p tcp --dport 22 -j ACCEPT',
    '-C INPUT -m hl --hl-gt 5 -g web',
    '-t mangle -A FORWARD -j MARK --set-mark 1',
  ])('%s, to the same command', async (line) => {
    const ruleset = made();
    await call(ruleset, '-N web');
    const read = quick(ruleset, line);
    expect(read).toBeDefined();
    expect(read).toMatchObject(JSON.parse(JSON.stringify(await parseCommandLine(line.split(' '), ruleset))));
  });

  it.each([
    '-A INPUT -p tcp --dport 99999 -j ACCEPT',
    '-A INPUT --dport 22',
    '-A INPUT -s ::1,::2 -j DROP',
    '-A INPUT -v -j DROP',
    '-A INPUT -j NOWHERE',
    '-A INPUT -j LOG --log-prefix',
    '-L INPUT',
    '-I INPUT 0 -j DROP',
    '-R INPUT -j DROP',
    '-A INPUT -j',
    '-A',
    '-A INPUT -m comment --comment "x"',
  ])('%s is left to the grammar', (line) => expect(quick(made(), line)).toBeUndefined());

  it('says what is refused as the parser does', async () => {
    const ruleset = made();
    for (const line of [
      '-D INPUT -j DROP',
      '-C FORWARD -p tcp --dport 1 -j ACCEPT',
      '-A NOSUCH -j DROP',
      '-R INPUT 7 -j DROP',
      '-t nat -A FORWARD -j ACCEPT',
    ]) {
      const told = await call(ruleset, line);
      // A quiet word that only the grammar takes: -w stands for no other meaning.
      const other = await call(ruleset, `-w ${line}`);
      const plain = (text: string): string => text.replaceAll('-w ', '').replace(/^ *\|.*\n/gm, '');
      expect({ ...told, stderr: plain(told.stderr) }).toEqual({ ...other, stderr: plain(other.stderr) });
    }
  });
});
