// An open-addressing index from 32-bit hashes to small numbers, in one typed array of pairs (hash, value + 1). Several values may have
// the same hash; the youngest is met first. Probed linearly; what is removed leaves no tombstone, those behind move up.
//
//   for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) if (fits(index.value(slot))) ...

export class HashIndex {
  private pairs = new Int32Array(2 * 1024);
  private mask = 1023;
  private entries = 0;

  /** The first slot with that hash, or -1. */
  first(hash: number): number {
    return this.seek(hash & this.mask, hash);
  }

  /** The next one behind `slot`, or -1. */
  next(slot: number, hash: number): number {
    return this.seek((slot + 1) & this.mask, hash);
  }

  value(slot: number): number {
    return this.pairs[2 * slot + 1] - 1;
  }

  private seek(slot: number, hash: number): number {
    const { pairs, mask } = this;
    for (; pairs[2 * slot + 1] !== 0; slot = (slot + 1) & mask) if (pairs[2 * slot] === hash) return slot;
    return -1;
  }

  add(hash: number, value: number): void {
    // Four fifths full: a miss then looks at some 13 slots, which is two cache lines.
    if (5 * (this.entries + 1) > 4 * (this.mask + 1)) this.grow();
    this.entries++;
    const { pairs, mask } = this;
    let entry = value + 1;
    let slot = hash & mask;
    for (; pairs[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      if (pairs[2 * slot] !== hash) continue;
      const older = pairs[2 * slot + 1];
      pairs[2 * slot + 1] = entry;
      entry = older;
    }
    pairs[2 * slot] = hash;
    pairs[2 * slot + 1] = entry;
  }

  remove(hash: number, value: number): void {
    const { pairs, mask } = this;
    let slot = this.first(hash);
    while (slot >= 0 && this.value(slot) !== value) slot = this.next(slot, hash);
    if (slot < 0) return;
    this.entries--;
    // Those behind move into the gap unless that is before their own place; Knuth, The Art of Computer Programming 6.4, algorithm R.
    for (let next = (slot + 1) & mask; pairs[2 * next + 1] !== 0; next = (next + 1) & mask) {
      const home = pairs[2 * next] & mask;
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      pairs[2 * slot] = pairs[2 * next];
      pairs[2 * slot + 1] = pairs[2 * next + 1];
      slot = next;
    }
    pairs[2 * slot] = 0;
    pairs[2 * slot + 1] = 0;
  }

  /** The values in so many slots from the place of `hash` on. `visit` returns true to end the walk, and must after a removal. */
  near(hash: number, slots: number, visit: (value: number) => boolean): boolean {
    for (let step = 0; step < slots; step++) {
      const entry = this.pairs[2 * ((hash + step) & this.mask) + 1];
      if (entry !== 0 && visit(entry - 1)) return true;
    }
    return false;
  }

  get slots(): number {
    return this.mask + 1;
  }

  /** Octets reserved. */
  get size(): number {
    return this.pairs.byteLength;
  }

  private grow(): void {
    const old = this.pairs;
    const pairs = new Int32Array(2 * old.length);
    const mask = 2 * this.mask + 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === 0) continue;
      // Behind those that are there already: the order stays.
      let slot = old[at] & mask;
      while (pairs[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      pairs[2 * slot] = old[at];
      pairs[2 * slot + 1] = old[at + 1];
    }
    this.pairs = pairs;
    this.mask = mask;
  }
}
