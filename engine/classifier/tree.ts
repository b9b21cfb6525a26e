// The classifier of a long chain: a tree of hash tables that yields, for a packet's key, the few rules that may match.
//
// A node looks at one word of the key. It has a table for each of a few masks, and a rest. A rule is in the first table whose mask its own
// condition on that word covers, under the value that it wants there; in the rest when it covers none. So a packet looks into each table
// once, under its own word, and goes on with what it finds there and with the rest, down to leaves of a few rules, which are checked one by
// one. A rule is in one place only: the tree is built in one pass over the rules, and an edit goes down one path.
//
// A rule is known by where its conditions begin. All of it is in one Int32Array (pool.ts); a reference is an offset into it, negative for a node (complement), 0 for nothing.

import { finish, type Steps } from '../install/steps.ts';
import { Builder } from './builder.ts';
import { type ConditionList, equalsAt, FINAL, HEAD, hold, holdBroken, isOfWhole, POSITION } from './conditions.ts';
import { key } from './key.ts';
import { hash, LEAF_HEAD, NODE_HEAD, Pool, TABLE_HEAD } from './pool.ts';
import { tuning } from './tuning.ts';

/** Rules that collect() finds, at most: with more the chain is walked. */
export const MOST_FOUND = 64;
/** Where the conditions of the rules found begin, in the order of their positions. Walks in walks use the room above. */
export const found = new Int32Array(MOST_FOUND * 512);
/** References still to be looked at. */
const waiting = new Int32Array(1024);

export class Tree {
  private readonly conditions: ConditionList;
  /** Made for packets that are not whole: only words that those have. */
  private readonly broken: boolean;
  private readonly pool: Pool;
  private root = 0;

  /** `rules`: by position. */
  static of(conditions: ConditionList, rules: Int32Array, broken: boolean): Tree {
    return finish(Tree.inSteps(conditions, rules, broken));
  }

  static *inSteps(conditions: ConditionList, rules: Int32Array, broken: boolean): Steps<Tree> {
    const tree = new Tree(conditions, rules.length, broken);
    tree.root = yield* new Builder(tree.pool, conditions, rules, broken).inSteps();
    return tree;
  }

  private constructor(conditions: ConditionList, room: number, broken: boolean) {
    this.conditions = conditions;
    this.broken = broken;
    this.pool = new Pool(room * 5);
  }

  /** Octets. */
  get memory(): number {
    return this.pool.words.byteLength;
  }

  /**
   * Puts the rules from position `floor` on whose conditions hold for the key into `found`, from `base` up, by position; none behind a rule
   * that is FINAL. Returns where they end; -1 when there are too many.
   */
  collect(base: number, floor: number): number {
    const { broken } = this;
    const pool = this.pool.words;
    const { words } = this.conditions;
    let last = 0x7fff_ffff;
    let end = base;
    let left = 0;
    let reference = this.root;
    for (;;) {
      if (reference < 0) {
        const node = ~reference;
        const value = key[pool[node]];
        for (let table = node + NODE_HEAD, stop = table + 2 * pool[node + 1]; table < stop; table += 2) {
          const inside = lookUp(pool, pool[table + 1], value & pool[table]);
          if (inside !== 0) waiting[left++] = inside;
        }
        reference = pool[node + 2];
        if (reference !== 0) continue;
      } else if (reference > 0) {
        for (let each = reference + LEAF_HEAD, stop = each + pool[reference + 1]; each < stop; each++) {
          const rule = pool[each];
          if (!(broken ? holdBroken(words, rule) : hold(words, rule))) continue;
          const here = words[rule + POSITION];
          if (here < floor) continue;
          if (here > last) break;
          if (end === base + MOST_FOUND) return -1;
          let place = end++;
          while (place > base && words[found[place - 1] + POSITION] > here) {
            found[place] = found[place - 1];
            place--;
          }
          found[place] = rule;
          if (!broken && (words[rule] & FINAL) !== 0) {
            last = here;
            end = place + 1;
            break;
          }
        }
      }
      if (left === 0) return end;
      reference = waiting[--left];
    }
  }

  // --- Edits --------------------------------------------------------------------------------------------------------

  /** Takes in a rule whose conditions and position are there. */
  insert(rule: number): void {
    this.root = this.inserted(this.root, rule);
  }

