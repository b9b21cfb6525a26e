// Which packets a change of rules can concern: those that some removed or added rule matches, where they may come to it. Every other packet
// meets the same rules in the same order, whatever stands between them.

import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { HookName } from '../../grammar/tables.ts';
import { atHook, both, covers, isEmpty, type Region } from '../regions.ts';

/** More ways to a chain, or deeper ones, are taken for "from everywhere". */
const MOST_WAYS = 64;
const DEEPEST = 16;
/** Two versions of a chain with more are compared by what they begin and end with alone. */
const MOST_EDITS = 1_000;

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

/**
 * Pairs of indices of a longest common subsequence; none where more than MOST_EDITS rules are gone or new. Found as the shortest way through the
 * table of both, by the number of edits: Myers, "An O(ND) Difference Algorithm and Its Variations" (1986).
 */
function commonPlaces(a: readonly string[], b: readonly string[]): [number, number][] {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const middle = most + 1;
  /** By diagonal (index in a minus index in b), how far in a one comes with the edits so far. */
  const far = new Int32Array(2 * most + 3);
  const rounds: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits++) {
    rounds.push(far.slice(middle - edits - 1, middle + edits + 2));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const [left, right] = [far[middle + diagonal - 1], far[middle + diagonal + 1]];
      let at = addsAt(diagonal, edits, left, right) ? right : left + 1;
      while (at < a.length && at - diagonal < b.length && a[at] === b[at - diagonal]) at++;
      far[middle + diagonal] = at;
      if (at >= a.length && at - diagonal >= b.length) return backwards(rounds, a.length, b.length);
    }
  }
  return [];
}

/** Whether the way to a diagonal comes by a rule that is new, not by one that is gone. */
const addsAt = (diagonal: number, edits: number, left: number, right: number): boolean =>
  diagonal === -edits || (diagonal !== edits && left < right);

/** The way back from the ends of both; what it goes along diagonals is common. */
function backwards(rounds: readonly Int32Array[], aLength: number, bLength: number): [number, number][] {
  const pairs: [number, number][] = [];
  let [at, other] = [aLength, bLength];
  for (let edits = rounds.length - 1; edits > 0; edits--) {
    const round = rounds[edits];
    const [diagonal, middle] = [at - other, edits + 1];
    const [left, right] = [round[middle + diagonal - 1], round[middle + diagonal + 1]];
    const adds = addsAt(diagonal, edits, left, right);
    const begin = adds ? right : left + 1;
    while (at > begin) pairs.push([--at, --other]);
    if (adds) other--;
    else at--;
  }
  while (at > 0) pairs.push([--at, --other]);
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
