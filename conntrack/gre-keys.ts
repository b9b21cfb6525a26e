// Call ids of PPTP, as a helper learned them from the control connection. A GRE packet of version 1 carries the call id of its receiver only;
// the sender's stands here, so that both directions of a call have one tuple. The keys of a call live as long as its control
// connection, the master, says, and end with it. Source: net/netfilter/nf_conntrack_proto_gre.c nf_ct_gre_keymap_add()

import { IPPROTO_GRE } from '../packet/numbers.ts';
import type { Direction } from './status.ts';
import { HashIndex } from './table/hash-index.ts';
import { Slab } from './table/slab.ts';
import type { ConnectionTable } from './table/table.ts';
import { Tuple } from './table/tuple.ts';

/** Words: addresses, keys, family and hash. */
const ADDRESSES = 0;
const KEYS = 8;
const FAMILY = 9;
const HASH = 10;
const STRIDE = 11;

export class GreKeys {
  private readonly table: ConnectionTable;
  private readonly slab = new Slab(STRIDE);
  private readonly index = new HashIndex();
  /** Record + 1 of either direction, by master. */
  private readonly ofMaster = new Map<number, [number, number]>();

  constructor(table: ConnectionTable) {
    this.table = table;
  }

  /**
   * GRE packets with addresses and destination key of `tuple` have its source key from now on. One for each direction of a master; false: it
   * has another one there already.
   */
  add(master: number, direction: Direction, tuple: Tuple): boolean {
    const own = this.ofMaster.get(master) ?? [0, 0];
    if (own[direction] !== 0)
      return this.isSame(own[direction] - 1, tuple) && this.key(own[direction] - 1) === tuple.keys;
    const record = this.slab.take();
    const { words } = this.slab;
    const at = record * STRIDE;
    words.set(tuple.words, at + ADDRESSES);
    words[at + KEYS] = tuple.keys;
    words[at + FAMILY] = tuple.family;
    words[at + HASH] = this.hash(tuple);
    this.index.add(words[at + HASH], record);
    own[direction] = record + 1;
    this.ofMaster.set(master, own);
    return true;
  }

  /** The source key of a packet with those addresses and that destination key; 0: nobody knows. gre_keymap_lookup() */
  find(tuple: Tuple): number {
    if (this.slab.live === 0) return 0;
    const { index } = this;
    const hash = this.hash(tuple);
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      if (this.isSame(index.value(slot), tuple)) return this.key(index.value(slot)) >>> 16;
    }
    return 0;
  }

  /** What add() was told of a master. For snapshots. */
  of(master: number): { direction: Direction; tuple: Tuple }[] {
    const own = this.ofMaster.get(master) ?? [];
    return own.flatMap((entry, direction) =>
      entry === 0 ? [] : [{ direction: direction as Direction, tuple: this.tuple(entry - 1) }],
    );
  }

  /** Masters that have calls. */
  masters(): number[] {
    return [...this.ofMaster.keys()];
  }

  private tuple(record: number): Tuple {
    const { words } = this.slab;
    const at = record * STRIDE;
    const tuple = new Tuple();
    tuple.family = words[at + FAMILY] === 6 ? 6 : 4;
    tuple.protocol = IPPROTO_GRE;
    tuple.words.set(words.subarray(at, at + KEYS));
    const keys = this.key(record);
    tuple.setPorts(keys >>> 16, keys & 0xffff);
    return tuple;
  }

  /** The master is gone, or its call. nf_ct_gre_keymap_destroy() */
  forget(master: number): void {
    if (this.slab.live === 0) return;
    for (const entry of this.ofMaster.get(master) ?? []) {
      if (entry === 0) continue;
      this.index.remove(this.slab.words[(entry - 1) * STRIDE + HASH], entry - 1);
      this.slab.give(entry - 1);
    }
    this.ofMaster.delete(master);
  }

  private key(record: number): number {
    return this.slab.words[record * STRIDE + KEYS];
  }

  /** Of what packets carry: the source key is not in it. */
  private hash(tuple: Tuple): number {
    const { keys } = tuple;
    tuple.setPorts(0, keys & 0xffff);
    const hash = this.table.hashes.of(tuple, 0);
    tuple.setPorts(keys >>> 16, keys & 0xffff);
    return hash;
  }

  private isSame(record: number, tuple: Tuple): boolean {
    const { words } = this.slab;
    const at = record * STRIDE;
    if (words[at + FAMILY] !== tuple.family || ((words[at + KEYS] ^ tuple.keys) & 0xffff) !== 0) return false;
    const step = tuple.family === 4 ? 4 : 1;
    for (let word = 0; word < 8; word += step) if (words[at + word] !== tuple.words[word]) return false;
    return true;
  }
}
