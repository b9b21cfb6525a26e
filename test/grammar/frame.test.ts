// The frame of a rule: everything that stands in one without any extension. Every row was asked of ip(6)tables 1.8.9.

import { describe, expect, it } from 'vitest';
import { noExtensions } from '../../grammar/lookup.ts';
import { type Names, noNames } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { printRule } from '../../grammar/print.ts';
import { parseAddress } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';
import { mark, refusal, unmark } from '../../testing/marks.ts';

const names: Names = {
  ...noNames,
  host: (name, family) =>
    name === 'two.example'
      ? (family === 4 ? ['192.0.2.1', '192.0.2.2'] : ['2001:db8::1', '2001:db8::2']).map(
          (text) => parseAddress(text, family)!,
        )
      : undefined,
};
const printing = { lookup: noExtensions, names };

const parse = (family: Family, line: string) => parseCommand(line, { family, lookup: noExtensions, names });

/** `[rule, canonical]`; '=' for the same; several rules between `|`. */
type Row = [rule: string, canonical: string];

const both: Row[] = [
  ['-A INPUT', '='],
  ['-A INPUT -j ACCEPT', '='],
  ['--append INPUT --jump DROP', '-A INPUT -j DROP'],
  ['--ap INPUT --ju DROP', '-A INPUT -j DROP'],
  ['-AINPUT -jDROP', '-A INPUT -j DROP'],
  ['--append=INPUT --jump=DROP', '-A INPUT -j DROP'],
  ['-j DROP -A INPUT', '-A INPUT -j DROP'],
  ['-A INPUT -g web', '='],
  ['-A INPUT -j web', '='],
  ['-A INPUT -p tcp', '='],
  ['-A INPUT -ptcp', '-A INPUT -p tcp'],
  ['-A INPUT -p TCP', '-A INPUT -p tcp'],
  ['-A INPUT -p 0x11', '-A INPUT -p udp'],
  ['-A INPUT -p 021', '-A INPUT -p udp'],
  ['-A INPUT ! -p 253', '='],
  ['-A INPUT -p 47', '-A INPUT -p gre'],
  ['-A INPUT -p mh', '-A INPUT -p mobility-header'],
  ['-A INPUT -p icmpv6', '-A INPUT -p ipv6-icmp'],
  ['-A INPUT -p all', '-A INPUT'],
  ['-A INPUT -p 0', '-A INPUT'],
  ['-A FORWARD -i eth0 ! -o eth+', '='],
  ['-A FORWARD -o b -i a', '-A FORWARD -i a -o b'],
  ['-A FORWARD -i +', '-A FORWARD'],
  ['-A FORWARD ! -i +', '-A FORWARD'],
  ['-A INPUT -c 1 2 -j DROP', '-A INPUT -j DROP'],
  ['-A INPUT --set-counters 1,2', '-A INPUT'],
  ['-A INPUT -i -o', '-A INPUT -i -o'],
  ['-A ! -p tcp', '-A ! -p tcp'],
  ['-A INPUT --', '-A INPUT'],
];

const only4: Row[] = [
  ['-A INPUT -s 10', '-A INPUT -s 10.0.0.0/32'],
  ['-A INPUT -s 10/8', '-A INPUT -s 10.0.0.0/8'],
  ['-A INPUT -s 10.1/16', '-A INPUT -s 10.1.0.0/16'],
  ['-A INPUT -s 010.0x10.1.1', '-A INPUT -s 8.16.1.1/32'],
  ['-A INPUT -s 167772161', '-A INPUT -s 10.0.0.1/32'],
  ['-A INPUT -s 1.2.3.4/255.0.255.0', '-A INPUT -s 1.0.3.0/255.0.255.0'],
  ['-A INPUT -s 1.2.3.4/0x8', '-A INPUT -s 1.0.0.0/8'],
  ['-A INPUT -s 0/0', '-A INPUT'],
  ['-A INPUT ! -s 1.2.3.4/0', '-A INPUT ! -s 0.0.0.0/0'],
  [
    '-A INPUT -s 1.2.3.4,5.6.7.8 -d 1.1.1.1,2.2.2.2',
    '-A INPUT -s 1.2.3.4/32 -d 1.1.1.1/32|-A INPUT -s 1.2.3.4/32 -d 2.2.2.2/32|-A INPUT -s 5.6.7.8/32 -d 1.1.1.1/32|-A INPUT -s 5.6.7.8/32 -d 2.2.2.2/32',
  ],
  ['-A INPUT -s "1.2.3.4, 5.6.7.8"', '-A INPUT -s 1.2.3.4/32|-A INPUT -s 5.6.7.8/32'],
  ['-A INPUT -s two.example/24', '-A INPUT -s 192.0.2.0/24|-A INPUT -s 192.0.2.0/24'],
  ['-A INPUT -d two.example', '-A INPUT -d 192.0.2.1/32|-A INPUT -d 192.0.2.2/32'],
  ['-A INPUT ! -f -p udp', '-A INPUT -p udp ! -f'],
  ['-A INPUT --fragments', '-A INPUT -f'],
];

