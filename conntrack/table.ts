// The connections, in columns. A connection is a small number, its id; everything about it stands in typed arrays at that index, and
// there is no object per connection.
//
// Base, 24 octets for everybody: a record of four words (source, destination, keys, info) that a lookup compares within one cache
// line, and two columns (expiry, and one word that belongs to the protocol). `info` is status (low half), protocol, and a
// kind octet: state in its low bits, FAMILY_6, REPLY_DIFFERS. IPv4 addresses stand in the record itself; for IPv6 the source word is
// an index into a slab of address pairs. All else (TCP windows, marks, a second tuple, zones, accounting, ...) is in slabs and columns
// that exist only once a connection needs them.
//
// The index is open addressing over pairs of hash and id (hash-index.ts). The hash is of the tuple in a canonical order, so that both directions of a connection without NAT fall on
// one entry: half the memory and half the work of an entry per direction. Where the reply tuple is not the inverse of the original
// one, or the zones of the directions differ, the reply has an entry of its own. The key of the hash is a secret of this start.
//
// Life: open() makes an unconfirmed connection that no lookup finds; insert() puts it into the index; remove() takes it out and
// marks it dying; close() ends it. An id is given out again only after 64 others were closed, because packets on their way (an answer
// to what was just dropped, the RST that killed the connection) still ask about it.
//
// Times are milliseconds modulo 2^32 as signed differences, like the kernel's jiffies: a timeout is at most 2^31 - 1 ms, and
// the tracker sweeps more often than that. Nothing here knows a protocol; `invert` and `words` come from l4/.

import type { Family } from '../packet/numbers.ts';
import { FoundLast } from './found-last.ts';
import { HashIndex } from './hash-index.ts';
import { Area, Slab } from './slab.ts';
import { type Direction, IPS_CONFIRMED, IPS_DYING } from './status.ts';
import { Tuple } from './tuple.ts';
import { TupleHash } from './tuple-hash.ts';

/** Bits of the info word above status (16 bits) and protocol (8 bits). */
const STATE_SHIFT = 24;
const STATE_MASK = 0x1f000000;
const REPLY_DIFFERS = 0x40000000;
const FAMILY_6 = 0x80000000 | 0;
/** What must be equal for two tuples to be: protocol and family. */
const KIND_MASK = FAMILY_6 | 0x00ff0000;

const ADDRESS_PAIR = 8; // words
const REPLY_TUPLE = 9; // words: addresses and keys
const LIMBO = 64;

export interface TableOptions {
  /** Key of the hash. */
  readonly secret: readonly [number, number];
  /** Keys of the answer to a tuple of that protocol with those keys. */
  invert(protocol: number, keys: number): number;
  /** Words that a connection of that protocol has in its own slab; 0: its one word in the base is enough. */
  words(protocol: number): number;
}

export class ConnectionTable {
  /** Source, destination, keys, info of connection `id` at 4 * id. */
  private records = new Int32Array(0);
  /** Milliseconds modulo 2^32; of an unconfirmed connection too. */
  expires = new Int32Array(0);
  /** The protocol's own word: index into its slab where it has one. Links the free ids. */
  own = new Int32Array(0);
  /** By protocol number: the slab of those that need more than a word. */
  readonly slabs: (Slab | undefined)[] = new Array(256).fill(undefined);
  /** Confirmed connections whose directions have an entry each; while there are none, a tuple and its inverse are found alike. */
  asymmetric = 0;
  /** Connections that were opened and not closed: what nf_conntrack_max bounds. */
  count = 0;
  /** About how many there may be: no more room than that is reserved ahead. nf_conntrack_max */
  limit = Number.POSITIVE_INFINITY;
  /** Ids at and above were never given out. */
  top = 0;

  readonly hashes: TupleHash;
  private readonly options: TableOptions;
  private readonly addresses = new Slab(ADDRESS_PAIR, (capacity) => this.room(capacity));
  /** Reply tuples that are not the inverse of the original one: NAT and helpers put them there. */
  private readonly replies = new Area(REPLY_TUPLE);
  /** Empty while nobody has a mark. */
  private marks = new Int32Array(0);
  /** Original zone in the high half, reply zone in the low one; empty while all are in zone 0. */
  private zones = new Int32Array(0);

