// --help of the conntrack tool, in our own words. Completion and the manual page are read from the same rows.

import { PROTOCOLS, type ProtocolOptions } from './options.ts';

/** An option as it is written, and what it means. */
export type HelpRow = readonly [words: string, meaning: string];

export const COMMAND_ROWS: readonly HelpRow[] = [
  ['-L, --dump [TABLE]', 'list connections or expectations'],
  ['-G, --get [TABLE]', 'show the one with that tuple'],
  ['-D, --delete [TABLE]', 'delete those that fit'],
  ['-I, --create [TABLE]', 'make one; fails if it is there already'],
  ['-A, --add', 'make one; content if it is there already'],
  ['-U, --update', 'change those that fit'],
  ['-E, --event [TABLE]', 'show events as they come, until interrupted'],
  ['-F, --flush [TABLE]', 'delete all'],
  ['-C, --counter [TABLE]', 'how many there are'],
  ['-S, --stats [expect]', 'counters of the tracker'],
  ['-R, --load-file FILE', 'carry out the commands of a file, a line each ("-": standard input)'],
  ['--memory', 'where the memory goes, and who fills the table'],
  ['-V, --version', 'the version'],
  ['-h, --help', 'this text; with -p PROTOCOL also its options'],
];

const WHICH: readonly HelpRow[] = [
  ['-s, --src, --orig-src ADDRESS[/LENGTH]', 'source in the original direction'],
  ['-d, --dst, --orig-dst ADDRESS[/LENGTH]', 'destination in the original direction'],
  ['-r, --reply-src ADDRESS', 'source in the reply direction'],
  ['-q, --reply-dst ADDRESS', 'destination in the reply direction'],
  ['--mask-src MASK', 'bits of -s that count'],
  ['--mask-dst MASK', 'bits of -d that count'],
  ['-p, --protonum PROTOCOL', 'tcp, udp, ... or its number; adds its own options'],
  ['-f, --family FAMILY', 'ipv4 or ipv6'],
  ['-m, --mark MARK[/MASK]', 'mark; with -U and -I the one to set'],
  ['-c, --secmark NUMBER', 'security mark'],
  ['-u, --status WORD[,...]', 'ASSURED, SEEN_REPLY, UNREPLIED, FIXED_TIMEOUT, EXPECTED, ... or, to set none, UNSET'],
  ['-n, --src-nat [ADDRESS[:PORT]]', 'translated at the source'],
  ['-g, --dst-nat [ADDRESS[:PORT]]', 'translated at the destination'],
  ['-j, --any-nat [ADDRESS[:PORT]]', 'translated at either'],
  ['-w, --zone NUMBER', 'zone'],
  ['--orig-zone NUMBER', 'zone of the original direction'],
  ['--reply-zone NUMBER', 'zone of the reply direction'],
  ['-l, --label NAME[,...]', 'all of these labels are set'],
  ['-i, --id NUMBER', 'with -D, -U, -G'],
  ['--tuple-src ADDRESS', 'source of what is expected'],
  ['--tuple-dst ADDRESS', 'destination of what is expected'],
];

const WHAT: readonly HelpRow[] = [
  ['-t, --timeout SECONDS', 'time that is left'],
  ['--label-add NAME[,...]', 'labels to set'],
  ['--label-del [NAME[,...]]', 'labels to take away; without a name all'],
];

const OUTPUT: readonly HelpRow[] = [
  [
    '-o, --output WORD[,...]',
    'extended, id, timestamp, ktimestamp, labels, save, xml, userspace; ours: proc, ip_conntrack, json',
  ],
  ['--json', 'a JSON object a line'],
  ['-z, --zero', 'with -L: set the counters to zero'],
  ['-e, --event-mask WORD[,...]', 'with -E: ALL, NEW, UPDATES, DESTROY'],
  ['-b, --buffer-size OCTETS', 'with -E: taken for compatibility'],
];

const MEANINGS: Readonly<Record<string, string>> = {
  sport: 'source port in the original direction',
  dport: 'destination port in the original direction',
  'reply-port-src': 'source port in the reply direction',
  'reply-port-dst': 'destination port in the reply direction',
  'mask-port-src': 'bits of the source port that count',
  'mask-port-dst': 'bits of the destination port that count',
  'tuple-port-src': 'source port of what is expected',
  'tuple-port-dst': 'destination port of what is expected',
  state: 'state of the connection',
  'orig-vtag': 'verification tag of the original direction',
  'reply-vtag': 'verification tag of the reply direction',
  role: 'client or server: who sends in the original direction',
  srckey: 'source key in the original direction',
  dstkey: 'destination key in the original direction',
  'reply-key-src': 'source key in the reply direction',
  'reply-key-dst': 'destination key in the reply direction',
  'mask-key-src': 'bits of the source key that count',
  'mask-key-dst': 'bits of the destination key that count',
  'tuple-key-src': 'source key of what is expected',
  'tuple-key-dst': 'destination key of what is expected',
};

const VALUES: Readonly<Record<string, string>> = { state: 'STATE', role: 'client|server' };

export const protocolRows = ({ name, options }: ProtocolOptions): HelpRow[] =>
  options.map((spellings) => {
    const [first] = spellings;
    const meaning = MEANINGS[first] ?? `${first.slice(name.length + 1)} of the query`;
    return [`${spellings.map((one) => `--${one}`).join(', ')} ${VALUES[first] ?? 'NUMBER'}`, meaning];
  });

export const OPTION_ROWS: readonly HelpRow[] = [...WHICH, ...WHAT, ...OUTPUT];

export function helpText(protocol: number | undefined): string {
  const own = PROTOCOLS.find((one) => one.protocol === protocol);
  return own ? `${HELP}\n${section(`Options of -p ${own.name}`, protocolRows(own))}` : HELP;
}

/** All of it, with the options of every protocol. */
export const wholeHelp = (): string =>
  `${HELP}\n${PROTOCOLS.map((one) => section(`Options of -p ${one.name}`, protocolRows(one))).join('\n')}`;

const section = (title: string, rows: readonly HelpRow[]): string =>
  `${title}:\n${rows.map(([words, meaning]) => `  ${words.padEnd(40)}  ${meaning}\n`).join('')}`;

const HELP = `Lists, watches and changes tracked connections, as conntrack 1.4.7 does.
Usage: conntrack COMMAND [TABLE] [OPTIONS]

Tables: conntrack (default), expect, dying, unconfirmed

${section('Commands', COMMAND_ROWS)}
${section('Which connections', WHICH)}
${section('What to set, besides -m and -u', WHAT)}
${section('Output', OUTPUT)}
Examples:
  conntrack -L -p tcp --state ESTABLISHED -o extended
  conntrack -L -f ipv6 --json
  conntrack -D -s 10.1.0.0/16
  conntrack -U -s 10.1.0.7 -m 0x10/0xf0
  conntrack -E -e NEW,DESTROY -o timestamp
  conntrack -L -o save > flows && conntrack -R flows
  conntrack --memory
`;
