// Cutting packets into fragments of chosen sizes, for tests and for the output path.

import { concat, putU16, putU32, u16 } from './bytes.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import { IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_NONE, IPPROTO_ROUTING } from './numbers.ts';
import { isExtensionHeader } from './packet.ts';

/** Octets of payload per fragment: one number for all, or one after the other with the rest in a last piece. Multiples of 8. */
export type Sizes = number | readonly number[];

/**
 * The pieces of an IPv4 packet, which may itself be a fragment. Options that are not to be copied (RFC 791 3.1) become NOPs in
 * the later pieces, as in net/ipv4/ip_options.c ip_options_fragment().
 */
export function fragments4(packet: Uint8Array, sizes: Sizes): Uint8Array[] {
  const headerLength = ipv4.headerLength(packet, 0);
  const field = ipv4.fragmentField(packet, 0);
  return cuts(packet.length - headerLength, sizes).map(({ from, to, last }) => {
    const piece = concat(packet.subarray(0, headerLength), packet.subarray(headerLength + from, headerLength + to));
    const more = !last || (field & ipv4.IP_MF) !== 0;
    const offset = (field & ipv4.IP_OFFSET) + (from >>> 3);
    if (offset > 0) dropUncopiedOptions(piece);
    putU16(piece, 2, piece.length);
    putU16(piece, ipv4.FRAGMENT_AT, (field & (ipv4.IP_CE | ipv4.IP_DF)) | (more ? ipv4.IP_MF : 0) | offset);
    ipv4.fillChecksum(piece, 0);
    return piece;
  });
}

function dropUncopiedOptions(piece: Uint8Array): void {
  const limit = ipv4.optionsEnd(piece, 0, piece.length);
  let here = ipv4.firstOption(piece, 0, piece.length);
  while (here >= 0) {
    const next = ipv4.nextOption(piece, here, limit);
    if ((piece[here] & ipv4.IPOPT_COPY) === 0) {
      const length = piece[here] === ipv4.IPOPT_NOOP ? 1 : piece[here + 1];
      piece.fill(ipv4.IPOPT_NOOP, here, here + length);
    }
    here = next;
  }
}

/**
 * The pieces of an IPv6 packet, with a fragment header of that identification behind the unfragmentable part: hop-by-hop options
 * and everything up to a routing header (RFC 8200 4.5).
 */
export function fragments6(packet: Uint8Array, sizes: Sizes, id: number): Uint8Array[] {
  const { at, nextAt } = unfragmentable(packet);
  return cuts(packet.length - at, sizes).map(({ from, to, last }) => {
    const head = new Uint8Array(8);
    head[0] = packet[nextAt];
    putU16(head, 2, from | (last ? 0 : 1));
    putU32(head, 4, id);
    const piece = concat(packet.subarray(0, at), head, packet.subarray(at + from, at + to));
    piece[nextAt] = IPPROTO_FRAGMENT;
    putU16(piece, ipv6.PAYLOAD_LENGTH_AT, piece.length - ipv6.LENGTH);
    return piece;
  });
}

/** Where the fragmentable part starts, and where the octet stands that names its first header. net/ipv6/output_core.c ip6_find_1stfragopt(). */
function unfragmentable(packet: Uint8Array): { at: number; nextAt: number } {
  let here = ipv6.LENGTH;
  let nextAt = ipv6.NEXT_HEADER_AT;
  let found = { at: here, nextAt };
  let next = packet[nextAt];
  while (isExtensionHeader(next) && next !== IPPROTO_NONE && next !== IPPROTO_FRAGMENT && here + 8 <= packet.length) {
    const carries = next === IPPROTO_HOPOPTS || next === IPPROTO_ROUTING;
    nextAt = here;
    here += (packet[here + 1] + 1) << 3;
    if (carries && here <= packet.length) found = { at: here, nextAt };
    next = packet[nextAt];
  }
  return found;
}

function cuts(length: number, sizes: Sizes): { from: number; to: number; last: boolean }[] {
  const list: { from: number; to: number; last: boolean }[] = [];
  let from = 0;
  do {
    const size = typeof sizes === 'number' ? sizes : (sizes[list.length] ?? length);
    if (size <= 0 || (size % 8 !== 0 && from + size < length))
      throw new RangeError(`a fragment carries a multiple of 8 octets, not ${size}`);
    const to = Math.min(from + size, length);
    list.push({ from, to, last: to === length });
    from = to;
  } while (from < length);
  return list;
}

/** The fragments of either family put together again, in any order, nothing checked: the plain opposite of the above, for tests. */
export function join4(pieces: readonly Uint8Array[]): Uint8Array {
  const sorted = pieces.toSorted((a, b) => ipv4.fragmentOffset(a, 0) - ipv4.fragmentOffset(b, 0));
  const headerLength = ipv4.headerLength(sorted[0], 0);
  const whole = concat(sorted[0].subarray(0, headerLength), ...sorted.map((piece) => piece.subarray(headerLength)));
  putU16(whole, 2, whole.length);
  putU16(whole, ipv4.FRAGMENT_AT, u16(whole, ipv4.FRAGMENT_AT) & (ipv4.IP_CE | ipv4.IP_DF));
  ipv4.fillChecksum(whole, 0);
  return whole;
}
