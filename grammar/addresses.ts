// Addresses as rules write them: the short and odd forms of IPv4, masks of any bit pattern, lists, host names.

import { type Address, parseAddress6, prefixLength, prefixMask } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { RuleError, type Span } from './error.ts';
import type { Names } from './names.ts';
import type { MaskedAddress } from './rule-spec.ts';
import { scanNumber, wholeNumber } from './scan.ts';

/** inet_aton(): one to four parts, each decimal, 0x hex or 0 octal, the last one filling what is left (`10.1` is 10.0.0.1). */
export function parseAton(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  let value = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    if (!/^\d/.test(part)) return undefined;
    const scanned = scanNumber(part);
    const last = index === parts.length - 1;
    const most = last ? 2 ** (8 * (5 - parts.length)) - 1 : 255;
    if (!scanned || scanned.end !== part.length || scanned.value > most) return undefined;
    value += Number(scanned.value) * (last ? 1 : 2 ** (8 * (3 - index)));
  }
  const address = mapped();
  for (let octet = 0; octet < 4; octet++) address[15 - octet] = Math.floor(value / 2 ** (8 * octet)) & 0xff;
  return address;
}

/** libxtables' own reader: one to four numbers up to 255 in any base, the missing ones zero at the end (`10.1` is 10.1.0.0). */
export function parseDotted(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  const address = mapped();
  for (let index = 0; index < parts.length; index++) {
    const octet = wholeNumber(parts[index], 0, 255);
    if (octet === undefined) return undefined;
    address[12 + index] = octet;
  }
  return address;
}

function mapped(): Address {
  const address = new Uint8Array(16);
  address[10] = address[11] = 0xff;
  return address;
}

/** `-s` or `-d` as read: the masked addresses of the whole list, in order. */
export interface AddressList {
  readonly addresses: readonly MaskedAddress[];
}

/**
 * The value of -s or -d: `address[/mask]`, several between commas, host names (each of a name's addresses counts). Host bits are
 * cleared. Fails with "host/network `x' not found" or "invalid mask `x' specified".
 */
export function readAddresses(
  text: string,
  inverted: boolean,
  family: Family,
  names: Names,
  span: Span,
): MaskedAddress[] {
  const list: MaskedAddress[] = [];
  let from = 0;
  for (const part of text.split(',')) {
    const blanks = part.length - part.trimStart().length;
    const at =
      span.end - span.start === text.length
        ? { start: span.start + from + blanks, end: span.start + from + part.length }
        : span;
    from += part.length + 1;
    list.push(...readOne(part.slice(blanks), inverted, family, names, at));
  }
  return list;
}

function readOne(text: string, inverted: boolean, family: Family, names: Names, span: Span): MaskedAddress[] {
  const slash = text.lastIndexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const mask = slash < 0 ? maskOf(family === 4 ? 32 : 128, family) : readMask(text.slice(slash + 1), family, span);
  // With mask 0 nothing of the address is left, and the tools do not even look at a name in front of it.
  const found = readHost(host, family, names) ?? fail(host, family, span);
  return found.map((address) => ({ address: masked(address, mask), mask, inverted }));
}

function masked(address: Address, mask: Address): Address {
  const left = new Uint8Array(16);
  for (let at = 0; at < 16; at++) left[at] = address[at] & mask[at];
  return left;
}

const MASKS: Record<Family, (Address | undefined)[]> = { 4: [], 6: [] };

/** One object for each length: nobody changes a rule's mask. */
export const maskOf = (length: number, family: Family): Address =>
  (MASKS[family][length] ??= prefixMask(length, family));

function readHost(host: string, family: Family, names: Names): readonly Address[] | undefined {
  const literal = family === 4 ? (parseDotted(host) ?? parseAton(host)) : parseAddress6(host);
  if (literal) return [literal];
  // What looks like a number or an address of the other family is none, and no resolver is asked for it.
  const found = host === '' || /^[\d.]*$|[:/]/.test(host) ? undefined : names.host(host, family);
  return found && found.length > 0 ? found : undefined;
}

function fail(host: string, family: Family, span: Span): never {
  const other = family === 4 ? parseAddress6(host) : parseDotted(host);
  const hint = other ? `an IPv${family} rule takes IPv${family} addresses only` : undefined;
  throw new RuleError(`host/network \`${host}' not found`, span, hint);
}

/** A prefix length, or four octets, or an IPv6 address as a bit pattern. */
function readMask(text: string, family: Family, span: Span): Address {
  const pattern = text.includes(family === 4 ? '.' : ':');
  const mask = !pattern
    ? undefined
    : family === 6
      ? parseAddress6(text)
      : fourParts(text)
        ? parseDotted(text)
        : undefined;
  if (mask) return family === 4 ? mask.fill(0xff, 0, 12) : mask;
  const bits = family === 4 ? 32 : 128;
  const length = wholeNumber(text, 0, bits);
  if (length === undefined) {
    throw new RuleError(`invalid mask \`${text}' specified`, span, `a prefix length is 0 to ${bits}`);
  }
  return maskOf(length, family);
}

const fourParts = (text: string): boolean => text.split('.').length === 4;

/** Nothing of the address counts. */
export const isAny = ({ mask, inverted }: MaskedAddress, family: Family): boolean =>
  !inverted && mask[family === 4 ? 12 : 0] === 0 && prefixLength(mask, family) === 0;
