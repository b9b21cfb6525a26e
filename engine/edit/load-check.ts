// What the kernel looks at when a table is handed to it: no loop of jumps that a packet could enter, and every extension in a place where
// it may stand. Source: net/ipv6/netfilter/ip6_tables.c translate_table(), mark_source_chains(); net/netfilter/x_tables.c
// xt_check_match(), xt_check_target().
//
// Hooks are those that reach a rule: through jumps from built-in chains, not past a rule that ends the walk for every packet. A chain
// that nobody jumps to is reached by none; its rules' tables and protocols are checked all the same.

import type { Lookup } from '../../grammar/lookup.ts';
import { orderedChains } from '../../grammar/print.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { HOOKS, type HookName, TABLES } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { AnyMatch, AnyTarget, PlaceContext, Placement } from '../extension.ts';
import { calleeOf } from '../install/difference.ts';
import { finish, SLICE, type Steps } from '../install/steps.ts';
import { type ChainFacts, factsAtOnce, factsOf, isSame, isShort, spread, walk } from './chain-facts.ts';
import { type Edited, editedSince } from './lineage.ts';
import { Refusal } from './refusal.ts';

export interface Extensions {
  match(name: string, family: Family): Pick<AnyMatch, 'placement'> | undefined;
  target(name: string, family: Family): Pick<AnyTarget, 'placement'> | undefined;
  /** Left out: whatever helper a rule names is there. */
  helper?(name: string, family: Family, protocol: number): unknown;
  timeoutPolicy?(name: string, protocol: number): boolean | undefined;
}

interface Passed {
  readonly table: TableSpec;
  readonly facts: Map<string, ChainFacts>;
  /** Else of some chains more hooks are noted than reach them. */
  isExact: boolean;
}

/** Checks tables, one version after the other: rules that passed are not looked at again as long as they are where they were. */
export class LoadCheck {
  /** By family and table: what is known of its chains. */
  private readonly passed = new Map<string, Passed>();

  /** Throws a Refusal at the rule that is wrong: a loop first, then places in the order of the table. */
  check(table: TableSpec, extensions: Extensions): void {
    finish(this.inSteps(table, extensions));
  }

  *inSteps(table: TableSpec, extensions: Extensions): Steps<void> {
    const name = `${table.family} ${table.name}`;
    const before = this.passed.get(name);
    // Known again when it has passed.
    this.passed.delete(name);
    const edited = editedSince(table, before?.table);
    if (before && edited && (yield* checkEdited(edited, table, before, extensions))) {
      this.passed.set(name, { ...before, table });
      return;
    }
    const facts = before?.isExact && !edited ? before.facts : new Map<string, ChainFacts>();
    yield* checkAll(table, facts, extensions);
    this.passed.set(name, { table, facts, isExact: true });
  }
}

/**
 * Looks only at the chains of an edit, and at those below that more hooks reach through them than before. False: all is to be checked, from the
 * beginning. Of a chain that lost a jump to it more hooks stay noted than reach it: what may stand under more hooks may stand under fewer, and what may
 * not is checked with all.
 */
function* checkEdited(edited: Edited, table: TableSpec, passed: Passed, extensions: Extensions): Steps<boolean> {
  const { facts } = passed;
  const { gone, touched } = edited;
  const toCheck = new Set<ChainFacts>();
  const rerouted: (readonly [before: readonly RuleSpec[], now: ChainFacts])[] = [];
  for (const name of gone) {
    const was = facts.get(name);
    if (was && was.jumps.length > 0) passed.isExact = false;
    facts.delete(name);
  }
  for (const chain of touched.values()) {
    const was = facts.get(chain.name);
    if (was && was.extensions !== extensions) return false;
    const now = yield* factsOf(chain, was, true);
    const { reaching, bits } = was ?? now;
    Object.assign(now, { reaching, bits, extensions });
    facts.set(chain.name, now);
    toCheck.add(now);
    if (now.jumps !== was?.jumps) rerouted.push([was?.jumps ?? [], now]);
  }
  for (const [before, now] of rerouted) {
    const left = new Set(before.map(calleeOf));
    for (const rule of now.jumps) {
      const callee = facts.get(calleeOf(rule)!);
      const isNew = callee && !left.delete(callee.name);
      if (isNew && now.reaching !== 0 && !spread(now, callee, facts, toCheck)) return false;
    }
    if (left.size > 0) passed.isExact = false;
  }
  try {
    yield* checkChains(toCheck, table, extensions);
  } catch (problem) {
    if (problem instanceof Refusal) return false;
    throw problem;
  }
  return true;
}

