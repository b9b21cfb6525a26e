// Expectations as text: the lines of /proc/net/nf_conntrack_expect (6.18), and those of `conntrack -L expect` (1.4.7).

import { formatAddress } from '../packet/address.ts';
import { IPPROTO_GRE } from '../packet/numbers.ts';
import { EXPECT_INACTIVE, EXPECT_PERMANENT, EXPECT_USERSPACE, type Expectation } from './expectation.ts';
import { addressText } from './helpers/text.ts';
import { byProtocol } from './l4/index.ts';
import type { ConnectionTracker } from './tracker.ts';
import { Tuple } from './tuple.ts';

const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [EXPECT_PERMANENT, 'PERMANENT'],
  [EXPECT_INACTIVE, 'INACTIVE'],
  [EXPECT_USERSPACE, 'USERSPACE'],
];

const flagNames = ({ flags }: Expectation): string[] => FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);

const secondsLeft = (tracker: ConnectionTracker, expectation: Expectation): number =>
  Math.floor(tracker.expectations.timeLeft(expectation) / 1_000);

/** net/netfilter/nf_conntrack_expect.c exp_seq_show() */
export function expectProcLine(tracker: ConnectionTracker, expectation: Expectation): string {
  const { tuple, flags, master } = expectation;
  const { family, protocol } = tuple;
  const class_ = master.helper?.policies[expectation.class]?.name;
  return [
    `${secondsLeft(tracker, expectation)} l3proto = ${family === 4 ? 2 : 10} proto=${protocol}`,
    ` src=${addressText(tuple.words, 0, family)} dst=${addressText(tuple.words, 4, family)} `,
    portWords(protocol, tuple.keys >>> 16, tuple.keys & 0xffff),
    flagNames(expectation).join(','),
    master.helper ? `${flags === 0 ? '' : ' '}${master.helper.name}${class_ ? `/${class_}` : ''}` : '',
  ].join('');
}

/** Of those protocols that print ports; print_tuple() */
function portWords(protocol: number, source: number, destination: number): string {
  if (protocol === IPPROTO_GRE) return `srckey=0x${source.toString(16)} dstkey=0x${destination.toString(16)} `;
  return PORTS.has(byProtocol[protocol].name) ? `sport=${source} dport=${destination} ` : '';
}

const PORTS = new Set(['tcp', 'udp', 'udplite', 'sctp']);

const scratch = new Tuple();

/** libnetfilter_conntrack expect/snprintf_default.c, as `conntrack -L expect` prints. */
export function expectToolLine(tracker: ConnectionTracker, expectation: Expectation): string {
  const { tuple, sourceMask, sourceKeyMask, master } = expectation;
  const mask = Int32Array.of(...sourceMask, -1, -1, -1, -1);
  tracker.table.readTuple(master.id, 0, scratch);
  return [
    `${secondsLeft(tracker, expectation)} proto=${tuple.protocol}`,
    addressWords('', tuple.words, tuple.family),
    portWords(tuple.protocol, tuple.keys >>> 16, tuple.keys & 0xffff).trimEnd(),
    addressWords('mask-', mask, tuple.family),
    portWords(tuple.protocol, sourceKeyMask, 0xffff).trimEnd(),
    addressWords('master-', scratch.words, scratch.family),
    portWords(scratch.protocol, scratch.keys >>> 16, scratch.keys & 0xffff).trimEnd(),
    ...flagNames(expectation),
    `class=${expectation.class}`,
    master.helper && `helper=${master.helper.name}`,
  ]
    .filter((words) => words)
    .join(' ');
}

const addressWords = (lead: string, words: Int32Array, family: 4 | 6): string =>
  `${lead}src=${shortText(words, 0, family)} ${lead}dst=${shortText(words, 4, family)}`;

/** As inet_ntop() writes them. */
function shortText(words: Int32Array, from: 0 | 4, family: 4 | 6): string {
  const octets = new Uint8Array(16);
  const count = family === 4 ? 4 : 16;
  for (let octet = 0; octet < count; octet++) {
    octets[16 - count + octet] = words[from + (octet >> 2)] >>> (24 - 8 * (octet & 3));
  }
  return formatAddress(octets, family);
}
