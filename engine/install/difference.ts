// What differs between a chain as it runs and as it is to be.

import type { ChainSpec, RuleSpec } from '../../grammar/rule-spec.ts';
import { commonEnds } from '../edit/common-ends.ts';
import type { Rule } from './rule.ts';
import type { Chain } from './table.ts';

/** Rules between what two versions of a chain have in common in front and at the end. */
export interface Difference {
  readonly from: number;
  readonly removed: readonly Rule[];
  readonly added: RuleSpec[];
  /** What is added, bound. */
  readonly bound: Rule[];
  /** Some of them, or of the removed ones, jump. */
  jumps: boolean;
  /** By how many there are more rules that run an extension target. */
  acting: number;
}

export const NO_DIFFERENCE: Difference = { from: 0, removed: [], added: [], bound: [], jumps: false, acting: 0 };

/** Undefined: the same rules. */
export function differenceOf(chain: ChainSpec, earlier: Chain | undefined): Difference | undefined {
  const now = chain.rules;
  const before = earlier?.spec.rules ?? NO_DIFFERENCE.added;
  const [from, behind] = commonEnds(now, before);
  if (from === now.length && from === before.length) return undefined;
  const removed = earlier?.rules.slice(from, before.length - behind) ?? [];
  const added = now.slice(from, now.length - behind);
  return { from, removed, added, bound: [], jumps: false, acting: 0 };
}

/** The chain that a rule jumps or goes to. */
export const calleeOf = ({ target }: RuleSpec): string | undefined =>
  target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;

const NO_CALLS: readonly string[] = [];

/** Chains that rules jump to, each once. */
export function callsOf(rules: readonly RuleSpec[]): readonly string[] {
  if (rules.length === 1) {
    const only = calleeOf(rules[0]);
    return only === undefined ? NO_CALLS : [only];
  }
  let calls: Set<string> | undefined;
  for (const rule of rules) {
    const name = calleeOf(rule);
    if (name !== undefined) (calls ??= new Set()).add(name);
  }
  return calls ? [...calls] : NO_CALLS;
}
