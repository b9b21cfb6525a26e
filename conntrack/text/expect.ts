// Expectations as text: `conntrack -L expect` (1.4.7), its -o xml, and /proc/net/nf_conntrack_expect. libnetfilter_conntrack expect/snprintf_*.c,
// net/netfilter/nf_conntrack_expect.c exp_seq_show()

import { parseAddress, wire } from '../../packet/address.ts';
import { toHex } from '../../packet/bytes.ts';
import { IPPROTO_DCCP, IPPROTO_GRE } from '../../packet/numbers.ts';
import { type ExpectFlow, type ExpectTuple, readExpectation } from '../expect-flow.ts';
import { PORT_PROTOCOLS } from '../flow.ts';
import { EXPECT_INACTIVE, EXPECT_PERMANENT, EXPECT_USERSPACE, type Expectation } from '../helping/expectation.ts';
import type { ConnectionTracker } from '../tracker.ts';
import { protocolName } from './names.ts';
import type { EventType } from './plain.ts';

const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [EXPECT_PERMANENT, 'PERMANENT'],
  [EXPECT_INACTIVE, 'INACTIVE'],
  [EXPECT_USERSPACE, 'USERSPACE'],
];

const flagNames = (flags: number): string[] => FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);

const seconds = ({ timeout }: ExpectFlow): number => Math.floor(timeout / 1_000);

const TAGS: Record<EventType, string> = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' };

/** Without a newline. */
export function expectLine(expect: ExpectFlow, type?: EventType): string {
  const { protocol, masterProtocol, helper } = expect;
  const words = [
    `${seconds(expect)} proto=${protocol}`,
    ...tupleWords('', protocol, expect.tuple),
    ...tupleWords('mask-', protocol, expect.mask),
    ...tupleWords('master-', masterProtocol, expect.master),
    // The tool knows these two only.
    ...flagNames(expect.flags & ~EXPECT_USERSPACE),
    `class=${expect.class}`,
  ];
  if (helper !== undefined) words.push(`helper=${helper}`);
  return (type === undefined ? '' : TAGS[type]) + words.join(' ');
}

function tupleWords(lead: string, protocol: number, tuple: ExpectTuple): string[] {
  const words = [`${lead}src=${tuple.src}`, `${lead}dst=${tuple.dst}`];
  if (protocol === IPPROTO_GRE)
    words.push(`srckey=0x${tuple.srcKey.toString(16)} dstkey=0x${tuple.dstKey.toString(16)}`);
  else if (PORT_PROTOCOLS.has(protocol)) words.push(`sport=${tuple.srcKey} dport=${tuple.dstKey}`);
  return words;
}

export function expectProc(expect: ExpectFlow): string {
  const { family, protocol, tuple, flags, helper, className } = expect;
  const address = (text: string): string => (family === 4 ? text : inFull(text));
  const named = helper === undefined ? '' : `${flags === 0 ? '' : ' '}${helper}${className ? `/${className}` : ''}`;
  return [
    `${seconds(expect)} l3proto = ${family === 4 ? 2 : 10} proto=${protocol}`,
    ` src=${address(tuple.src)} dst=${address(tuple.dst)} `,
    procKeys(protocol, tuple),
    flagNames(flags).join(','),
    named,
  ].join('');
}

/** The line of one that the tracker has. */
export const expectProcLine = (tracker: ConnectionTracker, expectation: Expectation): string =>
  expectProc(readExpectation(tracker, expectation));

function procKeys(protocol: number, { srcKey, dstKey }: ExpectTuple): string {
  if (protocol === IPPROTO_GRE) return `srckey=0x${srcKey.toString(16)} dstkey=0x${dstKey.toString(16)} `;
  return PORT_PROTOCOLS.has(protocol) && protocol !== IPPROTO_DCCP ? `sport=${srcKey} dport=${dstKey} ` : '';
}

function inFull(text: string): string {
  const octets = parseAddress(text, 6);
  return octets ? toHex(wire(octets, 6)).replace(/(.{4})(?=.)/g, '$1:') : text;
}

const element = (name: string, content: string | number): string => `<${name}>${content}</${name}>`;

/** Addresses of all three tuples, then their keys. */
export function expectXml(expect: ExpectFlow): string {
  const { family, protocol, tuple, mask, master, helper, flags } = expect;
  const of = (show: (one: ExpectTuple) => string): string =>
    element('expected', show(tuple)) + element('mask', show(mask)) + element('master', show(master));
  const addresses = of(({ src, dst }) => element('src', src) + element('dst', dst));
  const keys = PORT_PROTOCOLS.has(protocol)
    ? of(({ srcKey, dstKey }) => element('sport', srcKey) + element('dport', dstKey))
    : '';
  const meta = [
    helper === undefined ? '' : element('helper-name', helper),
    element('timeout', seconds(expect)),
    element('class', expect.class),
    ...flagNames(flags).map((name) => `<${name.toLowerCase()}/>`),
  ].join('');
  return [
    `<flow><layer3 protonum="${family === 4 ? 2 : 10}" protoname="ipv${family}">${addresses}</layer3>`,
    `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">${keys}</layer4>`,
    `<meta>${meta}</meta></flow>`,
  ].join('');
}

export function expectJson(expect: ExpectFlow): Record<string, unknown> {
  const { family, protocol, masterProtocol, flags } = expect;
  return {
    family: family === 4 ? 'ipv4' : 'ipv6',
    protocol: protocolName(protocol),
    protonum: protocol,
    timeout: seconds(expect),
    expected: expect.tuple,
    mask: expect.mask,
    master: { protocol: protocolName(masterProtocol), ...expect.master },
    flags: flagNames(flags),
    class: expect.className ?? expect.class,
    helper: expect.helper,
  };
}
