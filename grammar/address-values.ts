// Value kinds that hold addresses. Checked data is plain, so addresses are kept as canonical text.

import { type Address, formatAddress, parseAddress, prefixLength, prefixMask } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { parseAton, parseDotted } from './addresses.ts';
import { type Made, make } from './option-kind.ts';
import type { OptionSettings, ValueScope } from './options.ts';
import { wholeNumber } from './scan.ts';

/** One address or host name, as getaddrinfo() reads it: for IPv4 the short, octal and hex forms too (`10` is 0.0.0.10). */
export const hostAddress = (word: string, scope: ValueScope): Address =>
  (scope.family === 4 ? parseAton(word) : parseAddress(word, 6)) ??
  scope.names.host(word, scope.family)?.[0] ??
  scope.fail('getaddrinfo: Name or service not known', `"${word}" is no IPv${scope.family} address`);

/** XTTYPE_HOST. Addresses are kept as text in canonical form: checked data is plain. */
export const address = <const S extends OptionSettings>(settings: S): Made<string, S> =>
  make(
    {
      words: 1,
      metavar: 'address',
      parse: ([word], scope) => formatAddress(hostAddress(word, scope), scope.family),
      print: (value) => value,
    },
    settings,
  );

export interface AddressMask {
  /** Canonical text; host bits as written. */
  readonly address: string;
  /** Leading ones. */
  readonly length: number;
}

/** `address[/length|/mask]`. A mask with holes counts as all ones, as on the real tool. The length prints unless it is all ones. XTTYPE_HOSTMASK. */
export const addressMask = <const S extends OptionSettings>(settings: S): Made<AddressMask, S> =>
  make(
    {
      words: 1,
      metavar: 'address[/mask]',
      parse([word], scope) {
        const bits = scope.family === 4 ? 32 : 128;
        const slash = word.indexOf('/');
        const host = hostAddress(slash < 0 ? word : word.slice(0, slash), scope);
        const length = slash < 0 ? bits : maskLength(word.slice(slash + 1), bits, scope);
        return { address: formatAddress(host, scope.family), length };
      },
      print: ({ address: host, length }) => (length === (host.includes(':') ? 128 : 32) ? host : `${host}/${length}`),
    },
    settings,
  );

function maskLength(word: string, bits: number, scope: ValueScope): number {
  const number = wholeNumber(word, 0, bits);
  if (number !== undefined) return number;
  const mask = scope.family === 4 ? parseAton(word) : parseAddress(word, 6);
  if (!mask) {
    const { extension, option } = scope;
    scope.fail(
      `${extension}: bad value for option "--${option}", neither a valid network mask nor valid CIDR (0-${bits}).`,
    );
  }
  if (scope.family === 4) mask.fill(0xff, 0, 12);
  const length = prefixLength(mask, scope.family);
  return length < 0 ? bits : length;
}

/** The two ends of `address/length` in the 16-octet form. */
export function addressMaskBounds({ address: host, length }: AddressMask, family: Family): readonly [Address, Address] {
  const mask = prefixMask(length, family);
  const low = parseAddress(host, family)!.map((octet, at) => octet & mask[at]);
  return [low, low.map((octet, at) => octet | (~mask[at] & 0xff))];
}

export interface AddressSpan {
  /** Canonical text. */
  readonly low: string;
  readonly high: string;
}

/** `a-b`, or `a` alone for both ends; no names. A range that is reversed is kept. Always printed with both ends. */
export const addressRange = <const S extends OptionSettings>(settings: S): Made<AddressSpan, S> =>
  make(
    {
      words: 1,
      metavar: 'address[-address]',
      parse([word], scope) {
        const dash = word.indexOf('-');
        const [low, high] = dash < 0 ? [word, word] : [word.slice(0, dash), word.slice(dash + 1)];
        return { low: rangeEnd(low, scope), high: rangeEnd(high, scope) };
      },
      print: ({ low, high }) => `${low}-${high}`,
    },
    settings,
  );

function rangeEnd(word: string, scope: ValueScope): string {
  const found = scope.family === 4 ? parseDotted(word) : parseAddress(word, 6);
  if (!found) scope.fail(`${scope.extension}: Bad value for "--${scope.option}" option: "${word}"`);
  return formatAddress(found, scope.family);
}
