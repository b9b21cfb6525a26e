// The Internet checksum, RFC 1071, whole and incremental (RFC 1624).

import { u16 } from './bytes.ts';
import type { Packet } from './packet.ts';

/** One's complement sum of bytes[from .. to), folded to 16 bits and added to `start`; not inverted. An odd last octet is the high one. */
export function sum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let total = start;
  let at = from;
  // 65,535 octets of 0xffff sum to less than 2^31: no fold needed inside the loop.
  for (const last = to - 1; at < last; at += 2) total += (bytes[at] << 8) | bytes[at + 1];
  if (at < to) total += bytes[at] << 8;
  return fold(total);
}

export function fold(total: number): number {
  total = (total & 0xffff) + (total >>> 16);
  return (total & 0xffff) + (total >>> 16);
}

/** The checksum to store for bytes[from .. to): the inverted sum. */
export const checksum = (bytes: Uint8Array, from: number, to: number, start = 0): number =>
  ~sum(bytes, from, to, start) & 0xffff;

/** Sum of the pseudo header of either family: addresses of the IP header at `l3`, protocol, `length` of the transport part. */
export function pseudoSum(bytes: Uint8Array, l3: number, protocol: number, length: number): number {
  const is4 = bytes[l3] >>> 4 === 4;
  const start = protocol + (length & 0xffff) + (length >>> 16);
  return is4 ? sum(bytes, l3 + 12, l3 + 20, start) : sum(bytes, l3 + 8, l3 + 40, start);
}

/** Whether the transport checksum over [l4 .. end) with the pseudo header is right. The field is part of the sum. */
export const transportChecksumRight = (pkt: Packet, protocol: number): boolean =>
  sum(pkt.bytes, pkt.l4, pkt.end, pseudoSum(pkt.bytes, pkt.l3, protocol, pkt.end - pkt.l4)) === 0xffff;

/** RFC 1624 equation 3: the checksum `old` after a 16-bit word changed from `before` to `after`. */
export const updated = (old: number, before: number, after: number): number =>
  ~fold((~old & 0xffff) + (~before & 0xffff) + (after & 0xffff)) & 0xffff;

/**
 * Writes the 16-bit word `value` at `at` and mends the checksum stored at `sumAt`. With `partial` (virtio-net NEEDS_CSUM) the
 * stored value is a pseudo-header sum, not inverted: only words of the pseudo header may then be passed.
 */
export function rewriteU16(bytes: Uint8Array, at: number, value: number, sumAt: number, partial = false): void {
  const before = u16(bytes, at);
  const stored = u16(bytes, sumAt);
  const mended = partial ? fold(stored + (~before & 0xffff) + value) : updated(stored, before, value);
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
  bytes[sumAt] = mended >>> 8;
  bytes[sumAt + 1] = mended;
}