  private readonly index = new HashIndex();
  private readonly foundLast = new FoundLast();

  private free = -1;
  private readonly limbo = new Int32Array(LIMBO).fill(-1);
  private limboAt = 0;
  private readonly scratch = new Tuple();

  constructor(options: TableOptions) {
    this.options = options;
    this.hashes = new TupleHash(options.secret);
  }

  // --- Lookup --------------------------------------------------------------------------------------------------------

  /**
   * The connection that has `tuple` in one of its directions, as id * 2 + direction, or -1. The zones are those that a packet in
   * that direction was put into. Expired ones are not told from others here: see `expired`.
   */
  find(tuple: Tuple): number {
    const { zoneOriginal, zoneReply } = tuple;
    if (zoneOriginal !== zoneReply) {
      const found = this.findIn(tuple, zoneOriginal);
      return found >= 0 ? found : this.findIn(tuple, zoneReply);
    }
    // Beside zones of one direction two connections may have one tuple, of which the index finds the right one.
    if (this.asymmetric > 0) return this.findIn(tuple, zoneOriginal);
    // Else no two have one tuple in one zone: whichever has it is the one.
    const { foundLast } = this;
    const tag = foundLast.tag(tuple);
    const last = foundLast.get(tag);
    if (last >= 0 && this.live(last)) {
      const direction = this.compare(last, tuple, zoneOriginal);
      if (direction >= 0) return 2 * last + direction;
    }
    const found = this.findIn(tuple, zoneOriginal);
    if (found >= 0) foundLast.put(tag, found >>> 1);
    return found;
  }

