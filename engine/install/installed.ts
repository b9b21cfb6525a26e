// The tables that are loaded, of both families, with their counters. A table that was loaded once is never unloaded, only emptied, as
// in the kernel. Tables are swapped in whole; what an install leaves in place keeps its counters and the state of its extensions.

import { RuleError } from '../../grammar/error.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Cloner } from '../clone.ts';
import { LoadCheck } from '../edit/load-check.ts';
import type { CounterStore } from '../edit/ruleset.ts';
import { ProcFile } from '../proc-file.ts';
import type { AttachedKind, Registry } from '../registry.ts';
import type { Services } from '../services.ts';
import type { FamilyTables } from '../walk.ts';
import { Counts, type MakeCounts } from './counters.ts';
import { Installation } from './installation.ts';
import { Planner, plan } from './plan.ts';
import { type BindContext, type Rule, SharedState } from './rule.ts';
import { SLICE, type Steps } from './steps.ts';
import { type Chain, commit, type Planned, type Table } from './table.ts';
import { ACCOUNTING, GATHERING, LABELS, PROXYING, TRACKING } from './wishes.ts';

export interface InstalledChain {
  readonly spec: ChainSpec;
  /** Undefined for user chains. */
  readonly policy: Counters | undefined;
  /** One per rule of `spec.rules`. */
  readonly rules: readonly Counters[];
}

/** What a table has counted, chain after chain. */
export interface PackedCounters {
  readonly chains: readonly string[];
  /** How many rules each has. */
  readonly lengths: Uint32Array;
  /** Packets and octets by turns: of a chain's policy (0 for user chains), then of its rules. */
  readonly numbers: Float64Array;
}

export class InstalledTables {
  private readonly registry: Registry;
  private readonly services: Services;
  private readonly counts: Counts;
  private readonly shared = new SharedState();
  private readonly loadCheck = new LoadCheck();
  /** Latest first: as /proc/net/ip_tables_names lists them. */
  private readonly tables: Record<Family, Table[]> = { 4: [], 6: [] };
  /** Of the tables that are being prepared. */
  private planners: readonly Planner[] | undefined;

  constructor(registry: Registry, services: Services, makeCounts?: MakeCounts) {
    this.registry = registry;
    this.services = services;
    this.counts = new Counts(makeCounts);
  }

  names(family: Family): TableName[] {
    return this.tables[family].map(({ spec }) => spec.name);
  }

  table(family: Family, name: TableName): Table | undefined {
    return this.tables[family].find(({ spec }) => spec.name === name);
  }

  /** What packets of the family go through. `tracking`: the tracker takes part in any case. */
  familyTables(family: Family, tracking: boolean): FamilyTables {
    const tables = this.tables[family];
    return {
      raw: this.table(family, 'raw'),
      mangle: this.table(family, 'mangle'),
      nat: this.table(family, 'nat'),
      filter: this.table(family, 'filter'),
      security: this.table(family, 'security'),
      tracking: tracking || this.someWant(TRACKING, tables),
      gathers: this.someWant(GATHERING, tables),
      proxies: this.someWant(PROXYING, tables),
    };
  }

  /** Some rule looks at labels of connections. */
  get wantsLabels(): boolean {
    return this.someWant(LABELS, this.all());
  }

  /** Some rule looks at what connections have sent. */
  get wantsAccounting(): boolean {
    return this.someWant(ACCOUNTING, this.all());
  }

  private someWant(wish: number, tables: readonly Table[]): boolean {
    return tables.some(({ ruleOf }) => ruleOf.wants(wish));
  }

  // --- Installing ----------------------------------------------------------------------------------------------------

  /** Firewall.prepare(); `done` is told of the commit. */
  prepare(specs: readonly TableSpec[], checked: boolean, done: () => void): Installation {
    if (this.planners) throw new Error('tables are being installed');
    const planners: Planner[] = [];
    this.planners = planners;
    return new Installation({
      steps: this.planInSteps(specs, checked, planners),
      commit: (planned) => {
        for (const one of planned) this.put(commit(one));
        this.end();
        done();
      },
      abandon: () => {
        for (const planner of planners) planner.discard();
        this.end();
      },
    });
  }

