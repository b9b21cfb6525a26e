// Mutants that change nothing: no packet can tell them from the rules they were made from. Proved by walking regions of packets instead of
// packets through both rule sets; where a walk meets something that it cannot see through (a limit, a mark, a match that says nothing of
// itself), nothing is proved, and the mutant counts.

import type { Lookup } from '../../grammar/lookup.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { atHook, both, covers, difference, disjoint, EVERYTHING, isEmpty, type Region, regionOf } from '../regions.ts';
import type { Mutant } from './mutants.ts';

/** More ways to a chain, or deeper ones, are not looked at. */
const MOST_WAYS = 64;
const DEEPEST = 16;

interface Caller {
  readonly chain: string;
  /** Where the walk goes on there. */
  readonly index: number;
}

/** A way from a built-in chain to a place: the packets that may take it, and where they come back to. */
interface Way {
  readonly region: Region;
  readonly callers: readonly Caller[];
  /** Chain and index of the rules that stood on the way, whose verdicts end it. */
  readonly passed: readonly Caller[];
}

export class Equivalence {
  private readonly lookup: Lookup;
  private readonly regions = new WeakMap<RuleSpec, Region>();

  constructor(lookup: Lookup) {
    this.lookup = lookup;
  }

  /** Whether it is proved that the mutant decides every packet as the original does. */
  proves(mutant: Mutant, tables: readonly TableSpec[]): boolean {
    const { table, chain, index, originals, replacements, kind } = mutant;
    const changed = mutant.tables(tables)[tables.indexOf(table)];
    const ways = this.waysTo(table, chain);
    if (!ways) return false;
    const [one, other] = originals.map((rule) => this.regionOf(rule));
    let affected: Region[];
    if (kind === 'flip a policy') affected = [EVERYTHING];
    else if (kind === 'swap neighbours') affected = [both(one, other)];
    else if (replacements.length === 0 || mutant.kind === 'flip a verdict') affected = [one];
    else affected = difference(one, this.regionOf(replacements[0]));
    return ways.every((way) =>
      affected.every((part) => {
        const region = both(way.region, { ...part, exact: true });
        if (isEmpty(region) || this.isShadowed(table, way, { chain, index }, region)) return true;
        const from = Math.max(index, 0);
        const before = this.walk(table, region, chain, from, way.callers);
        return before !== undefined && before === this.walk(changed, region, chain, from, way.callers);
      }),
    );
  }

  private regionOf(rule: RuleSpec): Region {
    const region = this.regions.get(rule) ?? regionOf(rule, this.lookup);
    this.regions.set(rule, region);
    return region;
  }

  /** Undefined: too many to look at. */
  private waysTo(table: TableSpec, name: string, depth = 0): Way[] | undefined {
    const chain = table.chains.get(name);
    if (!chain || depth > DEEPEST) return undefined;
    if (chain.builtin !== undefined) return [startOf(chain)];
    const ways: Way[] = [];
    for (const caller of table.chains.values()) {
      for (const [index, rule] of caller.rules.entries()) {
        const { target } = rule;
        if ((target?.kind !== 'jump' && target?.kind !== 'goto') || target.chain !== name) continue;
        const before = this.waysTo(table, caller.name, depth + 1);
        if (!before) return undefined;
        for (const way of before) {
          const callers =
            target.kind === 'jump' ? [...way.callers, { chain: caller.name, index: index + 1 }] : way.callers;
          const passed = [...way.passed, { chain: caller.name, index }];
          ways.push({ region: both(way.region, { ...this.regionOf(rule), exact: true }), callers, passed });
        }
        if (ways.length > MOST_WAYS) return undefined;
      }
    }
    return ways;
  }

  /** No packet of the region comes to the place: an earlier rule on the way takes them all. */
  private isShadowed(table: TableSpec, { passed }: Way, place: Caller, region: Region): boolean {
    return [...passed, place].some(({ chain, index }) => {
      const rules = table.chains.get(chain)?.rules.slice(0, Math.max(index, 0)) ?? [];
      return rules.some((rule) => this.ends(rule) && covers(this.regionOf(rule), region));
    });
  }

  private ends({ target }: RuleSpec): boolean {
    if (target?.kind === 'verdict') return target.name !== 'QUEUE';
    return target?.kind === 'goto' || (target?.kind === 'extension' && target.name === 'REJECT');
  }

  /** What becomes of all packets of the region in the table, from a place on; undefined: not the same of all, or not known. */
  private walk(
    table: TableSpec,
    region: Region,
    name: string,
    from: number,
    callers: readonly Caller[],
    depth = 0,
  ): string | undefined {
    const chain = table.chains.get(name);
    if (!chain || depth > DEEPEST) return undefined;
    /** Of packets that some rule on the way may have taken. */
    const taken = new Set<string>();
    const single = (last: string | undefined): string | undefined =>
      last === undefined || [...taken].some((one) => one !== last) ? undefined : last;
    for (const [index, rule] of chain.rules.entries()) {
      if (index < from) continue;
      const own = this.regionOf(rule);
      if (disjoint(own, region)) continue;
      if (this.hasEffects(rule)) return undefined;
      if (rule.target === undefined) continue;
      const outcome = this.outcome(table, region, rule, { chain, index, callers }, depth);
      if (outcome === undefined) return undefined;
      if (covers(own, region)) return single(outcome);
      taken.add(outcome);
    }
    return single(this.atEnd(table, region, chain, callers, depth));
  }

  /** Asking it, or what it does to a packet, leaves something behind. */
  private hasEffects({ matches, target, family }: RuleSpec): boolean {
    const stateful = matches.some(({ name }) => {
      const match = this.lookup.match(name, family) as { effect?: string } | undefined;
      return match?.effect !== 'pure';
    });
    return stateful || (target?.kind === 'extension' && target.name !== 'REJECT');
  }

  private outcome(
    table: TableSpec,
    region: Region,
    rule: RuleSpec,
    { chain, index, callers }: { chain: ChainSpec; index: number; callers: readonly Caller[] },
    depth: number,
  ): string | undefined {
    const { target } = rule;
    if (target === undefined) return undefined;
    if (target.kind === 'extension') return JSON.stringify(target);
    if (target.kind === 'verdict') {
      return target.name === 'RETURN' ? this.atEnd(table, region, chain, callers, depth) : target.name;
    }
    const inside = both(region, { ...this.regionOf(rule), exact: true });
    const back = target.kind === 'jump' ? [...callers, { chain: chain.name, index: index + 1 }] : callers;
    return this.walk(table, inside, target.chain, 0, back, depth + 1);
  }

  private atEnd(
    table: TableSpec,
    region: Region,
    chain: ChainSpec,
    callers: readonly Caller[],
    depth: number,
  ): string | undefined {
    if (chain.builtin !== undefined) return chain.policy;
    const caller = callers.at(-1);
    if (!caller) return undefined;
    return this.walk(table, region, caller.chain, caller.index, callers.slice(0, -1), depth + 1);
  }
}

/** Behind the last rule of the built-in chain comes its policy, whatever went to another chain meanwhile. */
const startOf = (chain: ChainSpec): Way => ({
  region: atHook(chain.builtin!),
  callers: [{ chain: chain.name, index: Number.POSITIVE_INFINITY }],
  passed: [],
});