  private inserted(reference: number, rule: number): number {
    if (reference < 0) {
      const place = this.placeOf(~reference, rule, true);
      // A new leaf below may move the pool: the place is an offset, and stays.
      const inside = this.inserted(this.pool.words[place], rule);
      this.pool.words[place] = inside;
      return reference;
    }
    const grown = this.withRoom(reference);
    const { words } = this.pool;
    const { words: heads } = this.conditions;
    let place = grown + LEAF_HEAD + words[grown + 1]++;
    while (place > grown + LEAF_HEAD && heads[words[place - 1] + POSITION] > heads[rule + POSITION]) {
      words[place] = words[place - 1];
      place--;
    }
    words[place] = rule;
    // Split at each doubling only: a leaf that no word divides is not tried again and again.
    const count = words[grown + 1];
    if (count <= tuning.leaf || (count & (count - 1)) !== 0) return grown;
    const members = words.slice(grown + LEAF_HEAD, grown + LEAF_HEAD + count);
    this.pool.wasted += LEAF_HEAD + words[grown];
    return new Builder(this.pool, this.conditions, members, this.broken).build();
  }

  private withRoom(leaf: number): number {
    if (leaf === 0) return this.pool.leaf(2);
    const { words } = this.pool;
    const count = words[leaf + 1];
    if (count < words[leaf]) return leaf;
    const larger = this.pool.leaf(2 * count);
    this.pool.words.copyWithin(larger + 1, leaf + 1, leaf + LEAF_HEAD + count);
    this.pool.wasted += LEAF_HEAD + count;
    return larger;
  }

  remove(rule: number): void {
    let reference = this.root;
    while (reference < 0) reference = this.pool.words[this.placeOf(~reference, rule, false)];
    const { words } = this.pool;
    const from = reference + LEAF_HEAD;
    const count = --words[reference + 1];
    const place = words.indexOf(rule, from);
    words.copyWithin(place, place + 1, from + count + 1);
  }

  /** Where in `node` the reference stands that leads to `rule`. */
  private placeOf(node: number, rule: number, making: boolean): number {
    const { words } = this.pool;
    const { mask, value } = this.wantedBy(rule, words[node]);
    for (let index = 0; index < words[node + 1]; index++) {
      const at = node + NODE_HEAD + 2 * index;
      if ((mask & words[at]) !== words[at]) continue;
      if (making) this.makeRoom(at);
      return this.entryOf(at, value & this.pool.words[at], making) + 1;
    }
    return node + 2;
  }

  private entryOf(at: number, value: number, making: boolean): number {
    const { words } = this.pool;
    const table = words[at + 1];
    const entry = this.pool.entry(table, value);
    if (making && words[entry + 1] === 0) {
      words[entry] = value;
      words[table + 1]++;
    }
    return entry;
  }

  /** Doubles the table at `at` when it is too full for one more. */
  private makeRoom(at: number): void {
    const { pool } = this;
    const table = pool.words[at + 1];
    const [log, taken] = [pool.words[table], pool.words[table + 1]];
    if (4 * (taken + 1) <= 3 << log) return;
    const larger = pool.table(2 * taken + 2);
    const { words } = pool;
    for (let entry = table + TABLE_HEAD, end = entry + (2 << log); entry < end; entry += 2) {
      if (words[entry + 1] === 0) continue;
      const place = pool.entry(larger, words[entry]);
      words[place] = words[entry];
      words[place + 1] = words[entry + 1];
    }
    words[larger + 1] = taken;
    words[at + 1] = larger;
    pool.wasted += TABLE_HEAD + (2 << log);
  }

  /** The rule's own condition on a word; mask 0 where it has none. */
  private wantedBy(rule: number, field: number): { mask: number; value: number } {
    const { words } = this.conditions;
    let mask = 0;
    let value = 0;
    if (this.broken && isOfWhole(field)) return { mask, value };
    for (let one = rule + HEAD, end = one + 3 * equalsAt(words, rule); one < end; one += 3) {
      if ((words[one] & 15) !== field) continue;
      mask = words[one + 1];
      value = words[one + 2];
    }
    return { mask, value };
  }

  /** So much of the pool is of no use any more, or the rules have become so many, that building anew pays. */
  get worn(): boolean {
    return this.pool.wasted > this.pool.top / 2 + 1024;
  }
}

function lookUp(pool: Int32Array, table: number, value: number): number {
  const log = pool[table];
  const around = (1 << log) - 1;
  for (let slot = hash(value, log); ; slot = (slot + 1) & around) {
    const entry = table + TABLE_HEAD + 2 * slot;
    const reference = pool[entry + 1];
    if (reference === 0 || pool[entry] === value) return reference;
  }
}
