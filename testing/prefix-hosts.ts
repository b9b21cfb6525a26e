// Hosts at the edges of a prefix: what a rule that names it should and should not match.

import { formatAddress, parseAnyAddress } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';

export type { Family };

/** Family of an address; undefined for text that is none. */
export const addressOf = (text: string): Family | undefined => parseAnyAddress(text)?.family;

const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** The address itself, a host behind it, the last one of the prefix, and the first one after it; of that family alone. */
export function hostsOf(prefix: string, family: Family): string[] {
  const [text, length] = prefix.split('/');
  const found = parseAnyAddress(text);
  const bits = length === undefined ? BITS[family] : Number(length);
  if (found?.family !== family || !Number.isInteger(bits)) return [];
  const size = 1n << BigInt(BITS[family] - bits);
  const whole = found.address.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  const first = whole - (whole % size);
  if (size === 1n) return [whole, whole + 1n].map((value) => print(value, family));
  return [whole, first + 2n, first + size - 2n, first + size].map((value) => print(value, family));
}

function print(value: bigint, family: Family): string {
  const address = Uint8Array.from({ length: 16 }, (_, at) => Number((value >> BigInt(8 * (15 - at))) & 0xffn));
  return formatAddress(address, family);
}
