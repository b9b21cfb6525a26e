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
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1], true) : [];
  if (!head || !tail) return undefined;
  const given = head.length + tail.length;
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined;
  const address = new Uint8Array(16);
  address.set(head, 0);
  address.set(tail, 16 - tail.length);
  return address;
}

function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const parts = text.split(':');
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    if (last && index === parts.length - 1 && part.includes('.')) {
      const dotted = parseAddress4(part);
      if (!dotted) return undefined;
      octets.push(...dotted.subarray(12));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const value = Number.parseInt(part, 16);
      octets.push(value >>> 8, value & 0xff);
    } else return undefined;
  }
  return octets;
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
