// Records of one size, many of them, in one typed array: what connections have beyond the base (addresses of IPv6, TCP windows, a
// second tuple, ...), given only to those that need it. A record has an index for life; freed ones form a list through their
// first word.

/** Doubles while small, then a quarter more at a time: a table of a million shall not reserve the room for two. */
export const nextCapacity = (capacity: number): number =>
  capacity < 64 ? 64 : capacity < 65_536 ? capacity * 2 : capacity + (capacity >>> 2);

export class Slab {
  /** Words per record. */
  readonly stride: number;
  /** Record `r` is words[r * stride .. (r + 1) * stride). Replaced when the slab grows: do not keep it across take(). */
  words = new Int32Array(0);
  /** The same memory by the octet. */
  octets = new Uint8Array(0);
  /** Records in use. */
  live = 0;
  private used = 0;
  private free = -1;
  private readonly room: (capacity: number) => number;

  /** `room` gives the next capacity, in records. */
  constructor(stride: number, room: (capacity: number) => number = nextCapacity) {
    this.stride = stride;
    this.room = room;
  }

  /** Index of a record, all zero. */
  take(): number {
    this.live++;
    const record = this.free;
    if (record < 0) {
      if (this.used * this.stride >= this.words.length) this.grow();
      return this.used++;
    }
    const at = record * this.stride;
    this.free = this.words[at];
    const { words, stride } = this;
    // A loop: fill() costs more than the few words of a record.
    for (let word = at; word < at + stride; word++) words[word] = 0;
    return record;
  }

  give(record: number): void {
    this.live--;
    this.words[record * this.stride] = this.free;
    this.free = record;
  }

  /** Octets reserved. */
  get size(): number {
    return this.words.byteLength;
  }

  private grow(): void {
    const larger = new Int32Array(this.room(this.words.length / this.stride) * this.stride);
    larger.set(this.words);
    this.words = larger;
    this.octets = new Uint8Array(larger.buffer);
  }
}

/** A slab for few connections, found by their id: a column of references that exists only once somebody has a record. */
export class Area {
  readonly slab: Slab;
  /** Record + 1 by connection id; 0: none. */
  private refs = new Int32Array(0);
  private readonly room: (capacity: number) => number;

  constructor(stride: number, room = nextCapacity) {
    this.room = room;
    this.slab = new Slab(stride, room);
  }

  /** Offset in slab.words of the connection's record, or -1. */
  at(id: number): number {
    return id < this.refs.length ? (this.refs[id] - 1) * this.slab.stride : -1;
  }

  /** Offset of the connection's record, made if there is none. */
  give(id: number): number {
    if (id >= this.refs.length) this.reach(id);
    if (this.refs[id] === 0) this.refs[id] = this.slab.take() + 1;
    return (this.refs[id] - 1) * this.slab.stride;
  }

  /** The connection is gone. */
  take(id: number): void {
    if (id >= this.refs.length || this.refs[id] === 0) return;
    this.slab.give(this.refs[id] - 1);
    this.refs[id] = 0;
  }

  get size(): number {
    return this.refs.byteLength + this.slab.size;
  }

  private reach(id: number): void {
    let capacity = this.refs.length;
    while (capacity <= id) capacity = this.room(capacity);
    const larger = new Int32Array(capacity);
    larger.set(this.refs);
    this.refs = larger;
  }
}
