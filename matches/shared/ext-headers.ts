// Finding one IPv6 extension header, as the matches that name one do. The packet's own parse() looks for the last header; here the
// walk stops at the first of the wanted kind. net/ipv6/exthdrs_core.c ipv6_find_hdr().

import { u16 } from '../../packet/bytes.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_AH, IPPROTO_FRAGMENT, IPPROTO_NONE } from '../../packet/numbers.ts';
import { isExtensionHeader, type Packet } from '../../packet/packet.ts';

export const NOT_FOUND = -1;
/** The chain runs out of the packet before: the kernel's matches drop the packet then. */
export const BROKEN = -2;
/** Why ah, dst, hbh and rt drop a packet whose header claims more than is there: 6.18 does; kernels before it had no match. */
export const LONGER = 'extension header longer than the packet';

/** Offset of the first header of the number `target`, NOT_FOUND or BROKEN. Behind a later fragment's header nothing is looked at. */
export function findHeader(pkt: Packet, target: number): number {
  const { bytes, end } = pkt;
  let next = bytes[pkt.l3 + ipv6.NEXT_HEADER_AT];
  let at = pkt.l3 + ipv6.LENGTH;
  for (;;) {
    const found = next === target;
    if (!isExtensionHeader(next) || next === IPPROTO_NONE) return found ? at : NOT_FOUND;
    if (at + 2 > end) return BROKEN;
    if (next === IPPROTO_FRAGMENT) {
      if (at + 4 > end) return BROKEN;
      if (!found && (u16(bytes, at + 2) & 0xfff8) !== 0) return NOT_FOUND;
    }
    if (found) return at;
    const length = headerLength(bytes, at, next);
    next = bytes[at];
    at += length;
  }
}

/** Octets of the extension header `number` at `at`, as its length field (or its kind) says. */
export const headerLength = (bytes: Uint8Array, at: number, number: number): number => {
  if (number === IPPROTO_FRAGMENT) return 8;
  return number === IPPROTO_AH ? (bytes[at + 1] + 2) << 2 : (bytes[at + 1] + 1) << 3;
};
