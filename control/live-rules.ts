// Rules that an engine runs. The rule sets are kept here, where they are parsed and printed; the engine in its thread gets checked
// tables and gives counters. Objects do not keep their identity on the way there, so each rule and chain has a number.

import type { Registry } from '../engine/registry.ts';
import { type CounterStore, Ruleset } from '../engine/ruleset.ts';
import type { Names } from '../grammar/names.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
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
  /** Tables committed by the work at hand, not yet with the engine; the one that each replaces. */
  private pending = new Map<TableSpec, TableSpec | undefined>();
  private queue: Promise<unknown> = Promise.resolve();

  constructor(context: LiveContext) {
    this.context = context;
    this.rulesets = { 4: this.makeRuleset(4), 6: this.makeRuleset(6) };
  }

  private makeRuleset(family: Family): Ruleset {
    const { registry, names } = this.context;
    const ruleset: Ruleset = new Ruleset(family, {
      lookup: registry,
      names,
      counters: this.counters,
      install: (table) => {
        this.pending.set(table, ruleset.table(table.name));
      },
    });
    return ruleset;
  }

  /**
   * Runs `work` on the rules of a family with the counters of this moment, then gives the engine what it changed: all of it, or, when
   * the engine refuses, none. Calls wait for each other.
   */
  edit(family: Family, work: (ruleset: Ruleset) => ToolAnswer): Promise<ToolAnswer> {
    const done = this.queue.then(() => this.run(family, work));
    this.queue = done.catch(() => {});
    return done;
  }

  private async run(family: Family, work: (ruleset: Ruleset) => ToolAnswer): Promise<ToolAnswer> {
    await this.refresh();
    const ruleset = this.rulesets[family];
    const before = [...ruleset.tables].reverse();
    this.pending.clear();
    this.counters.zeroed.length = 0;
    const answer = work(ruleset);
    try {
      await this.install();
      return answer;
    } catch (error) {
      const kept = this.makeRuleset(family);
      for (const table of before) kept.adopt(table);
      this.rulesets[family] = kept;
      return { stdout: '', stderr: `${(error as Error).message}\nThe rules were not changed.\n`, exitCode: 1 };
    }
  }

  private async install(): Promise<void> {
    const tables = [...this.pending.keys()].filter((table) => this.rulesets[table.family].table(table.name) === table);
    if (tables.length > 0)
      await this.context.ask({ op: 'install', tables: tables.map((table) => this.message(table)) });
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

  private numberOf(part: object): number {
    let number = this.numbers.get(part);
    if (number === undefined) this.numbers.set(part, (number = this.nextNumber++));
    return number;
  }

  /** Asks the engine for its counters and lays them beside our rules. */
  private async refresh(): Promise<void> {
    for (const { family, name, chains } of (await this.context.ask({ op: 'counters' })) as TableCounters[]) {
      const table = this.rulesets[family].table(name);
      for (const chain of table?.chains.values() ?? []) {
        const counted = chains.get(chain.name);
        if (!counted) continue;
        if (counted.policy) this.counters.set({ chain }, counted.policy);
        chain.rules.forEach((rule, index) => {
          this.counters.set({ rule }, counted.rules[index]);
        });
      }
    }
  }

  /** The rules as stored text, counters included. */
  async text(family: Family): Promise<string> {
    const answer = await this.edit(family, (ruleset) => ({
      stdout: ruleset.save({ counters: true }),
      stderr: '',
      exitCode: 0,
    }));
    return answer.stdout;
  }
}