function* checkAll(table: TableSpec, facts: Map<string, ChainFacts>, extensions: Extensions): Steps<void> {
  const touched: ChainFacts[] = [];
  let sameJumps = facts.size === table.chains.size;
  let work = 0;
  for (const chain of table.chains.values()) {
    if (++work % SLICE === 0) yield;
    const was = facts.get(chain.name);
    if (was && was.from === was.to && was.extensions === extensions && isSame(chain.rules, was.rules)) continue;
    const now = isShort(chain) ? factsAtOnce(chain, was) : yield* factsOf(chain, was);
    facts.set(chain.name, now);
    touched.push(now);
    if (now.jumps !== was?.jumps) sameJumps = false;
  }
  if (facts.size > table.chains.size) for (const name of facts.keys()) if (!table.chains.has(name)) facts.delete(name);
  if (!sameJumps) yield* walkAll(table, facts);
  try {
    yield* checkChains(sameJumps ? touched : facts.values(), table, extensions);
  } catch (problem) {
    // The first one in the order of the table is to be told: those that have passed are not looked at again.
    if (problem instanceof Refusal && !sameJumps) {
      const ordered = orderedChains(table).map(({ name }) => facts.get(name)!);
      yield* checkChains(ordered, table, extensions);
    }
    throw problem;
  }
}

/** Finds out by which hooks each chain is reached. */
function* walkAll(table: TableSpec, facts: ReadonlyMap<string, ChainFacts>): Steps<void> {
  let work = 0;
  for (const one of facts.values()) {
    one.reaching = 0;
    one.meet(facts);
    if (++work % SLICE === 0) yield;
  }
  for (const { name, builtin } of table.chains.values()) {
    if (builtin !== undefined) yield* walk(facts.get(name)!, 1 << HOOKS.indexOf(builtin));
  }
}

function* checkChains(chains: Iterable<ChainFacts>, table: TableSpec, extensions: Extensions): Steps<void> {
  const checker = new Checker(table, extensions);
  let work = 0;
  for (const facts of chains) {
    if (++work % SLICE === 0) yield;
    checker.begin(facts);
    while (!checker.proceed(facts)) yield;
  }
}

/** Checks the rules of chains, one after the other. */
class Checker {
  private readonly table: TableSpec;
  private readonly extensions: Extensions;
  private chain = '';
  /** What of it is still to be checked. */
  private at = 0;
  private end = 0;
  /** Rules that were read from the same words share their matches: the last ones that were in their place. */
  private passed: RuleSpec | undefined = undefined;
  private passedBits = -1;

  constructor(table: TableSpec, extensions: Extensions) {
    this.table = table;
    this.extensions = extensions;
  }

  begin({ name, rules, bits, reaching, extensions, from, to }: ChainFacts): void {
    const same = bits === reaching && extensions === this.extensions;
    this.chain = name;
    this.at = same ? from : 0;
    this.end = same ? to : rules.length;
  }

  /** Checks some of its rules; whether that was the end. */
  proceed(facts: ChainFacts): boolean {
    const { rules, reached, reaching } = facts;
    for (const until = Math.min(this.end, this.at + SLICE); this.at < until; this.at++) {
      this.check(rules[this.at], this.at < reached ? reaching : 0);
    }
    if (this.at < this.end) return false;
    facts.from = facts.to = 0;
    facts.bits = reaching;
    facts.extensions = this.extensions;
    return true;
  }

  private check(rule: RuleSpec, bits: number): void {
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
  chain: string,
): string | undefined {
  const wrong = allowed ? place.hooks.filter((hook) => !allowed.includes(hook)) : [];
  if (wrong.length === 0) return undefined;
  const isBuiltin = (TABLES[place.table] as readonly string[]).includes(chain);
  const through = isBuiltin ? '' : `, and ${chain} is reached from there`;
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
