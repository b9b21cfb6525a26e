// What the table holds of a connection in its record: the tuples of both directions with their zones, protocol, status and state. By id; who looks
// for one, gives it out or ends it is table.ts.
//
// A record has four words (source, destination, keys, info) that a lookup compares within one cache line. `info` is status (low half),
// protocol, and a kind octet: state in its low bits, FAMILY_6, REPLY_DIFFERS. IPv4 addresses stand in the record itself; for IPv6
// the source word is an index into a slab of address pairs. The reply tuple is the inverse of the original one, and not kept, unless NAT
// or a helper has made it another. Zones have a column once there are any.
//
// All of it is asked for with every packet, so it is written out for each family, without calls of the runtime: `set` and `fill` of a typed array
// cost more than eight words do.

import type { Family } from '../../packet/numbers.ts';
import { type Direction, IPS_CONFIRMED, IPS_DYING } from '../status.ts';
import { Area, Slab } from './slab.ts';
import type { Tuple } from './tuple.ts';

/** Bits of the info word above status (16 bits) and protocol (8 bits). */
const STATE_SHIFT = 24;
const STATE_MASK = 0x1f000000;
const REPLY_DIFFERS = 0x40000000;
const FAMILY_6 = 0x80000000 | 0;
/** What must be equal for two tuples to be: protocol and family. */
const KIND_MASK = FAMILY_6 | 0x00ff0000;

const ADDRESS_PAIR = 8; // words
const REPLY_TUPLE = 11; // words: addresses, keys, hashes of both directions
const HASHES = 9;

/** Keys of the answer to a tuple of that protocol with those keys. */
export type InvertKeys = (protocol: number, keys: number) => number;

export abstract class TupleColumns {
  /** Source, destination, keys, info of connection `id` at 4 * id. */
  protected records = new Int32Array(0);
  /** Original zone in the high half, reply zone in the low one; empty while all are in zone 0. */
  protected zones = new Int32Array(0);
  protected readonly addresses = new Slab(ADDRESS_PAIR, (capacity) => this.room(capacity));
  /** Reply tuples that are not the inverse of the original one: NAT and helpers put them there. */
  protected readonly replies = new Area(REPLY_TUPLE, (capacity) => this.room(capacity));
  private readonly invertKeys: InvertKeys;

  constructor(invertKeys: InvertKeys) {
    this.invertKeys = invertKeys;
  }

  /** The next capacity of a column, in connections. */
  protected abstract room(capacity: number): number;

  // --- Birth and death -----------------------------------------------------------------------------------------------

  /** Connection `id` now has that original tuple and its inverse; status and state are 0. */
  protected writeTuple(id: number, { family, protocol, words, keys, zoneOriginal, zoneReply }: Tuple): void {
    const { records } = this;
    const at = 4 * id;
    if (family === 6) {
      const pair = this.addresses.take();
      const pairs = this.addresses.words;
      for (let word = 0; word < ADDRESS_PAIR; word++) pairs[pair * ADDRESS_PAIR + word] = words[word];
      records[at] = pair;
      records[at + 1] = 0;
    } else {
      records[at] = words[0];
      records[at + 1] = words[4];
    }
    records[at + 2] = keys;
    records[at + 3] = (family === 6 ? FAMILY_6 : 0) | (protocol << 16);
    this.setZones(id, zoneOriginal, zoneReply);
  }

  protected freeTuple(id: number): void {
    const info = this.records[4 * id + 3];
    if (info & FAMILY_6) this.addresses.give(this.records[4 * id]);
    if (info & REPLY_DIFFERS) this.replies.take(id);
    this.records[4 * id + 3] = 0;
  }

  private setZones(id: number, original: number, reply: number): void {
    if (id >= this.zones.length) {
      if ((original | reply) === 0) return;
      this.zones = longer(this.zones, this.records.length >> 2);
    }
    this.zones[id] = (original << 16) | reply;
  }

