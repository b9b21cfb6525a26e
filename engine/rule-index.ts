// The installed rules of one table, by identity, and what they have in common. It stays the same object from one version of the table to
// the next: an edit brings rules in and takes rules out when it is committed, and looks at no others.

import type { RuleSpec } from '../grammar/rule-spec.ts';
import type { BindContext, Rule } from './rule.ts';

export class RuleIndex {
  private readonly context: BindContext;
  private readonly byKey = new Map<unknown, Rule>();
  /** How many rules use an entry of SharedState. */
  private readonly shared = new Map<string, number>();
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

  private note({ needsTracking, target, sharedNames }: Rule, by: 1 | -1): void {
    if (needsTracking) this.tracking += by;
    if (target?.traces === true) this.tracing += by;
    for (const name of sharedNames) {
      const users = (this.shared.get(name) ?? 0) + by;
      if (users > 0) this.shared.set(name, users);
      else this.shared.delete(name);
    }
  }
}
