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
import { commonEnds } from './common-ends.ts';
import type { AnyMatch, AnyTarget, PlaceContext, Placement } from './extension.ts';
import { Refusal } from './refusal.ts';
import { finish, MOST_AT_ONCE, SLICE, type Steps } from './steps.ts';

export interface Extensions {
  match(name: string, family: Family): Pick<AnyMatch, 'placement'> | undefined;
  target(name: string, family: Family): Pick<AnyTarget, 'placement'> | undefined;
  /** Left out: whatever helper a rule names is there. */
  helper?(name: string, family: Family, protocol: number): unknown;
  timeoutPolicy?(name: string, protocol: number): boolean | undefined;
}

/** Checks tables, one version after the other: rules that passed are not looked at again as long as they are where they were. */
export class LoadCheck {
  /** By family and table, then by chain: what is known of its rules. */
  private readonly known = new Map<string, Map<string, ChainFacts>>();

  /** Throws a Refusal at the rule that is wrong: a loop first, then places in the order of the table. */
  check(table: TableSpec, extensions: Extensions): void {
    finish(this.inSteps(table, extensions));
  }

  *inSteps(table: TableSpec, extensions: Extensions): Steps<void> {
    const name = `${table.family} ${table.name}`;
    const before = this.known.get(name);
    // Known again when it has passed.
    this.known.delete(name);
    const facts = before ?? new Map<string, ChainFacts>();
    const touched: ChainSpec[] = [];
    let sameJumps = before?.size === table.chains.size;
    let work = 0;
    for (const chain of table.chains.values()) {
      if (++work % SLICE === 0) yield;
      const was = facts.get(chain.name);
      if (was && was.from === was.to && was.extensions === extensions && isSame(chain.rules, was.rules)) continue;
      const now = yield* factsOf(chain, was);
      facts.set(chain.name, now);
      touched.push(chain);
      if (now.jumps !== was?.jumps) sameJumps = false;
    }
    if (facts.size > table.chains.size)
      for (const name of facts.keys()) if (!table.chains.has(name)) facts.delete(name);
    if (!sameJumps) yield* this.walkAll(table, facts);
    for (const chain of sameJumps ? touched : orderedChains(table)) {
      if (++work % SLICE === 0) yield;
      yield* checkChain(chain, table, facts.get(chain.name)!, extensions);
    }
    this.known.set(name, facts);
  }

  /** Finds out by which hooks each chain is reached. */
  private *walkAll(table: TableSpec, facts: ReadonlyMap<string, ChainFacts>): Steps<void> {
    let work = 0;
    for (const one of facts.values()) {
      one.reaching = 0;
      one.callees = one.jumps.flatMap((rule) => facts.get(jumpOf(rule)!) ?? []);
      if (++work % SLICE === 0) yield;
    }
    for (const { name, builtin } of table.chains.values()) {
      if (builtin !== undefined) yield* walk(facts.get(name)!, 1 << HOOKS.indexOf(builtin));
    }
  }
}

interface ChainFacts {
  readonly name: string;
  /** Our own copy: whoever gave the rules may go on editing them. */
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

function isSame(rules: readonly RuleSpec[], before: readonly RuleSpec[]): boolean {
  if (rules.length !== before.length) return false;
  for (let index = 0; index < rules.length; index++) if (rules[index] !== before[index]) return false;
  return true;
}

/** What differs from before is looked at, and all of it where that changes what the rest means. */
function* factsOf({ name, rules }: ChainSpec, before: ChainFacts | undefined): Steps<ChainFacts> {
  const checked = { from: 0, to: rules.length, bits: 0, reaching: 0, extensions: undefined };
  const all = { name, callees: [], onPath: false, ...checked };
  if (!before) return { rules: rules.slice(), ...(yield* reachOf(rules)), ...all };
  const [from, behind] = commonEnds(rules, before.rules);
  if (from === rules.length && from === before.rules.length) return before;
  const removed = before.rules.slice(from, before.rules.length - behind);
  const added = rules.slice(from, rules.length - behind);
  const isPlain = (rule: RuleSpec): boolean => jumpOf(rule) === undefined && !endsEveryWalk(rule);
  const few = removed.length + added.length <= MOST_AT_ONCE;
  if (!few || !removed.every(isPlain) || !added.every(isPlain) || before.from !== before.to) {
    return { rules: rules.slice(), ...(yield* reachOf(rules)), ...all };
  }
  const shift = added.length - removed.length;
  const reached = before.reached > from ? before.reached + shift : before.reached;
  return { ...before, rules: rules.slice(), reached, from, to: rules.length - behind };
}

function* reachOf(rules: readonly RuleSpec[]): Steps<{ reached: number; jumps: readonly RuleSpec[] }> {
  const jumps = new Map<string, RuleSpec>();
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index];
    const name = jumpOf(rule);
    if (name !== undefined && !jumps.has(name)) jumps.set(name, rule);
    if (endsEveryWalk(rule)) return { reached: index + 1, jumps: [...jumps.values()] };
    if (index % (8 * SLICE) === 8 * SLICE - 1) yield;
  }
  return { reached: Number.POSITIVE_INFINITY, jumps: [...jumps.values()] };
}

/** Depth first, with a stack of our own: chains may be nested deeper than ours reaches. */
function* walk(start: ChainFacts, hook: number): Steps<void> {
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
  const rule = path[path.length - 2].jumps.find((one) => jumpOf(one) === closing);
  const loop = names.slice(names.indexOf(closing)).join(' -> ');
  return new Refusal('Too many levels of symbolic links', rule, `jumps go in a circle: ${loop}`);
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

function* checkChain(chain: ChainSpec, table: TableSpec, facts: ChainFacts, extensions: Extensions): Steps<void> {
  const bits = facts.reaching;
  const same = facts.bits === bits && facts.extensions === extensions;
  const [from, to] = same ? [facts.from, facts.to] : [0, chain.rules.length];
  const checker = new Checker(chain, table, extensions);
  for (let index = from; index < to; index++) {
    checker.check(chain.rules[index], index < facts.reached ? bits : 0);
    if (index % SLICE === SLICE - 1) yield;
  }
  facts.from = facts.to = 0;
  facts.bits = bits;
  facts.extensions = extensions;
}

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

  private readonly hasHelper = (helper: string, of: number): boolean => {
    const { extensions, table } = this;
    return extensions.helper === undefined || extensions.helper(helper, table.family, of) !== undefined;
  };

  private readonly timeoutPolicy = (policy: string, of: number): boolean | undefined =>
    this.extensions.timeoutPolicy?.(policy, of);

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
    const { hasHelper, timeoutPolicy } = this;
    const hooks = (HOOKS_OF[bits] ??= HOOKS.filter((_hook, index) => bits & (1 << index)));
    const table = this.table.name;
    const place: PlaceContext = { family, table, hooks, protocol, matches, rule, hasHelper, timeoutPolicy };
    const what = `${option} ${name}`;
    const reason =
      wrongTable(what, placement.tables, place) ??
      wrongHooks(what, placement.hooks, place, this.chain) ??
      wrongProtocol(what, placement.protocols, place) ??
      placement.refuses?.(checked, place);
    if (reason !== undefined) throw new Refusal('Invalid argument', rule, reason, true);
  }
}

/** By their bits. */
const HOOKS_OF: (readonly HookName[] | undefined)[] = [];

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
