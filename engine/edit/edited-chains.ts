// The chains of a table while it is edited. What is not touched stays the earlier table's: an edit of one chain copies neither the map of
// kube-proxy's thousands nor any rules but that chain's, once.

import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { noteEnds } from './common-ends.ts';
import { EditedTable } from './edited-table.ts';

/** A chain that is another than before, or was not there. */
class OwnChain {
  readonly spec: ChainSpec;
  /** Those of the earlier table, if it is one of that; once `rules` are others, `front` and `behind` say how many of them are there still. */
  private readonly before: RuleSpec[] | undefined;
  private front = 0;
  private behind = 0;

  constructor(spec: ChainSpec, before?: RuleSpec[]) {
    this.spec = spec;
    this.before = before;
  }

  /** The `removed` rules from `from` on give way to others, which are few or stand behind all. */
  splice(from: number, removed: number, added: readonly RuleSpec[]): void {
    const { spec, before } = this;
    const { rules } = spec;
    const behind = rules.length - from - removed;
    if (rules === before) {
      spec.rules = rules.toSpliced(from, removed, ...added);
      this.front = from;
      this.behind = behind;
      return;
    }
    if (from < this.front) this.front = from;
    if (behind < this.behind) this.behind = behind;
    if (from < rules.length) rules.splice(from, removed, ...added);
    else for (const rule of added) rules.push(rule);
  }

  append(rule: RuleSpec): void {
    const { rules } = this.spec;
    if (rules === this.before) this.splice(rules.length, 0, [rule]);
    else {
      rules.push(rule);
      this.behind = 0;
    }
  }

  replaceAll(rules: RuleSpec[]): void {
    this.spec.rules = rules;
    this.front = this.behind = 0;
  }

  finish(): void {
    const { before, spec } = this;
    if (before && before !== spec.rules) noteEnds(spec.rules, before, this.front, this.behind);
  }
}

export class EditedChains {
  private readonly base: TableSpec;
  /** By name; in the order in which they were touched or made. */
  private readonly own = new Map<string, OwnChain>();
  /** Chains of the earlier table that were taken away; some are there again, and stand behind all others then. */
  private readonly gone = new Set<string>();
  private anew = false;

  constructor(base: TableSpec) {
    this.base = base;
  }

  get(name: string): ChainSpec | undefined {
    return this.own.get(name)?.spec ?? (this.gone.has(name) ? undefined : this.base.chains.get(name));
  }

  /** In the order of the table. */
  *values(): Iterable<ChainSpec> {
    for (const [name, chain] of this.base.chains) if (!this.gone.has(name)) yield this.own.get(name)?.spec ?? chain;
    for (const [name, { spec }] of this.own) if (this.isNew(name)) yield spec;
  }

  private isNew(name: string): boolean {
    return this.gone.has(name) || !this.base.chains.has(name);
  }

  whole(): Map<string, ChainSpec> {
    const all = new Map<string, ChainSpec>();
    for (const chain of this.values()) all.set(chain.name, chain);
    return all;
  }

  add(chain: ChainSpec): void {
    this.own.set(chain.name, new OwnChain(chain));
  }

  delete(name: string): void {
    this.own.delete(name);
    if (this.base.chains.has(name)) this.gone.add(name);
  }

  /** Rules and user chains go. What comes then is hardly an edit of what was. */
  clear(): void {
    this.anew = true;
    for (const { name, builtin } of [...this.values()]) {
      if (builtin === undefined) this.delete(name);
      else this.setRules(name, []);
    }
  }

  setRules(name: string, rules: RuleSpec[]): void {
    this.mine(name).replaceAll(rules);
  }

  /** A chain that is there; see OwnChain.splice(). */
  splice(name: string, from: number, removed: number, added: readonly RuleSpec[]): void {
    this.mine(name).splice(from, removed, added);
  }

  /** As splice() at the end: what a restore does ten thousand times. */
  append(name: string, rule: RuleSpec): void {
    this.mine(name).append(rule);
  }

  /** The chain as an object of its own, to be changed in all but its rules. */
  touch(name: string): ChainSpec {
    return this.mine(name).spec;
  }

  private mine(name: string): OwnChain {
    let mine = this.own.get(name);
    if (!mine) {
      const chain = this.base.chains.get(name)!;
      this.own.set(name, (mine = new OwnChain({ ...chain }, chain.rules)));
    }
    return mine;
  }

  /** The table that they make. They are not edited any more. */
  finish(): TableSpec {
    for (const mine of this.own.values()) mine.finish();
    const { base, own, gone } = this;
    const moved = gone.size > 0 && [...own.keys()].some((name) => gone.has(name));
    if (this.anew || moved) return { family: base.family, name: base.name, chains: this.whole() };
    return new EditedTable(base, { gone: [...gone], touched: this.touched() });
  }

  /** In the order of the table, of which the built-in chains are touched first and stand first. */
  private touched(): Map<string, ChainSpec> {
    const { base, own } = this;
    const names = [...own.keys()];
    const old = names.filter((name) => base.chains.has(name));
    const fresh = names.filter((name) => !base.chains.has(name));
    const isBuiltin = (name: string): boolean => base.chains.get(name)?.builtin !== undefined;
    const isInOrder = old.length < 2 || isBuiltin(old[old.length - 2]);
    const inOrder = isInOrder ? old : [...base.chains.keys()].filter((name) => own.has(name));
    return new Map([...inOrder, ...fresh].map((name) => [name, own.get(name)!.spec]));
  }
}