  private *planInSteps(specs: readonly TableSpec[], checked: boolean, planners: Planner[]): Steps<Planned[]> {
    const planned: Planned[] = [];
    for (const spec of specs) {
      if (planned.some(({ table }) => table.family === spec.family && table.spec.name === spec.name)) {
        throw new RuleError(`table ${spec.name} is given twice`);
      }
      if (!checked) yield* this.loadCheck.inSteps(spec, this.registry);
      const planner = new Planner(spec, this.contextFor(spec), this.table(spec.family, spec.name));
      planners.push(planner);
      planned.push(yield* planner.inSteps());
    }
    return planned;
  }

  private end(): void {
    this.planners = undefined;
    this.dropUnusedState();
  }

  private put(table: Table): void {
    const tables = this.tables[table.family];
    const at = tables.findIndex(({ spec }) => spec.name === table.spec.name);
    if (at >= 0) tables[at] = table;
    else tables.unshift(table);
  }

  private contextFor(spec: TableSpec): BindContext {
    const { registry, services, shared, counts } = this;
    return { table: spec.name, extensions: registry, services, shared, counts };
  }

  private dropUnusedState(): void {
    const used = new Set<string>();
    for (const table of this.all()) for (const name of table.ruleOf.sharedNames) used.add(name);
    this.shared.keepOnly(used, (state) => this.services.timers.stop(state));
  }

  private all(): Table[] {
    return [...this.tables[4], ...this.tables[6]];
  }

  /** Rules of all tables, and those that wait to be. */
  private *rules(): Iterable<Rule> {
    for (const { ruleOf } of this.all()) yield* ruleOf.values();
    for (const { fresh } of this.planners ?? []) yield* fresh;
  }

  /** Takes over everything of `other`, with copies of counters and state. */
  adopt(other: InstalledTables, cloner: Cloner): void {
    for (const [name, state] of other.shared.byName) this.shared.byName.set(name, cloner.copy(state));
    for (const original of other.all().reverse()) {
      const statesOf = (rule: RuleSpec) => original.ruleOf.get(rule)?.states.map((state) => cloner.copy(state));
      const table = commit(plan(original.spec, this.contextFor(original.spec), undefined, statesOf));
      this.put(table);
      for (const rule of table.ruleOf.values()) {
        this.set(rule.slot, other.countersAt(original.ruleOf.get(rule.spec)!.slot));
      }
      for (const [name, { slot }] of table.chains) {
        if (slot >= 0) this.set(slot, other.countersAt(original.chains.get(name)!.slot));
      }
    }
  }

  // --- Counters ------------------------------------------------------------------------------------------------------

  private countersAt(slot: number): Counters {
    return { packets: this.counts.packets[slot], bytes: this.counts.bytes[slot] };
  }

  private set(slot: number, { packets, bytes }: Counters): void {
    this.counts.set(slot, packets, bytes);
  }

  chains(family: Family, name: TableName): InstalledChain[] | undefined {
    const table = this.table(family, name);
    return (
      table &&
      [...table.chains.values()].map(({ spec, rules, slot }) => ({
        spec,
        policy: slot < 0 ? undefined : this.countersAt(slot),
        rules: rules.map((rule) => this.countersAt(rule.slot)),
      }))
    );
  }

  /** Firewall.packedCounters() */
  *packedCounters(family: Family, name: TableName): Steps<PackedCounters> {
    for (;;) {
      const table = this.table(family, name);
      const chains = [...(table?.chains.values() ?? [])];
      const packed = yield* this.packed(chains);
      // Else counters of rules that are gone may be others' by now.
      if (this.table(family, name) === table) return packed;
    }
  }

