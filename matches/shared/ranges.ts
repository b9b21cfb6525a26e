// Constraints as inclusive ranges: what a match may say of a numeric field, exactly.

import type { AddressRange, Range } from '../../engine/extension.ts';
import type { Address } from '../../packet/address.ts';

/** low..high of a field that goes up to `largest`, or everything else. A range whose ends are the wrong way round holds nothing. */
export function within([low, high]: Range, inverted: boolean, largest: number): Range[] {
  if (low > high) return inverted ? [[0, largest]] : [];
  if (!inverted) return [[low, high]];
  const outside: Range[] = [];
  if (low > 0) outside.push([0, low - 1]);
  if (high < largest) outside.push([high + 1, largest]);
  return outside;
}

/** Everything up to `largest` that none of `ranges` holds. */
export function complement(ranges: readonly Range[], largest: number): Range[] {
  const outside: Range[] = [];
  let next = 0;
  for (const [low, high] of union(ranges)) {
    if (low > next) outside.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= largest) outside.push([next, largest]);
  return outside;
}

/** The same set, sorted and without overlaps. */
export function union(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  for (const [low, high] of [...ranges].filter((range) => range[0] <= range[1]).sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

/** Every octet whose bits under `mask` are `value`. */
export function octetsEqual(mask: number, value: number, inverted: boolean): Range[] {
  const found: Range[] = [];
  for (let octet = 0; octet < 256; octet++) if (((octet & mask) === value) !== inverted) found.push([octet, octet]);
  return union(found);
}

/**
 * 32-bit numbers whose bits under `mask` are `value`; undefined where that is no single range (a mask with ones below a zero).
 */
export function masked32(mask: number, value: number, inverted: boolean): Range[] | undefined {
  const free = ~mask >>> 0;
  if ((value & free) !== 0) return within([1, 0], inverted, 0xffff_ffff);
  if ((free & (free + 1)) !== 0) return undefined;
  return within([value, (value | free) >>> 0], inverted, 0xffff_ffff);
}

/** Order of addresses in the 16-octet form. */
export function compareAddresses(a: Address, b: Address): number {
  for (let at = 0; at < 16; at++) if (a[at] !== b[at]) return a[at] - b[at];
  return 0;
}

/** Addresses from `low` to `high`, or all others between `lowest` and `highest`. */
export function addressesWithin(
  [low, high]: AddressRange,
  inverted: boolean,
  [lowest, highest]: AddressRange,
): AddressRange[] {
  const empty = compareAddresses(low, high) > 0;
  if (!inverted) return empty ? [] : [[low, high]];
  if (empty) return [[lowest, highest]];
  const outside: AddressRange[] = [];
  if (compareAddresses(lowest, low) < 0) outside.push([lowest, neighbour(low, -1)]);
  if (compareAddresses(high, highest) < 0) outside.push([neighbour(high, 1), highest]);
  return outside;
}

/** The address before (-1) or after (1). */
function neighbour(address: Address, step: 1 | -1): Address {
  const next = address.slice();
  for (let at = 15; at >= 0; at--) {
    next[at] = (next[at] + step) & 0xff;
    if (next[at] !== (step === 1 ? 0 : 0xff)) break;
  }
  return next;
}
