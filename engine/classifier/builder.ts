// Builds a tree, or a part of one, over some rules of a chain (tree.ts says what it looks like).
//
// At each node the word of the key, and its masks, are chosen by what a packet would have to look at: on a sample of the rules, how likely
// two of them want the same value says how many a table entry holds; what no mask covers stays in the rest, which every packet meets.
//
// Parts that are still to be built wait in a list, each with the place in the pool where its reference is to stand. So it can be done in
// steps, and a node lies beside its tables.

import { finish, type Steps } from '../install/steps.ts';
import { type ConditionList, equalsAt, HEAD, isOfWhole } from './conditions.ts';
import { WORDS } from './key.ts';
import { hash, LEAF_HEAD, NODE_HEAD, type Pool } from './pool.ts';
import { tuning } from './tuning.ts';

/** Tables of a node, at most. */
const TABLES = 4;
const DEEPEST = 24;
/** Rules and masks that the choice of a node looks at. */
const SAMPLE = 128;
const MASKS = 10;

interface Cut {
  readonly field: number;
  readonly masks: readonly number[];
}

/** Rules that need a node. */
interface Part {
  readonly rules: Int32Array;
  readonly depth: number;
  /** Where the reference of what they become belongs; 0: it is the root. */
  readonly place: number;
}

/** Stands where a part's reference will: a table takes 0 for an entry that is free. */
const LATER = 1;

/** Rules that one step looks at. */
const STEP = 2048;

/** Nanoseconds, roughly: a look into a table, and all that it takes to be through with `rules` rules. */
const LOOK = 8;
const effort = (rules: number): number => (rules <= 8 ? 4 * rules : 32 + 28 * Math.log2(rules / 8));

export class Builder {
  private readonly pool: Pool;
  private readonly words: Int32Array;
  private readonly broken: boolean;
  private readonly parts: Part[] = [];
  private root = 0;
  /** Where the conditions of the rules begin, by position; below, a rule is an index into it. */
  private readonly at: Int32Array;
  private readonly count: number;
  /** By word of the key, then by rule: what the rule wants there. */
  private readonly masks: Int32Array;
  private readonly values: Int32Array;
  private readonly scratch: Int32Array;

  constructor(pool: Pool, { words }: ConditionList, at: Int32Array, broken: boolean) {
    this.pool = pool;
    this.words = words;
    this.broken = broken;
    this.at = at;
    this.count = at.length;
    this.masks = new Int32Array(WORDS * this.count);
    this.values = new Int32Array(WORDS * this.count);
    this.scratch = new Int32Array(4 << (32 - Math.clz32(Math.max(this.count, SAMPLE))));
  }

  /** The reference of the root. */
  build(): number {
    return finish(this.inSteps());
  }

