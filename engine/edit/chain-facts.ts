// What the check of a table knows of each chain: which of its rules packets get to, to which chains these jump, by which hooks it is reached, and
// which of its rules have passed.

import type { ChainSpec, RuleSpec } from '../../grammar/rule-spec.ts';
import { calleeOf } from '../install/difference.ts';
import { MOST_AT_ONCE, SLICE, type Steps } from '../install/steps.ts';
import { commonEnds } from './common-ends.ts';
import type { Extensions } from './load-check.ts';
import { Refusal } from './refusal.ts';

const NOBODY: readonly ChainFacts[] = [];

export class ChainFacts {
  readonly name: string;
  /** Our own copy, where whoever gave the rules may go on editing them. */
  readonly rules: readonly RuleSpec[];
  /** How many of them are reached: those up to one that ends the walk of every packet; infinite where none does. */
  readonly reached: number;
  /** Of those, the first that jumps to each chain. */
  readonly jumps: readonly RuleSpec[];
  /** Rules from `from` to `to` have not been checked; the others passed under the same hooks. */
  from = 0;
  to: number;
  bits = 0;
  /** The chains of `jumps`, so far as they are there. */
  callees = NOBODY;
  /** Bits of the hooks that reach the chain. */
  reaching = 0;
  /** The walk is in it, or in one that it jumped to. */
  onPath = false;
  extensions: Extensions | undefined = undefined;

  constructor(name: string, rules: readonly RuleSpec[], { reached, jumps }: Pick<ChainFacts, 'reached' | 'jumps'>) {
    this.name = name;
    this.rules = rules;
    this.reached = reached;
    this.jumps = jumps;
    this.to = rules.length;
  }

  meet(facts: ReadonlyMap<string, ChainFacts>): void {
    this.callees = NOBODY;
    if (this.jumps.length > 0) this.callees = this.jumps.flatMap((rule) => facts.get(calleeOf(rule)!) ?? NOBODY);
  }
}

export function isSame(rules: readonly RuleSpec[], before: readonly RuleSpec[]): boolean {
  if (rules.length !== before.length) return false;
  for (let index = 0; index < rules.length; index++) if (rules[index] !== before[index]) return false;
  return true;
}

/** Of rules that one step looks through. */
export const isShort = ({ rules }: ChainSpec): boolean => rules.length <= SLICE;

/** What differs from before is looked at, and all of it where that changes what the rest means. `fixed`: nobody changes the rules any more. */
export function* factsOf(chain: ChainSpec, before: ChainFacts | undefined, fixed = false): Steps<ChainFacts> {
  if (isShort(chain)) return factsAtOnce(chain, before, fixed);
  const known = before && edited(chain, before, fixed);
  if (known) return known;
  const reach = new Reach(chain.rules);
  while (!reach.proceed(8 * SLICE)) yield;
  return anew(chain, reach, fixed);
}

/** The same of a short chain. */
export function factsAtOnce(chain: ChainSpec, before: ChainFacts | undefined, fixed = false): ChainFacts {
  const known = before && edited(chain, before, fixed);
  if (known) return known;
  const reach = new Reach(chain.rules);
  reach.proceed(chain.rules.length);
  return anew(chain, reach, fixed);
}

const own = (rules: readonly RuleSpec[], fixed: boolean): readonly RuleSpec[] => (fixed ? rules : rules.slice());

const anew = ({ name, rules }: ChainSpec, reach: Reach, fixed: boolean): ChainFacts =>
  new ChainFacts(name, own(rules, fixed), reach);

/** Where few rules came or went that end no walk and jump nowhere; undefined: all is to be looked at. */
function edited({ name, rules }: ChainSpec, before: ChainFacts, fixed: boolean): ChainFacts | undefined {
  const [from, behind] = commonEnds(rules, before.rules);
  if (from === rules.length && from === before.rules.length) return before;
  const [to, was] = [rules.length - behind, before.rules.length - behind];
  if (to + was - 2 * from > MOST_AT_ONCE || before.from !== before.to) return undefined;
  if (!arePlain(before.rules, from, was) || !arePlain(rules, from, to)) return undefined;
  const reached = before.reached > from ? before.reached + to - was : before.reached;
  const { jumps, bits, callees, reaching, extensions } = before;
  const facts = new ChainFacts(name, own(rules, fixed), { reached, jumps });
  return Object.assign(facts, { from, to, bits, callees, reaching, extensions });
}

