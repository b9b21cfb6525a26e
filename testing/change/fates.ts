// What becomes of all packets of a region in one table: the walk of iptables, with regions instead of packets. A rule cuts the region in two,
// and each part goes its own way; in the end every part has one fate.
//
// Conditions that say nothing of themselves (a set, a limit, an owner) are fields that are 1 or 0. They are taken to answer the same to both
// rule sets when their text is the same: "as long as the limit lets it".

import type { Lookup } from '../../grammar/lookup.ts';
import { type Printing, printConditions } from '../../grammar/print.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { HookName } from '../../grammar/tables.ts';
import { conditionText } from '../condition-text.ts';
import { type Region, regionOf } from '../regions.ts';
import { behind, cut } from './cut.ts';

/** Who decided. */
export interface Decider {
  readonly chain: string;
  /** Undefined: the policy of the chain. */
  readonly rule: RuleSpec | undefined;
}

export interface Fate extends Decider {
  /** ACCEPT, DROP, or the target that ends the walk with its options: `REJECT --reject-with tcp-reset`. */
  readonly verdict: string;
  /** What was done on the way: `LOG --log-prefix "new: "`. */
  readonly effects: readonly string[];
}

export interface Part {
  readonly region: Region;
  readonly fate: Fate;
}

/** There are more parts than anybody would wait for. */
export class TooManyParts extends Error {}

/** Rules that parts of a region are held against before TooManyParts. */
export const MOST_STEPS = 10_000_000;

/** Targets that end the walk of a table. */
const ENDING = new Set('REJECT DNAT SNAT MASQUERADE REDIRECT NETMAP NFQUEUE TPROXY SYNPROXY CLUSTERIP'.split(' '));
/** Targets that leave the packet, and what rules see of it, as it is. */
const WATCHING = new Set('LOG NFLOG ULOG TRACE LED AUDIT TEE RATEEST IDLETIMER'.split(' '));

interface Place {
  readonly chain: ChainSpec;
  readonly index: number;
}

/** A part on its way. */
interface Walker {
  readonly region: Region;
  readonly effects: readonly string[];
  /** Those of the effects that changed the packet. */
  readonly changes: readonly string[];
  readonly callers: readonly Place[];
  /** The built-in chain, whose policy has the last word. */
  readonly home: ChainSpec;
}

export class Walks {
  private readonly printing: Printing;
  private readonly regions = new WeakMap<RuleSpec, Region>();
  private left: number;

  constructor(printing: Printing, mostSteps = MOST_STEPS) {
    this.printing = printing;
    this.left = mostSteps;
  }

  private get lookup(): Lookup {
    return this.printing.lookup;
  }

  regionOf(rule: RuleSpec): Region {
    let region = this.regions.get(rule);
    if (!region) {
      region = regionOf(rule, this.lookup, (key) => conditionText(rule, key, this.printing));
      this.regions.set(rule, region);
    }
    return region;
  }

  /** `region` in parts that each have one fate. A table that is not there accepts. Throws TooManyParts. */
  *fates(table: TableSpec | undefined, hook: HookName, region: Region): Generator<Part> {
    const chain = table?.chains.get(hook);
    if (!table || !chain) {
      yield { region, fate: { verdict: 'ACCEPT', effects: [], chain: hook, rule: undefined } };
      return;
    }
    yield* this.walk(table, { chain, index: 0 }, { region, effects: [], changes: [], callers: [], home: chain });
  }

  private *walk(table: TableSpec, { chain, index }: Place, walker: Walker): Generator<Part> {
    for (let at = index; at < chain.rules.length; at++) {
      if (--this.left < 0) throw new TooManyParts();
      const rule = chain.rules[at];
      const { inside, outside } = cut(walker.region, behind(this.regionOf(rule), walker.changes));
      if (!inside) continue;
      yield* this.matched(table, { chain, index: at }, rule, { ...walker, region: inside });
      if (outside.length === 0) return;
      for (const region of outside.slice(1)) yield* this.walk(table, { chain, index: at + 1 }, { ...walker, region });
      walker = { ...walker, region: outside[0] };
    }
    yield* this.atEnd(table, walker);
  }

  private *matched(table: TableSpec, place: Place, rule: RuleSpec, walker: Walker): Generator<Part> {
    const { chain, index } = place;
    const { target } = rule;
    const next = { chain, index: index + 1 };
    if (target?.kind === 'jump' || target?.kind === 'goto') {
      const called = table.chains.get(target.chain)!;
      const callers = target.kind === 'jump' ? [...walker.callers, next] : walker.callers;
      yield* this.walk(table, { chain: called, index: 0 }, { ...walker, callers });
      return;
    }
    if (target?.kind === 'verdict') {
      if (target.name === 'RETURN') yield* this.atEnd(table, walker);
      else yield decided(walker, target.name, chain, rule);
      return;
    }
    const text = this.actionOf(rule);
    if (target && ENDING.has(target.name)) {
      yield decided(walker, text, chain, rule);
      return;
    }
    const effects = text === '' ? walker.effects : [...walker.effects, text];
    const changes = target && !WATCHING.has(target.name) ? [...walker.changes, text] : walker.changes;
    yield* this.walk(table, next, { ...walker, effects, changes });
  }

  /** What a rule does, as its text has it; of one without a target what its matches leave behind. '': nothing but to count. */
  private actionOf(rule: RuleSpec): string {
    const { target, matches, family } = rule;
    if (target === undefined) {
      const stateful = matches.filter(({ name }) => {
        const match = this.lookup.match(name, family) as { effect?: string } | undefined;
        return match?.effect !== 'pure';
      });
      return this.textOf({ ...rule, matches: stateful });
    }
    return this.textOf({ ...rule, matches: [] }).replace(/^-j /, '');
  }

  private textOf({ family, matches, target, protocol }: RuleSpec): string {
    const bare = { source: undefined, destination: undefined, inInterface: undefined, outInterface: undefined };
    const rule: RuleSpec = {
      ...bare,
      family,
      matches,
      target,
      protocol,
      fragment: undefined,
      counters: undefined,
      origin: undefined,
    };
    return printConditions(rule, this.printing)
      .trim()
      .replace(/^(! )?-p \S+ ?/, '');
  }

  private *atEnd(table: TableSpec, walker: Walker): Generator<Part> {
    const caller = walker.callers.at(-1);
    if (caller) {
      yield* this.walk(table, caller, { ...walker, callers: walker.callers.slice(0, -1) });
      return;
    }
    const { region, effects, home } = walker;
    yield { region, fate: { verdict: home.policy ?? 'ACCEPT', effects, chain: home.name, rule: undefined } };
  }
}

const decided = ({ region, effects }: Walker, verdict: string, chain: ChainSpec, rule: RuleSpec): Part => ({
  region,
  fate: { verdict, effects, chain: chain.name, rule },
});
