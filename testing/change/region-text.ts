// What packets a region holds, in words: `in by lan0, tcp, to 10.0.0.0/8, dport 25, NEW`; and one of them, in the words of packets.

import { noNames } from '../../grammar/names.ts';
import { protocolName } from '../../grammar/protocols.ts';
import type { InterfaceSpec } from '../../grammar/rule-spec.ts';
import { formatAddress } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED } from '../../packet/packet.ts';
import { ADDRESSES, type Bound, type Field, intersection, minus, type Region, type Span } from '../regions.ts';
import { baseOf, universe } from './cut.ts';
import { union } from './joined.ts';

/** Spans told one by one; of more, how many there are. */
const MOST_SPANS = 6;

export function regionText(region: Region, family: Family): string {
  const { fields, devices } = region;
  const words = [...devicesText('in by', devices.in), ...devicesText('out by', devices.out)];
  const rest = new Map(fields);
  for (const [field, text] of TEXTS) {
    const spans = fields.get(field);
    if (spans) words.push(text(spans, family));
    rest.delete(field);
  }
  for (const [field, spans] of rest) words.push(otherText(field, spans, family));
  return words.filter((word) => word !== '').join(', ') || 'all';
}

function devicesText(what: string, asked: readonly InterfaceSpec[]): string[] {
  return asked
    .filter(({ name }) => name !== '')
    .map(({ name, inverted }) => (inverted ? `not ${what} ${name}` : `${what} ${name}`));
}

type SpansText = (spans: readonly Span[], family: Family) => string;

/** `one` for a value; what is shorter as "not" is told so. */
const listed =
  (field: Field, what: string, one: (low: Bound, high: Bound, family: Family) => string): SpansText =>
  (spans, family) => {
    const all = field === 'source' || field === 'destination' ? [ADDRESSES[family]] : universe(field);
    const [has, lacks] = [union(intersection(spans, all)), union(minus(all, spans))];
    if (lacks.length === 0) return '';
    const turned = lacks.length < has.length || (lacks.length === has.length && size(lacks) < size(has));
    const list = turned ? lacks : has;
    const texts = list.slice(0, MOST_SPANS).map(([low, high]) => one(low, high, family));
    const more = list.length > MOST_SPANS ? ` and ${list.length - MOST_SPANS} more` : '';
    return `${turned ? 'not ' : ''}${what}${what === '' ? '' : ' '}${texts.join(',')}${more}`;
  };

const size = (spans: readonly Span[]): number =>
  spans.reduce((sum, [low, high]) => sum + Number(high) - Number(low) + 1, 0);

const range = (low: Bound, high: Bound): string => (low === high ? `${low}` : `${low}:${high}`);

const STATES: readonly (readonly [number, string])[] = [
  [CT_NEW, 'NEW'],
  [CT_ESTABLISHED, 'ESTABLISHED'],
  [CT_RELATED, 'RELATED'],
  [CT_INVALID, 'INVALID'],
  [CT_UNTRACKED, 'UNTRACKED'],
];

const TEXTS = new Map<Field, SpansText>([
  [
    'protocol',
    listed('protocol', '', (low, high) => (low === high ? nameOf(Number(low)) : `protocol ${range(low, high)}`)),
  ],
  ['source', listed('source', 'from', prefixText)],
  ['destination', listed('destination', 'to', prefixText)],
  ['sourcePort', listed('sourcePort', 'sport', range)],
  ['destinationPort', listed('destinationPort', 'dport', range)],
  ['icmpTypeCode', listed('icmpTypeCode', '', typeText)],
  ['tcpFlags', flagsText],
  [
    'ctState',
    (spans) =>
      STATES.filter(([bit]) => holds(spans, bit))
        .map(([, name]) => name)
        .join('/'),
  ],
]);

const nameOf = (number: number): string => protocolName(number, noNames) ?? `protocol ${number}`;

function typeText(low: Bound, high: Bound): string {
  const [type, last] = [Number(low) >>> 8, Number(high) >>> 8];
  const [code, lastCode] = [Number(low) & 0xff, Number(high) & 0xff];
  if (code === 0 && lastCode === 0xff) return `type ${range(type, last)}`;
  return type === last ? `type ${type} code ${range(code, lastCode)}` : `type/code ${type}/${code}:${last}/${lastCode}`;
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

/** As --tcp-flags has it, where it can be said so. */
function flagsText(spans: readonly Span[]): string {
  const masked = maskOf(spans);
  if (masked !== undefined) return `flags ${masked}`;
  const others = maskOf(minus(universe('tcpFlags'), spans));
  return others === undefined ? 'some TCP flags' : `flags not ${others}`;
}

function maskOf(spans: readonly Span[]): string | undefined {
  const octets = Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => holds(spans, octet));
  const set = octets.reduce((bits, octet) => bits & octet, 0xff);
  const clear = octets.reduce((bits, octet) => bits & ~octet, 0xff);
  const mask = set | clear;
  const asked = FLAGS.filter((_, bit) => mask & (1 << bit));
  // All octets that have those bits so, and no others.
  const fits = octets.length > 0 && octets.length === 2 ** (8 - bitsIn(mask));
  if (!fits || asked.length === 0) return undefined;
  return `${FLAGS.filter((_, bit) => set & (1 << bit)).join(',') || 'NONE'} of ${asked.join(',')}`;
}

