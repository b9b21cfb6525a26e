// Labels of connections: 128 bits that rules set and look at (connlabel). As in the kernel a connection has room for them when it was
// made while some rule asks for labels, and never gets it later. nf_conntrack_labels.c

import { Area } from './table/slab.ts';

/** Bits 0 to 127. XT_CONNLABEL_MAXBIT */
export const LABEL_BITS = 128;
const WORDS = LABEL_BITS / 32;

export class Labels {
  /** Some rule asks for labels: new connections get room for them. */
  wanted = false;
  private readonly area = new Area(WORDS);

  /** A new connection. Those of the one that had the id before are still there: its last packet may have asked for them. */
  open(id: number): void {
    this.area.take(id);
    if (this.wanted) this.area.give(id);
  }

  /** Four words, bit 0 the lowest of the first; undefined: no room for any. A copy. */
  words(id: number): Int32Array | undefined {
    const at = this.area.at(id);
    return at < 0 ? undefined : this.area.slab.words.slice(at, at + WORDS);
  }

  has(id: number, bit: number): boolean {
    const at = this.area.at(id);
    return at >= 0 && (this.area.slab.words[at + (bit >>> 5)] & (1 << (bit & 31))) !== 0;
  }

  /** False: there is no room, and nothing happened. */
  set(id: number, bit: number): boolean {
    const at = this.area.at(id);
    if (at < 0) return false;
    this.area.slab.words[at + (bit >>> 5)] |= 1 << (bit & 31);
    return true;
  }

  /** Gives the bits of `mask` the values that they have in `words`, in words of 32. False: there is no room. nf_connlabels_replace() */
  replace(id: number, words: readonly number[], mask: readonly number[]): boolean {
    const at = this.area.at(id);
    if (at < 0) return false;
    const slab = this.area.slab.words;
    for (let word = 0; word < WORDS; word++) {
      slab[at + word] = (slab[at + word] & ~(mask[word] ?? 0)) | ((words[word] ?? 0) & (mask[word] ?? 0));
    }
    return true;
  }

  /** What a snapshot has kept: the connection has room whether some rule asks or not. */
  restore(id: number, words: readonly number[]): void {
    const at = this.area.give(id);
    this.area.slab.words.set(words, at);
  }

  /** Octets reserved. */
  get size(): number {
    return this.area.size;
  }
}