  private *packed(chains: readonly Chain[]): Steps<PackedCounters> {
    const { counts } = this;
    const total = chains.reduce((sum, { rules }) => sum + 1 + rules.length, 0);
    const numbers = new Float64Array(2 * total);
    let at = 0;
    let work = 0;
    for (const { rules, slot } of chains) {
      numbers[at++] = slot < 0 ? 0 : counts.packets[slot];
      numbers[at++] = slot < 0 ? 0 : counts.bytes[slot];
      for (const rule of rules) {
        numbers[at++] = counts.packets[rule.slot];
        numbers[at++] = counts.bytes[rule.slot];
        if (++work % (8 * SLICE) === 0) yield;
      }
      if (++work % (8 * SLICE) === 0) yield;
    }
    const lengths = Uint32Array.from(chains, ({ rules }) => rules.length);
    return { chains: chains.map(({ spec }) => spec.name), lengths, numbers };
  }

  /** Live counters by rule and chain. What is not installed has those of its spec. */
  counterStore(family: Family): CounterStore {
    const read = (part: RuleSpec | ChainSpec): Counters => {
      const slot = this.slotOf(family, part);
      return slot === undefined ? { packets: 0, bytes: 0, ...part.counters } : this.countersAt(slot);
    };
    return {
      rule: read,
      chain: read,
      zero: (rule) => {
        const slot = this.slotOf(family, rule);
        if (slot !== undefined) this.counts.set(slot, 0, 0);
      },
    };
  }

  private slotOf(family: Family, part: RuleSpec | ChainSpec): number | undefined {
    for (const { ruleOf, builtin } of this.tables[family]) {
      const slot =
        ('rules' in part ? undefined : ruleOf.get(part)?.slot) ?? builtin.find((chain) => chain?.given === part)?.slot;
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  /** Firewall.zero() */
  zero(family: Family, name: TableName, chainName?: string, index?: number): void {
    const chains = this.table(family, name)?.chains;
    const named = chainName === undefined ? undefined : chains?.get(chainName);
    for (const chain of named ? [named] : chainName === undefined ? (chains?.values() ?? []) : []) {
      const rules = index === undefined ? chain.rules : chain.rules.slice(index, index + 1);
      for (const rule of rules) this.counts.set(rule.slot, 0, 0);
      if (index === undefined && chain.slot >= 0) this.counts.set(chain.slot, 0, 0);
    }
  }

  /** Shared state that is a file of /proc, in the order in which it was made. */
  procFiles(): ProcFile[] {
    return [...this.shared.byName.values()].filter((state) => state instanceof ProcFile);
  }

  procFile(path: string): ProcFile | undefined {
    return this.procFiles().find((file) => file.path === path);
  }

  /** How many times rules name a set. */
  usesOfSet(name: string): number {
    let uses = 0;
    for (const { spec, matches, target } of this.rules()) {
      const named = matches.flatMap((match, index) => match.sets?.(spec.matches[index].checked) ?? []);
      if (target && spec.target?.kind === 'extension') named.push(...(target.sets?.(spec.target.checked) ?? []));
      uses += named.filter((one) => one === name).length;
    }
    return uses;
  }

  /** Whether a rule counts into that account. */
  namesAccount(name: string): boolean {
    for (const { spec, matches } of this.rules()) {
      if (matches.some((match, index) => match.accounts?.(spec.matches[index].checked).includes(name))) return true;
    }
    return false;
  }

  /** A rule that uses the extension, in words; undefined: none does. */
  userOf(kind: AttachedKind, name: string): string | undefined {
    const uses = ({ spec, matches, target }: Rule): boolean | undefined => {
      if (kind === 'match') return matches.some((match) => match.name === name);
      if (kind === 'target') return target?.name === name;
      return spec.target?.kind === 'extension' && target?.helpers?.(spec.target.checked).includes(name);
    };
    for (const table of this.all()) {
      for (const { spec, rules } of table.chains.values()) {
        const index = rules.findIndex(uses);
        if (index >= 0) return `IPv${table.family} ${table.spec.name} ${spec.name} rule ${index + 1}`;
      }
    }
    return this.planners?.some(({ fresh }) => fresh.some(uses)) ? 'a rule that is being installed' : undefined;
  }
}
