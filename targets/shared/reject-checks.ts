// Which packets a REJECT answers at all: an answer to a packet that is broken on the way does harm, so the kernel sums it up first.
// net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c. What an ICMP error is never sent about is icmp-error.ts's.

import type { Services } from '../../engine/services.ts';
import { addressAt } from '../../packet/address.ts';
import { u16, u32 } from '../../packet/bytes.ts';
import { pseudoSum, sum } from '../../packet/checksum.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_NONE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';

/** nf_send_unreach(), reject6_csum_ok(). */
export function mayAnswerWithIcmp(pkt: Packet, family: Family, { tracker }: Services): boolean {
  if (pkt.fragmentOffset !== 0) return false;
  if (isTrusted(pkt)) return true;
  if (family === 6 && (pkt.protocol < 0 || pkt.protocol === IPPROTO_NONE || pkt.l4 >= pkt.end)) return false;
  return !hasPlainChecksum(pkt) || sumFits(pkt, family, isVerified(pkt.protocol) && tracker.hasSummed(pkt));
}

/** nf_send_reset(), nf_send_reset6(). */
export function mayAnswerWithReset(pkt: Packet, family: Family, { routes }: Services): boolean {
  const { bytes, l3, l4, end } = pkt;
  if (pkt.fragmentOffset !== 0 || pkt.protocol !== IPPROTO_TCP || !tcp.fits(bytes, l4, end)) return false;
  if (tcp.flags(bytes, l4) & tcp.RST) return false;
  if (family === 6 && !(isSingle6(pkt, ipv6.SOURCE_AT) && isSingle6(pkt, ipv6.DESTINATION_AT))) return false;
  const type = family === 4 && routes.type(addressAt(bytes, l3 + ipv4.DESTINATION_AT, 4), 4);
  return type !== 'BROADCAST' && type !== 'MULTICAST' && (isTrusted(pkt) || sumFits(pkt, family, false));
}

/** Neither multicast nor unspecified nor IPv4-mapped: what ipv6_addr_type() calls unicast. */
function isSingle6({ bytes, l3 }: Packet, at: number): boolean {
  const address = l3 + at;
  if (bytes[address] === 0xff) return false;
  for (let octet = address; octet < address + 10; octet++) if (bytes[octet] !== 0) return true;
  const last = u32(bytes, address + 12);
  const between = u16(bytes, address + 10);
  return between !== 0xffff && (between !== 0 || last !== 0);
}

/** By the tracker, on the way in. */
const isVerified = (protocol: number): boolean =>
  protocol === IPPROTO_TCP || protocol === IPPROTO_UDP || protocol === IPPROTO_ICMP;

const isTrusted = (pkt: Packet): boolean => pkt.checksumTrusted || pkt.checksumPartial;

/** nf_reject_verify_csum(): the others have none over the whole payload, or another kind, or (UDP) none this time. */
function hasPlainChecksum(pkt: Packet): boolean {
  switch (pkt.protocol) {
    case IPPROTO_UDP:
      return pkt.l4 + 8 > pkt.end || u16(pkt.bytes, pkt.l4 + 6) !== 0;
    case IPPROTO_GRE:
    case IPPROTO_AH:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return false;
    default:
      return true;
  }
}

/**
 * nf_ip_checksum() and nf_ip6_checksum() take any protocol for one with an Internet checksum, so an unknown one is answered only
 * when its payload happens to sum up. In IPv4 they sum up the IP header too: that makes no difference, unless an option was filled in
 * and the header checksum not mended yet. Then nothing is answered, but by ICMP where the tracker found the sum right before (`early`).
 */
function sumFits(pkt: Packet, family: Family, early: boolean): boolean {
  const { bytes, l3, l4, end, protocol } = pkt;
  if (family === 6) return sum(bytes, l4, end, pseudoSum(bytes, l3, protocol, end - l4)) === 0xffff;
  const pseudo = protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
  const start = pseudo ? pseudoSum(bytes, l3, protocol, end - l4) : 0;
  return sum(bytes, early ? l4 : l3, end, start) === 0xffff;
}
