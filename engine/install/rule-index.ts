// The installed rules of one table, by identity, and what they have in common. An edit brings rules in and takes rules out when it is
// committed, and looks at no others; where most rules change, another index is made beforehand.

import type { RuleSpec } from '../../grammar/rule-spec.ts';
import type { Rule } from './rule.ts';
import { WISHES } from './wishes.ts';

export class RuleIndex {
  private readonly bySpec = new Map<RuleSpec, Rule>();
  /** How many rules use an entry of SharedState. */
  private readonly shared = new Map<string, number>();
  /** By bit: how many rules have that wish. */
  private readonly wishes: number[] = new Array(WISHES).fill(0);
  /** The wishes that some rule has: asked with every walk. */
  private wanted = 0;

  get(spec: RuleSpec): Rule | undefined {
    return this.bySpec.get(spec);
  }

  has(spec: RuleSpec): boolean {
    return this.bySpec.has(spec);
  }

  values(): IterableIterator<Rule> {
    return this.bySpec.values();
  }

  get size(): number {
    return this.bySpec.size;
  }

  /** Some rule wants it: one of wishes.ts. */
  wants(wish: number): boolean {
    return (this.wanted & wish) !== 0;
  }

  get sharedNames(): IterableIterator<string> {
    return this.shared.keys();
  }

  add(rule: Rule): void {
    this.bySpec.set(rule.spec, rule);
    this.note(rule, 1);
  }

  delete(rule: Rule): void {
    this.bySpec.delete(rule.spec);
    this.note(rule, -1);
  }

  private note({ wishes, sharedNames }: Rule, by: 1 | -1): void {
    for (let left = wishes; left !== 0; left &= left - 1) {
      const wish = left & -left;
      const bit = 31 - Math.clz32(wish);
      this.wishes[bit] += by;
      this.wanted = this.wishes[bit] > 0 ? this.wanted | wish : this.wanted & ~wish;
    }
    for (const name of sharedNames) count(this.shared, name, by);
  }
}

function count(uses: Map<string, number>, name: string, by: 1 | -1): void {
  const now = (uses.get(name) ?? 0) + by;
  if (now > 0) uses.set(name, now);
  else uses.delete(name);
}
