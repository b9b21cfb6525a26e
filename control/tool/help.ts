// Help of the iptables-like programs, read from the option tables: what is attached is what is listed.

import { COMPATIBLE } from '../../grammar/diagnostics.ts';
import type { AnySyntax } from '../../grammar/lookup.ts';
import type { OptionTable } from '../../grammar/options.ts';
import type { ToolName } from '../socket/protocol.ts';

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

Commands:
  -A, --append chain                        add a rule at the end of a chain
  -C, --check chain                         exit 0 if the chain holds such a rule, 1 if not
  -D, --delete chain [rulenum]              delete the rule that is the same, or the one of that number
  -I, --insert chain [rulenum]              insert before that number (default 1)
  -R, --replace chain rulenum               put the rule in the place of that number
  -L, --list [chain [rulenum]]              list the rules of a chain or of all
  -S, --list-rules [chain [rulenum]]        print them as commands
  -F, --flush [chain]                       delete all rules of a chain or of all
  -Z, --zero [chain [rulenum]]              set counters to zero
  -N, --new-chain chain                     make a chain
  -X, --delete-chain [chain]                delete an empty chain that no rule jumps to, or all of them
  -P, --policy chain target                 ACCEPT or DROP at the end of a built-in chain
  -E, --rename-chain old new                rename a chain; rules that jump to it follow
  -h, --help                                this text; behind -m and -j with the options of those
  -V, --version                             the version

Options ("!" in front inverts where marked !):
! -p, --protocol proto                      by number or name: tcp, udp, icmp, all ...
! -s, --source address[/mask][,...]         source; a name, an address, a network
! -d, --destination address[/mask][,...]    destination
! -i, --in-interface name[+]                input device; + at the end: any that begins so
! -o, --out-interface name[+]               output device
  -j, --jump target                         target, or a chain to go through
  -g, --goto chain                          go through a chain without coming back
  -m, --match match                         load a match
  -t, --table table                         filter (default), nat, mangle, raw, security
! -f, --fragments                           second and further fragments only (IPv4)
  -c, --set-counters packets bytes          start the rule's counters there
  -n, --numeric                             addresses and ports as numbers
  -v, --verbose                             say more
  -x, --exact                               counters in full
  --line-numbers                            with -L
  -w, --wait [seconds]                      wait for another program that changes the rules
  -W, --wait-interval usecs                 taken for compatibility; the lock is looked at every 20 ms
  -M, --modprobe command                    taken for compatibility; there are no kernel modules to load
  -4, --ipv4                                in ip6tables: nothing is done (for files of both families)
  -6, --ipv6                                in iptables: nothing is done

Ours, in front of all others:
  --file FILE                                 work on that save file instead
  --json                                      what -L and -S list as JSON

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

/** Options of the two programs as they are written, and what they mean. */
export const RESTORE_ROWS: readonly (readonly [words: string, meaning: string])[] = [
  ['-c, --counters', 'take the counters of the file'],
  ['-v, --verbose', 'say what is done'],
  ['-t, --test', 'read and check only: nothing changes'],
  ['-n, --noflush', 'keep the rules that are there'],
  ['-T, --table=TABLE', 'restore that table only'],
  ['-w, --wait[=SECONDS]', 'wait for another program that changes the rules'],
  ['-W, --wait-interval=US', 'taken for compatibility; the lock is looked at every 20 ms'],
  ['-M, --modprobe=COMMAND', 'taken for compatibility; there are no kernel modules to load'],
  ['-h, --help', 'this text'],
  ['-V, --version', 'the version'],
];

export const SAVE_ROWS: typeof RESTORE_ROWS = [
  ['-c, --counters', 'with the counters of each rule'],
  ['-t, --table=TABLE', 'that table only'],
  ['-f, --file=FILE', 'into that file'],
  ['-M, --modprobe=COMMAND', 'taken for compatibility; there are no kernel modules to load'],
  ['-V, --version', 'the version'],
];

/** The program itself has no help, as the real one; its page has. */
export const saveHelp = (program: ToolName): string =>
  `Usage: ${program} [-M command] [-c] [-t table] [-f file]\n` +
  SAVE_ROWS.map(([words, meaning]) => `  ${words.padEnd(24)}${meaning}\n`).join('') +
  `\nExamples:\n  ${program} > rules\n  ${program} --json | jq '.tables[].name'\n`;

export const restoreHelp = (program: ToolName): string =>
  `Usage: ${program} [-c] [-v] [-V] [-t] [-h] [-n] [-w secs] [-W usecs] [-T table] [-M command] [file]\n` +
  RESTORE_ROWS.map(([words, meaning]) => `  ${words.padEnd(24)}${meaning}\n`).join('') +
  `
Examples:
  ${program} < rules
  ${program} --test rules && ${program} -w 5 rules
  printf '*filter\\n-A INPUT -j DROP\\nCOMMIT\\n' | ${program} -n
`;
