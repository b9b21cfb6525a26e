// An installed rule: the spec (pure data) bound to what it does to packets, its counter slot, and the state of its extensions.
// It lives from the install that brings the rule in to the one that leaves it out; edits around it hand the same object on, so its
// counters and state stay. A rule is "the same" when its RuleSpec is the same object.

import { RuleError } from '../../grammar/error.ts';
import type { MatchSpec, RuleSpec, TargetSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Action, AnyMatch, AnyTarget, CompileContext, Constraints, Predicate } from '../extension.ts';
import type { Services } from '../services.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, RETURN, type Verdict } from '../verdict.ts';
import type { Counts } from './counters.ts';
import { wishesOfMatch, wishesOfTarget } from './wishes.ts';

/** Where extensions are looked up: engine/registry.ts, or a literal in a test. */
export interface Extensions {
  match(name: string, family: Family): AnyMatch | undefined;
  target(name: string, family: Family): AnyTarget | undefined;
}

/** State that rules share by name: hashlimit's tables, recent's lists. Made by the first user, dropped after the last. */
export class SharedState {
  readonly byName = new Map<string, unknown>();

  get<T>(name: string, make: () => T): T {
    if (!this.byName.has(name)) this.byName.set(name, make());
    return this.byName.get(name) as T;
  }

  /** Drops all others; `dropped` is told of each. */
  keepOnly(names: ReadonlySet<string>, dropped: (state: unknown) => void): void {
    for (const [name, state] of this.byName) {
      if (names.has(name)) continue;
      this.byName.delete(name);
      dropped(state);
    }
  }
}

export interface BindContext {
  readonly table: TableName;
  readonly extensions: Extensions;
  readonly services: Services;
  readonly shared: SharedState;
  readonly counts: Counts;
}

export interface Rule {
  readonly spec: RuleSpec;
  readonly slot: number;
  /** One per `spec.matches`, same order. */
  readonly matches: readonly AnyMatch[];
  readonly predicates: readonly Predicate[];
  /** What its matches declare, from the first one on, as far as a rule may be skipped by that (constraintsOf). */
  readonly constraints: readonly Constraints[];
  /** Only where the target is an extension. */
  readonly target: AnyTarget | undefined;
  readonly action: Action | undefined;
  /** What the extensions asked `context.state` for, in the order of asking. */
  readonly states: readonly unknown[];
  /** Keys into SharedState that this rule uses. */
  readonly sharedNames: readonly string[];
  /** What it wants for as long as it is loaded: bits of wishes.ts. */
  readonly wishes: number;
  /** What it does with a packet that it matches: one of the numbers below. */
  readonly does: number;
  /** With VERDICT. */
  readonly verdict: Verdict;
  /** Predicates to ask of a whole packet for which its conditions as numbers hold (classifier/conditions.ts, which sets them). */
  asked: readonly Predicate[];
}

/** No target: it counts, and the walk goes on. */
export const COUNT = 0;
export const VERDICT = 1;
export const JUMP = 2;
export const GOTO = 3;
export const EXTENSION = 4;

const DOES = { verdict: VERDICT, jump: JUMP, goto: GOTO, extension: EXTENSION } as const;
const VERDICTS = { ACCEPT, DROP, QUEUE, RETURN } as const;

/** What the matches of a rule come to. Rules that were read from the same words share it, unless it keeps state. */
interface Matching {
  readonly matches: readonly AnyMatch[];
  readonly predicates: readonly Predicate[];
  readonly constraints: readonly Constraints[];
  readonly wishes: number;
  readonly states: readonly unknown[];
  readonly sharedNames: readonly string[];
}

const NOTHING: readonly never[] = [];
const NO_MATCHES: Matching = {
  matches: NOTHING,
  predicates: NOTHING,
  constraints: NOTHING,
  wishes: 0,
  states: NOTHING,
  sharedNames: NOTHING,
};

/** Binds rules, one after the other. */
export class Binder {
  private readonly context: BindContext;
  private readonly stateless: Record<Family, Map<readonly MatchSpec[], Matching>> = { 4: new Map(), 6: new Map() };

  constructor(context: BindContext) {
    this.context = context;
  }

