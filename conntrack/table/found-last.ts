// Which connections were found last, in a place each by a few multiplications over their tuples: packets come in runs and in few
// flows, and the keyed hash takes longer than all else of a lookup. A place is only a guess: whoever asks compares the tuple. That many
// tuples can be made to share a place costs their packets what they would pay without it.

import type { Tuple } from './tuple.ts';

const BITS = 13;

export class FoundLast {
  /** Tag and id of each place. */
  private readonly places = new Int32Array(2 << BITS).fill(-1);

  tag({ family, protocol, words, keys }: Tuple): number {
    let mix = (words[0] + Math.imul(words[4], 0x9e37_79b1) + protocol) | 0;
    if (family === 6) {
      mix = (mix + Math.imul(words[1], 0x85eb_ca77) + Math.imul(words[2], 0xc2b2_ae3d)) | 0;
      mix = (mix + Math.imul(words[3], 0x27d4_eb2f) + Math.imul(words[5], 0x1656_67b1)) | 0;
      mix = (mix + Math.imul(words[6], 0xd35a_2d97) + Math.imul(words[7], 0xfd70_46c5)) | 0;
    }
    mix = Math.imul((mix ^ (mix >>> 15)) + Math.imul(keys, 0xb55a_4f09), 0x2c1b_3c6d);
    return mix ^ (mix >>> 13);
  }

  /** The connection that was put there under that tag, or -1. It may be another's, or gone. */
  get(tag: number): number {
    const place = 2 * (tag >>> (32 - BITS));
    return this.places[place] === tag ? this.places[place + 1] : -1;
  }

  put(tag: number, id: number): void {
    const place = 2 * (tag >>> (32 - BITS));
    this.places[place] = tag;
    this.places[place + 1] = id;
  }
}
