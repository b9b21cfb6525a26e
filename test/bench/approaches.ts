// Ways of finding the rules that match, on the same rules and packets, with the same conditions as numbers (engine/classifier): what
// docs/decisions/classifier.md compares. ns a lookup of the first rule that matches; build time; octets.
//
//   node test/bench/run.mjs approaches [--shapes acl,fw] [--families 6] [--counts 10,1000]

import { parseArgs } from 'node:util';
import { helpers } from '../../conntrack/helpers/index.ts';
import { ConditionList, equalsAt, HEAD, hold, POSITION } from '../../engine/classifier/conditions.ts';
import { fillAddresses, fillKey, key, WORDS } from '../../engine/classifier/key.ts';
import { found, Tree } from '../../engine/classifier/tree.ts';
import { parseSave } from '../../engine/edit/restore.ts';
import { compileChain } from '../../engine/install/compile.ts';
import { Counts } from '../../engine/install/counters.ts';
import { Binder, type Rule, SharedState } from '../../engine/install/rule.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { bareServices } from '../../testing/bare-services.ts';
import { packetFor, strayPacket } from './packets.ts';
import { keep, median, spentNs } from './results.ts';
import { Dice, type Shape, saveText } from './rulesets.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'acl,fw,ipc' },
    families: { type: 'string', default: '6' },
    counts: { type: 'string', default: '10,100,1000,10000,100000' },
  },
});

interface Rules {
  readonly rules: readonly Rule[];
  readonly conditions: ConditionList;
  readonly at: Int32Array;
}

/** Finds the first rule that matches the key (or the packet): its position, -1. */
type Find = (pkt: Packet) => number;
interface Built {
  find: Find;
  octets: number;
}

/** Left out where it would take too long or too much memory to be of interest. */
interface Approach {
  readonly most: number;
  build(all: Rules): Built;
}

const APPROACHES: Record<string, Approach> = {
  walked: { most: 10_000, build: walked },
  'code, pieces of 128': { most: 10_000, build: generated },
  'tuple space': { most: 100_000, build: tupleSpace },
  'bit vectors': { most: 10_000, build: bitVectors },
  'tree of tables': { most: 100_000, build: tree },
};

function walked({ conditions: { words }, at }: Rules): Built {
  const find: Find = () => {
    for (let rule = 0; rule < at.length; rule++) if (hold(words, at[rule])) return rule;
    return -1;
  };
  return { find, octets: words.byteLength };
}

/** The pieces that ran before there was a tree. The verdict stands for the position: the packet's reason and counters are left out of account. */
function generated({ rules, conditions, at }: Rules): Built {
  const counts = new Counts();
  const pieces: ((pkt: Packet) => number)[] = [];
  for (let from = 0; from < rules.length; from += 128) {
    const chain = rules.slice(from, from + 128).map((rule, index) => ({
      rule,
      at: at[from + index],
      callee: undefined,
      reason: '',
    }));
    pieces.push(compileChain(chain, true, conditions, counts, () => -2)!);
  }
  const find: Find = (pkt) => {
    for (let index = 0; index < pieces.length; index++) if (pieces[index](pkt) >= 0) return 0;
    return -1;
  };
  return { find, octets: 0 };
}

function tree(all: Rules): Built {
  const { words } = all.conditions;
  const made = Tree.of(all.conditions, all.at, false);
  const find: Find = () => (made.collect(0, 0) > 0 ? words[found[0] + POSITION] : -1);
  return { find, octets: made.memory };
}

/** Masks of a rule by word, and the values under them. */
function wants({ conditions: { words }, at }: Rules, rule: number): { masks: Int32Array; wanted: Int32Array } {
  const masks = new Int32Array(WORDS);
  const wanted = new Int32Array(WORDS);
  for (let one = at[rule] + HEAD, end = one + 3 * equalsAt(words, at[rule]); one < end; one += 3) {
    masks[words[one] & 15] = words[one + 1];
    wanted[words[one] & 15] = words[one + 2];
  }
  return { masks, wanted };
}

/** A hash table for each combination of masks; the best of all of them counts. */
function tupleSpace(all: Rules): Built {
  interface Tuple {
    fields: readonly number[];
    masks: Int32Array;
    first: number;
    buckets: Map<number, number[]>;
  }
  const tuples = new Map<string, Tuple>();
  const mix = (hash: number, value: number): number => Math.imul(hash ^ value, 0x9e37_79b1) ^ (hash >>> 13);
  let octets = 0;
  for (let rule = 0; rule < all.at.length; rule++) {
    const { masks, wanted } = wants(all, rule);
    const name = masks.join();
    let tuple = tuples.get(name);
    if (!tuple) {
      const fields = [...masks.keys()].filter((field) => masks[field] !== 0);
      tuples.set(name, (tuple = { fields, masks, first: rule, buckets: new Map() }));
    }
    const hash = tuple.fields.reduce((sum, field) => mix(sum, wanted[field]), 0);
    const bucket = tuple.buckets.get(hash);
    if (bucket) bucket.push(rule);
    else tuple.buckets.set(hash, [rule]);
    octets += 24;
  }
  const list = [...tuples.values()].sort((a, b) => a.first - b.first);
  const { words } = all.conditions;
  const find: Find = () => {
    let best = all.at.length;
    for (let index = 0; index < list.length; index++) {
      const { fields, masks, first, buckets } = list[index];
      if (first >= best) break;
      let hash = 0;
      for (let at = 0; at < fields.length; at++) hash = mix(hash, key[fields[at]] & masks[fields[at]]);
      const bucket = buckets.get(hash);
      if (bucket === undefined) continue;
      for (let at = 0; at < bucket.length && bucket[at] < best; at++) {
        if (hold(words, all.at[bucket[at]])) {
          best = bucket[at];
          break;
        }
      }
    }
    return best === all.at.length ? -1 : best;
  };
  return { find, octets };
}