  *inSteps(): Steps<number> {
    const { count, parts } = this;
    const all = new Int32Array(count);
    for (let from = 0; from < count; from += STEP) {
      for (let rule = from; rule < count && rule < from + STEP; rule++) {
        all[rule] = rule;
        this.note(rule);
      }
      if (from + STEP < count) yield;
    }
    this.branch(all, 0, 0);
    let done = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      yield* this.node(part);
      done += part.rules.length;
      if (done < STEP) continue;
      done = 0;
      yield;
    }
    return this.root;
  }

  private note(rule: number): void {
    const { words, count } = this;
    const begin = this.at[rule];
    for (let one = begin + HEAD, end = one + 3 * equalsAt(words, begin); one < end; one += 3) {
      const field = words[one] & 15;
      if (this.broken && isOfWhole(field)) continue;
      this.masks[field * count + rule] = words[one + 1];
      this.values[field * count + rule] = words[one + 2];
    }
  }

  private put(place: number, reference: number): void {
    if (place === 0) this.root = reference;
    else this.pool.words[place] = reference;
  }

  /** A leaf at once, a node later. */
  private branch(rules: Int32Array, depth: number, place: number): void {
    if (rules.length <= tuning.leaf || depth >= DEEPEST) this.put(place, this.leaf(rules));
    else {
      if (place !== 0) this.pool.words[place] = LATER;
      this.parts.push({ rules, depth, place });
    }
  }

  private leaf(rules: Int32Array): number {
    if (rules.length === 0) return 0;
    const leaf = this.pool.leaf(rules.length);
    const { words } = this.pool;
    words[leaf + 1] = rules.length;
    for (let index = 0; index < rules.length; index++) words[leaf + LEAF_HEAD + index] = this.at[rules[index]];
    return leaf;
  }

  private *node({ rules, depth, place }: Part): Steps<void> {
    const { pool } = this;
    const cut = this.choose(rules);
    if (!cut) {
      this.put(place, this.leaf(rules));
      return;
    }
    const { field, masks } = cut;
    const node = pool.take(NODE_HEAD + 2 * masks.length);
    this.put(place, ~node);
    pool.words[node] = field;
    pool.words[node + 1] = masks.length;
    let left = rules;
    for (const [index, mask] of masks.entries()) {
      const [covered, others] = this.split(left, field, mask);
      const table = yield* this.table(covered, field, mask, depth);
      pool.words[node + NODE_HEAD + 2 * index] = mask;
      pool.words[node + NODE_HEAD + 2 * index + 1] = table;
      left = others;
    }
    this.branch(left, depth + 1, node + 2);
  }

  /** Those whose condition on the word covers the mask, and the others; both in order. */
  private split(rules: Int32Array, field: number, mask: number): [Int32Array, Int32Array] {
    const from = field * this.count;
    const covered = new Int32Array(rules.length);
    const others = new Int32Array(rules.length);
    let here = 0;
    let there = 0;
    for (const rule of rules) {
      if ((this.masks[from + rule] & mask) === mask) covered[here++] = rule;
      else others[there++] = rule;
    }
    return [covered.subarray(0, here), others.subarray(0, there)];
  }

  /** A table over rules that all have a condition under `mask`. */
  private *table(rules: Int32Array, field: number, mask: number, depth: number): Steps<number> {
    const { pool } = this;
    const large = rules.length > STEP;
    if (large) yield;
    const { wanted, sizes, groupOf } = this.groups(rules, field, mask);
    if (large) yield;
    const sorted = inGroups(rules, groupOf, sizes);
    const table = pool.table(sizes.length);
    pool.words[table + 1] = sizes.length;
    for (let group = 0, begin = 0; group < sizes.length; group++) {
      const members = sorted.subarray(begin, begin + sizes[group]);
      begin += members.length;
      const entry = pool.entry(table, wanted[group]);
      pool.words[entry] = wanted[group];
      // All in one: nothing is gained by another node like this one.
      if (members.length === this.count) this.put(entry + 1, this.leaf(members));
      else this.branch(members, depth + 1, entry + 1);
      if (large && group % STEP === STEP - 1) yield;
    }
    return table;
  }

  /** Rules by the value that they want, counted in an open-addressing table: value, number of the group + 1. */
  private groups(rules: Int32Array, field: number, mask: number) {
    const { scratch } = this;
    const from = field * this.count;
    const log = 33 - Math.clz32(rules.length);
    const around = (1 << log) - 1;
    scratch.fill(0, 0, 2 << log);
    const groupOf = new Int32Array(rules.length);
    const sizes: number[] = [];
    const wanted: number[] = [];
    for (let index = 0; index < rules.length; index++) {
      const value = this.values[from + rules[index]] & mask;
      let slot = hash(value, log);
      while (scratch[2 * slot + 1] !== 0 && scratch[2 * slot] !== value) slot = (slot + 1) & around;
      let group = scratch[2 * slot + 1] - 1;
      if (group < 0) {
        group = sizes.push(0) - 1;
        wanted.push(value);
        scratch[2 * slot] = value;
        scratch[2 * slot + 1] = group + 1;
      }
      groupOf[index] = group;
      sizes[group]++;
    }
    return { wanted, sizes, groupOf };
  }

  // --- The choice of a node -----------------------------------------------------------------------------------------

  private choose(rules: Int32Array): Cut | undefined {
    const step = Math.max(1, rules.length / SAMPLE);
    const sample: number[] = [];
    for (let at = 0; at < rules.length; at += step) sample.push(rules[Math.floor(at)]);
    let best: Cut | undefined;
    let least = 4 * rules.length;
    for (let field = 0; field < WORDS; field++) {
      const masks = this.masksOf(sample, field);
      if (masks.length === 0) continue;
      const { cost, chosen } = this.weigh(sample, rules.length, field, masks);
      if (cost >= least || chosen.length === 0) continue;
      least = cost;
      best = { field, masks: chosen };
    }
    return best;
  }

  /** Masks that the rules have on a word. */
  private masksOf(sample: readonly number[], field: number): number[] {
    const from = field * this.count;
    const masks: number[] = [];
    for (const rule of sample) {
      const mask = this.masks[from + rule];
      if (mask !== 0 && !masks.includes(mask) && masks.length < MASKS) masks.push(mask);
    }
    return masks;
  }

  /** The masks to take, one after the other as long as each pays, and the effort that remains. */
  private weigh(
    sample: readonly number[],
    count: number,
    field: number,
    masks: readonly number[],
  ): { cost: number; chosen: number[] } {
    const chosen: number[] = [];
    const scale = count / sample.length;
    let left = sample;
    let looks = 0;
    // The first one is measured against a leaf.
    let cost = 4 * count;
    while (chosen.length < TABLES && left.length > 0) {
      let best: { mask: number; looks: number; cost: number } | undefined;
      for (const mask of masks) {
        if (chosen.includes(mask)) continue;
        const { covered, alike } = this.likeness(left, field, mask);
        if (covered === 0) continue;
        const inside = 1 + (covered * scale - 1) * alike;
        const all = looks + LOOK + (covered / sample.length) * effort(inside);
        const remaining = all + (left.length === covered ? 0 : effort((left.length - covered) * scale));
        if (remaining < (best?.cost ?? cost)) best = { mask, looks: all, cost: remaining };
      }
      if (!best) break;
      const { mask } = best;
      chosen.push(mask);
      ({ looks, cost } = best);
      const from = field * this.count;
      left = left.filter((rule) => (this.masks[from + rule] & mask) !== mask);
    }
    return { cost, chosen };
  }

  /** How many rules the mask covers, and how likely two of them want the same value. */
  private likeness(rules: readonly number[], field: number, mask: number): { covered: number; alike: number } {
    const { scratch } = this;
    const from = field * this.count;
    const log = 33 - Math.clz32(rules.length);
    const around = (1 << log) - 1;
    scratch.fill(0, 0, 2 << log);
    let covered = 0;
    let pairs = 0;
    for (const rule of rules) {
      if ((this.masks[from + rule] & mask) !== mask) continue;
      covered++;
      const value = this.values[from + rule] & mask;
      let slot = hash(value, log);
      while (scratch[2 * slot + 1] !== 0 && scratch[2 * slot] !== value) slot = (slot + 1) & around;
      scratch[2 * slot] = value;
      pairs += scratch[2 * slot + 1]++;
    }
    return { covered, alike: covered < 2 ? 0 : (2 * pairs) / (covered * (covered - 1)) };
  }
}

/** The rules group by group, in order within each. */
function inGroups(rules: Int32Array, groupOf: Int32Array, sizes: readonly number[]): Int32Array {
  const sorted = new Int32Array(rules.length);
  const ends: number[] = [];
  let end = 0;
  for (const size of sizes) {
    ends.push(end);
    end += size;
  }
  for (let index = 0; index < rules.length; index++) sorted[ends[groupOf[index]]++] = rules[index];
  return sorted;
}
