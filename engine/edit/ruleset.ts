// The rules of one family as they are edited: tables that commands change, with libiptc's semantics and words.
//
// A table is opened as a Draft, a copy that shares its rules; commands work on the draft; commit() checks it as the kernel would and
// puts it in the old one's place, whole. A rule that no command touched is the same object before and after, which is how
// installed counters and state find their rule again. As with the real tools, a commit starts the policies' counters anew.

import type { Lookup } from '../../grammar/lookup.ts';
import { type Names, noNames } from '../../grammar/names.ts';
import { type Printing, printTable } from '../../grammar/print.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { isTableName, TABLES, type TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import { Draft } from './draft.ts';
import { LoadCheck, placementsOf } from './load-check.ts';

/** Commands on drafts. */
export { apply, carryOut, type Say } from './apply.ts';

const NONE: Counters = Object.freeze({ packets: 0, bytes: 0 });

/** Where live counters are. Without one they are those of the specs. */
export interface CounterStore {
  rule(rule: RuleSpec): Counters;
  chain(chain: ChainSpec): Counters;
  zero(rule: RuleSpec): void;
}

/** Counters that stand in the specs, zeroed ones beside them: for rules that no engine runs. */
export class SpecCounters implements CounterStore {
  private readonly zeroed = new WeakSet<RuleSpec>();

  rule(rule: RuleSpec): Counters {
    return this.zeroed.has(rule) ? NONE : (rule.counters ?? NONE);
  }

  chain(chain: ChainSpec): Counters {
    return chain.counters;
  }

  zero(rule: RuleSpec): void {
    this.zeroed.add(rule);
  }
}

export interface RulesetOptions {
  readonly lookup: Lookup;
  readonly names?: Names;
  readonly counters?: CounterStore;
  readonly texts?: Printing['texts'];
  /** Called with each table that is about to be put in place; throws to refuse it. An engine installs it here. */
  readonly install?: (table: TableSpec) => void;
}

/** A table with nothing in it: built-in chains, policy ACCEPT. */
export function emptyTable(family: Family, name: TableName): TableSpec {
  const chains = new Map<string, ChainSpec>();
  for (const hook of TABLES[name]) {
    chains.set(hook, { name: hook, builtin: hook, policy: 'ACCEPT', counters: { packets: 0, bytes: 0 }, rules: [] });
  }
  return { family, name, chains };
}

export class Ruleset {
  readonly family: Family;
  readonly printing: Printing;
  readonly counters: CounterStore;
  private readonly install: (table: TableSpec) => void;
  private readonly loadCheck = new LoadCheck();
  /** In the order of first use; tools print the last one first. */
  private readonly loaded = new Map<TableName, TableSpec>();

  constructor(family: Family, options: RulesetOptions) {
    this.family = family;
    this.printing = { lookup: options.lookup, names: options.names ?? noNames, texts: options.texts };
    this.counters = options.counters ?? new SpecCounters();
    this.install = options.install ?? (() => {});
  }

  /** Tables that were ever used, the latest first: the order in which -save prints them. */
  get tables(): readonly TableSpec[] {
    return [...this.loaded.values()].reverse();
  }

  table(name: TableName): TableSpec | undefined {
    return this.loaded.get(name);
  }

  /** Whether a user chain of that name exists: it hides a target. */
  isChain(table: string, name: string): boolean {
    return isTableName(table) && this.loaded.get(table)?.chains.has(name) === true;
  }

  /** Puts a table in place as it is, unchecked: what was stored, in the order of first use. */
  adopt(table: TableSpec): void {
    this.loaded.set(table.name, table);
  }

  /** A draft of `name`; opening a table makes it exist, as it makes the kernel load it. Undefined: there is no such table. */
  open(name: string): Draft | undefined {
    if (!isTableName(name)) return undefined;
    let table = this.loaded.get(name);
    if (!table) {
      table = emptyTable(this.family, name);
      this.install(table);
      this.loaded.set(name, table);
    }
    return new Draft(table, this);
  }

  /** Checks the draft and puts it in place; throws a RuleError and changes nothing when the kernel would refuse it. */
  commit(draft: Draft): void {
    const table = draft.finish();
    if (!table) return;
    this.loadCheck.check(table, placementsOf(this.printing.lookup));
    this.install(table);
    this.loaded.set(table.name, table);
    for (const rule of draft.zeroed) this.counters.zero(rule);
  }

  /** What -save prints, without its comment lines; all tables, or one. */
  save(options: { counters?: boolean; table?: string } = {}): string {
    const tables = this.tables.filter((table) => options.table === undefined || table.name === options.table);
    return tables.map((table) => this.saveTable(table, options.counters ?? false)).join('');
  }

  private saveTable(table: TableSpec, counters: boolean): string {
    const chains = new Map(
      [...table.chains].map(([name, chain]) => [name, { ...chain, counters: this.counters.chain(chain) }]),
    );
    const countersOf = (rule: RuleSpec): Counters => this.counters.rule(rule);
    return printTable({ ...table, chains }, this.printing, { counters, countersOf });
  }
}
