// Expectations as text: the lines of /proc/net/nf_conntrack_expect (6.18). Those of `conntrack -L expect` are in text/.

import { IPPROTO_GRE } from '../packet/numbers.ts';
import { EXPECT_INACTIVE, EXPECT_PERMANENT, EXPECT_USERSPACE, type Expectation } from './expectation.ts';
import { addressText } from './helpers/text.ts';
import { byProtocol } from './l4/index.ts';
import type { ConnectionTracker } from './tracker.ts';

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
