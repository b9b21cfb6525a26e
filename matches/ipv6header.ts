import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { protocolNumber } from '../grammar/protocols.ts';
import { flag, own } from '../grammar/values.ts';
import * as ipv6 from '../packet/ipv6.ts';
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
} from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { headerLength } from './shared/ext-headers.ts';
import { upperHex } from './shared/text.ts';

/** Stands for "anything that is no extension header". */
const PROTO = 255;
/** In the order of printing; the second name is the short one. */
const HEADERS: readonly (readonly [name: string, short: string, number: number, bit: number])[] = [
  ['hop-by-hop', 'hop', IPPROTO_HOPOPTS, 0x80],
  ['ipv6-opts', 'dst', IPPROTO_DSTOPTS, 0x40],
  ['ipv6-route', 'route', IPPROTO_ROUTING, 0x20],
  ['ipv6-frag', 'frag', IPPROTO_FRAGMENT, 0x10],
  ['ah', 'auth', IPPROTO_AH, 0x08],
  ['esp', 'esp', IPPROTO_ESP, 0x04],
  ['ipv6-nonxt', 'none', IPPROTO_NONE, 0x02],
  ['protocol', 'prot', PROTO, 0x01],
];
const bitOf = (number: number): number => HEADERS.find((entry) => entry[2] === number)?.[3] ?? 0;
const names = (bits: number): string =>
  HEADERS.filter((entry) => bits & entry[3])
    .map((entry) => entry[0])
    .join(',');

const headerList = {
  words: 1 as const,
  metavar: 'header[,header...]',
  parse([word]: readonly string[], scope: ValueScope): number {
    const items = word.split(',').filter((item) => item !== '');
    if (items.length === 0) scope.fail('ip6t_ipv6header: cannot parse header names');
    return items.reduce((bits, item) => bits | headerBit(item, scope), 0);
  },
  print: names,
};

/** Its own names, the numbers of these headers in decimal, and names of /etc/protocols (in lower case only). */
function headerBit(item: string, scope: ValueScope): number {
  const own = HEADERS.find(([name, short, number]) => name === item || short === item || number.toString() === item);
  if (own) return own[3];
  const number = /^[a-z]/.test(item) && item === item.toLowerCase() ? protocolNumber(item, scope.names) : undefined;
  const bit = number === undefined ? 0 : bitOf(number);
  const hint = `headers are ${HEADERS.map((entry) => entry[0]).join(', ')}`;
  return bit || scope.fail(`unknown header \`${number ?? item}' specified`, hint);
}

export const ipv6header = defineMatch({
  name: 'ipv6header',
  families: [6],
  summary: 'Which extension headers are there: exactly these, or with --soft these among others.',
  kernel: 'net/ipv6/netfilter/ip6t_ipv6header.c ipv6header_mt6()',
  effect: 'pure',
  options: {
    header: own(headerList, { help: 'headers that are there', invert: true, required: true }),
    soft: flag({ help: 'others may be there as well' }),
  },
  check: ({ header, soft }) => ({ headers: header.value, inverted: header.inverted, soft: soft !== undefined }),
  save: ({ headers, inverted, soft }) => `${inverted ? '! ' : ''}--header ${names(headers)}${soft ? ' --soft' : ''}`,
  list: ({ headers, inverted, soft }, scope) =>
    `ipv6header flags:${inverted ? '!' : ''}${scope.numeric ? `0x${upperHex(headers)}` : names(headers)}${soft ? ' soft' : ''}`,
  compile({ headers, inverted, soft }) {
    // --soft looks at each header that was named; inverted: none of them is there.
    const wanted = inverted ? 0 : headers;
    if (soft) {
      return (pkt) => {
        const found = headersOf(pkt);
        return found >= 0 && (found & headers) === wanted;
      };
    }
    return (pkt) => {
      const found = headersOf(pkt);
      return found >= 0 && (found === headers) !== inverted;
    };
  },
  saw(_checked, pkt) {
    const found = headersOf(pkt);
    return found < 0 ? 'a header cut short' : names(found) || 'none';
  },
});

/**
 * Bits of all headers of the packet, -1 when one is cut short. A fragment's header does not stop the walk, whatever piece it is, and
 * a chain that ends exactly with the packet counts what it says comes next.
 */
function headersOf(pkt: Packet): number {
  const { bytes, end } = pkt;
  let next = bytes[pkt.l3 + ipv6.NEXT_HEADER_AT];
  let at = pkt.l3 + ipv6.LENGTH;
  let found = 0;
  while (next !== PROTO && bitOf(next) !== 0) {
    if (next === IPPROTO_NONE) return found | bitOf(next);
    if (at + 2 > end) return -1;
    found |= bitOf(next);
    if (next === IPPROTO_ESP) return found;
    const length = headerLength(bytes, at, next);
    next = bytes[at];
    at += length;
    if (at > end) break;
  }
  return next === IPPROTO_NONE || next === IPPROTO_ESP ? found : found | bitOf(PROTO);
}
