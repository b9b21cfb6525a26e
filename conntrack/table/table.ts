// The connections, in columns. A connection is a small number, its id; everything about it stands in typed arrays at that index, and
// there is no object per connection.
//
// Base, 24 octets for everybody: a record of four words (tuple-columns.ts) and two columns (expiry, and one word that belongs to the
// protocol). All else (addresses of IPv6, TCP windows, marks, a second tuple, zones, accounting, ...) is in slabs and columns that
// exist only once a connection needs them.
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

import { type Direction, IPS_CONFIRMED, IPS_DYING } from '../status.ts';
import { FoundLast } from './found-last.ts';
import { HashIndex } from './hash-index.ts';
import { Slab } from './slab.ts';
import { Tuple } from './tuple.ts';
import { type InvertKeys, longer, TupleColumns } from './tuple-columns.ts';
import { TupleHash } from './tuple-hash.ts';

const LIMBO = 64;

export interface TableOptions {
  /** Key of the hash. */
  readonly secret: readonly [number, number];
  readonly invert: InvertKeys;
  /** Words that a connection of that protocol has in its own slab; 0: its one word in the base is enough. */
  words(protocol: number): number;
}

export class ConnectionTable extends TupleColumns {
  /** Milliseconds modulo 2^32; of an unconfirmed connection too. */
  expires = new Int32Array(0);
  /** The protocol's own word: index into its slab where it has one. Links the free ids. */
  own = new Int32Array(0);
  /** By protocol number: the slab of those that need more than a word. */
  readonly slabs: (Slab | undefined)[] = new Array(256).fill(undefined);
  /** Confirmed connections whose directions have an entry each; while there are none, a tuple and its inverse are found alike. */
  asymmetric = 0;
  /** Those of them whose directions are in different zones. */
  private lopsided = 0;
  /** Connections that were opened and not closed: what nf_conntrack_max bounds. */
  count = 0;
  /** About how many there may be: no more room than that is reserved ahead. nf_conntrack_max */
  limit = Number.POSITIVE_INFINITY;
  /** Ids at and above were never given out. */
  top = 0;

  readonly hashes: TupleHash;
  /** Of the tuple that was looked for last. */
  lastHash = 0;
  private readonly options: TableOptions;
  /** Empty while nobody has a mark. */
  private marks = new Int32Array(0);

  /** The connection that was opened last, and which hashes of its two tuples are known: its birth asks for them again and again. */
  private youngest = -1;
  private known = 0;
  private readonly youngestHashes = new Int32Array(2);

  private readonly index = new HashIndex();
  private readonly foundLast = new FoundLast();

  private free = -1;
  private readonly limbo = new Int32Array(LIMBO).fill(-1);
  private limboAt = 0;
  private readonly scratch = new Tuple();

  constructor(options: TableOptions) {
    super(options.invert);
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
    if (this.lopsided > 0) return this.findIn(tuple, zoneOriginal);
    // Else no two have one tuple in one zone, as original or as reply: whichever has it is the one. Confirmation sees to that.
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
    const hash = this.hashes.of(tuple, zone);
    this.lastHash = hash;
    return this.findBy(hash, tuple, zone);
  }

  /** Whoever has the tuple that connection `id` has in that direction; `id` is not in the table yet. */
  findRival(id: number, direction: Direction): number {
    const zone = this.zone(id, direction);
    const hash = this.hashOf(id, direction);
    this.readTuple(id, direction, this.scratch);
    return this.findBy(hash, this.scratch, zone);
  }

