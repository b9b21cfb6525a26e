// Addresses of a packet as 32-bit words of a key, masked, without allocation.

import { u32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';

export type End = 'source' | 'destination';

const AT: Record<Family, Record<End, number>> = {
  4: { source: 12, destination: 16 },
  6: { source: 8, destination: 24 },
};

/** Where the address stands behind the beginning of the IP header. */
export const addressOffset = (end: End, family: Family): number => AT[family][end];

/** Puts the address at `offset` into words [at .. at+4) of `key`, ANDed with `mask` (4 words); those of IPv4 are the first one. */
export function putAddress(
  key: Int32Array,
  at: number,
  pkt: Packet,
  offset: number,
  family: Family,
  mask: Int32Array,
): void {
  const from = pkt.l3 + offset;
  key[at] = u32(pkt.bytes, from) & mask[0];
  if (family === 4) return;
  key[at + 1] = u32(pkt.bytes, from + 4) & mask[1];
  key[at + 2] = u32(pkt.bytes, from + 8) & mask[2];
  key[at + 3] = u32(pkt.bytes, from + 12) & mask[3];
}

/** The mask of so many leading ones, as 4 words. */
export const maskWords = (length: number): Int32Array =>
  Int32Array.from([0, 32, 64, 96], (from) => {
    const ones = Math.min(32, Math.max(0, length - from));
    return ones === 0 ? 0 : -1 << (32 - ones);
  });

/** The address in words [at .. at+4) of `key` as %pI4 and %pI6 print it: all eight groups of an IPv6 address, in full. */
export function fullAddress(key: Int32Array, at: number, family: Family): string {
  if (family === 4) return [24, 16, 8, 0].map((shift) => (key[at] >>> shift) & 0xff).join('.');
  const group = (value: number): string => (value & 0xffff).toString(16).padStart(4, '0');
  return [0, 1, 2, 3].flatMap((word) => [group(key[at + word] >>> 16), group(key[at + word])]).join(':');
}
