// What the kernel looks at when a table is handed to it: no loop of jumps that a packet could enter, and every extension in a place where
// it may stand. Source: net/ipv6/netfilter/ip6_tables.c translate_table(), mark_source_chains(); net/netfilter/x_tables.c
// xt_check_match(), xt_check_target().
//
// Hooks are those that reach a rule: through jumps from built-in chains, not past a rule that ends the walk for every packet. A chain
// that nobody jumps to is reached by none; its rules' tables and protocols are checked all the same.

import type { Lookup } from '../grammar/lookup.ts';
import { orderedChains } from '../grammar/print.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import { HOOKS, type HookName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { AnyMatch, AnyTarget, PlaceContext, Placement } from './extension.ts';
import { Refusal } from './refusal.ts';

export interface Extensions {
  match(name: string, family: Family): Pick<AnyMatch, 'placement'> | undefined;
  target(name: string, family: Family): Pick<AnyTarget, 'placement'> | undefined;
  /** Left out: whatever helper a rule names is there. */
  helper?(name: string, family: Family, protocol: number): unknown;
}

/** Throws a Refusal at the rule that is wrong: a loop first, then places in the order of the table. */
export function checkTable(table: TableSpec, extensions: Extensions): void {
  const reached = reachingHooks(table);
  for (const chain of orderedChains(table)) {
    for (const rule of chain.rules) checkRule(rule, chain, table, reached.get(rule) ?? 0, extensions);
  }
}

/** Bits of the hooks that reach each rule. */
function reachingHooks(table: TableSpec): ReadonlyMap<RuleSpec, number> {
  const reached = new Map<RuleSpec, number>();
  for (const chain of table.chains.values()) {
    if (chain.builtin !== undefined) walk(table, chain, 1 << HOOKS.indexOf(chain.builtin), reached);
  }
  return reached;
}

/** Depth first, with a stack of our own: chains may be nested deeper than ours reaches. */
function walk(table: TableSpec, start: ChainSpec, hook: number, reached: Map<RuleSpec, number>): void {
  const done = new Set<ChainSpec>([start]);
  const onPath = new Set<ChainSpec>([start]);
  const path = [{ chain: start, next: 0 }];
  while (path.length > 0) {
    const step = path[path.length - 1];
    const rule = step.chain.rules[step.next++];
    if (rule) reached.set(rule, (reached.get(rule) ?? 0) | hook);
    if (!rule || endsEveryWalk(rule)) {
      onPath.delete(step.chain);
      path.pop();
      continue;
    }
    const callee = jumpOf(rule) === undefined ? undefined : table.chains.get(jumpOf(rule)!);
    if (!callee) continue;
    if (onPath.has(callee)) {
      const names = [...path.map(({ chain }) => chain.name), callee.name];
      const loop = names.slice(names.indexOf(callee.name)).join(' -> ');
      throw new Refusal('Too many levels of symbolic links', rule, `jumps go in a circle: ${loop}`);
    }
    if (done.has(callee)) continue;
    done.add(callee);
    onPath.add(callee);
    path.push({ chain: callee, next: 0 });
  }
}

const jumpOf = ({ target }: RuleSpec): string | undefined =>
  target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;

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

function checkRule(rule: RuleSpec, chain: ChainSpec, table: TableSpec, bits: number, extensions: Extensions): void {
  const { family, protocol, matches, target } = rule;
  if (matches.length === 0 && target?.kind !== 'extension') return;
  const hooks = HOOKS.filter((_hook, index) => bits & (1 << index));
  const hasHelper = (name: string, of: number) =>
    extensions.helper === undefined || extensions.helper(name, family, of) !== undefined;
  const place: PlaceContext = { family, table: table.name, hooks, protocol, matches, hasHelper };
  for (const { name, checked } of matches) {
    refuse(`-m ${name}`, extensions.match(name, family)?.placement, checked, place, rule, chain);
  }
  if (target?.kind === 'extension') {
    refuse(`-j ${target.name}`, extensions.target(target.name, family)?.placement, target.checked, place, rule, chain);
  }
}

function refuse(
  what: string,
  // biome-ignore lint/suspicious/noExplicitAny: the checked form is the extension's own
  placement: Placement<any> | undefined,
  checked: unknown,
  place: PlaceContext,
  rule: RuleSpec,
  chain: ChainSpec,
): void {
  if (!placement) return;
  const reason =
    wrongTable(what, placement.tables, place) ??
    wrongHooks(what, placement.hooks, place, chain) ??
    wrongProtocol(what, placement.protocols, place) ??
    placement.refuses?.(checked, place);
  if (reason !== undefined) throw new Refusal('Invalid argument', rule, reason, true);
}

const wrongTable = (what: string, tables: readonly string[] | undefined, place: PlaceContext): string | undefined =>
  tables && !tables.includes(place.table)
    ? `${what} is only for the ${tables.join(' and ')} table, not ${place.table}`
    : undefined;

function wrongHooks(
  what: string,
  allowed: readonly HookName[] | undefined,
  place: PlaceContext,
  chain: ChainSpec,
): string | undefined {
  const wrong = allowed ? place.hooks.filter((hook) => !allowed.includes(hook)) : [];
  if (wrong.length === 0) return undefined;
  const through = chain.builtin === undefined ? `, and ${chain.name} is reached from there` : '';
  return `${what} may stand in ${allowed!.join(', ')}, not in ${wrong.join(', ')}${through}`;
}

function wrongProtocol(
  what: string,
  protocols: readonly number[] | undefined,
  { protocol }: PlaceContext,
): string | undefined {
  if (!protocols || (protocol && !protocol.inverted && protocols.includes(protocol.number))) return undefined;
  return `${what} wants -p ${protocols.join(' or ')} in its rule`;
}

/** A grammar's Lookup may be a registry of whole extensions; one without placements checks nothing. */
export const placementsOf = (lookup: Lookup): Extensions => lookup as Lookup & Extensions;