  /**
   * Gives an unconfirmed connection a reply tuple that is not the inverse of the original one. Where NAT and the PPTP helper come in.
   * Source: net/netfilter/nf_conntrack_core.c nf_conntrack_alter_reply()
   */
  setReply(id: number, reply: Tuple): void {
    const at = this.replies.give(id);
    const { words } = this.replies.slab;
    for (let word = 0; word < 8; word++) words[at + word] = reply.words[word];
    words[at + 8] = reply.keys;
    this.records[4 * id + 3] |= REPLY_DIFFERS;
  }

  /** The hashes of both directions of a connection that has two: to be known when it ends. */
  protected keepHashes(id: number, original: number, reply: number): void {
    if (!this.replyDiffers(id)) return;
    const { words } = this.replies.slab;
    const at = this.replies.at(id) + HASHES;
    words[at] = original;
    words[at + 1] = reply;
  }

  protected keptHash(id: number, direction: Direction): number {
    return this.replies.slab.words[this.replies.at(id) + HASHES + direction];
  }

  // --- Comparing -----------------------------------------------------------------------------------------------------

  /** Direction of connection `id` in which it has that tuple and is in that zone, or -1. */
  protected compare(id: number, tuple: Tuple, zone: number): number {
    const { records } = this;
    const at = 4 * id;
    const info = records[at + 3];
    const kind = (tuple.family === 6 ? FAMILY_6 : 0) | (tuple.protocol << 16);
    if ((info & KIND_MASK) !== kind) return -1;
    // A tuple that is its own inverse (a host talking to the same port of itself) is found as the reply: the kernel puts the reply
    // tuple in front of the original one in their common bucket. nf_conntrack_core.c __nf_conntrack_hash_insert()
    const reply =
      info & REPLY_DIFFERS
        ? this.hasReply(id, tuple)
        : records[at + 2] === tuple.inverse && this.hasAddresses(at, tuple, 4, 0);
    if (reply && zone === tuple.zoneReply && this.zone(id, 1) === zone) return 1;
    const original = records[at + 2] === tuple.keys && this.hasAddresses(at, tuple, 0, 4);
    return original && zone === tuple.zoneOriginal && this.zone(id, 0) === zone ? 0 : -1;
  }

  /** Whether the record's source and destination are the words of `tuple` from those two places. */
  private hasAddresses(at: number, tuple: Tuple, source: number, destination: number): boolean {
    const { records } = this;
    const { words } = tuple;
    if (tuple.family === 4) return records[at] === words[source] && records[at + 1] === words[destination];
    const pairs = this.addresses.words;
    const pair = records[at] * ADDRESS_PAIR;
    for (let word = 0; word < 4; word++) {
      if (pairs[pair + word] !== words[source + word]) return false;
      if (pairs[pair + 4 + word] !== words[destination + word]) return false;
    }
    return true;
  }

  private hasReply(id: number, tuple: Tuple): boolean {
    const { words } = this.replies.slab;
    const at = this.replies.at(id);
    if (words[at + 8] !== tuple.keys) return false;
    const step = tuple.family === 4 ? 4 : 1;
    for (let word = 0; word < 8; word += step) if (words[at + word] !== tuple.words[word]) return false;
    return true;
  }

  // --- Tuples --------------------------------------------------------------------------------------------------------

  /** The tuple of a connection in that direction, zones included. */
  readTuple(id: number, direction: Direction, into: Tuple): void {
    const keys = this.readWords(id, direction, 0, into);
    into.keys = keys;
    into.inverse = this.invertKeys(into.protocol, keys);
  }

  /** The inverse of that: what the other direction's packets have to look like for who gets them. */
  readAnswer(id: number, direction: Direction, into: Tuple): void {
    const keys = this.readWords(id, direction, 4, into);
    into.keys = this.invertKeys(into.protocol, keys);
    into.inverse = keys;
  }

