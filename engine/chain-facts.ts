// What the check of a table knows of each chain: which of its rules packets get to, to which chains these jump, by which hooks it is reached, and
// which of its rules have passed.

import type { ChainSpec, RuleSpec } from '../grammar/rule-spec.ts';
import { commonEnds } from './common-ends.ts';
import { calleeOf } from './difference.ts';
import type { Extensions } from './load-check.ts';
import { Refusal } from './refusal.ts';
import { MOST_AT_ONCE, SLICE, type Steps } from './steps.ts';

export interface ChainFacts {
  readonly name: string;
  /** Our own copy, where whoever gave the rules may go on editing them. */
  readonly rules: readonly RuleSpec[];
  /** How many of them are reached: those up to one that ends the walk of every packet; infinite where none does. */
  readonly reached: number;
  /** Of those, the first that jumps to each chain. */
  readonly jumps: readonly RuleSpec[];
  /** Rules from `from` to `to` have not been checked; the others passed under the same hooks. */
  from: number;
  to: number;
  bits: number;
  /** The chains of `jumps`, so far as they are there. */
  callees: readonly ChainFacts[];
  /** Bits of the hooks that reach the chain. */
  reaching: number;
  /** The walk is in it, or in one that it jumped to. */
  onPath: boolean;
  extensions: Extensions | undefined;
}

export function isSame(rules: readonly RuleSpec[], before: readonly RuleSpec[]): boolean {
  if (rules.length !== before.length) return false;
  for (let index = 0; index < rules.length; index++) if (rules[index] !== before[index]) return false;
  return true;
}

/** What differs from before is looked at, and all of it where that changes what the rest means. `fixed`: nobody changes the rules any more. */
export function* factsOf({ name, rules }: ChainSpec, before: ChainFacts | undefined, fixed = false): Steps<ChainFacts> {
  const own = (): readonly RuleSpec[] => (fixed ? rules : rules.slice());
  const checked = { from: 0, to: rules.length, bits: 0, reaching: 0, extensions: undefined };
  const all = { name, callees: [], onPath: false, ...checked };
  if (!before) return { rules: own(), ...(yield* reachOf(rules)), ...all };
  const [from, behind] = commonEnds(rules, before.rules);
  if (from === rules.length && from === before.rules.length) return before;
  const removed = before.rules.slice(from, before.rules.length - behind);
  const added = rules.slice(from, rules.length - behind);
  const isPlain = (rule: RuleSpec): boolean => calleeOf(rule) === undefined && !endsEveryWalk(rule);
  const few = removed.length + added.length <= MOST_AT_ONCE;
  if (!few || !removed.every(isPlain) || !added.every(isPlain) || before.from !== before.to) {
    return { rules: own(), ...(yield* reachOf(rules)), ...all };
  }
  const shift = added.length - removed.length;
  const reached = before.reached > from ? before.reached + shift : before.reached;
  return { ...before, rules: own(), reached, from, to: rules.length - behind };
}

function* reachOf(rules: readonly RuleSpec[]): Steps<{ reached: number; jumps: readonly RuleSpec[] }> {
  const jumps = new Map<string, RuleSpec>();
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index];
    const name = calleeOf(rule);
    if (name !== undefined && !jumps.has(name)) jumps.set(name, rule);
    if (endsEveryWalk(rule)) return { reached: index + 1, jumps: [...jumps.values()] };
    if (index % (8 * SLICE) === 8 * SLICE - 1) yield;
  }
  return { reached: Number.POSITIVE_INFINITY, jumps: [...jumps.values()] };
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