  /** The same among the tuples that are in that zone in their direction. */
  findIn(tuple: Tuple, zone: number): number {
    const { index } = this;
    const hash = this.hashes.of(tuple, zone);
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      const id = index.value(slot);
      const direction = this.compare(id, tuple, zone);
      if (direction >= 0) return 2 * id + direction;
    }
    return -1;
  }

  /** Direction of connection `id` in which it has that tuple and is in that zone, or -1. */
  private compare(id: number, tuple: Tuple, zone: number): number {
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

  // --- Birth and death -----------------------------------------------------------------------------------------------

  /** A new unconfirmed connection with that original tuple and its inverse, all else zero. Returns its id. */
  open(tuple: Tuple): number {
    const id = this.freshId();
    const { records } = this;
    const at = 4 * id;
    this.count++;
    const is6 = tuple.family === 6;
    if (is6) {
      const pair = this.addresses.take();
      this.addresses.words.set(tuple.words, pair * ADDRESS_PAIR);
      records[at] = pair;
      records[at + 1] = 0;
    } else {
      records[at] = tuple.words[0];
      records[at + 1] = tuple.words[4];
    }
    records[at + 2] = tuple.keys;
    records[at + 3] = (is6 ? FAMILY_6 : 0) | (tuple.protocol << 16);
    this.expires[id] = 0;
    if (id < this.marks.length) this.marks[id] = 0;
    this.own[id] = this.openSlab(tuple.protocol);
    this.setZones(id, tuple.zoneOriginal, tuple.zoneReply);
    return id;
  }

  private openSlab(protocol: number): number {
    let slab = this.slabs[protocol];
    if (slab === undefined) {
      const words = this.options.words(protocol);
      if (words === 0) return 0;
      slab = new Slab(words, this.room);
      this.slabs[protocol] = slab;
    }
    return slab.take();
  }

  private freshId(): number {
    const id = this.free;
    if (id >= 0) {
      this.free = this.own[id];
      return id;
    }
    if (this.top === this.expires.length) this.growColumns();
    return this.top++;
  }

  /** The connection is over; out of the index already or never in it. Its columns stay readable for a little while. */
  close(id: number): void {
    this.count--;
    const { limbo, limboAt } = this;
    const old = limbo[limboAt];
    limbo[limboAt] = id;
    this.limboAt = (limboAt + 1) % LIMBO;
    if (old >= 0) this.bury(old);
  }

  private bury(id: number): void {
    const info = this.records[4 * id + 3];
    if (info & FAMILY_6) this.addresses.give(this.records[4 * id]);
    if (info & REPLY_DIFFERS) this.replies.take(id);
    this.slabs[(info >>> 16) & 0xff]?.give(this.own[id]);
    this.records[4 * id + 3] = 0;
    this.own[id] = this.free;
    this.free = id;
  }

  /** Puts an unconfirmed connection into the index. That no other one has its tuples is the caller's business. */
  insert(id: number): void {
    this.addStatus(id, IPS_CONFIRMED);
    const first = this.hashOf(id, 0);
    this.index.add(first, id);
    if (!this.hasTwoEntries(id)) return;
    this.index.add(this.hashOf(id, 1), id);
    this.asymmetric++;
  }

  /** Takes a confirmed connection out of the index; lookups no longer find it. */
  remove(id: number): void {
    this.index.remove(this.hashOf(id, 0), id);
    this.addStatus(id, IPS_DYING);
    if (!this.hasTwoEntries(id)) return;
    this.index.remove(this.hashOf(id, 1), id);
    this.asymmetric--;
  }

  /** The reply tuple is not the inverse of the original one in the same zone. */
  hasTwoEntries(id: number): boolean {
    return (this.records[4 * id + 3] & REPLY_DIFFERS) !== 0 || this.zone(id, 0) !== this.zone(id, 1);
  }

  private hashOf(id: number, direction: Direction): number {
    this.readTuple(id, direction, this.scratch);
    return this.hashes.of(this.scratch, this.zone(id, direction));
  }

  /** The tuple of a connection in that direction, zones included. */
  readTuple(id: number, direction: Direction, into: Tuple): void {
    const at = 4 * id;
    const info = this.records[at + 3];
    into.family = info & FAMILY_6 ? 6 : 4;
    into.protocol = (info >>> 16) & 0xff;
    into.setZones(this.zone(id, 0), this.zone(id, 1));
    if (direction === 1 && info & REPLY_DIFFERS) {
      const reply = this.replies.at(id);
      const { words } = this.replies.slab;
      for (let word = 0; word < 8; word++) into.words[word] = words[reply + word];
      into.keys = words[reply + 8];
      into.inverse = this.options.invert(into.protocol, into.keys);
      return;
    }
    for (let word = 0; word < 8; word++) into.words[word] = this.addressWord(at, word, info);
    into.keys = this.records[at + 2];
    into.inverse = this.options.invert(into.protocol, into.keys);
    if (direction === 1) into.invert();
  }

  private addressWord(at: number, word: number, info: number): number {
    if (info & FAMILY_6) return this.addresses.words[this.records[at] * ADDRESS_PAIR + word];
    return (word & 3) === 0 ? this.records[at + (word >>> 2)] : 0;
  }

  /**
   * Gives an unconfirmed connection a reply tuple that is not the inverse of the original one. Where NAT and the PPTP helper come in.
   * Source: net/netfilter/nf_conntrack_core.c nf_conntrack_alter_reply()
   */
  setReply(id: number, reply: Tuple): void {
    const at = this.replies.give(id);
    const { words } = this.replies.slab;
    words.set(reply.words, at);
    words[at + 8] = reply.keys;
    this.records[4 * id + 3] |= REPLY_DIFFERS;
  }

  // --- Columns -------------------------------------------------------------------------------------------------------

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

  /** Signed. */
  mark(id: number): number {
    return id < this.marks.length ? this.marks[id] : 0;
  }

  setMark(id: number, mark: number): void {
    if (id >= this.marks.length) {
      if (mark === 0) return;
      this.marks = longer(this.marks, this.expires.length);
    }
    this.marks[id] = mark;
  }

  replyDiffers(id: number): boolean {
    return (this.records[4 * id + 3] & REPLY_DIFFERS) !== 0;
  }

  zone(id: number, direction: Direction): number {
    if (id >= this.zones.length) return 0;
    return direction === 0 ? this.zones[id] >>> 16 : this.zones[id] & 0xffff;
  }

  private setZones(id: number, original: number, reply: number): void {
    if (id >= this.zones.length) {
      if ((original | reply) === 0) return;
      const larger = new Int32Array(this.expires.length);
      larger.set(this.zones);
      this.zones = larger;
    }
    this.zones[id] = (original << 16) | reply;
  }

  /** Word 0-3 of the source or 4-7 of the destination address; signed. IPv4 has one word each. */
  tupleWord(id: number, direction: Direction, word: number): number {
    const at = 4 * id;
    const info = this.records[at + 3];
    if (direction === 0) return this.addressWord(at, word, info);
    if (info & REPLY_DIFFERS) return this.replies.slab.words[this.replies.at(id) + word];
    return this.addressWord(at, word ^ 4, info);
  }

  /** Source key in the high half, destination key in the low one; signed. */
  tupleKeys(id: number, direction: Direction): number {
    const info = this.records[4 * id + 3];
    const keys = this.records[4 * id + 2];
    if (direction === 0) return keys;
    if (info & REPLY_DIFFERS) return this.replies.slab.words[this.replies.at(id) + 8];
    return this.options.invert((info >>> 16) & 0xff, keys);
  }

  /** Whether the time of a confirmed connection is over. */
  expired(id: number, now: number): boolean {
    return ((this.expires[id] - now) | 0) <= 0;
  }

  /** In the table and alive, as far as the table knows. */
  live(id: number): boolean {
    return (this.records[4 * id + 3] & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED;
  }

  // --- Walks ---------------------------------------------------------------------------------------------------------

  /** The next confirmed connection at or after `from` and before `to` whose time is over, or -1. Reads one column from end to end. */
  nextExpired(from: number, to: number, now: number): number {
    const { expires } = this;
    const last = Math.min(to, this.top);
    for (let id = from; id < last; id++) {
      if (((expires[id] - now) | 0) <= 0 && this.live(id)) return id;
    }
    return -1;
  }

  /** Ids of connections that a hash falls near: the slots that early drop looks at. `visit` returns true to end the walk. */
  near(hash: number, slots: number, visit: (id: number) => boolean): boolean {
    return this.index.near(hash, slots, visit);
  }

  /** Slots of the index: what the kernel calls buckets. */
  get buckets(): number {
    return this.index.slots;
  }

  /** Octets reserved, by what they are for. */
  memory(): Record<string, number> {
    const report: Record<string, number> = {
      records: this.records.byteLength,
      columns: this.expires.byteLength + this.own.byteLength,
      marks: this.marks.byteLength,
      index: this.index.size,
      addresses6: this.addresses.size,
      replies: this.replies.size,
      zones: this.zones.byteLength,
    };
    for (let protocol = 0; protocol < 256; protocol++) {
      const slab = this.slabs[protocol];
      if (slab) report[`protocol ${protocol}`] = slab.size;
    }
    return report;
  }

  // --- Room ----------------------------------------------------------------------------------------------------------

  /**
   * The next capacity of a column. Small tables double; then comes the whole of what the limit allows, up to a million: pages of zeros
   * that nobody has touched cost nothing, and nothing is copied on the way.
   */
  private readonly room = (capacity: number): number => {
    if (capacity < 16_384) return Math.max(64, 2 * capacity);
    const next = Math.max(2 * capacity, 1 << 20);
    const most = this.limit + 2 * LIMBO;
    return next > most && most > capacity ? most : next;
  };

  private growColumns(): void {
    const capacity = this.room(this.expires.length);
    this.records = longer(this.records, 4 * capacity);
    this.expires = longer(this.expires, capacity);
    if (this.marks.length > 0) this.marks = longer(this.marks, capacity);
    this.own = longer(this.own, capacity);
    if (this.zones.length > 0) this.zones = longer(this.zones, capacity);
  }
}

function longer(column: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(column);
  return larger;
}
