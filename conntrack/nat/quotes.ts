// ICMP errors about translated connections: the packet that they quote is turned back into the one that its sender sent, and their outer address with
// it, so that a router on the way speaks for whom the flow was addressed to. Both families.
// Source: net/netfilter/nf_nat_proto.c nf_nat_icmp_reply_translation(), nf_nat_icmpv6_reply_translation()

import { putU16, u16 } from '../../packet/bytes.ts';
import { checksum, pseudoSum, sum, transportChecksumRight } from '../../packet/checksum.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { pull } from '../defrag/cut.ts';
import { readQuotedHeader, Tuple } from '../table/tuple.ts';
import { type Manip, SOURCE } from './range.ts';
import { type Place, rewrite } from './rewrite.ts';

const HEADER = 8; // of both ICMPs, before the quote

/** Whether it has the quote's IP header, and its checksum is right: nothing else is translated, or passed on. */
export function isWhole(pkt: Packet): boolean {
  const { bytes, l4, end, family } = pkt;
  const inner = l4 + HEADER + (family === 4 ? ipv4.MIN_LENGTH : ipv6.LENGTH);
  if (inner > end) return false;
  pull(pkt, inner - pkt.l3);
  if (pkt.checksumTrusted || pkt.checksumPartial) return true;
  return family === 4 ? sum(bytes, l4, end) === 0xffff : transportChecksumRight(pkt, IPPROTO_ICMPV6);
}

/** Redirects name addresses that mean nothing on the other side. */
export const isRedirect = ({ bytes, l4, family }: Packet): boolean =>
  bytes[l4] === (family === 4 ? icmp.ICMP_REDIRECT : icmpv6.NDISC_REDIRECT);

const quoted = new Tuple();

/**
 * Rewrites one end of the error and the other end of its quote. `other` is the connection's tuple of the direction that the error does not have: the
 * quote is to have that, and the error the inverse.
 */
export function rewriteError(pkt: Packet, other: Tuple, manip: Manip): boolean {
  const { bytes, l3, l4, end } = pkt;
  const is4 = pkt.family === 4;
  if (!rewrite(pkt, quoteOf(pkt), other, manip === SOURCE ? 1 : 0)) return false;
  const sumAt = l4 + icmp.CHECKSUM_AT;
  if (!pkt.checksumPartial) {
    putU16(bytes, sumAt, 0);
    const start = is4 ? 0 : pseudoSum(bytes, l3, IPPROTO_ICMPV6, end - l4);
    putU16(bytes, sumAt, checksum(bytes, l4, end, start));
  }
  other.invert();
  other.protocol = is4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  return rewrite(pkt, { l3, l4 }, other, manip);
}

/** Where the quoted packet lies. A later fragment has no transport header. */
function quoteOf(pkt: Packet): Place {
  const { bytes, l4, end } = pkt;
  const l3 = l4 + HEADER;
  const found = readQuotedHeader(quoted, bytes, l3, end, pkt.family === 4 ? 4 : 6);
  if (pkt.family === 4 && (u16(bytes, l3 + 6) & 0x1fff) === 0) return { l3, l4: l3 + ((bytes[l3] & 0x0f) << 2) };
  return { l3, l4: found };
}
