// Help of the iptables-like programs, read from the option tables: what is attached is what is listed.

import { COMPATIBLE } from '../grammar/diagnostics.ts';
import type { AnySyntax } from '../grammar/lookup.ts';
import type { OptionTable } from '../grammar/options.ts';
import type { ToolName } from './protocol.ts';

const COMMANDS = `
Usage: PROG -[ACD] chain rule-specification [options]
       PROG -I chain [rulenum] rule-specification [options]
       PROG -R chain rulenum rule-specification [options]
       PROG -D chain rulenum [options]
       PROG -[LS] [chain [rulenum]] [options]
       PROG -[FZ] [chain] [options]
       PROG -[NX] chain
       PROG -E old-chain-name new-chain-name
       PROG -P chain target [options]
       PROG -h (print this help information)

Commands, long or short:
  --append  -A chain               add a rule at the end of a chain
  --check   -C chain               exit 0 if the chain holds such a rule, 1 if not
  --delete  -D chain [rulenum]     delete the rule that is the same, or the one of that number
  --insert  -I chain [rulenum]     insert before that number (default 1)
  --replace -R chain rulenum       put the rule in the place of that number
  --list    -L [chain [rulenum]]   list the rules of a chain or of all
  --list-rules -S [chain [rulenum]] print them as commands
  --flush   -F [chain]             delete all rules of a chain or of all
  --zero    -Z [chain [rulenum]]   set counters to zero
  --new     -N chain               make a chain
  --delete-chain -X [chain]        delete an empty chain that no rule jumps to, or all of them
  --policy  -P chain target        ACCEPT or DROP at the end of a built-in chain
  --rename-chain -E old new        rename a chain; rules that jump to it follow

Options ("!" in front inverts where marked !):
! --protocol    -p proto           by number or name: tcp, udp, icmp, all ...
! --source      -s address[/mask][,...]
! --destination -d address[/mask][,...]
! --in-interface  -i name[+]       input device; + at the end: any that begins so
! --out-interface -o name[+]
  --jump        -j target          target, or a chain to go through
  --goto        -g chain           go through a chain without coming back
  --match       -m match           load a match
  --numeric     -n                 addresses and ports as numbers
  --table       -t table           filter (default), nat, mangle, raw, security
  --verbose     -v                 say more
  --wait        -w [seconds]       wait for another program that changes the rules
  --line-numbers                   with -L
  --exact       -x                 counters in full
! --fragment    -f                 second and further fragments only (IPv4)
  --set-counters -c packets bytes  start the rule's counters there
  --version     -V

In front of all, ours: --file FILE   work on that save file instead
                       --json        what -L and -S list as JSON

Examples:
  PROG -A FORWARD -p tcp --dport 22 -j DROP
  PROG -nvL FORWARD --line-numbers
  PROG -m conntrack -h               with the options of a match
`;

export function commandHelp(program: ToolName, extensions: readonly AnySyntax[]): string {
  const text = `${program} ${COMPATIBLE}\n${COMMANDS.replaceAll('PROG', program)}`;
  return text + extensions.map(extensionHelp).join('');
}

/** `hl match options:` and a line for each option. */
export function extensionHelp(extension: AnySyntax): string {
  const lines = extensionRows(extension).map(([words, meaning]) => `${words.padEnd(36)} ${meaning}\n`);
  const more = (extension.helpLines ?? []).map((line) => `${line}\n`);
  return `\n${extension.name}: ${extension.summary}\n${lines.join('')}${more.join('')}`;
}

/** Its options: how each is written, and what it means. */
export const extensionRows = (extension: AnySyntax): [words: string, meaning: string][] =>
  Object.entries(extension.options as OptionTable).map(([name, option]) => {
    const words = `${option.invert ? '[!] ' : ''}--${name}${option.metavar ? ` ${option.metavar}` : option.words > 0 ? ' value' : ''}`;
    const aliases = option.alias === undefined ? [] : [option.alias].flat();
    const also = aliases.length > 0 ? ` (also --${aliases.join(', --')})` : '';
    return [words, `${option.help}${also}`];
  });

export const restoreHelp = (
  program: ToolName,
): string => `Usage: ${program} [-c] [-v] [-V] [-t] [-h] [-n] [-w secs] [-W usecs] [-T table] [-M command] [file]
  -c, --counters          take the counters of the file
  -v, --verbose           say what is done
  -t, --test              read and check only: nothing changes
  -n, --noflush           keep the rules that are there
  -T, --table=TABLE       restore that table only
  -w, --wait[=SECONDS]    wait for another program that changes the rules
  -W, --wait-interval=US  taken for compatibility; the lock is looked at every 20 ms
  -M, --modprobe=COMMAND  taken for compatibility; there are no kernel modules to load
  -h, --help              this text
  -V, --version
`;
