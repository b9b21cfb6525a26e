import { defineMatch } from '../engine/extension.ts';
import type { Given } from '../grammar/options.ts';
import { type AddressMask, addressMask, u8, u16 as u16Option } from '../grammar/values.ts';
import { parseAddress, prefixMask } from '../packet/address.ts';
import { IPPROTO_ROUTING } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { BROKEN, findHeader, headerLength, NOT_FOUND } from './shared/ext-headers.ts';
import { words } from './shared/text.ts';

// Segment routing header, RFC 8754 2:
//   at+0       at+1     at+2 at+3           at+4        at+5    at+6  at+8
//   | nextHdr | length | 4  | segmentsLeft | lastEntry | flags | tag | segments of 16 octets, the last one first ...
const LENGTH = 8;
const TYPE_SEGMENT_ROUTING = 4;
const SEGMENT = 16;

const octet = (help: string) => u8({ help, invert: true });
const segment = (help: string) => addressMask({ help, invert: true });

/** Comparisons of one field share one number: the last that is given. */
const FIELDS = [
  ['hdr-len', 1],
  ['segs-left', 3],
  ['last-entry', 4],
] as const;
const OPERATORS = ['eq', 'gt', 'lt'] as const;
type Operator = (typeof OPERATORS)[number];
type Field = (typeof FIELDS)[number][0];
const SEGMENTS = ['psid', 'nsid', 'lsid'] as const;
type SegmentName = (typeof SEGMENTS)[number];

interface Comparison {
  readonly field: Field;
  readonly operator: Operator;
  readonly value: number;
  readonly inverted: boolean;
}

interface Asked<T> {
  readonly value: T;
  readonly inverted: boolean;
}

interface Checked {
  readonly nextHeader?: Asked<number>;
  readonly comparisons: readonly Comparison[];
  readonly tag?: Asked<number>;
  readonly segments: Partial<Record<SegmentName, Asked<AddressMask>>>;
}

const asked = <T>({ value, inverted }: Given<T>): Asked<T> => ({ value, inverted });
const bang = (inverted: boolean): string => (inverted ? '! ' : '');
const printSegment = ({ address, length }: AddressMask): string => `${address}/${length}`;

