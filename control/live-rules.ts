// Rules that an engine runs. The rule sets are kept here, where they are parsed and printed; the engine in its thread gets checked
// tables and gives counters. Objects do not keep their identity on the way there, so each rule and chain has a number.

import type { Registry } from '../engine/registry.ts';
import { type CounterStore, Ruleset } from '../engine/ruleset.ts';
import type { Names } from '../grammar/names.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import type { TableName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { EngineRequest, TableCounters, TableMessage } from './engine.ts';
import type { ToolAnswer } from './protocol.ts';

/** Asks the engine; rejects with its refusal. */
export type AskEngine = (request: EngineRequest) => Promise<unknown>;

export interface LiveContext {
  readonly registry: Registry;
  readonly names: Names;
  readonly ask: AskEngine;
}

/** What is done to the rules of a family; its answer is the tool's. */
export type Work = (ruleset: Ruleset) => ToolAnswer | Promise<ToolAnswer>;

export interface Edited {
  readonly answer: ToolAnswer;
  /** Tables, or counters that were set to zero. */
  readonly changed: boolean;
}

/** A table in force, with what it counted. */
export interface CountedTable {
  readonly family: Family;
  readonly name: TableName;
  readonly chains: readonly {
    readonly spec: ChainSpec;
    readonly policy: Counters | undefined;
    readonly rules: readonly { readonly rule: RuleSpec; readonly counters: Counters }[];
  }[];
}

type Snapshot = Record<Family, readonly TableSpec[]>;

const NONE: Counters = { packets: 0, bytes: 0 };

/** What the engine counted when it was last asked. A rule that it does not run yet has the counters of its text. */
class EngineCounters implements CounterStore {
  private rules = new WeakMap<RuleSpec, Counters>();
  private chains = new WeakMap<ChainSpec, Counters>();
  readonly zeroed: RuleSpec[] = [];

  set(part: { rule: RuleSpec } | { chain: ChainSpec }, counters: Counters): void {
    if ('rule' in part) this.rules.set(part.rule, counters);
    else this.chains.set(part.chain, counters);
  }

  rule(rule: RuleSpec): Counters {
    return this.rules.get(rule) ?? rule.counters ?? NONE;
  }

  chain(chain: ChainSpec): Counters {
    return this.chains.get(chain) ?? chain.counters;
  }

  zero(rule: RuleSpec): void {
    this.rules.set(rule, NONE);
    this.zeroed.push(rule);
  }
}

export class LiveRules {
  private readonly rulesets: Record<Family, Ruleset>;
  private readonly counters = new EngineCounters();
  private readonly context: LiveContext;
  private readonly numbers = new WeakMap<object, number>();
  private nextNumber = 1;
  /** Tables committed by the work at hand, not yet with the engine. */
  private readonly pending = new Set<TableSpec>();
  private queue: Promise<unknown> = Promise.resolve();
  /** What the engine has said yes to, by family and name: what another engine needs to be where this one was. */
  private readonly inForce = new Map<string, TableSpec>();

  constructor(context: LiveContext) {
    this.context = context;
    this.rulesets = { 4: this.makeRuleset(4), 6: this.makeRuleset(6) };
  }

  private makeRuleset(family: Family): Ruleset {
    const { registry, names } = this.context;
    return new Ruleset(family, {
      lookup: registry,
      names,
      counters: this.counters,
      install: (table) => {
        this.pending.add(table);
      },
    });
  }

  /**
   * Runs `work` on the rules of a family with the counters of this moment, then gives the engine what it changed: all of it or, when
   * the engine refuses, none. Calls wait for each other.
   */
  edit(family: Family, work: Work): Promise<Edited> {
    return this.inTurn(async (before) => this.settle(await work(this.rulesets[family]), before));
  }

  /** As edit(), for several works one after the other; when one does not end with exit code 0, nothing is changed by any. */
  load(works: readonly (readonly [Family, Work])[]): Promise<Edited> {
    return this.inTurn(async (before) => {
      let answer: ToolAnswer = { stdout: '', stderr: '', exitCode: 0 };
      for (const [family, work] of works) {
        answer = await work(this.rulesets[family]);
        if (answer.exitCode === 0) continue;
        this.revert(before);
        return { answer, changed: false };
      }
      return this.settle(answer, before);
    });
  }

