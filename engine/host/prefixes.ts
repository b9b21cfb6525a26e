// Things known of addresses by prefix: the longest one that holds an address counts. For a few, told by a person.

import { type Address, parseAddress, prefixMask } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';

export interface Prefix {
  readonly family: Family;
  readonly address: Address;
  readonly mask: Address;
  readonly length: number;
}

/** '10.0.0.0/8', '2001:db8::1'; throws a RangeError for what is neither address nor prefix. */
export function prefixFrom(text: string): Prefix {
  const [host, bits] = text.split('/');
  const family: Family = host.includes(':') ? 6 : 4;
  const longest = family === 4 ? 32 : 128;
  const address = parseAddress(host, family);
  const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (!address || length < 0 || length > longest) throw new RangeError(`"${text}" is no address or prefix`);
  return { family, address, mask: prefixMask(length, family), length };
}

export const holds = ({ family, address, mask }: Prefix, of: Family, one: Address): boolean =>
  family === of && address.every((octet, at) => ((octet ^ one[at]) & mask[at]) === 0);

export class PrefixTable<T> {
  /** Longest first. */
  private readonly entries: readonly (readonly [Prefix, T])[];

  constructor(entries: readonly (readonly [text: string, value: T])[]) {
    this.entries = entries
      .map(([text, value]) => [prefixFrom(text), value] as const)
      .sort(([a], [b]) => b.length - a.length);
  }

  get size(): number {
    return this.entries.length;
  }

  find(family: Family, address: Address): T | undefined {
    return this.entries.find(([prefix]) => holds(prefix, family, address))?.[1];
  }
}
