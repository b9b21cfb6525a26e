// The table that a planner makes. A class, so that all tables have one shape: an accessor in a literal would give each its own, and tables are
// looked into with every walk.

import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { BindContext, Rule } from './rule.ts';
import type { RuleIndex } from './rule-index.ts';
import type { Chain, Table } from './table.ts';
import { TRACING } from './wishes.ts';

export interface TableParts {
  readonly spec: TableSpec;
  readonly context: BindContext;
  readonly chains: Map<string, Chain>;
  readonly builtin: readonly (Chain | undefined)[];
  readonly ruleOf: RuleIndex;
  readonly deep: boolean;
}

export class BuiltTable implements Table {
  readonly family: Family;
  readonly deep: boolean;
  readonly builtin: readonly (Chain | undefined)[];
  readonly ruleOf: RuleIndex;
  readonly context: BindContext;
  readonly chains: Map<string, Chain>;
  readonly given: TableSpec;
  readonly spec: TableSpec;

  constructor({ spec, context, chains, builtin, ruleOf, deep }: TableParts) {
    this.family = spec.family;
    this.deep = deep;
    this.builtin = builtin;
    this.ruleOf = ruleOf;
    this.context = context;
    this.chains = chains;
    this.given = spec;
    this.spec = new BuiltSpec(spec, chains);
  }

  get traces(): boolean {
    return this.ruleOf.wants(TRACING);
  }

  bound(rule: RuleSpec): Rule {
    return this.ruleOf.get(rule)!;
  }

  count(counted: RuleSpec | ChainSpec, pkt: Packet): void {
    const { counts } = this.context;
    const slot = 'rules' in counted ? this.chains.get(counted.name)!.slot : this.bound(counted).slot;
    counts.packets[slot]++;
    counts.bytes[slot] += pkt.end - pkt.l3;
  }
}

class BuiltSpec implements TableSpec {
  readonly family: Family;
  readonly name: TableSpec['name'];
  private readonly built: ReadonlyMap<string, Chain>;
  private specs: Map<string, ChainSpec> | undefined = undefined;

  constructor({ family, name }: TableSpec, built: ReadonlyMap<string, Chain>) {
    this.family = family;
    this.name = name;
    this.built = built;
  }

  /** For the interpreter and for copies; an edit among thousands of chains does without. */
  get chains(): Map<string, ChainSpec> {
    this.specs ??= new Map([...this.built].map(([chain, made]) => [chain, made.spec]));
    return this.specs;
  }
}
