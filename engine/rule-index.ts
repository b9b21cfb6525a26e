// The installed rules of one table, by identity, and what they have in common. It stays the same object from one version of the table to
// the next: an edit brings rules in and takes rules out when it is committed, and looks at no others.

import type { RuleSpec } from '../grammar/rule-spec.ts';
import type { AnyMatch, AnyTarget } from './extension.ts';
import type { BindContext, Rule } from './rule.ts';

export class RuleIndex {
  private readonly context: BindContext;
  private readonly byKey = new Map<unknown, Rule>();
  /** How many rules use an entry of SharedState. */
  private readonly shared = new Map<string, number>();
  /** How many rules have these matches (rules of equal words share the list), or this target. */
  private readonly matchLists = new Map<readonly AnyMatch[], number>();
  private readonly targetUses = new Map<AnyTarget, number>();
  private tracking = 0;
  private tracing = 0;

  constructor(context: BindContext) {
    this.context = context;
  }

  get(spec: RuleSpec): Rule | undefined {
    return this.byKey.get(this.context.keyOf(spec));
  }

  has(spec: RuleSpec): boolean {
    return this.byKey.has(this.context.keyOf(spec));
  }

  values(): IterableIterator<Rule> {
    return this.byKey.values();
  }

  /** Some rule turns the tracker on. */
  get needsTracking(): boolean {
    return this.tracking > 0;
  }

  /** Some target sets Packet.traced. */
  get traces(): boolean {
    return this.tracing > 0;
  }

  /** Some rule has a match that is so. */
  anyMatch(is: (match: AnyMatch) => boolean | undefined): boolean {
    for (const matches of this.matchLists.keys()) if (matches.some(is)) return true;
    return false;
  }

  /** Some rule has a target that is so. */
  anyTarget(is: (target: AnyTarget) => boolean | undefined): boolean {
    for (const target of this.targetUses.keys()) if (is(target)) return true;
    return false;
  }

  get sharedNames(): IterableIterator<string> {
    return this.shared.keys();
  }

  add(rule: Rule): void {
    this.byKey.set(this.context.keyOf(rule.spec), rule);
    this.note(rule, 1);
  }

  delete(rule: Rule): void {
    this.byKey.delete(this.context.keyOf(rule.spec));
    this.note(rule, -1);
  }

  private note({ needsTracking, matches, target, sharedNames }: Rule, by: 1 | -1): void {
    if (needsTracking) this.tracking += by;
    if (target?.traces === true) this.tracing += by;
    if (matches.length > 0) count(this.matchLists, matches, by);
    if (target) count(this.targetUses, target, by);
    for (const name of sharedNames) count(this.shared, name, by);
  }
}

function count<T>(uses: Map<T, number>, of: T, by: 1 | -1): void {
  const now = (uses.get(of) ?? 0) + by;
  if (now > 0) uses.set(of, now);
  else uses.delete(of);
}
