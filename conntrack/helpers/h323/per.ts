// Walks through messages in the aligned packed encoding of ASN.1 (PER, ITU-T X.691), whose types are given as data. Nothing is built of a
// message: what is asked for is marked in the types, and found as a list, in the order of the message. PER has no tags, so that everything in front
// of what is wanted has to be known; additions to an extensible type have a length, and are passed over unknown.
//
// Differs: a number that ends the message is read. nf_conntrack_h323_asn1.c decode_int() counts its octets twice where it is wanted (timeToLive), and
// believes such a message cut short.
//
// Differs: an addition that is not known and not there takes no room. decode_seq() skips a length and as many octets there, so that it reads
// newer messages wrong.

import { u16 } from '../../../packet/bytes.ts';

/** A sequence's component: `optional` has a bit in front of the sequence. */
interface Component {
  readonly type: Type;
  readonly optional: boolean;
}

/** Lower and upper bound of a length; no upper one: it stands in front in octets of its own. */
interface Bounds {
  readonly from: number;
  readonly to: number | undefined;
}

export type Type =
  /** NULL: nothing; found where marked. */
  | { readonly kind: 'null' }
  /** Bits that nobody asks for: BOOLEAN. */
  | { readonly kind: 'bits'; readonly count: number }
  | { readonly kind: 'integer'; readonly from: number; readonly to: number }
  /** So many units of so many bits each: strings, and all that begins with its length. */
  | { readonly kind: 'string'; readonly unit: number; readonly bounds: Bounds }
  /** An IP address and a port, aligned. */
  | { readonly kind: 'address'; readonly family: 4 | 6 }
  | {
      readonly kind: 'sequence';
      readonly components: readonly Component[];
      readonly optional: number;
      readonly additions: Additions;
    }
  | { readonly kind: 'choice'; readonly alternatives: readonly Type[]; readonly additions: Additions }
  | { readonly kind: 'many'; readonly of: Type }
  /** An octet string that holds a whole message of that type. */
  | { readonly kind: 'carrying'; readonly of: Type }
  /** Nothing that is asked for stands behind this. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'marked'; readonly as: string; readonly type: Type };

/** Undefined: the type cannot be extended. A hole: passed over. */
type Additions = readonly (Type | undefined)[] | undefined;

export const nothing: Type = { kind: 'null' };
export const rest: Type = { kind: 'rest' };
export const flags = (count: number): Type => ({ kind: 'bits', count });
export const flag = flags(1);
export const integer = (from: number, to: number): Type => ({ kind: 'integer', from, to });
/** Characters or bits of a string. */
export const text = (unit: number, from = 0, to?: number): Type => ({ kind: 'string', unit, bounds: { from, to } });
export const octets = (from = 0, to?: number): Type => text(8, from, to);
/** OBJECT IDENTIFIER, unbounded INTEGER: a length in octets first. */
export const oid = octets();
export const address = (family: 4 | 6): Type => ({ kind: 'address', family });
export const many = (of: Type): Type => ({ kind: 'many', of });
export const carrying = (of: Type): Type => ({ kind: 'carrying', of });
export const marked = (as: string, type: Type): Type => ({ kind: 'marked', as, type });
export const optional = (type: Type): Component => ({ type, optional: true });

export function sequence(components: readonly (Type | Component)[], additions?: Additions): Type {
  const all = components.map((one) => ('kind' in one ? { type: one, optional: false } : one));
  return { kind: 'sequence', components: all, optional: all.filter((one) => one.optional).length, additions };
}

export const choice = (alternatives: readonly Type[], additions?: Additions): Type => ({
  kind: 'choice',
  alternatives,
  additions,
});

export interface Found {
  /** The innermost mark. */
  readonly what: string;
  /** 0: no address. */
  readonly family: 0 | 4 | 6;
  /** Offset of an address; the port stands behind it. */
  readonly at: number;
  /** The port, or the number. */
  readonly value: number;
}

/** No message has more of what is asked for; a longer one is not read further. */
const MOST_FOUND = 64;

const octetsOf = (family: 4 | 6): number => (family === 4 ? 4 : 16);

/** What is marked in a message of that type; undefined: it cannot be read, or is cut short. */
export function findMarked(type: Type, bytes: Uint8Array, from: number, to: number): readonly Found[] | undefined {
  const walk = new Walk(bytes, from, to);
  walk.pass(type);
  return walk.broken ? undefined : walk.found;
}