  /** All of a tuple but its keys, which it returns; with `flip` 4 the addresses are the other way round. */
  private readWords(id: number, direction: Direction, flip: 0 | 4, into: Tuple): number {
    const at = 4 * id;
    const { records } = this;
    const { words } = into;
    const info = records[at + 3];
    const is6 = (info & FAMILY_6) !== 0;
    into.family = is6 ? 6 : 4;
    into.protocol = (info >>> 16) & 0xff;
    into.setZones(this.zone(id, 0), this.zone(id, 1));
    if (direction === 1 && info & REPLY_DIFFERS) {
      const { words: replies } = this.replies.slab;
      const reply = this.replies.at(id);
      for (let word = 0; word < 8; word++) words[word ^ flip] = replies[reply + word];
      return replies[reply + 8];
    }
    const turn = direction === 1 ? 4 - flip : flip;
    if (is6) {
      const pair = records[at] * ADDRESS_PAIR;
      const pairs = this.addresses.words;
      for (let word = 0; word < 8; word++) words[word ^ turn] = pairs[pair + word];
    } else {
      words[turn] = records[at];
      words[4 - turn] = records[at + 1];
      words[1] = words[2] = words[3] = words[5] = words[6] = words[7] = 0;
    }
    return direction === 1 ? this.invertKeys(into.protocol, records[at + 2]) : records[at + 2];
  }

  /** Word 0-3 of the source or 4-7 of the destination address; signed. IPv4 has one word each. */
  tupleWord(id: number, direction: Direction, word: number): number {
    const at = 4 * id;
    const info = this.records[at + 3];
    if (direction === 1 && info & REPLY_DIFFERS) return this.replies.slab.words[this.replies.at(id) + word];
    const place = direction === 0 ? word : word ^ 4;
    if (info & FAMILY_6) return this.addresses.words[this.records[at] * ADDRESS_PAIR + place];
    return (place & 3) === 0 ? this.records[at + (place >>> 2)] : 0;
  }

  /** Source key in the high half, destination key in the low one; signed. */
  tupleKeys(id: number, direction: Direction): number {
    const info = this.records[4 * id + 3];
    const keys = this.records[4 * id + 2];
    if (direction === 0) return keys;
    if (info & REPLY_DIFFERS) return this.replies.slab.words[this.replies.at(id) + 8];
    return this.invertKeys((info >>> 16) & 0xff, keys);
  }

  replyDiffers(id: number): boolean {
    return (this.records[4 * id + 3] & REPLY_DIFFERS) !== 0;
  }

  zone(id: number, direction: Direction): number {
    if (id >= this.zones.length) return 0;
    return direction === 0 ? this.zones[id] >>> 16 : this.zones[id] & 0xffff;
  }

  // --- Info ----------------------------------------------------------------------------------------------------------

  family(id: number): Family {
    return this.records[4 * id + 3] & FAMILY_6 ? 6 : 4;
  }

  protocol(id: number): number {
    return (this.records[4 * id + 3] >>> 16) & 0xff;
  }

  status(id: number): number {
    return this.records[4 * id + 3] & 0xffff;
  }

  addStatus(id: number, bits: number): void {
    this.records[4 * id + 3] |= bits;
  }

  removeStatus(id: number, bits: number): void {
    this.records[4 * id + 3] &= ~bits;
  }

  /** The protocol's state, 0 to 31. */
  state(id: number): number {
    return (this.records[4 * id + 3] & STATE_MASK) >>> STATE_SHIFT;
  }

  setState(id: number, state: number): void {
    const at = 4 * id + 3;
    this.records[at] = (this.records[at] & ~STATE_MASK) | (state << STATE_SHIFT);
  }

  /** In the table and alive, as far as the table knows. */
  live(id: number): boolean {
    return (this.records[4 * id + 3] & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED;
  }

  protected growTuples(capacity: number): void {
    this.records = longer(this.records, 4 * capacity);
    if (this.zones.length > 0) this.zones = longer(this.zones, capacity);
  }
}

/** A column with room for more. */
export function longer(column: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(column);
  return larger;
}