  private findBy(hash: number, tuple: Tuple, zone: number): number {
    const { index } = this;
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      const id = index.value(slot);
      const direction = this.compare(id, tuple, zone);
      if (direction >= 0) return 2 * id + direction;
    }
    return -1;
  }

  // --- Birth and death -----------------------------------------------------------------------------------------------

  /**
   * A new unconfirmed connection with that original tuple and its inverse, all else zero. Returns its id. `hash` is that of the tuple in its
   * original zone, for whoever knows it.
   */
  open(tuple: Tuple, hash?: number): number {
    const id = this.freshId();
    this.count++;
    this.youngest = id;
    this.known = hash === undefined ? 0 : 1;
    if (hash !== undefined) this.youngestHashes[0] = hash;
    this.writeTuple(id, tuple);
    this.expires[id] = 0;
    if (id < this.marks.length) this.marks[id] = 0;
    this.own[id] = this.openSlab(tuple.protocol);
    return id;
  }

  private openSlab(protocol: number): number {
    let slab = this.slabs[protocol];
    if (slab === undefined) {
      const words = this.options.words(protocol);
      if (words === 0) return 0;
      slab = new Slab(words, (capacity) => this.room(capacity));
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
    this.slabs[this.protocol(id)]?.give(this.own[id]);
    this.freeTuple(id);
    this.own[id] = this.free;
    this.free = id;
  }

  /** Puts an unconfirmed connection into the index. That no other one has its tuples is the caller's business. */
  insert(id: number): void {
    this.addStatus(id, IPS_CONFIRMED);
    const first = this.hashOf(id, 0);
    this.index.add(first, id);
    if (!this.hasTwoEntries(id)) return;
    const second = this.hashOf(id, 1);
    this.index.add(second, id);
    this.keepHashes(id, first, second);
    this.asymmetric++;
    if (this.isLopsided(id)) this.lopsided++;
  }

  /** Takes a confirmed connection out of the index; lookups no longer find it. */
  remove(id: number): void {
    this.index.remove(this.indexedBy(id, 0), id);
    this.addStatus(id, IPS_DYING);
    if (!this.hasTwoEntries(id)) return;
    this.index.remove(this.indexedBy(id, 1), id);
    this.asymmetric--;
    if (this.isLopsided(id)) this.lopsided--;
  }

  /** The hash that a confirmed connection stands under. */
  private indexedBy(id: number, direction: Direction): number {
    return this.replyDiffers(id) ? this.keptHash(id, direction) : this.hashOf(id, direction);
  }

  private isLopsided(id: number): boolean {
    return this.zone(id, 0) !== this.zone(id, 1);
  }

  /** The reply tuple is not the inverse of the original one in the same zone. */
  hasTwoEntries(id: number): boolean {
    return this.replyDiffers(id) || this.isLopsided(id);
  }

  override setReply(id: number, reply: Tuple): void {
    super.setReply(id, reply);
    if (id === this.youngest) this.known &= 1;
  }

  private hashOf(id: number, direction: Direction): number {
    if (id !== this.youngest) return this.computeHash(id, direction);
    const { youngestHashes } = this;
    if ((this.known & (1 << direction)) === 0) {
      // The hash of a tuple is that of its inverse.
      const known = direction === 1 && (this.known & 1) !== 0 && !this.hasTwoEntries(id);
      youngestHashes[direction] = known ? youngestHashes[0] : this.computeHash(id, direction);
      this.known |= 1 << direction;
    }
    return youngestHashes[direction];
  }

  private computeHash(id: number, direction: Direction): number {
    this.readTuple(id, direction, this.scratch);
    return this.hashes.of(this.scratch, this.zone(id, direction));
  }

  // --- Columns -------------------------------------------------------------------------------------------------------

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

  /** Whether the time of a confirmed connection is over. */
  expired(id: number, now: number): boolean {
    return ((this.expires[id] - now) | 0) <= 0;
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
  protected room(capacity: number): number {
    if (capacity < 16_384) return Math.max(64, 2 * capacity);
    const next = Math.max(2 * capacity, 1 << 20);
    const most = this.limit + 2 * LIMBO;
    return next > most && most > capacity ? most : next;
  }

  private growColumns(): void {
    const capacity = this.room(this.expires.length);
    this.growTuples(capacity);
    this.expires = longer(this.expires, capacity);
    if (this.marks.length > 0) this.marks = longer(this.marks, capacity);
    this.own = longer(this.own, capacity);
  }
}
