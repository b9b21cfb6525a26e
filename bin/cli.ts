// The command-line frame: the families of commands, common help, exit codes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../control/package-root.ts';
import { daemon } from './commands/daemon.ts';
import type { CommandFamily } from './commands/family.ts';
import { inline } from './commands/inline.ts';
import { rules } from './commands/rules.ts';
import { setup } from './commands/setup.ts';
import { testing } from './commands/testing.ts';

/** Exit codes of our own commands: 0 ok, 1 a negative finding, 2 usage or parse error, 69 daemon unreachable, 77 no privilege. */
export const USAGE = 2;

const version = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** Runs the program; the value is the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const set = async (result: Promise<number>): Promise<void> => {
    code = await result;
  };
  const program = new Command('sekisho')
    .description('A stateful packet filter outside the kernel, and the tool to test firewall rules like code.')
    .version(version())
    .showHelpAfterError('(sekisho --help lists the commands)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', HELP_AFTER);

  const families: readonly (readonly [heading: string, family: CommandFamily])[] = [
    ['Filter inline:', inline],
    ['Look at rules:', rules],
    ['Test rules:', testing],
    ['Ask the daemon:', daemon],
    ['Other commands:', setup],
  ];
  for (const [heading, family] of families) family(program.commandsGroup(heading), set);

  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    throw error;
  }
}

const HELP_AFTER = `
The classic tools: sekisho iptables, ip6tables, iptables-save, ip6tables-save, iptables-restore, ip6tables-restore take the words of
the real ones. They speak to the daemon where one serves the state directory, and work on the stored rules where none does.
So do sekisho ipset, and sekisho conntrack for the connections of a daemon.

Examples:
  sekisho demo                                     see it filter real traffic
  sekisho ip6tables -A FORWARD -p tcp --dport 22 -j DROP
  sekisho fmt -6 rules.v6                          canonical save text
  sekisho trace --rules6 rules.v6 tcp 2001:db8::1 '>' 2001:db8::2 dport 443 syn

Exit codes: 0 well, 1 no (a check or test failed, the daemon refused), 2 a mistake in words or rules, 69 no daemon answers,
77 not permitted. The classic tools have their own: 0, 1 refused, 2 bad parameter, 3 table or stored rules, 4 lock or files.
`;
