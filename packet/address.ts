// Addresses of both families as 16 octets, IPv4 mapped (::ffff:a.b.c.d), with the family kept beside them: a mapped address can
// also arrive in a real IPv6 packet, so nothing is told from the bytes. On the data path addresses are compared in place, in the
// packet's buffer; this type is for rules, routes and text.

import type { Family } from './numbers.ts';

/** 16 octets; IPv4 in the last four behind ::ffff:0:0/96. */
export type Address = Uint8Array;

export const ADDRESS_LENGTH: Record<Family, number> = { 4: 4, 6: 16 };

/** An address from its octets in a packet: 4 or 16, by family. */
export function addressAt(bytes: Uint8Array, at: number, family: Family): Address {
  return readAddress(bytes, at, family, new Uint8Array(16));
}

/** The same into an address that is there, which it returns. */
export function readAddress(bytes: Uint8Array, at: number, family: Family, into: Address): Address {
  const from = family === 4 ? 12 : 0;
  for (let octet = 0; octet < from; octet++) into[octet] = octet < 10 ? 0 : 0xff;
  for (let octet = from; octet < 16; octet++) into[octet] = bytes[at + octet - from];
  return into;
}

/** The 4 or 16 octets as they stand in a packet. */
export const wire = (address: Address, family: Family): Uint8Array => (family === 4 ? address.subarray(12) : address);

/** Dotted decimal, four parts, no leading zeros taken as octal: what inet_pton(AF_INET) takes. Undefined for anything else. */
export function parseAddress4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const address = new Uint8Array(16);
  address[10] = address[11] = 0xff;
  for (let part = 0; part < 4; part++) {
    if (!/^\d{1,3}$/.test(parts[part]) || (parts[part].length > 1 && parts[part][0] === '0')) return undefined;
    const value = Number(parts[part]);
    if (value > 255) return undefined;
    address[12 + part] = value;
  }
  return address;
}

/** RFC 4291 2.2 text, the last 32 bits dotted if wanted; no zone. What inet_pton(AF_INET6) takes. */
export function parseAddress6(text: string): Address | undefined {
  const address = new Uint8Array(16);
  let octets = 0;
  let gap = text.startsWith('::') ? 0 : -1;
  let at = gap === 0 ? 2 : 0;
  while (at < text.length) {
    const start = at;
    let value = 0;
    for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) value = (value << 4) | digit;
    if (text.charCodeAt(at) === DOT) {
      const dotted = octets <= 12 ? parseAddress4(text.slice(start)) : undefined;
      if (!dotted) return undefined;
      address.set(dotted.subarray(12), octets);
      octets += 4;
      break;
    }
    if (at === start || at - start > 4 || octets > 14) return undefined;
    address[octets++] = value >>> 8;
    address[octets++] = value & 0xff;
    if (at === text.length) break;
    // A colon with a group behind it, or two, once.
    if (text.charCodeAt(at++) !== COLON || at === text.length) return undefined;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return undefined;
    gap = octets;
    at++;
  }
  if (gap < 0) return octets === 16 ? address : undefined;
  if (octets > 14) return undefined;
  address.copyWithin(16 - (octets - gap), gap, octets);
  return address.fill(0, gap, 16 - (octets - gap));
}

const DOT = 0x2e;
const COLON = 0x3a;

/** Its value in base 16, -1 for what is no digit. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Text of either family, by its look: with a colon IPv6. */
export function parseAnyAddress(text: string): { family: Family; address: Address } | undefined {
  const family: Family = text.includes(':') ? 6 : 4;
  const address = parseAddress(text, family);
  return address && { family, address };
}

export const parseAddress = (text: string, family: Family): Address | undefined =>
  family === 4 ? parseAddress4(text) : parseAddress6(text);

export function formatAddress(address: Address, family: Family): string {
  // A list of a million connections has four million of them: join() takes four times as long.
  return family === 4 ? `${address[12]}.${address[13]}.${address[14]}.${address[15]}` : format6(address);
}

/** RFC 5952 text as glibc's inet_ntop() writes it: mapped and compatible addresses dotted, the longest run of two or more zero groups as "::". */
function format6(address: Address): string {
  const words: number[] = [];
  for (let at = 0; at < 16; at += 2) words.push((address[at] << 8) | address[at + 1]);
  let best = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && words[start + length] === 0) length++;
    if (length > bestLength) {
      best = start;
      bestLength = length;
    }
  }
  const mapped = best === 0 && (bestLength === 6 || (bestLength === 5 && words[5] === 0xffff));
  const shown = mapped ? 6 : 8;
  let text = '';
  for (let index = 0; index < shown; index++) {
    if (index === best) {
      text += '::';
      index += Math.min(bestLength, shown - best) - 1;
    } else text += (text === '' || text.endsWith(':') ? '' : ':') + words[index].toString(16);
  }
  if (mapped) text += (text.endsWith(':') ? '' : ':') + address.subarray(12, 16).join('.');
  return text;
}

/** The mask of `length` leading ones, over the family's own bits, in the 16-octet form (the mapped prefix counts as ones for IPv4). */
export function prefixMask(length: number, family: Family): Address {
  const mask = new Uint8Array(16);
  const bits = family === 4 ? 96 + length : length;
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] |= 0x80 >> (bit & 7);
  return mask;
}

/** Number of leading ones of the family's own bits if `mask` is contiguous, else -1. */
export function prefixLength(mask: Address, family: Family): number {
  let length = 0;
  while (length < 128 && mask[length >> 3] & (0x80 >> (length & 7))) length++;
  for (let bit = length; bit < 128; bit++) if (mask[bit >> 3] & (0x80 >> (bit & 7))) return -1;
  if (family === 6) return length;
  return length < 96 ? -1 : length - 96;
}