function bitsIn(octet: number): number {
  let count = 0;
  for (let left = octet; left !== 0; left &= left - 1) count++;
  return count;
}

const holds = (spans: readonly Span[], value: Bound): boolean =>
  spans.some(([low, high]) => low <= value && value <= high);

/** A field that is told by its name, or a condition that a rule asks in its own words. */
function otherText(field: Field, spans: readonly Span[], family: Family): string {
  const base = baseOf(field);
  const known = TEXTS.get(base);
  const when = field === base ? '' : ` (${field.slice(base.length + 1)})`;
  if (known) return `${known(spans, family)}${when}`;
  if (base.startsWith('-') || base.startsWith('!')) return `${holds(spans, 1) ? 'where' : 'where not'} ${base}${when}`;
  return `${listed(field, base === 'hopLimit' ? 'hop limit' : base, range)(spans, family)}${when}`;
}

// --- Addresses -----------------------------------------------------------------------------------------------------------

function prefixText(low: Bound, high: Bound, family: Family): string {
  const [first, last] = [BigInt(low), BigInt(high)];
  const span = last - first + 1n;
  const isPrefix = (span & (span - 1n)) === 0n && first % span === 0n;
  if (span === 1n) return addressText(first, family);
  if (!isPrefix) return `${addressText(first, family)}-${addressText(last, family)}`;
  const bits = family === 4 ? 32 : 128;
  return `${addressText(first, family)}/${bits - (span.toString(2).length - 1)}`;
}

function addressText(number: bigint, family: Family): string {
  const octets = new Uint8Array(16);
  for (let at = 15, left = number; at >= 0; at--, left >>= 8n) octets[at] = Number(left & 0xffn);
  return formatAddress(octets, family);
}

// --- One of them -----------------------------------------------------------------------------------------------------------

/** Hosts that stand for any. */
const SOMEBODY: Readonly<Record<Family, readonly [bigint, bigint]>> = {
  4: [0xffff_c000_0202n, 0xffff_c633_6407n],
  6: [0x2001_0db8_0001_0000_0000_0000_0000_0002n, 0x2001_0db8_0002_0000_0000_0000_0000_0007n],
};

/** A packet of the region in words, with its device in front where that is known; undefined: no words make one. */
export function exampleOf({ fields, devices }: Region, family: Family): string | undefined {
  const pick = (field: Field, ...liked: readonly Bound[]): Bound => {
    const spans = fields.get(field) ?? universe(field);
    return liked.find((value) => holds(spans, value)) ?? spans[0][0];
  };
  const address = (field: Field, liked: bigint): string => {
    const spans = intersection(fields.get(field) ?? [ADDRESSES[family]], [ADDRESSES[family]]);
    const [low, high] = spans[0] ?? ADDRESSES[family];
    const first = BigInt(low) + (BigInt(high) - BigInt(low) > 1n ? 1n : 0n);
    return addressText(holds(spans, liked) ? liked : first, family);
  };
  const [from, to] = SOMEBODY[family];
  const ends = `${address('source', from)} > ${address('destination', to)}`;
  const icmp = family === 4 ? 1 : 58;
  const protocol = pick('protocol', 6, 17, icmp, 132);
  const ports = `sport ${pick('sourcePort', 40_000)} dport ${pick('destinationPort', 443, 80, 1024)}`;
  const states = fields.get('ctState');
  const likely = states && !holds(states, CT_NEW) ? [ACK, SYN] : [SYN, ACK];
  const texts: Readonly<Record<string, () => string>> = {
    6: () => `tcp ${ends} ${ports} flags ${lettersOf(Number(pick('tcpFlags', ...likely)))}`,
    17: () => `udp ${ends} ${ports}`,
    132: () => `sctp ${ends} ${ports}`,
    [icmp]: () => {
      const kind = Number(pick('icmpTypeCode', family === 4 ? 0x800 : 0x8000));
      return `${family === 4 ? 'icmp' : 'icmp6'} ${ends} type ${kind >>> 8} code ${kind & 0xff}`;
    },
  };
  const text = (texts[`${protocol}`] ?? (() => `${ends} ip-proto-${protocol}`))();
  const device = devices.in.find(({ name, inverted }) => !inverted && name !== '')?.name.replace(/\+$/, '0');
  return device === undefined ? text : `${device}: ${text}`;
}

const [SYN, ACK] = [0x02, 0x10];

const lettersOf = (flags: number): string => [...'FSRPAUEC'].filter((_, bit) => flags & (1 << bit)).join('') || 'none';
