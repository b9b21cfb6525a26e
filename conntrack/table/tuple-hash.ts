// The keyed hashes of tuples. The key is a secret of this start, so that nobody outside can make connections collide.

import { halfSipHash, PADDING } from './halfsiphash.ts';
import type { Tuple } from './tuple.ts';

export class TupleHash {
  private readonly key0: number;
  private readonly key1: number;
  private readonly message = new Int32Array(10 + PADDING);
  /** The source that was asked for last, and its hash: who looks for one keeps it next. */
  private readonly source = new Int32Array(6);
  private sourceHash: number;

  constructor([key0, key1]: readonly [number, number]) {
    this.key0 = key0;
    this.key1 = key1;
    this.sourceHash = halfSipHash(this.message, 6, key0, key1);
  }

  /**
   * Hash of a tuple and of its inverse alike, within a zone: of the smaller of the two forms.
   * Keyed, so that nobody outside can make connections collide.
   */
  of(tuple: Tuple, zone: number): number {
    const { message } = this;
    const { words, keys, inverse } = tuple;
    const length = tuple.family === 4 ? 1 : 4;
    const swapped = precedes(words, length, inverse, keys);
    const first = swapped ? 4 : 0;
    const second = 4 - first;
    message[0] = words[first];
    message[length] = words[second];
    for (let word = 1; word < length; word++) {
      message[word] = words[first + word];
      message[4 + word] = words[second + word];
    }
    message[2 * length] = swapped ? inverse : keys;
    message[2 * length + 1] = tuple.protocol | (length << 8) | (zone << 16);
    return halfSipHash(message, 2 * length + 2, this.key0, this.key1);
  }

  /** Hash of the source of a tuple alone, in its original zone: what NAT finds earlier mappings of that source by. */
  ofSource(tuple: Tuple): number {
    const { message } = this;
    for (let word = 0; word < 4; word++) message[word] = tuple.words[word];
    message[4] = tuple.keys & ~0xffff;
    message[5] = tuple.protocol | (tuple.family << 8) | (tuple.zoneOriginal << 16);
    const { source } = this;
    let same = true;
    for (let word = 0; word < 6; word++) {
      same &&= source[word] === message[word];
      source[word] = message[word];
    }
    if (!same) this.sourceHash = halfSipHash(message, 6, this.key0, this.key1);
    return this.sourceHash;
  }

  /** Hash of the destination of a tuple alone: what expectations are found by. */
  ofDestination(tuple: Tuple): number {
    const { message } = this;
    const last = tuple.family === 4 ? 0 : 3;
    for (let word = 0; word <= last; word++) message[word] = tuple.words[4 + word];
    message[last + 1] = ((tuple.keys & 0xffff) << 16) | (tuple.protocol << 8) | tuple.family;
    return halfSipHash(message, last + 2, this.key0, this.key1);
  }
}

/** Whether the inverse form (destination, source, inverse keys) comes before the tuple as it stands. Any total order will do. */
function precedes(words: Int32Array, length: number, inverse: number, keys: number): boolean {
  for (let word = 0; word < length; word++) {
    if (words[4 + word] !== words[word]) return words[4 + word] < words[word];
  }
  return inverse < keys;
}