  /** Throws RuleError (exit code 2) when an extension is not attached. `states` hands earlier state back, in the order of asking. */
  bind(spec: RuleSpec, earlier: readonly unknown[] = NOTHING): Rule {
    const matching = this.matchingOf(spec, earlier);
    const acting =
      spec.target?.kind === 'extension' ? this.actingOf(spec, earlier.slice(matching.states.length)) : undefined;
    return {
      spec,
      slot: this.context.counts.take(spec.counters?.packets, spec.counters?.bytes),
      matches: matching.matches,
      predicates: matching.predicates,
      constraints: matching.constraints,
      target: acting?.target,
      action: acting?.action,
      states: acting ? joined(matching.states, acting.states) : matching.states,
      sharedNames: acting ? joined(matching.sharedNames, acting.sharedNames) : matching.sharedNames,
      wishes: matching.wishes | (acting?.wishes ?? 0),
      does: spec.target ? DOES[spec.target.kind] : COUNT,
      verdict: spec.target?.kind === 'verdict' ? VERDICTS[spec.target.name] : CONTINUE,
      asked: matching.predicates,
    };
  }

  private matchingOf(spec: RuleSpec, earlier: readonly unknown[]): Matching {
    if (spec.matches.length === 0) return NO_MATCHES;
    const known = this.stateless[spec.family].get(spec.matches);
    if (known) return known;
    const matching = this.bindMatches(spec, earlier);
    const { matches, states, sharedNames } = matching;
    if (states.length + sharedNames.length === 0 && matches.every(({ effect }) => effect === 'pure')) {
      this.stateless[spec.family].set(spec.matches, matching);
    }
    return matching;
  }

  private bindMatches(spec: RuleSpec, earlier: readonly unknown[]): Matching {
    const { extensions } = this.context;
    const { family } = spec;
    const asking = new Asking(this.context, family, earlier);
    const matches = spec.matches.map((match) => known(extensions.match(match.name, family), match.name, spec));
    const predicates = matches.map((match, index) => match.compile(spec.matches[index].checked, asking));
    const wishes = matches.reduce((all, match, index) => all | wishesOfMatch(match, spec.matches[index].checked), 0);
    const { states, sharedNames } = asking;
    return { matches, predicates, constraints: constraintsOf(spec, matches), wishes, states, sharedNames };
  }

  private actingOf(spec: RuleSpec, earlier: readonly unknown[]) {
    const { name, checked } = spec.target as TargetSpec & { kind: 'extension' };
    const asking = new Asking(this.context, spec.family, earlier, spec);
    const target = known(this.context.extensions.target(name, spec.family), name, spec);
    const action = target.compile(checked, asking);
    const wishes = wishesOfTarget(target, checked);
    return { target, action, wishes, states: asking.states, sharedNames: asking.sharedNames };
  }
}

/** Up to the first match that is stateful, which must be asked whenever those before it said yes, or that declares nothing, and might drop. */
function constraintsOf({ family, matches: given }: RuleSpec, matches: readonly AnyMatch[]): readonly Constraints[] {
  const found: Constraints[] = [];
  for (let index = 0; index < matches.length; index++) {
    const { effect, constrain } = matches[index];
    const constraints = effect === 'pure' ? constrain?.(given[index].checked, family) : undefined;
    if (!constraints) break;
    found.push(constraints);
  }
  return found;
}

/** What extensions ask while they are compiled. */
class Asking implements CompileContext {
  readonly family: Family;
  readonly table: TableName;
  readonly services: Services;
  readonly rule: RuleSpec | undefined;
  readonly states: unknown[] = [];
  readonly sharedNames: string[] = [];
  private readonly earlier: readonly unknown[];
  private readonly sharing: SharedState;

  constructor({ table, services, shared }: BindContext, family: Family, earlier: readonly unknown[], rule?: RuleSpec) {
    this.rule = rule;
    this.family = family;
    this.table = table;
    this.services = services;
    this.sharing = shared;
    this.earlier = earlier;
  }

  // Functions of their own: extensions take them out of the context.
  readonly state = <T>(make: () => T): T => {
    const { states, earlier } = this;
    const state = states.length < earlier.length ? (earlier[states.length] as T) : make();
    states.push(state);
    return state;
  };

  readonly shared = <T>(name: string, make: () => T, families: 'each' | 'both' = 'each'): T => {
    const key = `${families === 'both' ? 'both' : this.family} ${name}`;
    this.sharedNames.push(key);
    return this.sharing.get(key, make);
  };
}

const joined = <T>(a: readonly T[], b: readonly T[]): readonly T[] =>
  b.length === 0 ? a : a.length === 0 ? b : [...a, ...b];

function known<T>(extension: T | undefined, name: string, spec: RuleSpec): T {
  if (extension) return extension;
  throw new RuleError(`Couldn't load extension \`${name}':No such file or directory`, spec.origin?.span);
}