class Walk {
  readonly found: Found[] = [];
  broken = false;
  /** All that is wanted of the innermost part of known length has been seen. */
  private done = false;
  private mark = '';
  private readonly bytes: Uint8Array;
  /** In bits, as the limit. */
  private position: number;
  private limit: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes;
    this.position = from * 8;
    this.limit = to * 8;
  }

  private get over(): boolean {
    return this.broken || this.done;
  }

  pass(type: Type): void {
    switch (type.kind) {
      case 'null':
        this.tell(0, 0, 0);
        break;
      case 'bits':
        this.skip(type.count);
        break;
      case 'integer':
        this.tell(0, 0, this.number(type.from, type.to));
        break;
      case 'string':
        this.passString(type.unit, type.bounds);
        break;
      case 'address':
        this.passAddress(type.family);
        break;
      case 'sequence':
        this.passSequence(type);
        break;
      case 'choice':
        this.passChoice(type);
        break;
      case 'many':
        this.passMany(type.of);
        break;
      case 'carrying':
        this.passOpen(type.of);
        break;
      case 'rest':
        this.done = true;
        break;
      case 'marked':
        this.passMarked(type.as, type.type);
    }
  }

  private tell(family: 0 | 4 | 6, at: number, value: number): void {
    if (this.mark === '' || this.over) return;
    if (this.found.length < MOST_FOUND) this.found.push({ what: this.mark, family, at, value });
  }

  private passMarked(as: string, type: Type): void {
    const { mark } = this;
    this.mark = as;
    this.pass(type);
    this.mark = mark;
  }

  // --- Bits ----------------------------------------------------------------------------------------------------------

  private skip(bits: number): boolean {
    if (this.position + bits > this.limit) this.broken = true;
    else this.position += bits;
    return !this.broken;
  }

  private align(): void {
    this.position = (this.position + 7) & ~7;
  }

  private isSet(position: number): boolean {
    return ((this.bytes[position >> 3] << (position & 7)) & 0x80) !== 0;
  }

  /** The next bits as a number; 0 where the message ends before. */
  private take(count: number): number {
    const from = this.position;
    if (!this.skip(count)) return 0;
    let value = 0;
    for (let at = from; at < this.position; at++) value = value * 2 + (this.isSet(at) ? 1 : 0);
    return value;
  }

  private takeAligned(count: number): number {
    this.align();
    return this.take(8 * count);
  }

  /** X.691 11.5: a number between bounds takes as many bits as their distance; beyond 255, whole octets; beyond 65535, as many as it needs. */
  private number(from: number, to: number): number {
    const range = to - from;
    if (range < 255) return from + this.take(bitsFor(range));
    if (range < 65_536) return from + this.takeAligned(range < 256 ? 1 : 2);
    const most = Math.ceil(bitsFor(range) / 8);
    return from + this.takeAligned(1 + this.take(bitsFor(most - 1)));
  }

  /** X.691 11.9, but for lengths of pieces, which the kernel does not know either. get_len() */
  private length(): number {
    const first = this.takeAligned(1);
    if (first < 0x80) return first;
    return ((first & 0x3f) << 8) | this.takeAligned(1);
  }

  // --- Types ---------------------------------------------------------------------------------------------------------

  private passString(unit: number, { from, to }: Bounds): void {
    const count = to === undefined ? this.length() : this.number(from, to);
    if (to !== undefined && to * unit > 16) this.align();
    this.skip(count * unit);
  }

  private passAddress(family: 4 | 6): void {
    this.align();
    const at = this.position >> 3;
    const length = octetsOf(family);
    if (this.skip((length + 2) * 8)) this.tell(family, at, u16(this.bytes, at + length));
  }

  private passSequence({ components, optional: count, additions }: Extract<Type, { kind: 'sequence' }>): void {
    const extended = additions !== undefined && this.take(1) === 1;
    let bit = this.position;
    if (!this.skip(count)) return;
    for (const { type, optional: conditional } of components) {
      // Where reading stops it does, also for one that is not there.
      if (type.kind === 'rest') {
        this.done = true;
        return;
      }
      if (conditional && !this.isSet(bit++)) continue;
      this.pass(type);
      if (this.over) return;
    }
    if (extended) this.passAdditions(additions);
  }

  private passAdditions(additions: readonly (Type | undefined)[]): void {
    // X.691 11.6: more than 64 of them are counted in another way. No type has half as many, and the kernel reads no more than 32.
    const count = this.take(7) + 1;
    const from = this.position;
    if (count > 32) this.broken = true;
    if (!this.skip(count)) return;
    for (let index = 0; index < count && !this.broken; index++) {
      if (additions[index]?.kind === 'rest') {
        this.done = true;
        return;
      }
      if (this.isSet(from + index)) this.passOpen(additions[index]);
    }
  }

  private passChoice({ alternatives, additions }: Extract<Type, { kind: 'choice' }>): void {
    if (additions !== undefined && this.take(1) === 1) {
      const index = this.take(7);
      if (!this.broken) this.passOpen(additions[index]);
      return;
    }
    const index = this.take(bitsFor(alternatives.length - 1));
    if (index >= alternatives.length) this.broken = true;
    if (!this.broken) this.pass(alternatives[index]);
  }

  /** Each item takes a bit at least, so that the message's end bounds their count. */
  private passMany(of: Type): void {
    const count = this.length();
    for (let index = 0; index < count && !this.over; index++) this.pass(of);
  }

  /** What begins with its length; whatever is read of it, the walk goes on behind. */
  private passOpen(type: Type | undefined): void {
    const length = this.length() * 8;
    const end = this.position + length;
    if (end > this.limit) this.broken = true;
    if (this.broken) return;
    if (type !== undefined) {
      const { limit } = this;
      this.limit = end;
      this.pass(type);
      this.limit = limit;
      this.done = false;
    }
    this.position = end;
  }
}

/** Bits that tell the numbers from 0 to `most` apart. */
const bitsFor = (most: number): number => (most < 1 ? 0 : Math.floor(Math.log2(most)) + 1);
