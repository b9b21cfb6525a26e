// Which packets a REJECT answers at all. An answer to a broken packet, to an error or to a crowd does harm, so the kernel looks first.
// Sources: net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c, net/ipv4/icmp.c icmp_send() and
// net/ipv6/icmp.c icmp6_send(). Every rule here was seen on the kernel.

import type { Services } from '../../engine/services.ts';
import { addressAt } from '../../packet/address.ts';
import { u16 } from '../../packet/bytes.ts';
import { pseudoSum, sum } from '../../packet/checksum.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';

/** ICMP types that are no errors, as icmp_pointers[] has them; all others are not answered. */
const ICMP_QUERIES = [0, 8, 13, 14, 15, 16, 17, 18];
/** ICMPv6 types from here on are no errors, RFC 4443 2.1. */
const ICMPV6_INFORMATIONAL = 128;

const isTrusted = (pkt: Packet): boolean => pkt.checksumTrusted || pkt.checksumPartial;

export function mayAnswerWithIcmp(pkt: Packet, family: Family, services: Services): boolean {
  if (pkt.fragmentOffset !== 0 || pkt.packetType !== 0) return false;
  return family === 4
    ? checksumFits4(pkt) && !isIcmpError4(pkt) && !isToMany4(pkt, services)
    : checksumFits6(pkt) &&
        !isIcmpError6(pkt) &&
        isSingle6(pkt, ipv6.SOURCE_AT) &&
        !isMulticast6(pkt, ipv6.DESTINATION_AT);
}

export function mayAnswerWithReset(pkt: Packet, family: Family, services: Services): boolean {
  const { bytes, l4, end } = pkt;
  if (pkt.fragmentOffset !== 0 || pkt.protocol !== IPPROTO_TCP || !tcp.fits(bytes, l4, end)) return false;
  if (tcp.flags(bytes, l4) & tcp.RST) return false;
  if (family === 4) return transportSumFits(pkt, 4) && !isToMany4(pkt, services);
  return isSingle6(pkt, ipv6.SOURCE_AT) && isSingle6(pkt, ipv6.DESTINATION_AT) && transportSumFits(pkt, 6);
}

// --- Checksums --------------------------------------------------------------------------------------------------------

/** nf_reject_verify_csum(): these have none over the whole payload, or another one. */
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

const checksumFits4 = (pkt: Packet): boolean => !hasPlainChecksum(pkt) || transportSumFits(pkt, 4);

function checksumFits6(pkt: Packet): boolean {
  if (isTrusted(pkt)) return true;
  if (pkt.protocol < 0 || pkt.protocol === IPPROTO_NONE || pkt.l4 >= pkt.end) return false;
  return !hasPlainChecksum(pkt) || transportSumFits(pkt, 6);
}

/**
 * nf_ip_checksum() and nf_ip6_checksum() take any protocol for one with an Internet checksum: an unknown one is answered only
 * when its payload happens to sum up. In IPv4 the sum is over the whole packet, with a pseudo header for TCP and UDP only.
 */
function transportSumFits(pkt: Packet, family: Family): boolean {
  if (isTrusted(pkt)) return true;
  const { bytes, l3, l4, end, protocol } = pkt;
  const pseudo = family === 6 || protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
  const start = pseudo ? pseudoSum(bytes, l3, protocol, end - l4) : 0;
  const total = sum(bytes, l4, end, start);
  return total === 0xffff || (family === 4 && total === 0);
}

// --- Errors about errors ----------------------------------------------------------------------------------------------

const isIcmpError4 = ({ protocol, bytes, l4, end }: Packet): boolean =>
  protocol === IPPROTO_ICMP && (l4 >= end || !ICMP_QUERIES.includes(bytes[l4]));

/** A first fragment without the type is answered, RFC 4443 2.4 (e) notwithstanding: icmp6's is_ineligible(). */
const isIcmpError6 = ({ protocol, bytes, l4, end }: Packet): boolean =>
  protocol === IPPROTO_ICMPV6 && (l4 >= end || bytes[l4] < ICMPV6_INFORMATIONAL);

// --- Addresses --------------------------------------------------------------------------------------------------------

function isToMany4({ bytes, l3 }: Packet, { routes }: Services): boolean {
  const type = routes.type(addressAt(bytes, l3 + ipv4.DESTINATION_AT, 4), 4);
  return type === 'BROADCAST' || type === 'MULTICAST';
}

const isMulticast6 = ({ bytes, l3 }: Packet, at: number): boolean => bytes[l3 + at] === 0xff;

/** Neither multicast nor unspecified. */
function isSingle6(pkt: Packet, at: number): boolean {
  if (isMulticast6(pkt, at)) return false;
  for (let octet = pkt.l3 + at; octet < pkt.l3 + at + 16; octet++) if (pkt.bytes[octet] !== 0) return true;
  return false;
}
