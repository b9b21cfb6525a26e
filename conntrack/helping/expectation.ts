// One expectation: a tuple whose source need not be known in full, and what becomes of the connection that fits it. Source:
// include/net/netfilter/nf_conntrack_expect.h struct nf_conntrack_expect

import type { NatRange } from '../nat/range.ts';
import type { Direction } from '../status.ts';
import type { ConnectionTable } from '../table/table.ts';
import { Tuple } from '../table/tuple.ts';
import type { Help } from './help.ts';
import type { AnyHelper } from './helper.ts';

/** Flags; include/uapi/linux/netfilter/nf_conntrack_common.h NF_CT_EXPECT_* */
export const EXPECT_PERMANENT = 1; // stays when a connection has come of it
export const EXPECT_INACTIVE = 2; // nothing comes of it yet
export const EXPECT_USERSPACE = 4; // a program made it

/** What an ExpectFunction may do to the new connection. */
export interface Birth {
  readonly table: ConnectionTable;
  readonly nat: { assign(id: number, manip: 0 | 1, range: NatRange): void };
  readonly expectations: { find(tuple: Tuple, zone: number): Expectation | undefined; remove(one: Expectation): void };
}

/** Done to the connection that came of an expectation, before anything else happens to it. The kernel: expectfn. */
export interface ExpectFunction {
  readonly name: string;
  run(birth: Birth, id: number, expectation: Expectation): void;
}

export class Expectation {
  /** The first packet has this destination, and this source as far as the masks say. */
  readonly tuple = new Tuple();
  /** Bits of the source address that count, and of the source key. */
  readonly sourceMask = new Int32Array(4);
  sourceKeyMask = 0;
  /** Index of the helper's policy. */
  class = 0;
  /** EXPECT_ bits. */
  flags = 0;
  /** Helper of the connection that comes of it. */
  helper: AnyHelper | undefined = undefined;
  born: ExpectFunction | undefined = undefined;
  /** For NAT: what was announced, before it was translated, and the direction of the master that the connection goes in. */
  readonly savedAddress = new Int32Array(4);
  savedKey = 0;
  direction: Direction = 0;
  /** Milliseconds modulo 2^32, as the tracker's clock; the policy's timeout unless set before. */
  expires = 0;
  readonly master: Help;

  constructor(master: Help) {
    this.master = master;
  }

  get destinationKey(): number {
    return this.tuple.keys & 0xffff;
  }

  set destinationKey(key: number) {
    this.tuple.setPorts(this.tuple.keys >>> 16, key);
  }
}

/** Whether a packet of `tuple` is what `expectation` waits for. nf_ct_tuple_mask_cmp() */
export const isExpected = ({ tuple: wanted, sourceMask, sourceKeyMask }: Expectation, tuple: Tuple): boolean =>
  sameDestination(tuple, wanted) && sameSource(tuple, wanted, sourceMask, sourceKeyMask);

/** Whether a packet could fit both. expect_clash() */
export function overlap(one: Expectation, other: Expectation): boolean {
  if (!sameDestination(one.tuple, other.tuple)) return false;
  for (let word = 0; word < 4; word++) {
    const mask = one.sourceMask[word] & other.sourceMask[word];
    if ((one.tuple.words[word] ^ other.tuple.words[word]) & mask) return false;
  }
  const keys = (one.tuple.keys ^ other.tuple.keys) >>> 16;
  return (keys & one.sourceKeyMask & other.sourceKeyMask) === 0;
}

/** Whether both wait for the very same. expect_matches() */
export function isSameExpectation(one: Expectation, other: Expectation): boolean {
  if (!sameDestination(one.tuple, other.tuple) || one.tuple.keys !== other.tuple.keys) return false;
  if (one.sourceKeyMask !== other.sourceKeyMask) return false;
  for (let word = 0; word < 4; word++) {
    if (one.tuple.words[word] !== other.tuple.words[word] || one.sourceMask[word] !== other.sourceMask[word])
      return false;
  }
  return true;
}

function sameDestination(one: Tuple, other: Tuple): boolean {
  if (one.family !== other.family || one.protocol !== other.protocol || (one.keys ^ other.keys) & 0xffff) return false;
  const last = one.family === 4 ? 4 : 7;
  for (let word = 4; word <= last; word++) if (one.words[word] !== other.words[word]) return false;
  return true;
}

function sameSource(one: Tuple, other: Tuple, mask: Int32Array, keyMask: number): boolean {
  const last = one.family === 4 ? 0 : 3;
  for (let word = 0; word <= last; word++) if ((one.words[word] ^ other.words[word]) & mask[word]) return false;
  return (((one.keys ^ other.keys) >>> 16) & keyMask) === 0;
}