const only6: Row[] = [
  ['-A INPUT -s ::1', '-A INPUT -s ::1/128'],
  ['-A INPUT -s::1', '-A INPUT -s ::1/128'],
  ['-A INPUT -s ::1/64', '-A INPUT -s ::/64'],
  ['-A INPUT -s 1:2:3::/ffff::', '-A INPUT -s 1::/16'],
  ['-A INPUT -s 1::5/ffff::ffff', '-A INPUT -s 1::5/ffff::ffff'],
  ['-A INPUT -s ::ffff:1.2.3.4', '-A INPUT -s ::ffff:1.2.3.4/128'],
  ['-A INPUT -s ::1.2.3.4', '-A INPUT -s ::1.2.3.4/128'],
  ['-A INPUT -s 1:2:0:0:5:0:0:8', '-A INPUT -s 1:2::5:0:0:8/128'],
  ['-A INPUT -s ::/0', '-A INPUT'],
  ['-A INPUT ! -s ::/0', '='],
  ['-A INPUT -d two.example', '-A INPUT -d 2001:db8::1/128|-A INPUT -d 2001:db8::2/128'],
  ['-A INPUT -s 1::/064', '-A INPUT -s 1::/52'],
];

/** `[rule with the caret's place marked, message, hint?]` */
type Refused = [rule: string, message: string, hint?: string];

const refusedBoth: Refused[] = [
  ['<|-A|>', 'option "-A" requires an argument'],
  ['-A INPUT <|-A|> OUTPUT', 'Cannot use -A with -A'],
  ['<|!|> -A INPUT', "unexpected '!' flag"],
  ['-A INPUT ! <|!|> -p tcp', 'multiple consecutive ! not allowed'],
  ['-A INPUT -p tcp <|!|>', 'nothing appropriate following !'],
  ['-A INPUT -p <|!|> tcp', 'unknown protocol "!" specified'],
  ['-A INPUT <|stray|>', "Bad argument `stray'"],
  ['-A INPUT ! <|stray|>', "Bad argument `stray'", 'stands in front of the option'],
  ['-A INPUT <|-Q|>', 'unknown option "-Q"'],
  ['-A INPUT <|-Qn|>', 'unknown option "INPUT"'],
  ['-A INPUT <|--jmup|> DROP', 'unknown option "--jmup"', 'did you mean "--jump"?'],
  ['-A INPUT <|--s|> ::1', 'unknown option "--s"'],
  ['-L <|--numeric=5|>', 'unknown option "--numeric=5"'],
  ['-A INPUT -p tcp <|-p|> udp', 'multiple -p flags not allowed'],
  ['-A INPUT -j DROP <|-g|> web', 'multiple -j flags not allowed'],
  ['-A INPUT <|!|> -j DROP', 'cannot have ! before -j'],
  ['-A INPUT <|!|> -m tcp', 'unexpected ! flag before --match'],
  ['-A INPUT <|!|> -t filter', 'unexpected ! flag before --table'],
  ['-A INPUT -j <|"a b"|>', "Invalid target name `a b'"],
  [
    '-A INPUT -j <|012345678901234567890123456789|>',
    "Invalid target name `012345678901234567890123456789' (28 chars max)",
  ],
  ['-A INPUT -m <|nosuch|>', "Couldn't load match `nosuch':No such file or directory"],
  ['-A INPUT -i <|0123456789abcdef|>', "interface name `0123456789abcdef' must be shorter than IFNAMSIZ (15)"],
  ['-A INPUT -i <|""|>', 'Empty interface is likely to be undesired'],
  ['-A INPUT <|-o|> lo', "Can't use -o with INPUT"],
  ['-A POSTROUTING <|-i|> lo', "Can't use -i with POSTROUTING"],
  ['-A INPUT -p <|tcpp|>', 'unknown protocol "tcpp" specified', 'did you mean "tcp"?'],
  ['-A INPUT -p <|256|>', 'unknown protocol "256" specified'],
  ['-A INPUT ! -p <|all|>', 'rule would never match protocol'],
  ['-A INPUT <|-c|> 1', '-c requires packet and byte counter'],
  ['-A INPUT -c <|x|> 1', '-c packet counter not numeric'],
  ['-A INPUT -c 1 <|x|>', '-c byte counter not numeric'],
  ['-A INPUT <|-n|>', "Illegal option `-n' with this command"],
  ['-A INPUT <|--line-numbers|>', "Illegal option `-0' with this command"],
  ['-F <|-j|> DROP', "Illegal option `-j' with this command"],
  ['-D INPUT <|x|>', "Invalid rule number `x'"],
  ['-I INPUT <|0|>', "Invalid rule number `0'"],
  ['<|-R|> INPUT', '-R requires a rule number'],
  ['<|-E|> web', '-E requires old-chain-name and new-chain-name'],
  ['<|-P|> INPUT', '-P requires a chain and a policy'],
  ['-N <|-web|>', "chain name not allowed to start with `-'"],
  ['-N <|ACCEPT|>', 'chain name may not clash with target name'],
  ['-N <|"a b"|>', "Invalid chain name `a b'"],
  [
    '-A <|01234567890123456789012345678|>',
    "chain name `01234567890123456789012345678' too long (must be under 29 chars)",
  ],
  ['<|-p tcp|>', 'no command specified'],
  ['-A INPUT -- <|stray|>', 'unknown arguments found on commandline'],
  ['-t nat -A PREROUTING -j <|DROP|>', 'The "nat" table is not intended for filtering'],
  ['-N web <|more|>', "Bad argument `more'"],
  ['-L -w <|x|>', 'wait seconds not numeric'],
];

