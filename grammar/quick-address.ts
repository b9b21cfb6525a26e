// Addresses in the form that -save prints, read in one pass: no names, no lists, no odd forms. Undefined for anything else, which
// addresses.ts reads.

import type { Address } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { maskOf } from './addresses.ts';
import type { MaskedAddress } from './rule-spec.ts';

const SLASH = 0x2f;
const COLON = 0x3a;
const DOT = 0x2e;

/** Digits of the text at `place`, and behind them. */
let place = 0;

/** `address` or `address/length`. Host bits are cleared. */
export function quickAddress(text: string, family: Family, inverted: boolean): MaskedAddress | undefined {
  const address = new Uint8Array(16);
  place = 0;
  if (!(family === 4 ? dotted(text, address) : hexadecimal(text, address))) return undefined;
  const bits = family === 4 ? 32 : 128;
  let length = bits;
  if (place < text.length) {
    if (text.charCodeAt(place++) !== SLASH) return undefined;
    length = decimal(text);
    if (length < 0 || length > bits || place < text.length) return undefined;
  }
  const mask = maskOf(length, family);
  if (length < bits) for (let at = 0; at < 16; at++) address[at] &= mask[at];
  return { address, mask, inverted };
}

/** A number without a leading zero, which would make it octal; -1 when there is none. */
function decimal(text: string): number {
  const from = place;
  let value = 0;
  for (; place < text.length && place < from + 3; place++) {
    const digit = text.charCodeAt(place) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const count = place - from;
  return count === 0 || (count > 1 && text.charCodeAt(from) === 48) ? -1 : value;
}

function dotted(text: string, address: Address): boolean {
  address[10] = address[11] = 0xff;
  for (let octet = 12; octet < 16; octet++) {
    const value = decimal(text);
    if (value < 0 || value > 255) return false;
    address[octet] = value;
    if (octet < 15 && text.charCodeAt(place++) !== DOT) return false;
  }
  return true;
}

/** Groups of four hexadecimal digits, one `::` among them. */
function hexadecimal(text: string, address: Address): boolean {
  let at = 0;
  let gap = -1;
  while (place < text.length && text.charCodeAt(place) !== SLASH) {
    if (text.charCodeAt(place) === COLON) {
      if (text.charCodeAt(place + 1) === COLON && gap < 0) {
        gap = at;
        place += 2;
        continue;
      }
      // One colon, between two groups.
      if (at === 0 || at === gap) return false;
      place++;
    }
    const value = group(text);
    if (value < 0 || at > 14) return false;
    address[at++] = value >>> 8;
    address[at++] = value & 0xff;
  }
  if (gap < 0) return at === 16;
  if (at > 14) return false;
  address.copyWithin(16 - (at - gap), gap, at);
  address.fill(0, gap, 16 - (at - gap));
  return true;
}

function group(text: string): number {
  const from = place;
  let value = 0;
  for (; place < text.length && place < from + 4; place++) {
    const digit = HEXADECIMAL[text.charCodeAt(place)] ?? 16;
    if (digit > 15) break;
    value = (value << 4) | digit;
  }
  // A fifth digit, or a dotted tail: not here.
  const next = text.charCodeAt(place);
  const ends = place === text.length || next === COLON || next === SLASH;
  return place > from && ends ? value : -1;
}

const HEXADECIMAL = new Uint8Array(128).fill(16);
for (const [index, digit] of [...'0123456789abcdef'].entries()) HEXADECIMAL[digit.charCodeAt(0)] = index;
for (const [index, digit] of [...'ABCDEF'].entries()) HEXADECIMAL[digit.charCodeAt(0)] = 10 + index;
