// Address translation, the half that acts: writes one end of a tuple into a packet, or into a packet that an ICMP error quotes, and
// mends the checksums. Everything is by difference, so that a wrong checksum stays wrong.
//
// Of a quoted packet often only eight octets of the transport header are there: then its ports change and its checksum, which is
// beyond them, is left.
//
// Source: net/netfilter/nf_nat_proto.c

import { putU16, u16 } from '../../packet/bytes.ts';
import { difference, fillSctpChecksum, fold, mended, neverZero } from '../../packet/checksum.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { viewOf } from '../../packet/view.ts';
import { pull } from '../defrag/cut.ts';
import type { Tuple } from '../table/tuple.ts';
import { keyOf, type Manip, SOURCE } from './range.ts';

const PORTS = 8; // octets of a transport header that hold all that is rewritten but TCP's and SCTP's checksum
const TCP_LENGTH = 20;
const SCTP_LENGTH = 12;
const DCCP_LENGTH = 12;

/** An IP packet in the buffer of `pkt`: the packet itself, or one that it quotes. */
export interface Place {
  readonly l3: number;
  /** Of the transport header; -1: there is none that could be rewritten. */
  readonly l4: number;
}

/**
 * Makes that end of the packet at `place` what it is in `to`. False: the header is cut short, or of a kind that cannot be translated; the packet
 * must not go on. nf_nat_ipv4_manip_pkt(), nf_nat_ipv6_manip_pkt()
 */
export function rewrite(pkt: Packet, place: Place, to: Tuple, manip: Manip): boolean {
  const { bytes } = pkt;
  const { l3, l4 } = place;
  const is4 = to.family === 4;
  const length = is4 ? 4 : 16;
  const at =
    l3 + (manip === SOURCE ? (is4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT) : is4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
  const from = manip === SOURCE ? 0 : 4;
  const view = viewOf(bytes);
  let before = 0;
  let after = 0;
  for (let octet = 0; octet < length; octet += 4) {
    const old = view.getInt32(at + octet);
    const word = to.words[from + (octet >> 2)];
    before += (old >>> 16) + (old & 0xffff);
    after += (word >>> 16) + (word & 0xffff);
  }
  const delta = difference(fold(before), fold(after));
  if (l4 >= 0 && !rewriteTransport(pkt, l4, to, manip, delta)) return false;
  for (let octet = 0; octet < length; octet += 4) view.setInt32(at + octet, to.words[from + (octet >> 2)]);
  if (is4) mend(bytes, l3 + ipv4.CHECKSUM_AT, delta);
  return true;
}

/** l4proto_manip_pkt(). `delta` is what the address changes in the pseudo header. */
function rewriteTransport(pkt: Packet, l4: number, to: Tuple, manip: Manip, delta: number): boolean {
  const { bytes, l3, end } = pkt;
  switch (to.protocol) {
    case IPPROTO_TCP:
      if (l4 + PORTS > end) return false;
      rewritePorts(pkt, l4, to, manip, delta, l4 + TCP_LENGTH > end ? -1 : l4 + 16);
      pull(pkt, Math.min(end, l4 + TCP_LENGTH) - l3);
      return true;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      if (l4 + PORTS > end) return false;
      rewritePorts(pkt, l4, to, manip, delta, hasNoChecksum(pkt, l4, to.protocol) ? -1 : l4 + 6);
      pull(pkt, l4 + PORTS - l3);
      return true;
    case IPPROTO_DCCP:
      // Without a tracker of its own it has no ports that anybody could have chosen, and stays as it is.
      if (to.keys === 0) return true;
      if (l4 + PORTS > end) return false;
      rewritePorts(pkt, l4, to, manip, delta, l4 + DCCP_LENGTH > end ? -1 : l4 + 6);
      pull(pkt, Math.min(end, l4 + DCCP_LENGTH) - l3);
      return true;
    case IPPROTO_SCTP:
      if (l4 + PORTS > end) return false;
      rewritePorts(pkt, l4, to, manip, delta, -1);
      pull(pkt, Math.min(end, l4 + SCTP_LENGTH) - l3);
      if (l4 + SCTP_LENGTH <= end && !pkt.checksumPartial) fillSctpChecksum(bytes, l4, end);
      return true;
    case IPPROTO_ICMP:
      if (!icmp.fits(bytes, l4, end)) return false;
      if (isQuery4(bytes[l4])) rewriteId(bytes, l4, keyOf(to, SOURCE));
      pull(pkt, l4 + icmp.LENGTH - l3);
      return true;
    case IPPROTO_ICMPV6:
      if (!icmpv6.fits(bytes, l4, end)) return false;
      mend(bytes, l4 + icmpv6.CHECKSUM_AT, delta);
      if (isEcho6(bytes[l4])) rewriteId(bytes, l4, keyOf(to, SOURCE));
      pull(pkt, l4 + icmpv6.LENGTH - l3);
      return true;
    case IPPROTO_GRE:
      return rewriteGre(pkt, l4, to, manip);
    default:
      return true;
  }
}

/** A UDP checksum of 0, and no partial one that happens to be. */
const hasNoChecksum = (pkt: Packet, l4: number, protocol: number): boolean =>
  protocol === IPPROTO_UDP && u16(pkt.bytes, l4 + 6) === 0 && !isPartial(pkt, l4 + 6);

const isPartial = (pkt: Packet, sumAt: number): boolean =>
  pkt.checksumPartial && (pkt.checksumField === sumAt || (pkt.checksumField === 0 && sumAt < pkt.l4 + TCP_LENGTH));

/** The port of that end, and the checksum at `sumAt` for it and the address; -1: none. A partial one covers the address only. */
function rewritePorts(pkt: Packet, l4: number, to: Tuple, manip: Manip, delta: number, sumAt: number): void {
  const { bytes } = pkt;
  const at = manip === SOURCE ? l4 : l4 + 2;
  const port = keyOf(to, manip);
  if (sumAt >= 0) {
    const partial = isPartial(pkt, sumAt);
    const change = partial ? delta : fold(delta + difference(u16(bytes, at), port));
    const value = mended(u16(bytes, sumAt), change, partial);
    putU16(bytes, sumAt, partial ? value : neverZero(value, to.protocol));
  }
  putU16(bytes, at, port);
}

/** The id of a query; its checksum is the one at octet 2 in both families. */
function rewriteId(bytes: Uint8Array, l4: number, id: number): void {
  mend(bytes, l4 + icmp.CHECKSUM_AT, difference(u16(bytes, l4 + 4), id));
  putU16(bytes, l4 + 4, id);
}

const isQuery4 = (type: number): boolean =>
  type === icmp.ICMP_ECHOREPLY || type === icmp.ICMP_ECHO || (type >= 13 && type <= 18);

const isEcho6 = (type: number): boolean => type === icmpv6.ICMPV6_ECHO_REQUEST || type === icmpv6.ICMPV6_ECHO_REPLY;

/** Only PPTP's call id, and only on the way to whom it belongs: the packet does not carry the other one. gre_manip_pkt() */
function rewriteGre(pkt: Packet, l4: number, to: Tuple, manip: Manip): boolean {
  const { bytes, l3, end } = pkt;
  if (l4 + PORTS > end) return false;
  pull(pkt, l4 + PORTS - l3);
  if (manip === SOURCE) return true;
  const version = bytes[l4 + 1] & 7;
  if (version === 1) putU16(bytes, l4 + 6, keyOf(to, manip));
  return version <= 1;
}

function mend(bytes: Uint8Array, sumAt: number, delta: number): void {
  putU16(bytes, sumAt, mended(u16(bytes, sumAt), delta, false));
}
