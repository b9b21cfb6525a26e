// Rules that an engine runs. The rule sets are kept here, where they are parsed and printed; the engine in its thread gets what differs
// from the tables that it has (table-change.ts), in pieces between which packets pass, and gives counters to who looks at them.

import { takeOver } from '../../engine/edit/edited-table.ts';
import { type CounterStore, Ruleset } from '../../engine/edit/ruleset.ts';
import type { Registry } from '../../engine/registry.ts';
import type { Names } from '../../grammar/names.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { ToolAnswer } from '../socket/protocol.ts';
import type { EngineRequest, RulePlaces, TableCounters } from './engine.ts';
import { Packer } from './packed-change.ts';
import { changeOf, isMoved, type Moved, piecesOf, type TableChange } from './table-change.ts';

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

/**
 * What is to follow a change before anything else is done to the rules. Begun while the engine works at it; `inForce` rejects when that refuses it. Its own
 * rejection is the caller's; the change stays.
 */
export type Afterwards = (changed: Changed, inForce: Promise<void>) => Promise<void>;

export interface Changed {
  readonly tables: readonly TableChange[];
  readonly zeroed: boolean;
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

/** Somebody looks at counters that may have moved since the engine was last asked. */
class Outdated extends Error {}

/** What the engine counted when it was last asked. A rule that it does not run yet has the counters of its text. */
class EngineCounters implements CounterStore {
  /** Those of this moment: else they are not shown. */
  current = false;
  private rules = new WeakMap<RuleSpec, Counters>();
  private chains = new WeakMap<ChainSpec, Counters>();
  readonly zeroed: RuleSpec[] = [];

  set(part: { rule: RuleSpec } | { chain: ChainSpec }, counters: Counters): void {
    if ('rule' in part) this.rules.set(part.rule, counters);
    else this.chains.set(part.chain, counters);
  }

  rule(rule: RuleSpec): Counters {
    if (!this.current) throw new Outdated();
    return this.lastOf(rule);
  }

  chain(chain: ChainSpec): Counters {
    if (!this.current) throw new Outdated();
    return this.chains.get(chain) ?? chain.counters;
  }

  zero(rule: RuleSpec): void {
    this.rules.set(rule, NONE);
    this.zeroed.push(rule);
  }

  /** As last seen. */
  lastOf(rule: RuleSpec): Counters {
    return this.rules.get(rule) ?? rule.counters ?? NONE;
  }

