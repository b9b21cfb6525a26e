// Addresses in the form that -save prints, read in one pass: no names, no lists, no odd forms. addresses.ts reads all others.

import { type Address, formatAddress } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { isAny, maskOf } from './addresses.ts';
import type { MaskedAddress } from './rule-spec.ts';

const SLASH = 0x2f;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;

/** Addresses of either sense that are remembered. */
const PLACES = 1 << 12;
/** So many are read before there is a memory: to make one takes longer than to read a line. */
const FEW = 8;

export class QuickAddresses {
  /** The address that was read last stands there as -save prints it. */
  printed = false;
  private readonly family: Family;
  /** What was read last, of all whose texts have the same place. */
  private texts: string[] = [];
  private known: (MaskedAddress | null)[] = [];
  private knownPrinted = new Uint8Array(0);
  /** How many were read without being remembered. */
  private few = 0;
  /** The text at work, and what of it is still to be read. */
  private text = '';
  private place = 0;

  constructor(family: Family) {
    this.family = family;
  }

  /** An `address` or `address/length` with its host bits cleared; null for any address. Text of another form is given to `otherwise`. */
  read(
    text: string,
    inverted: boolean,
    otherwise: (text: string, inverted: boolean) => MaskedAddress,
  ): MaskedAddress | null {
    const place = placeOf(text) + (inverted ? PLACES : 0);
    if (this.texts[place] === text) {
      this.printed = this.knownPrinted[place] === 1;
      return this.known[place];
    }
    const quick = this.quick(text, inverted);
    const read = quick ?? otherwise(text, inverted);
    const any = read.mask[this.family === 4 ? 12 : 0] === 0 && isAny(read, this.family);
    // Any address is not printed.
    this.printed = quick !== undefined && this.printed && !any;
    const known = any ? null : read;
    if (this.few < FEW) this.beginMemory();
    else {
      this.texts[place] = text;
      this.known[place] = known;
      this.knownPrinted[place] = this.printed ? 1 : 0;
    }
    return known;
  }

  private beginMemory(): void {
    if (++this.few < FEW) return;
    this.texts = new Array(2 * PLACES).fill('');
    this.known = new Array(2 * PLACES).fill(null);
    this.knownPrinted = new Uint8Array(2 * PLACES);
  }

  private quick(text: string, inverted: boolean): MaskedAddress | undefined {
    const { family } = this;
    const address = new Uint8Array(16);
    this.text = text;
    this.place = 0;
    this.printed = true;
    if (!(family === 4 ? this.dotted(address) : this.hexadecimal(address))) return undefined;
    const bits = family === 4 ? 32 : 128;
    let length = bits;
    if (this.place < text.length) {
      if (text.charCodeAt(this.place++) !== SLASH) return undefined;
      length = this.decimal();
      if (length < 0 || length > bits || this.place < text.length) return undefined;
    } else this.printed = false;
    const mask = maskOf(length, family);
    if (length < bits) this.clearHost(address, mask, (128 - bits + length) >> 3);
    return { address, mask, inverted };
  }

  /** `from`: the first octet that may have host bits. */
  private clearHost(address: Address, mask: Address, from: number): void {
    for (let at = from; at < 16; at++) {
      if ((address[at] & mask[at]) === address[at]) continue;
      address[at] &= mask[at];
      this.printed = false;
    }
  }

  /** A number without a leading zero, which would make it octal; -1 when there is none. */
  private decimal(): number {
    const { text, place: from } = this;
    let value = 0;
    let place = from;
    for (; place < text.length && place < from + 3; place++) {
      const digit = text.charCodeAt(place) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.place = place;
    return place === from || (place > from + 1 && text.charCodeAt(from) === ZERO) ? -1 : value;
  }

  private dotted(address: Address): boolean {
    address[10] = address[11] = 0xff;
    for (let octet = 12; octet < 16; octet++) {
      const value = this.decimal();
      if (value < 0 || value > 255) return false;
      address[octet] = value;
      if (octet < 15 && this.text.charCodeAt(this.place++) !== DOT) return false;
    }
    return true;
  }

  /** Groups of four hexadecimal digits, one `::` among them. */
  private hexadecimal(address: Address): boolean {
    const { text } = this;
    let at = 0;
    let gap = -1;
    let zeros = false;
    while (this.place < text.length && text.charCodeAt(this.place) !== SLASH) {
      if (text.charCodeAt(this.place) === COLON) {
        if (text.charCodeAt(this.place + 1) === COLON && gap < 0) {
          gap = at;
          this.place += 2;
          continue;
        }
        // One colon, between two groups.
        if (at === 0 || at === gap) return false;
        this.place++;
      }
      const value = this.group();
      if (value < 0 || at > 14) return false;
      if (value === 0) zeros = true;
      address[at++] = value >>> 8;
      address[at++] = value & 0xff;
    }
    if (gap >= 0) {
      if (at > 14) return false;
      address.copyWithin(16 - (at - gap), gap, at);
      address.fill(0, gap, 16 - (at - gap));
    } else if (at !== 16) return false;
    // Which zeros are left out, and dotted tails: asked of who prints where there can be a doubt.
    if (zeros || gap === 0 || (gap > 0 && at > 12))
      this.printed &&= formatAddress(address, 6) === text.slice(0, this.place);
    return true;
  }

  private group(): number {
    const { text, place: from } = this;
    let value = 0;
    let place = from;
    for (; place < text.length && place < from + 4; place++) {
      const digit = HEXADECIMAL[text.charCodeAt(place)] ?? NO_DIGIT;
      if (digit === NO_DIGIT) break;
      if (digit & CAPITAL) this.printed = false;
      value = (value << 4) | (digit & 15);
    }
    this.place = place;
    if (place > from + 1 && text.charCodeAt(from) === ZERO) this.printed = false;
    // A fifth digit, or a dotted tail: not here.
    const next = text.charCodeAt(place);
    const ends = place === text.length || next === COLON || next === SLASH;
    return place > from && ends ? value : -1;
  }
}

const CAPITAL = 16;
const NO_DIGIT = 32;
const HEXADECIMAL = new Uint8Array(128).fill(NO_DIGIT);
for (const [index, digit] of [...'0123456789abcdef'].entries()) HEXADECIMAL[digit.charCodeAt(0)] = index;
for (const [index, digit] of [...'ABCDEF'].entries()) HEXADECIMAL[digit.charCodeAt(0)] = CAPITAL | (10 + index);

/** Of a text: its last characters differ most. */
function placeOf(text: string): number {
  let hash = text.length;
  for (let at = Math.max(0, text.length - 8); at < text.length; at++) hash = Math.imul(hash, 31) + text.charCodeAt(at);
  return (hash ^ (hash >>> 13)) & (PLACES - 1);
}
