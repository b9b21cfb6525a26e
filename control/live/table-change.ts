// What differs between two versions of a table: what the engine is told of an edit, and what the journal keeps of it (rule-journal.ts). Rules
// that stay are not in it. As everywhere, a rule is the same when its object is.

import { commonEnds } from '../../engine/edit/common-ends.ts';
import { editedSince } from '../../engine/edit/lineage.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';

/** A rule that stood elsewhere before, and keeps its counters and state: those of a chain that is renamed. */
export interface Moved {
  readonly chain: string;
  readonly index: number;
}

export interface ChainChange extends Readonly<Omit<ChainSpec, 'rules'>> {
  /** There was none of that name, or it goes first. */
  readonly isNew: boolean;
  /** There: so many rules give way to others. */
  readonly from: number;
  readonly removed: number;
  readonly added: readonly (RuleSpec | Moved)[];
}

export interface TableChange {
  readonly family: Family;
  readonly name: TableName;
  /** Chains to take away before anything else. */
  readonly gone: readonly string[];
  /** Chains that are others than before: in the order in which they are to stand where they are new. */
  readonly chains: readonly ChainChange[];
}

export const isMoved = (added: RuleSpec | Moved): added is Moved => !('family' in added);

/** `before` undefined: there was none. */
export function changeOf(before: TableSpec | undefined, after: TableSpec): TableChange {
  const earlier = before?.chains ?? new Map<string, ChainSpec>();
  const edited = editedSince(after, before);
  const { gone, kept } = edited ? { gone: edited.gone, kept: undefined } : compareOrder([...earlier.keys()], after);
  const chains: ChainChange[] = [];
  for (const chain of (edited?.touched ?? after.chains).values()) {
    const was = !kept || kept.has(chain.name) ? earlier.get(chain.name) : undefined;
    if (chain !== was) chains.push(chainChange(was, chain));
  }
  const places = placesOf(earlier, gone, chains);
  const found = (rule: RuleSpec | Moved): RuleSpec | Moved => places.get(rule as RuleSpec) ?? rule;
  return {
    family: after.family,
    name: after.name,
    gone,
    chains: places.size === 0 ? chains : chains.map((chain) => ({ ...chain, added: chain.added.map(found) })),
  };
}

/** Chains stand in the order in which they came: one that is at another place than before goes, and comes anew. */
function compareOrder(before: readonly string[], after: TableSpec): { gone: string[]; kept: Set<string> } {
  const gone: string[] = [];
  const kept = new Set<string>();
  let at = 0;
  for (const name of after.chains.keys()) {
    while (at < before.length && !after.chains.has(before[at])) gone.push(before[at++]);
    if (before[at] !== name) break;
    kept.add(name);
    at++;
  }
  return { gone: [...gone, ...before.slice(at)], kept };
}

function chainChange(
  before: ChainSpec | undefined,
  { name, builtin, policy, counters, rules }: ChainSpec,
): ChainChange {
  const earlier = before?.rules ?? [];
  const [from, behind] = commonEnds(rules, earlier);
  const removed = earlier.length - behind - from;
  const added = rules.slice(from, rules.length - behind);
  return { name, builtin, policy, counters, isNew: before === undefined, from, removed, added };
}

/** Where rules were that have lost their place, if others have come. */
function placesOf(
  earlier: ReadonlyMap<string, ChainSpec>,
  gone: readonly string[],
  chains: readonly ChainChange[],
): Map<RuleSpec, Moved> {
  const places = new Map<RuleSpec, Moved>();
  if (!chains.some(({ added }) => added.length > 0)) return places;
  const note = (chain: string, from: number, to: number): void => {
    const { rules } = earlier.get(chain)!;
    for (let index = from; index < to; index++) places.set(rules[index], { chain, index });
  };
  for (const chain of gone) note(chain, 0, earlier.get(chain)!.rules.length);
  for (const { name, from, removed } of chains) if (removed > 0) note(name, from, from + removed);
  return places;
}

/** How many rules and chains it names. */
export const sizeOf = ({ gone, chains }: TableChange): number =>
  chains.reduce((sum, { removed, added }) => sum + 1 + removed + added.length, gone.length);

/** The same in pieces of about `most` rules and chains, to be made one after the other. */
export function* piecesOf(change: TableChange, most: number): Iterable<TableChange> {
  let { gone } = change;
  let chains: ChainChange[] = [];
  let size = 0;
  for (const chain of change.chains) {
    const { from, removed, added } = chain;
    for (let at = 0; at === 0 || at < added.length; ) {
      const here = added.slice(at, at + most - Math.min(size, most - 1));
      chains.push({ ...chain, from: from + at, removed: at === 0 ? removed : 0, added: here });
      size += 1 + here.length;
      at += Math.max(here.length, 1);
      if (size < most) continue;
      yield { ...change, gone, chains };
      [gone, chains, size] = [[], [], 0];
    }
  }
  // Also one that names no chain: the table is to be there.
  if (chains.length > 0 || change.chains.length === 0) yield { ...change, gone, chains };
}