  lastOfChain(chain: ChainSpec): Counters {
    return this.chains.get(chain) ?? chain.counters;
  }
}

/** What the engine was asked, piece by piece. */
interface Sent {
  readonly answers: readonly Promise<unknown>[];
}

/** Rules and chains of one message to the engine: about a millisecond there. */
const PIECE = 256;
/** Messages that are sent before the first of them is answered. */
const AHEAD = 64;

export class LiveRules {
  private readonly rulesets: Record<Family, Ruleset>;
  private readonly counters = new EngineCounters();
  private readonly texts = new WeakMap<RuleSpec, string>();
  private readonly context: LiveContext;
  private installs = 0;
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
      texts: this.texts,
      install: (table) => {
        this.pending.add(table);
      },
    });
  }

  /**
   * Runs `work` on the rules of a family, then gives the engine what it changed: all of it or, when the engine refuses, none. `afterwards`
   * follows where something was changed. Calls wait for each other.
   */
  edit(family: Family, work: Work, afterwards?: Afterwards): Promise<Edited> {
    return this.inTurn((before) => this.settle(before, () => work(this.rulesets[family]), afterwards));
  }

  /** As edit(), for several works one after the other; when one does not end with exit code 0, nothing is changed by any. */
  load(works: readonly (readonly [Family, Work])[]): Promise<Edited> {
    return this.inTurn(async (before) => {
      const all = async (): Promise<ToolAnswer> => {
        let answer: ToolAnswer = { stdout: '', stderr: '', exitCode: 0 };
        for (const [family, work] of works) {
          answer = await work(this.rulesets[family]);
          if (answer.exitCode === 0) continue;
          this.revert(before);
          break;
        }
        return answer;
      };
      return this.settle(before, all);
    });
  }

  private inTurn<T>(act: (before: Snapshot) => Promise<T>): Promise<T> {
    const done = this.queue.then(async () => {
      this.pending.clear();
      this.counters.zeroed.length = 0;
      this.counters.current = false;
      return act({ 4: this.rulesets[4].tables, 6: this.rulesets[6].tables });
    });
    this.queue = done.catch(() => {});
    return done;
  }

  private async settle(
    before: Snapshot,
    work: () => ToolAnswer | Promise<ToolAnswer>,
    afterwards?: Afterwards,
  ): Promise<Edited> {
    const answer = await this.withCounters(before, work);
    const tables = [...this.pending].filter((table) => this.rulesets[table.family].table(table.name) === table);
    const zeroed = new Set(this.counters.zeroed);
    if (tables.length === 0 && zeroed.size === 0) return { answer, changed: false };
    const changes = tables.map((table) => changeOf(this.inForce.get(keyOf(table)), table));
    const sent = await this.send(changes, this.context.ask);
    const inForce = this.take(tables, zeroed, sent);
    const followed = afterwards?.({ tables: changes, zeroed: zeroed.size > 0 }, inForce);
    followed?.catch(() => {});
    try {
      await inForce;
    } catch (error) {
      await followed?.catch(() => {});
      this.revert(before);
      const stderr = `${(error as Error).message}\nThe rules were not changed.\n`;
      return { answer: { stdout: '', stderr, exitCode: 1 }, changed: false };
    }
    await followed;
    return { answer, changed: true };
  }

  /** Most edits look at no counter. One that does is begun again with those of this moment: it has done nothing yet that anybody saw. */
  private async withCounters(before: Snapshot, work: () => ToolAnswer | Promise<ToolAnswer>): Promise<ToolAnswer> {
    const attempt = async (): Promise<ToolAnswer> => {
      try {
        return await work();
      } catch (error) {
        this.revert(before);
        throw error;
      }
    };
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Outdated)) throw error;
      await this.refresh();
      this.counters.current = true;
      return attempt();
    }
  }

  private revert(before: Snapshot): void {
    this.pending.clear();
    this.counters.zeroed.length = 0;
    for (const family of [4, 6] as const) {
      const { tables } = this.rulesets[family];
      if (tables.every((table, index) => table === before[family][index])) continue;
      const kept = this.makeRuleset(family);
      for (const table of before[family].toReversed()) kept.adopt(table);
      this.rulesets[family] = kept;
    }
  }

  /** The engine's answer to tables that it was sent, and with its yes to rules whose counters begin anew. */
  private async take(tables: readonly TableSpec[], zeroed: ReadonlySet<RuleSpec>, { answers }: Sent): Promise<void> {
    await Promise.all(answers);
    for (const table of tables) {
      this.inForce.set(keyOf(table), table);
      takeOver(table);
    }
    if (zeroed.size > 0) await this.context.ask({ op: 'zero', places: this.placesOf(zeroed) });
  }

  /** All of it is in force when the answers are there or, when one of them rejects, none. */
  private async send(changes: readonly TableChange[], ask: AskEngine): Promise<Sent> {
    const install = ++this.installs;
    const packer = new Packer();
    const pieces = changes.flatMap((change) => [...piecesOf(change, PIECE)]);
    const answers: Promise<unknown>[] = [];
    for (const [index, piece] of pieces.entries()) {
      const [begin, end] = [index === 0, index === pieces.length - 1];
      const answer = ask({ op: 'change', install, begin, end, change: packer.pack(piece) });
      // After the first that is rejected nobody looks at the others.
      answer.catch(() => {});
      answers.push(answer);
      // So many wait over there at most: else the whole table would, twice. A refusal ends it, and is heard with the others.
      if (index >= AHEAD && !(await isYes(answers[index - AHEAD]))) break;
    }
    return { answers };
  }

  /** Whether the engine may say no to what the rule sets let pass: only it knows what rules share, and what else there is. */
  mayRefuse(changes: readonly TableChange[]): boolean {
    const { registry } = this.context;
    const isSure = (rule: RuleSpec | Moved): boolean =>
      isMoved(rule) ||
      (rule.target?.kind !== 'extension' &&
        rule.matches.every(({ name }) => registry.match(name, rule.family)?.effect === 'pure'));
    return changes.some(({ chains }) => chains.some(({ added }) => !added.every(isSure)));
  }

  private placesOf(rules: ReadonlySet<RuleSpec>): RulePlaces[] {
    return [...this.inForce.values()].flatMap(({ family, name, chains }) =>
      [...chains.values()].flatMap((chain) => {
        const indexes = chain.rules.flatMap((rule, index) => (rules.has(rule) ? index : []));
        return indexes.length > 0 ? { family, name, chain: chain.name, rules: indexes } : [];
      }),
    );
  }

  /**
   * Gives an engine the rules that another had, with the counters of its last words, or those last seen. Waits for nobody: who is in turn
   * waits for this engine.
   */
  async giveBack(ask: AskEngine, lastWords: readonly TableCounters[] | undefined): Promise<void> {
    if (lastWords) this.note(lastWords);
    const tables = [...this.inForce.values()].map((table) => changeOf(undefined, this.counted(table)));
    const { answers } = await this.send(tables, ask);
    await Promise.all(answers);
  }

  private counted(table: TableSpec): TableSpec {
    const chains = [...table.chains.values()].map((chain): [string, ChainSpec] => {
      const rules = chain.rules.map((rule) => ({ ...rule, counters: this.counters.lastOf(rule) }));
      return [chain.name, { ...chain, counters: this.counters.lastOfChain(chain), rules }];
    });
    return { ...table, chains: new Map(chains) };
  }

  /** Asks the engine for its counters and lays them beside our rules. */
  private async refresh(): Promise<void> {
    this.note((await this.context.ask({ op: 'counters' })) as TableCounters[]);
  }

  private note(counters: readonly TableCounters[]): void {
    for (const { family, name, chains, lengths, numbers } of counters) {
      const table = this.inForce.get(keyOf({ family, name }));
      let at = 0;
      for (const [index, chainName] of chains.entries()) {
        const chain = table?.chains.get(chainName);
        if (chain?.builtin) this.counters.set({ chain }, { packets: numbers[at], bytes: numbers[at + 1] });
        // Another than it was when the engine was asked: the next time.
        const rules = chain?.rules.length === lengths[index] ? chain.rules : [];
        rules.forEach((rule, place) => {
          const own = at + 2 + 2 * place;
          this.counters.set({ rule }, { packets: numbers[own], bytes: numbers[own + 1] });
        });
        at += 2 + 2 * lengths[index];
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
        policy: spec.builtin ? this.counters.lastOfChain(spec) : undefined,
        rules: spec.rules.map((rule) => ({ rule, counters: this.counters.lastOf(rule) })),
      })),
    }));
  }

  /** As they are now; to look at, not to change. */
  ruleset(family: Family): Ruleset {
    return this.rulesets[family];
  }

  /** The rules as stored text, with the counters of this moment. For use in a turn: in what follows an edit, or in still(). */
  async text(family: Family): Promise<string> {
    await this.refresh();
    return this.lastText(family);
  }

  /** The same, with the counters that were last seen. */
  lastText(family: Family): string {
    this.counters.current = true;
    return this.rulesets[family].save({ counters: true });
  }

  /** Runs `act` while nobody changes the rules. */
  still<T>(act: () => Promise<T>): Promise<T> {
    return this.inTurn(act);
  }
}

const isYes = (answer: Promise<unknown>): Promise<boolean> =>
  answer.then(
    () => true,
    () => false,
  );

const keyOf = ({ family, name }: Pick<TableSpec, 'family' | 'name'>): string => `${family} ${name}`;
