// Addresses as rules write them: the short and odd forms of IPv4, masks of any bit pattern, lists, host names.

import type { Address } from '../packet/address.ts';
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
  const address = new Uint8Array(16);
  address[10] = address[11] = 0xff;
  for (let octet = 0; octet < 4; octet++) address[15 - octet] = Math.floor(value / 2 ** (8 * octet)) & 0xff;
  return address;
}

/** libxtables' own reader: one to four numbers up to 255 in any base, the missing ones zero at the end (`10.1` is 10.1.0.0). */
export function parseDotted(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  const address = new Uint8Array(16);
  address[10] = address[11] = 0xff;
  for (let index = 0; index < parts.length; index++) {
    const octet = wholeNumber(parts[index], 0, 255);
    if (octet === undefined) return undefined;
    address[12 + index] = octet;
  }
  return address;
}