export const srh = defineMatch({
  name: 'srh',
  families: [6],
  summary: 'Fields of the IPv6 segment routing header.',
  kernel: 'net/ipv6/netfilter/ip6t_srh.c srh1_mt6()',
  effect: 'pure',
  options: {
    'srh-next-hdr': octet('number of the next header'),
    'srh-hdr-len-eq': octet('length in 8 octets behind the first 8'),
    'srh-hdr-len-gt': octet('longer than that'),
    'srh-hdr-len-lt': octet('shorter than that'),
    'srh-segs-left-eq': octet('segments still to visit'),
    'srh-segs-left-gt': octet('more segments left'),
    'srh-segs-left-lt': octet('fewer segments left'),
    'srh-last-entry-eq': octet('index of the last segment'),
    'srh-last-entry-gt': octet('index above that'),
    'srh-last-entry-lt': octet('index below that'),
    'srh-tag': u16Option({ help: 'tag', invert: true }),
    'srh-psid': segment('segment that was visited before'),
    'srh-nsid': segment('segment that comes next'),
    'srh-lsid': segment('last segment'),
  },
  check(given): Checked {
    const comparisons: Comparison[] = [];
    for (const [field] of FIELDS) {
      const used = OPERATORS.flatMap((operator) => {
        const one = given[`srh-${field}-${operator}`];
        return one ? [{ operator, one }] : [];
      });
      const last = used.reduce((late, { one }) => Math.max(late, one.span.start), -1);
      const value = used.find(({ one }) => one.span.start === last)?.one.value ?? 0;
      for (const { operator, one } of used) comparisons.push({ field, operator, value, inverted: one.inverted });
    }
    const segments: Partial<Record<SegmentName, Asked<AddressMask>>> = {};
    for (const name of SEGMENTS) {
      const one = given[`srh-${name}`];
      if (one) segments[name] = asked(one);
    }
    return {
      ...(given['srh-next-hdr'] && { nextHeader: asked(given['srh-next-hdr']) }),
      comparisons,
      ...(given['srh-tag'] && { tag: asked(given['srh-tag']) }),
      segments,
    };
  },
  save: ({ nextHeader, comparisons, tag, segments }) =>
    words(
      nextHeader && `${bang(nextHeader.inverted)}--srh-next-hdr ${nextHeader.value}`,
      ...comparisons.map((one) => `${bang(one.inverted)}--srh-${one.field}-${one.operator} ${one.value}`),
      tag && `${bang(tag.inverted)}--srh-tag ${tag.value}`,
      ...Object.entries(segments).map(([name, one]) => `${bang(one.inverted)}--srh-${name} ${printSegment(one.value)}`),
    ),
  list({ nextHeader, comparisons, tag, segments }) {
    const mark = (inverted: boolean): string => (inverted ? '!' : '');
    return words(
      'srh',
      nextHeader && `next-hdr:${mark(nextHeader.inverted)}${nextHeader.value}`,
      ...comparisons.map((one) => `${one.field}-${one.operator}:${mark(one.inverted)}${one.value}`),
      tag && `tag:${mark(tag.inverted)}${tag.value}`,
      ...Object.entries(segments).map(([name, one]) => `${name} ${mark(one.inverted)} ${printSegment(one.value)}`),
    );
  },
  compile({ nextHeader, comparisons, tag, segments }) {
    const tests = comparisons.map(comparison);
    const wanted = SEGMENTS.flatMap((name) => {
      const one = segments[name];
      return one ? [segmentTest(name, one)] : [];
    });
    return (pkt) => {
      const at = findHeader(pkt, IPPROTO_ROUTING);
      if (at === NOT_FOUND || at === BROKEN || at + LENGTH > pkt.end) return false;
      const { bytes } = pkt;
      if (at + headerLength(bytes, at, IPPROTO_ROUTING) > pkt.end) return false;
      if (bytes[at + 2] !== TYPE_SEGMENT_ROUTING || bytes[at + 3] > bytes[at + 4]) return false;
      if (nextHeader && (bytes[at] === nextHeader.value) === nextHeader.inverted) return false;
      for (let index = 0; index < tests.length; index++) if (!tests[index](bytes, at)) return false;
      // The tool leaves the tag in its machine's order, so on the common ones its octets are the other way round.
      if (tag && (((bytes[at + 7] << 8) | bytes[at + 6]) === tag.value) === tag.inverted) return false;
      for (let index = 0; index < wanted.length; index++) if (!wanted[index](pkt, at)) return false;
      return true;
    };
  },
  saw(_checked, pkt) {
    const at = findHeader(pkt, IPPROTO_ROUTING);
    if (at < 0 || at + LENGTH > pkt.end) return 'no whole routing header';
    const { bytes } = pkt;
    return `type ${bytes[at + 2]} hdr-len ${bytes[at + 1]} segs-left ${bytes[at + 3]} last-entry ${bytes[at + 4]}`;
  },
});

function comparison({ field, operator, value, inverted }: Comparison): (bytes: Uint8Array, at: number) => boolean {
  const offset = FIELDS.find(([name]) => name === field)![1];
  if (operator === 'eq') return (bytes, at) => (bytes[at + offset] === value) !== inverted;
  if (operator === 'gt') return (bytes, at) => bytes[at + offset] > value !== inverted;
  return (bytes, at) => bytes[at + offset] < value !== inverted;
}

/** Segments are listed backwards: the previous one stands behind the current one. One that is not there never matches. */
function segmentTest(name: SegmentName, { value, inverted }: Asked<AddressMask>): (pkt: Packet, at: number) => boolean {
  const mask = prefixMask(value.length, 6);
  const wanted = parseAddress(value.address, 6)!;
  return ({ bytes, end }, at) => {
    const left = bytes[at + 3];
    if (name === 'psid' ? left === bytes[at + 4] : name === 'nsid' && left === 0) return false;
    const index = name === 'lsid' ? 0 : name === 'psid' ? left + 1 : left - 1;
    const from = at + LENGTH + index * SEGMENT;
    if (from + SEGMENT > end) return false;
    for (let place = 0; place < SEGMENT; place++) {
      if ((bytes[from + place] ^ wanted[place]) & mask[place]) return inverted;
    }
    return !inverted;
  };
}
