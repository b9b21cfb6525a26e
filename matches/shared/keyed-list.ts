// Entries under keys of several 32-bit words, in the order of use: what recent, hashlimit and connlimit keep per address. Found by a
// keyed hash, so that nobody who chooses addresses chooses the bucket; the entry that was not used longest is at hand for eviction.

/** 2^32 over the golden ratio, and the multipliers of MurmurHash3's end. */
const STEP = 0x9e37_79b1;
const MIX_1 = 0x85eb_ca6b;
const MIX_2 = 0xc2b2_ae35;
const SMALLEST = 16;

export class Entry<T> {
  readonly key: Int32Array;
  readonly hash: number;
  value: T;
  chained: Entry<T> | undefined = undefined;
  older: Entry<T> | undefined = undefined;
  newer: Entry<T> | undefined = undefined;

  constructor(key: Int32Array, hash: number, value: T) {
    this.key = key;
    this.hash = hash;
    this.value = value;
  }
}

export class KeyedList<T> {
  size = 0;
  oldest: Entry<T> | undefined = undefined;
  private newest: Entry<T> | undefined = undefined;
  private buckets: (Entry<T> | undefined)[] = new Array(SMALLEST).fill(undefined);
  private readonly secret: number;

  /** `secret` is 32 random bits. */
  constructor(secret: number) {
    this.secret = secret;
  }

  /** Allocates nothing. */
  find(key: Int32Array): Entry<T> | undefined {
    const hash = this.hash(key);
    let entry = this.buckets[hash & (this.buckets.length - 1)];
    while (entry !== undefined && (entry.hash !== hash || !same(entry.key, key))) entry = entry.chained;
    return entry;
  }

  /** Adds an entry that is not there yet, as the newest. The key is copied. */
  add(key: Int32Array, value: T): Entry<T> {
    if (this.size >= this.buckets.length) this.grow();
    const entry = new Entry(key.slice(), this.hash(key), value);
    this.chain(entry);
    this.append(entry);
    this.size++;
    return entry;
  }

  remove(entry: Entry<T>): void {
    const at = entry.hash & (this.buckets.length - 1);
    let before = this.buckets[at];
    if (before === entry) this.buckets[at] = entry.chained;
    else {
      while (before !== undefined && before.chained !== entry) before = before.chained;
      if (before === undefined) return;
      before.chained = entry.chained;
    }
    this.unlink(entry);
    this.size--;
  }

  /** It was used just now. */
  touch(entry: Entry<T>): void {
    if (entry === this.newest) return;
    this.unlink(entry);
    this.append(entry);
  }

  clear(): void {
    this.size = 0;
    this.oldest = undefined;
    this.newest = undefined;
    this.buckets = new Array(SMALLEST).fill(undefined);
  }

  private hash(key: Int32Array): number {
    let hash = this.secret;
    for (let index = 0; index < key.length; index++) {
      hash = Math.imul(hash ^ key[index], STEP);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), MIX_1);
    hash = Math.imul(hash ^ (hash >>> 13), MIX_2);
    return hash ^ (hash >>> 16);
  }

  private chain(entry: Entry<T>): void {
    const at = entry.hash & (this.buckets.length - 1);
    entry.chained = this.buckets[at];
    this.buckets[at] = entry;
  }

  private append(entry: Entry<T>): void {
    entry.older = this.newest;
    entry.newer = undefined;
    if (this.newest) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry<T>): void {
    if (entry.older) entry.older.newer = entry.newer;
    else this.oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.newest = entry.older;
  }

  private grow(): void {
    this.buckets = new Array(this.buckets.length * 2).fill(undefined);
    for (let entry = this.oldest; entry !== undefined; entry = entry.newer) this.chain(entry);
  }
}

function same(one: Int32Array, other: Int32Array): boolean {
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
