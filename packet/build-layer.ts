// What a layer of build.ts is, and what all layers need.

import { type Address, parseAddress, wire } from './address.ts';
import { checksum as inverted, sum } from './checksum.ts';
import type { Family } from './numbers.ts';

/** Sum of the pseudo header for a transport part of that protocol and length; not inverted. */
export type Pseudo = (protocol: number, length: number) => number;

export interface Layer {
  /** What the header before says is next. */
  readonly protocol: number;
  /** Octets of this layer and of all behind it. `next` is the protocol of what follows, IPPROTO_NONE at the end. */
  emit(next: number, rest: Uint8Array, pseudo: Pseudo): Uint8Array;
}

/** Payload: octets, text (one octet per character), or a number of octets that count up from 0. */
export type Data = Uint8Array | string | number;

export function octets(data: Data | undefined): Uint8Array {
  if (data === undefined) return new Uint8Array(0);
  if (typeof data === 'number') return Uint8Array.from({ length: data }, (_, index) => index & 0xff);
  if (typeof data === 'string') return Uint8Array.from(data, (character) => character.charCodeAt(0) & 0xff);
  return data;
}

/** How a checksum comes out: right, `bad`, as given, or only the pseudo-header sum (virtio-net NEEDS_CSUM). */
export interface ChecksumFields {
  badChecksum?: boolean;
  checksum?: number | 'partial';
}

/** The value for the checksum field of `segment` (whose field is zero). */
export function chooseChecksum(
  segment: Uint8Array,
  fields: ChecksumFields,
  start: number,
  covered = segment.length,
): number {
  if (typeof fields.checksum === 'number') return fields.checksum;
  if (fields.checksum === 'partial') return sum(segment, 0, 0, start);
  const right = inverted(segment, 0, covered, start);
  return fields.badChecksum ? right ^ 0x5555 : right;
}

/** 4 or 16 octets of a textual or 16-octet address. Throws RangeError for text that is none: a mistake of the program. */
export function addressOctets(given: string | Address, family: Family): Uint8Array {
  const address = typeof given === 'string' ? parseAddress(given, family) : given;
  if (!address) throw new RangeError(`not an IPv${family} address: ${given}`);
  return wire(address, family);
}

/** `bytes` with zeros behind, up to a multiple of `unit`. */
export function padded(bytes: Uint8Array, unit: number): Uint8Array {
  const length = Math.ceil(bytes.length / unit) * unit;
  if (length === bytes.length) return bytes;
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
