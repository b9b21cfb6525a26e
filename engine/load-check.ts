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
    const { bits, rules } = reached.get(chain) ?? UNREACHED;
    const checker = new Checker(chain, table, extensions);
    for (let index = 0; index < chain.rules.length; index++)
      checker.check(chain.rules[index], index < rules ? bits : 0);
  }
}

/** Bits of the hooks that reach a chain, and how many of its rules they reach: those up to one that ends the walk of every packet. */
interface Reached {
  bits: number;
  readonly rules: number;
}

const UNREACHED: Reached = { bits: 0, rules: 0 };

function reachingHooks(table: TableSpec): ReadonlyMap<ChainSpec, Reached> {
  const reached = new Map<ChainSpec, Reached>();
  const jumps = new Map<ChainSpec, readonly RuleSpec[]>();
  for (const chain of table.chains.values()) {
    const last = chain.rules.findIndex(endsEveryWalk);
    const rules = last < 0 ? chain.rules.length : last + 1;
    reached.set(chain, { bits: 0, rules });
    jumps.set(chain, firstJumps(chain.rules, rules));
  }
  for (const chain of table.chains.values()) {
    if (chain.builtin !== undefined) walk(table, chain, 1 << HOOKS.indexOf(chain.builtin), reached, jumps);
  }
  return reached;
}

/** The first rule that jumps to each chain, of those that are reached. */
function firstJumps(rules: readonly RuleSpec[], count: number): readonly RuleSpec[] {
  const found = new Map<string, RuleSpec>();
  for (let index = 0; index < count; index++) {
    const name = jumpOf(rules[index]);
    if (name !== undefined && !found.has(name)) found.set(name, rules[index]);
  }
  return [...found.values()];
}

/** Depth first, with a stack of our own: chains may be nested deeper than ours reaches. */
function walk(
  table: TableSpec,
  start: ChainSpec,
  hook: number,
  reached: ReadonlyMap<ChainSpec, Reached>,
  jumps: ReadonlyMap<ChainSpec, readonly RuleSpec[]>,
): void {
  const done = new Set<ChainSpec>([start]);
  const onPath = new Set<ChainSpec>([start]);
  const path = [{ chain: start, next: 0 }];
  reached.get(start)!.bits |= hook;
  while (path.length > 0) {
    const step = path[path.length - 1];
    const rule = jumps.get(step.chain)![step.next++];
    if (!rule) {
      onPath.delete(step.chain);
      path.pop();
      continue;
    }
    const callee = table.chains.get(jumpOf(rule)!);
    if (!callee) continue;
    if (onPath.has(callee)) {
      const names = [...path.map(({ chain }) => chain.name), callee.name];
      const loop = names.slice(names.indexOf(callee.name)).join(' -> ');
      throw new Refusal('Too many levels of symbolic links', rule, `jumps go in a circle: ${loop}`);
    }
    if (done.has(callee)) continue;
    done.add(callee);
    reached.get(callee)!.bits |= hook;
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

/** Checks the rules of one chain. */
class Checker {
  private readonly chain: ChainSpec;
  private readonly table: TableSpec;
  private readonly extensions: Extensions;
  /** Rules that were read from the same words share their matches: the last ones that were in their place. */
  private passed: RuleSpec | undefined = undefined;
  private passedBits = -1;

  constructor(chain: ChainSpec, table: TableSpec, extensions: Extensions) {
    this.chain = chain;
    this.table = table;
    this.extensions = extensions;
  }

  check(rule: RuleSpec, bits: number): void {
    const { passed } = this;
    const { matches, target, protocol, family } = rule;
    if (matches.length === 0 && target?.kind !== 'extension') return;
    if (
      passed &&
      bits === this.passedBits &&
      matches === passed.matches &&
      target === passed.target &&
      protocol === passed.protocol
    ) {
      return;
    }
    for (const { name, checked } of matches) {
      this.refuse('-m', name, this.extensions.match(name, family)?.placement, checked, rule, bits);
    }
    if (target?.kind === 'extension') {
      this.refuse(
        '-j',
        target.name,
        this.extensions.target(target.name, family)?.placement,
        target.checked,
        rule,
        bits,
      );
    }
    this.passed = rule;
    this.passedBits = bits;
  }

  private refuse(
    option: string,
    name: string,
    // biome-ignore lint/suspicious/noExplicitAny: the checked form is the extension's own
    placement: Placement<any> | undefined,
    checked: unknown,
    rule: RuleSpec,
    bits: number,
  ): void {
    if (!placement) return;
    const { family, protocol, matches } = rule;
    const hooks = HOOKS.filter((_hook, index) => bits & (1 << index));
    const { extensions } = this;
    const hasHelper = (helper: string, of: number): boolean =>
      extensions.helper === undefined || extensions.helper(helper, family, of) !== undefined;
    const place: PlaceContext = { family, table: this.table.name, hooks, protocol, matches, hasHelper };
    const what = `${option} ${name}`;
    const reason =
      wrongTable(what, placement.tables, place) ??
      wrongHooks(what, placement.hooks, place, this.chain) ??
      wrongProtocol(what, placement.protocols, place) ??
      placement.refuses?.(checked, place);
    if (reason !== undefined) throw new Refusal('Invalid argument', rule, reason, true);
  }
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