function arePlain(rules: readonly RuleSpec[], from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    if (calleeOf(rules[index]) !== undefined || endsEveryWalk(rules[index])) return false;
  }
  return true;
}

const NOWHERE: RuleSpec[] = [];

/** How far packets get in a chain, and where they jump to from there. */
class Reach {
  reached = Number.POSITIVE_INFINITY;
  jumps = NOWHERE;
  private readonly rules: readonly RuleSpec[];
  private at = 0;
  private names: Set<string> | undefined = undefined;

  constructor(rules: readonly RuleSpec[]) {
    this.rules = rules;
  }

  /** Looks at so many more rules; whether that is the end. */
  proceed(most: number): boolean {
    const { rules } = this;
    for (const to = Math.min(rules.length, this.at + most); this.at < to; this.at++) {
      const rule = rules[this.at];
      const name = calleeOf(rule);
      if (name !== undefined) this.note(name, rule);
      if (!endsEveryWalk(rule)) continue;
      this.reached = this.at + 1;
      return true;
    }
    return this.at === rules.length;
  }

  private note(name: string, rule: RuleSpec): void {
    if (this.jumps === NOWHERE) this.jumps = [rule];
    else {
      this.names ??= new Set(this.jumps.map((one) => calleeOf(one)!));
      if (!this.names.has(name)) this.jumps.push(rule);
    }
    this.names?.add(name);
  }
}

/** Depth first, with a stack of our own: chains may be nested deeper than ours reaches. */
export function* walk(start: ChainFacts, hook: number): Steps<void> {
  const path = [{ chain: start, next: 0 }];
  start.reaching |= hook;
  start.onPath = true;
  for (let work = 1; path.length > 0; work++) {
    const step = path[path.length - 1];
    const callee = step.chain.callees[step.next++];
    if (!callee) {
      step.chain.onPath = false;
      path.pop();
    } else if (callee.onPath) throw circle([...path.map(({ chain }) => chain), callee]);
    else if ((callee.reaching & hook) === 0) {
      callee.reaching |= hook;
      callee.onPath = true;
      path.push({ chain: callee, next: 0 });
    }
    if (work % (16 * SLICE) === 0) yield;
  }
}

/** The last of them is jumped to by the one before it, and stands somewhere in front, too. */
function circle(path: readonly ChainFacts[]): Refusal {
  const names = path.map(({ name }) => name);
  const closing = names[names.length - 1];
  const rule = path[path.length - 2].jumps.find((one) => calleeOf(one) === closing);
  const loop = names.slice(names.indexOf(closing)).join(' -> ');
  return new Refusal('Too many levels of symbolic links', rule, `jumps go in a circle: ${loop}`);
}

/** A verdict without any condition: no packet gets past it. */
export const endsEveryWalk = (rule: RuleSpec): boolean =>
  rule.target?.kind === 'verdict' &&
  rule.matches.length === 0 &&
  !rule.source &&
  !rule.destination &&
  !rule.inInterface &&
  !rule.outInterface &&
  !rule.protocol &&
  !rule.allProtocols &&
  !rule.fragment;

/**
 * `from` has come to jump to `chain`, and its hooks reach that and all below: where that is new, it is noted, and `grown` is told of it. False: a packet could
 * run in a circle there.
 */
export function spread(
  from: ChainFacts,
  chain: ChainFacts,
  facts: ReadonlyMap<string, ChainFacts>,
  grown: Set<ChainFacts>,
): boolean {
  const onPath = new Set([from, chain]);
  const done = new Set<ChainFacts>();
  const path = [{ one: chain, next: 0 }];
  while (path.length > 0) {
    const step = path[path.length - 1];
    const { one } = step;
    if (step.next === 0 && (one.reaching & from.reaching) !== from.reaching) {
      one.reaching |= from.reaching;
      grown.add(one);
    }
    const jump = one.jumps[step.next++];
    const callee = jump && facts.get(calleeOf(jump)!);
    if (!jump) {
      onPath.delete(one);
      done.add(one);
      path.pop();
    } else if (callee && onPath.has(callee)) return false;
    else if (callee && !done.has(callee)) {
      onPath.add(callee);
      path.push({ one: callee, next: 0 });
    }
  }
  return true;
}
