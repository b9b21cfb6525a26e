// An installed rule: the spec (pure data) bound to what it does to packets, its counter slot, and the state of its extensions.
// It lives from the install that brings the rule in to the one that leaves it out; edits around it hand the same object on, so its
// counters and state stay. A rule is "the same" when its RuleSpec is the same object, or what BindContext.keyOf makes of it.

import { RuleError } from '../grammar/error.ts';
import type { ChainSpec, RuleSpec } from '../grammar/rule-spec.ts';
import type { TableName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { Counts } from './counters.ts';
import {
  type Action,
  type AnyMatch,
  type AnyTarget,
  type CompileContext,
  type Predicate,
  turnsTrackingOn,
} from './extension.ts';
import type { Services } from './services.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, RETURN, type Verdict } from './verdict.ts';

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
  /** Identity of a rule or chain across edits. The object itself, unless specs are copied on their way here. */
  keyOf(part: RuleSpec | ChainSpec): unknown;
}

export interface Rule {
  readonly spec: RuleSpec;
  readonly slot: number;
  /** One per `spec.matches`, same order. */
  readonly matches: readonly AnyMatch[];
  readonly predicates: readonly Predicate[];
  /** Only where the target is an extension. */
  readonly target: AnyTarget | undefined;
  readonly action: Action | undefined;
  /** What the extensions asked `context.state` for, in the order of asking. */
  readonly states: readonly unknown[];
  /** Keys into SharedState that this rule uses. */
  readonly sharedNames: readonly string[];
  readonly needsTracking: boolean;
  /** What it does with a packet that it matches: one of the numbers below. */
  readonly does: number;
  /** With VERDICT. */
  readonly verdict: Verdict;
  /** Predicates to ask of a whole packet for which its conditions as numbers hold (classifier/conditions.ts, which sets them). */
  asked: readonly Predicate[];
  /** Why a packet that it drops is dropped: table, chain and number. Empty until it is first needed: the number changes with edits before it. */
  reason: string;
}

/** No target: it counts, and the walk goes on. */
export const COUNT = 0;
export const VERDICT = 1;
export const JUMP = 2;
export const GOTO = 3;
export const EXTENSION = 4;

const DOES = { verdict: VERDICT, jump: JUMP, goto: GOTO, extension: EXTENSION } as const;
const VERDICTS = { ACCEPT, DROP, QUEUE, RETURN } as const;

/** Throws RuleError (exit code 2) when an extension is not attached. `states` hands earlier state back, in the order of asking. */
export function bindRule(spec: RuleSpec, context: BindContext, earlier: readonly unknown[] = []): Rule {
  const { family } = spec;
  const states: unknown[] = [];
  const sharedNames: string[] = [];
  const compileContext: CompileContext = {
    family,
    table: context.table,
    services: context.services,
    state<T>(make: () => T): T {
      const state = states.length < earlier.length ? (earlier[states.length] as T) : make();
      states.push(state);
      return state;
    },
    shared(name, make, families = 'each') {
      const key = `${families === 'both' ? 'both' : family} ${name}`;
      sharedNames.push(key);
      return context.shared.get(key, make);
    },
  };
  const matches = spec.matches.map((match) => known(context.extensions.match(match.name, family), match.name, spec));
  const predicates = matches.map((match, index) => match.compile(spec.matches[index].checked, compileContext));
  let target: AnyTarget | undefined;
  let action: Action | undefined;
  if (spec.target?.kind === 'extension') {
    target = known(context.extensions.target(spec.target.name, family), spec.target.name, spec);
    action = target.compile(spec.target.checked, compileContext);
  }
  const needsTracking =
    matches.some((match, index) => turnsTrackingOn(match, spec.matches[index].checked)) ||
    (target !== undefined && spec.target?.kind === 'extension' && turnsTrackingOn(target, spec.target.checked));
  const slot = context.counts.take(spec.counters?.packets, spec.counters?.bytes);
  return {
    spec,
    slot,
    matches,
    predicates,
    target,
    action,
    states,
    sharedNames,
    needsTracking,
    does: spec.target ? DOES[spec.target.kind] : COUNT,
    verdict: spec.target?.kind === 'verdict' ? VERDICTS[spec.target.name] : CONTINUE,
    asked: predicates,
    reason: '',
  };
}

function known<T>(extension: T | undefined, name: string, spec: RuleSpec): T {
  if (extension) return extension;
  throw new RuleError(`Couldn't load extension \`${name}':No such file or directory`, spec.origin?.span);
}