/** For each word of the key, the rules that its value leaves, as bits; the words' rows are intersected, a summary of them first. */
function bitVectors(all: Rules): Built {
  const count = all.at.length;
  const width = Math.ceil(count / 32);
  const outline = Math.ceil(width / 32);
  const given = Array.from({ length: count }, (_, rule) => wants(all, rule));
  let octets = 0;
  const dimensions = [...Array(WORDS).keys()]
    .filter((field) => given.some(({ masks }) => masks[field] !== 0))
    .map((field) => {
      // By mask: value to the rules that want it. Rules without a condition are in every row.
      const open = new Int32Array(width);
      const byMask = new Map<number, Map<number, number[]>>();
      given.forEach(({ masks, wanted }, rule) => {
        const mask = masks[field];
        if (mask === 0) open[rule >> 5] |= 1 << (rule & 31);
        else {
          const values = byMask.get(mask) ?? new Map<number, number[]>();
          byMask.set(mask, values);
          const rules = values.get(wanted[field]);
          if (rules) rules.push(rule);
          else values.set(wanted[field], [rule]);
        }
      });
      const list = [...byMask];
      const cache = new Map<number, { bits: Int32Array; summary: Int32Array }>();
      const row = (value: number) => {
        const known = cache.get(value);
        if (known) return known;
        const bits = open.slice();
        for (const [mask, inside] of list) {
          for (const rule of inside.get(value & mask) ?? []) bits[rule >> 5] |= 1 << (rule & 31);
        }
        const summary = new Int32Array(outline);
        for (let at = 0; at < width; at++) if (bits[at] !== 0) summary[at >> 5] |= 1 << (at & 31);
        octets += bits.byteLength + summary.byteLength;
        const made = { bits, summary };
        cache.set(value, made);
        return made;
      };
      return { field, row };
    });
  const { words } = all.conditions;
  const some: { bits: Int32Array; summary: Int32Array }[] = [];
  const find: Find = () => {
    for (let index = 0; index < dimensions.length; index++)
      some[index] = dimensions[index].row(key[dimensions[index].field]);
    for (let group = 0; group < outline; group++) {
      let left = -1;
      for (let index = 0; index < some.length; index++) left &= some[index].summary[group];
      for (; left !== 0; left &= left - 1) {
        const at = 32 * group + (31 - Math.clz32(left & -left));
        let bits = -1;
        for (let index = 0; index < some.length; index++) bits &= some[index].bits[at];
        for (; bits !== 0; bits &= bits - 1) {
          const rule = 32 * at + (31 - Math.clz32(bits & -bits));
          if (hold(words, all.at[rule])) return rule;
        }
      }
    }
    return -1;
  };
  return {
    find,
    get octets() {
      return octets;
    },
  };
}

const registry = new Registry({ matches, targets, helpers });

function rulesOf(shape: Shape, family: Family, count: number): Rules {
  const { tables } = parseSave(saveText(shape, family, count), { family, lookup: registry });
  const specs = tables[0].chains.get('FORWARD')!.rules;
  const binder = new Binder({
    table: 'filter',
    extensions: registry,
    services: bareServices(),
    shared: new SharedState(),
    counts: new Counts(),
  });
  const rules = specs.map((spec) => binder.bind(spec));
  const conditions = new ConditionList(count);
  const at = Int32Array.from(rules, (rule, index) => conditions.add(rule, index, index));
  return { rules, conditions, at };
}

function nanoseconds(packets: readonly Packet[], find: Find): number {
  const once = (rounds: number): number => {
    const start = spentNs();
    for (let round = 0; round < rounds; round++) {
      for (let at = 0; at < packets.length; at++) {
        fillKey(packets[at]);
        fillAddresses(packets[at]);
        find(packets[at]);
      }
    }
    return (spentNs() - start) / (rounds * packets.length);
  };
  once(2);
  const rounds = Math.max(1, Math.round(20e6 / (once(1) * packets.length)));
  return median(Array.from({ length: 5 }, () => once(rounds)));
}

const rows = [];
console.log('shape IPv   rules  approach               build ms   hit ns  miss ns  octets/rule');
for (const shape of values.shapes.split(',') as Shape[]) {
  for (const family of values.families.split(',').map(Number) as Family[]) {
    for (const count of values.counts.split(',').map(Number)) {
      const all = rulesOf(shape, family, count);
      const dice = new Dice(7);
      const hits = Array.from({ length: 512 }, () => packetFor(all.rules[dice.next(count)].spec, dice));
      const networks = Math.max(4, Math.ceil(Math.sqrt(count) * 2));
      const strays = Array.from({ length: 512 }, () => strayPacket(family, dice, networks));
      for (const [name, { most, build }] of Object.entries(APPROACHES)) {
        if (count > most) continue;
        const start = spentNs();
        const built = build(all);
        const buildMs = (spentNs() - start) / 1e6;
        const row = {
          shape,
          family,
          rules: count,
          approach: name,
          buildMs,
          hit: nanoseconds(hits, built.find),
          miss: nanoseconds(strays, built.find),
          octetsPerRule: 0,
        };
        row.octetsPerRule = built.octets / count;
        rows.push(row);
        console.log(
          `${shape.padEnd(5)}${String(family).padStart(4)}${String(count).padStart(8)}  ${name.padEnd(22)}${buildMs.toFixed(1).padStart(9)}${row.hit.toFixed(0).padStart(9)}${row.miss.toFixed(0).padStart(9)}${row.octetsPerRule.toFixed(0).padStart(13)}`,
        );
      }
    }
  }
}
keep('approaches', rows);
