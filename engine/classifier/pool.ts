// The memory of a tree (tree.ts): one array that grows, and what stands in it.

/** | room | rules in it | where their conditions begin, by position ... */
export const LEAF_HEAD = 2;
/** | word | tables | reference of the rest | mask, offset of its table | ... */
export const NODE_HEAD = 3;
/** | log2 of slots | slots taken | value, reference | ...   open addressing */
export const TABLE_HEAD = 2;

export class Pool {
  words: Int32Array;
  /** Nothing is at 0, which as a reference means nothing. */
  top = 1;
  /** Words that nothing refers to any more. */
  wasted = 0;

  constructor(room: number) {
    this.words = new Int32Array(Math.max(64, room));
  }

  /** Room for `count` words, all 0. `words` may be another array then. */
  take(count: number): number {
    const at = this.top;
    this.top += count;
    if (this.top > this.words.length) {
      const larger = new Int32Array(Math.max(this.top, Math.floor(this.words.length * 1.5)));
      larger.set(this.words);
      this.words = larger;
    }
    return at;
  }

  leaf(room: number): number {
    const leaf = this.take(LEAF_HEAD + room);
    this.words[leaf] = room;
    return leaf;
  }

  /** With room for `values`, and a third more. */
  table(values: number): number {
    const log = Math.max(1, 32 - Math.clz32(Math.ceil(values * 1.4)));
    const table = this.take(TABLE_HEAD + (2 << log));
    this.words[table] = log;
    return table;
  }

  /** Where the reference of `value` stands, or is to stand. */
  entry(table: number, value: number): number {
    const { words } = this;
    const log = words[table];
    const around = (1 << log) - 1;
    for (let slot = hash(value, log); ; slot = (slot + 1) & around) {
      const entry = table + TABLE_HEAD + 2 * slot;
      if (words[entry + 1] === 0 || words[entry] === value) return entry;
    }
  }
}

/** One of 2^log slots. */
export const hash = (value: number, log: number): number =>
  Math.imul(value ^ (value >>> 15), 0x9e37_79b1) >>> (32 - log);
