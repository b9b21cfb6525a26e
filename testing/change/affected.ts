// Which packets a change of rules can concern: those that some removed or added rule matches, where they may come to it. Every other packet
// meets the same rules in the same order, whatever stands between them.

import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { HookName } from '../../grammar/tables.ts';
import { atHook, both, covers, isEmpty, type Region } from '../regions.ts';

/** More ways to a chain, or deeper ones, are taken for "from everywhere". */
const MOST_WAYS = 64;
const DEEPEST = 16;
/** Chains whose lengths multiply to more are compared by what they begin and end with alone. */
const MOST_PAIRS = 4_000_000;

export interface Edits {
  readonly removed: readonly RuleSpec[];
  readonly added: readonly RuleSpec[];
}

/** By which rules two versions of a chain differ: what is left when the longest common sequence is taken out of both. */
export function editsOf(
  before: ChainSpec | undefined,
  after: ChainSpec | undefined,
  text: (rule: RuleSpec) => string,
): Edits {
  const [old, now] = [before?.rules ?? [], after?.rules ?? []];
  const [oldTexts, newTexts] = [old.map(text), now.map(text)];
  let start = 0;
  while (start < old.length && start < now.length && oldTexts[start] === newTexts[start]) start++;
  let [oldEnd, newEnd] = [old.length, now.length];
  while (oldEnd > start && newEnd > start && oldTexts[oldEnd - 1] === newTexts[newEnd - 1]) {
    oldEnd--;
    newEnd--;
  }
  const kept = commonPlaces(oldTexts.slice(start, oldEnd), newTexts.slice(start, newEnd));
  const others = (rules: readonly RuleSpec[], end: number, side: 0 | 1): RuleSpec[] => {
    const common = new Set(kept.map((pair) => pair[side]));
    return rules.slice(start, end).filter((_, index) => !common.has(index));
  };
  return { removed: others(old, oldEnd, 0), added: others(now, newEnd, 1) };
}

/** Pairs of indices of a longest common subsequence. */
function commonPlaces(a: readonly string[], b: readonly string[]): [number, number][] {
  if (a.length * b.length > MOST_PAIRS) return [];
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const [right, down] = [lengths[i * width + j + 1], lengths[(i + 1) * width + j]];
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(right, down);
    }
  }
  const pairs: [number, number][] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++;
    else j++;
  }
  return pairs;
}

export interface Way {
  readonly hook: HookName;
  readonly region: Region;
}

/** The ways from built-in chains to a chain, with what the jumps on them let through; rules in between may take some of it. */
export function waysTo(table: TableSpec, name: string, regionOf: (rule: RuleSpec) => Region): Way[] {
  return found(table, name, regionOf, 0) ?? everywhere(table);
}

function found(table: TableSpec, name: string, regionOf: (rule: RuleSpec) => Region, depth: number): Way[] | undefined {
  const chain = table.chains.get(name);
  if (!chain || depth > DEEPEST) return undefined;
  if (chain.builtin !== undefined) return [{ hook: chain.builtin, region: atHook(chain.builtin) }];
  const ways: Way[] = [];
  for (const caller of table.chains.values()) {
    for (const rule of caller.rules) {
      const { target } = rule;
      if ((target?.kind !== 'jump' && target?.kind !== 'goto') || target.chain !== name) continue;
      const before = found(table, caller.name, regionOf, depth + 1);
      if (!before) return undefined;
      for (const { hook, region } of before) {
        const through = both(region, regionOf(rule));
        if (!isEmpty(through)) ways.push({ hook, region: through });
      }
      if (ways.length > MOST_WAYS) return undefined;
    }
  }
  return ways;
}

const everywhere = (table: TableSpec): Way[] =>
  [...table.chains.values()].flatMap(({ builtin }) =>
    builtin === undefined ? [] : [{ hook: builtin, region: atHook(builtin) }],
  );

/** Without those that another one covers. */
export function withoutCovered(regions: readonly Region[]): Region[] {
  const kept: Region[] = [];
  for (const region of regions) {
    if (kept.some((one) => covers(one, region))) continue;
    kept.splice(0, kept.length, ...kept.filter((one) => !covers(region, one)), region);
  }
  return kept;
}
