// Reading numbers and addresses out of payloads, octet by octet, as the kernel's helpers do.

import { parseAddress } from '../../packet/address.ts';
import { u32 } from '../../packet/bytes.ts';

export const BLANK = 0x20;
export const CR = 0x0d;
export const LF = 0x0a;

export const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39;

/** Whether `word` stands at `at`; letters of it in capitals are met by small ones too if `anyCase`. It must end before `to`. */
export function startsWith(bytes: Uint8Array, at: number, to: number, word: string, anyCase = false): boolean {
  if (at + word.length > to) return false;
  for (let index = 0; index < word.length; index++) {
    const octet = bytes[at + index];
    const upper = anyCase && octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet;
    if (upper !== word.charCodeAt(index)) return false;
  }
  return true;
}

/** Offset of the first `word` within [at, to), or -1. */
export function find(bytes: Uint8Array, at: number, to: number, word: string): number {
  const first = word.charCodeAt(0);
  for (let here = at; here + word.length <= to; here++) {
    if (bytes[here] === first && startsWith(bytes, here, to, word)) return here;
  }
  return -1;
}

/** What readNumber() found last: its value modulo 2^32, and the offset behind its digits. */
export const number = { value: 0, end: 0 };

/** Reads decimal digits from `at` on, as many as there are before `to`; none are 0. simple_strtoul() */
export function readNumber(bytes: Uint8Array, at: number, to: number): number {
  let value = 0;
  let here = at;
  for (; here < to && isDigit(bytes[here]); here++) value = (Math.imul(value, 10) + bytes[here] - 0x30) >>> 0;
  number.value = value;
  number.end = here;
  return value;
}

/** An IPv6 address in text within [at, end), as the words of a tuple; undefined: it is none. */
export function readAddress6(bytes: Uint8Array, at: number, end: number): Int32Array | undefined {
  // No address is longer than that: INET6_ADDRSTRLEN
  if (end - at > 45) return undefined;
  const octets = parseAddress(String.fromCharCode(...bytes.subarray(at, end)), 6);
  if (!octets) return undefined;
  return Int32Array.from({ length: 4 }, (_, word) => u32(octets, 4 * word));
}

/** The source (from 0) or destination (from 4) of a tuple in text; IPv6 in full, as the kernel prints it (%pI6). */
export function addressText(words: Int32Array, from: 0 | 4, family: 4 | 6): string {
  if (family === 4) return [24, 16, 8, 0].map((shift) => (words[from] >>> shift) & 0xff).join('.');
  return Array.from({ length: 8 }, (_, group) => {
    const word = words[from + (group >> 1)];
    return ((group & 1 ? word : word >>> 16) & 0xffff).toString(16).padStart(4, '0');
  }).join(':');
}
