// ICMP and ICMPv6 messages that are about another packet, or about nothing that is tracked. An error quotes the packet that caused it;
// if that is of a connection, the error is RELATED to it. It neither keeps the connection alive nor counts as an answer.
// Sources: net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c

import { u32 } from '../packet/bytes.ts';
import { sum, transportChecksumRight } from '../packet/checksum.ts';
import * as icmp from '../packet/icmp.ts';
import * as icmpv6 from '../packet/icmpv6.ts';
import { IPPROTO_ICMPV6 } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import type { Tracking } from './l4/l4.ts';
import { readQuotedHeader, type Tuple } from './table/tuple.ts';

/** What became of the message. */
export const QUERY = -1; // not an error: it has a tuple of its own
export const NOT_OURS = -2; // INVALID, `pkt.reason` says why
export const UNTRACKED = -3;
/** Else: id * 2 + direction of the connection that it is about. */

/** Neighbour discovery, listener reports, multicast router discovery: noct_valid_new[], counted from 130. */
const isUntracked = (type: number): boolean =>
  (type >= icmpv6.ICMPV6_MGM_QUERY && type <= icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT) ||
  type === icmpv6.ICMPV6_MLD2_REPORT ||
  type === icmpv6.ICMPV6_MRDISC_ADV ||
  type === icmpv6.ICMPV6_MRDISC_SOL;

export type Find = (tuple: Tuple) => number;

/** nf_conntrack_icmpv4_error(). `tuple` is scratch, with the zones of the packet set. */
export function icmpError(tracking: Tracking, pkt: Packet, tuple: Tuple, find: Find): number {
  const { bytes, l4, end } = pkt;
  if (!icmp.fits(bytes, l4, end)) return refuse(pkt, 'ICMP header cut short');
  if (tracking.verifies(pkt) && sum(bytes, l4, end) !== 0xffff) return refuse(pkt, 'ICMP checksum wrong');
  const type = icmp.type(bytes, l4);
  if (type > icmp.NR_ICMP_TYPES) return refuse(pkt, 'ICMP type unknown');
  if (!icmp.isError(type)) return QUERY;
  return relate(tracking, pkt, l4 + icmp.LENGTH, tuple, find);
}

/** nf_conntrack_icmpv6_error() */
export function icmpv6Error(tracking: Tracking, pkt: Packet, tuple: Tuple, find: Find): number {
  const { bytes, l4, end } = pkt;
  if (!icmpv6.fits(bytes, l4, end)) return refuse(pkt, 'ICMPv6 header cut short');
  if (tracking.verifies(pkt) && !transportChecksumRight(pkt, IPPROTO_ICMPV6))
    return refuse(pkt, 'ICMPv6 checksum wrong');
  const type = icmpv6.type(bytes, l4);
  if (isUntracked(type)) return UNTRACKED;
  if (type === icmpv6.NDISC_REDIRECT) return redirect(tracking, pkt, tuple, find);
  if (!icmpv6.isError(type)) return QUERY;
  return relate(tracking, pkt, l4 + icmpv6.LENGTH, tuple, find);
}

const REDIRECT_LENGTH = 40; // RFC 4861 4.5: header, target, destination
const ND_OPT_REDIRECT_HDR = 4;

/** A redirect has the packet that it is about in its first option. nf_conntrack_icmpv6_redirect() */
function redirect(tracking: Tracking, pkt: Packet, tuple: Tuple, find: Find): number {
  const { bytes, l3, l4, end } = pkt;
  if (l4 + REDIRECT_LENGTH > end) return refuse(pkt, 'redirect cut short');
  if (icmpv6.code(bytes, l4) !== 0) return QUERY;
  const linkLocal = bytes[l3 + 8] === 0xfe && (bytes[l3 + 9] & 0xc0) === 0x80;
  if (bytes[l3 + 7] !== 255 || !linkLocal) return refuse(pkt, 'redirect not from the link');
  const option = l4 + REDIRECT_LENGTH;
  if (option + 2 > end || bytes[option + 1] === 0) return refuse(pkt, 'redirect without options');
  if (bytes[option] !== ND_OPT_REDIRECT_HDR) return QUERY;
  return relate(tracking, pkt, option + 8, tuple, find);
}

/** The connection that the packet quoted at `l3` belongs to. nf_conntrack_inet_error() */
function relate(tracking: Tracking, pkt: Packet, l3: number, tuple: Tuple, find: Find): number {
  const { bytes, end } = pkt;
  const family = pkt.family === 6 ? 6 : 4;
  const l4 = readQuotedHeader(tuple, bytes, l3, end, family);
  // Quoting an error, or a type that has no answer, fails here too.
  if (l4 < 0 || !tracking.l4s[tuple.protocol].keys(tuple, bytes, l4, end, tracking))
    return refuse(pkt, 'error quotes no flow');
  // The quote is as its sender sent it; the error is of the other direction.
  tuple.invert();
  const found = find(tuple);
  if (found < 0) return refuse(pkt, 'error about an unknown connection');
  // A router on the way may be the source, but only the quoted source can be the destination.
  if (!goesTo(pkt, tuple)) {
    if (tracking.complaints.wanted) tracking.complaints.say(pkt, pkt.protocol, mismatch(pkt, tuple));
    return refuse(pkt, 'error not to the source of what it quotes');
  }
  return found;
}

function goesTo({ bytes, l3, family }: Packet, { words }: Tuple): boolean {
  if (family === 4) return (u32(bytes, l3 + 16) | 0) === words[4];
  for (let word = 0; word < 4; word++) if ((u32(bytes, l3 + 24 + 4 * word) | 0) !== words[4 + word]) return false;
  return true;
}

const mismatch = ({ bytes, l3, family }: Packet, { words }: Tuple): string =>
  family === 4
    ? `outer daddr ${address4(u32(bytes, l3 + 16))} != inner ${address4(words[4])}`
    : `outer daddr ${address6((word) => u32(bytes, l3 + 24 + 4 * word))} != inner ${address6((word) => words[4 + word])}`;

const address4 = (word: number): string => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');

/** In full, as %pI6 prints it. */
const address6 = (word: (index: number) => number): string =>
  [0, 1, 2, 3]
    .flatMap((index) => [word(index) >>> 16, word(index) & 0xffff])
    .map((half) => half.toString(16).padStart(4, '0'))
    .join(':');

function refuse(pkt: Packet, reason: string): number {
  pkt.reason = reason;
  return NOT_OURS;
}