const refused4: Refused[] = [
  ['-A INPUT -s <|1.2.3.4/33|>', "invalid mask `33' specified"],
  ['-A INPUT -s <|1.2.3.4/255.255|>', "invalid mask `255.255' specified"],
  ['-A INPUT -s 1.2.3.4,<|::1|>', "host/network `::1' not found", 'IPv4 addresses only'],
  ['-A INPUT -s <|256.1.1.1|>', "host/network `256.1.1.1' not found"],
  ['-A INPUT ! -s <|1.2.3.4,5.6.7.8|>', '! not allowed with multiple source or destination IP addresses'],
  ['<|-R INPUT 1 -s 1.1.1.1,2.2.2.2|>', 'Replacement rule does not specify a unique address'],
];

const refused6: Refused[] = [
  ['-A INPUT -s <|1::/129|>', "invalid mask `129' specified"],
  ['-A INPUT -s <|1.2.3.4|>', "host/network `1.2.3.4' not found", 'IPv6 addresses only'],
  ['-A INPUT -s <|[::1]|>', "host/network `[::1]' not found"],
  ['-A INPUT <|-f|>', "`-f' is not supported in IPv6, use -m frag instead"],
  ['-A INPUT <|--fragments|>', 'unknown option "--fragments"'],
];

const taken: (readonly [Family, readonly Row[]])[] = [
  [4, [...both, ...only4]],
  [6, [...both, ...only6]],
];
const refused: (readonly [Family, readonly Refused[]])[] = [
  [4, [...refusedBoth, ...refused4]],
  [6, [...refusedBoth, ...refused6]],
];

describe.each(taken)('IPv%i rules are taken and printed', (family, rows) => {
  it.each(rows)('%s', (rule, canonical) => {
    const command = parse(family, rule);
    if (command.kind !== 'append') throw new Error(`read as ${command.kind}`);
    const printed = command.rules.map((spec) => printRule(command.chain, spec, printing)).join('|');
    expect(printed).toBe(canonical === '=' ? rule : canonical);
  });
});

describe.each(refused)('IPv%i rules are refused', (family, rows) => {
  it.each(rows)('%s: %s', (rule, message, hint) => {
    const { text, span } = unmark(rule);
    const error = refusal(() => parse(family, text));
    expect(error.message).toContain(message);
    expect(error.code).toBe(2);
    expect(mark(text, error.span)).toBe(mark(text, span));
    if (hint) expect(error.hint).toContain(hint);
  });
});

describe('other commands', () => {
  it.each([
    ['-L', { kind: 'list', chain: undefined, zero: false }],
    ['-nvL INPUT 3 --line-numbers', { kind: 'list', chain: 'INPUT', number: 3 }],
    ['-L -Z', { kind: 'list', zero: true }],
    ['-Z -L INPUT', { kind: 'list', chain: 'INPUT', zero: true }],
    ['-S web 2', { kind: 'listRules', chain: 'web', number: 2 }],
    ['-F', { kind: 'flush', chain: undefined }],
    ['-X web', { kind: 'deleteChain', chain: 'web' }],
    ['-Z INPUT 2', { kind: 'zero', chain: 'INPUT', number: 2 }],
    ['-E a b', { kind: 'rename', chain: 'a', newName: 'b' }],
    ['-P INPUT DROP -c 3 4', { kind: 'policy', policy: 'DROP', counters: { packets: 3, bytes: 4 } }],
    ['-D INPUT 2', { kind: 'deleteNumber', number: 2 }],
    ['-I INPUT', { kind: 'insert', number: 1 }],
    ['-I INPUT 4 -j DROP', { kind: 'insert', number: 4 }],
    ['-t mangle -N web -w 5', { kind: 'newChain', table: 'mangle', flags: { wait: 5 } }],
    ['-L -w', { flags: { wait: -1 } }],
    ['-V -Q', { kind: 'version', inverted: false }],
    ['! -V', { kind: 'version', inverted: true }],
    ['-h -Q', { kind: 'help' }],
  ])('%s', (line, wanted) => {
    expect(parse(6, line)).toMatchObject(wanted);
  });
});