  private inTurn<T>(act: (before: Snapshot) => Promise<T>): Promise<T> {
    const done = this.queue.then(async () => {
      await this.refresh();
      this.pending.clear();
      this.counters.zeroed.length = 0;
      return act({ 4: this.rulesets[4].tables, 6: this.rulesets[6].tables });
    });
    this.queue = done.catch(() => {});
    return done;
  }

  private async settle(answer: ToolAnswer, before: Snapshot): Promise<Edited> {
    const changed = this.pending.size > 0 || this.counters.zeroed.length > 0;
    try {
      await this.install();
      return { answer, changed };
    } catch (error) {
      this.revert(before);
      const stderr = `${(error as Error).message}\nThe rules were not changed.\n`;
      return { answer: { stdout: '', stderr, exitCode: 1 }, changed: false };
    }
  }

  private revert(before: Snapshot): void {
    for (const family of [4, 6] as const) {
      const kept = this.makeRuleset(family);
      for (const table of before[family].toReversed()) kept.adopt(table);
      this.rulesets[family] = kept;
    }
  }

  private async install(): Promise<void> {
    const tables = [...this.pending].filter((table) => this.rulesets[table.family].table(table.name) === table);
    if (tables.length > 0) {
      await this.context.ask({ op: 'install', tables: tables.map((table) => this.message(table)) });
      for (const table of tables) this.inForce.set(`${table.family} ${table.name}`, table);
    }
    const zeroed = this.counters.zeroed.map((rule) => this.numberOf(rule));
    if (zeroed.length > 0) await this.context.ask({ op: 'zero', rules: zeroed });
  }

  private message(spec: TableSpec): TableMessage {
    const keys: TableMessage['keys'] = new Map();
    for (const chain of spec.chains.values()) {
      keys.set(chain.name, { chain: this.numberOf(chain), rules: chain.rules.map((rule) => this.numberOf(rule)) });
    }
    return { spec, keys };
  }

  /**
   * Gives an engine the rules that another had, with the counters of its last words, or those last seen. Waits for nobody: who is in turn
   * waits for this engine.
   */
  async giveBack(ask: AskEngine, lastWords: readonly TableCounters[] | undefined): Promise<void> {
    if (lastWords) this.note(lastWords);
    const tables = [...this.inForce.values()].map((table) => {
      const { keys } = this.message(table);
      return { spec: this.counted(table), keys };
    });
    if (tables.length > 0) await ask({ op: 'install', tables });
  }

  private counted(table: TableSpec): TableSpec {
    const chains = [...table.chains.values()].map((chain): [string, ChainSpec] => {
      const rules = chain.rules.map((rule) => ({ ...rule, counters: this.counters.rule(rule) }));
      return [chain.name, { ...chain, counters: this.counters.chain(chain), rules }];
    });
    return { ...table, chains: new Map(chains) };
  }

  private numberOf(part: object): number {
    let number = this.numbers.get(part);
    if (number === undefined) this.numbers.set(part, (number = this.nextNumber++));
    return number;
  }

  /** Asks the engine for its counters and lays them beside our rules. */
  private async refresh(): Promise<void> {
    this.note((await this.context.ask({ op: 'counters' })) as TableCounters[]);
  }

  private note(counters: readonly TableCounters[]): void {
    for (const { family, name, chains } of counters) {
      const table = this.inForce.get(`${family} ${name}`);
      for (const chain of table?.chains.values() ?? []) {
        const counted = chains.get(chain.name);
        if (!counted) continue;
        if (counted.policy) this.counters.set({ chain }, counted.policy);
        chain.rules.forEach((rule, index) => {
          const at = 2 * index;
          this.counters.set({ rule }, { packets: counted.rules[at], bytes: counted.rules[at + 1] });
        });
      }
    }
  }

  /** All that is in force, with the counters of this moment. */
  async countedTables(): Promise<CountedTable[]> {
    await this.refresh();
    return [...this.inForce.values()].map(({ family, name, chains }) => ({
      family,
      name,
      chains: [...chains.values()].map((spec) => ({
        spec,
        policy: spec.builtin ? this.counters.chain(spec) : undefined,
        rules: spec.rules.map((rule) => ({ rule, counters: this.counters.rule(rule) })),
      })),
    }));
  }

  /** As they are now; to look at, not to change. */
  ruleset(family: Family): Ruleset {
    return this.rulesets[family];
  }

  /** The rules as stored text, counters included. */
  async text(family: Family): Promise<string> {
    const { answer } = await this.edit(family, (ruleset) => ({
      stdout: ruleset.save({ counters: true }),
      stderr: '',
      exitCode: 0,
    }));
    return answer.stdout;
  }
}
