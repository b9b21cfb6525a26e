// Rules that no engine runs: kept as save text with counters, one file a family, in the state directory or wherever --file says.
// The text is the truth; a person may read and edit it.

import { existsSync } from 'node:fs';
import { Ruleset, SpecCounters } from '../../engine/edit/ruleset.ts';
import type { Registry } from '../../engine/registry.ts';
import { renderDiagnostic } from '../../grammar/diagnostics.ts';
import type { Names } from '../../grammar/names.ts';
import { orderedChains } from '../../grammar/print.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import { theJournal, theRestore } from '../later.ts';
import { journalOf } from '../paths.ts';
import { readIfThere, writeAtomically } from './atomic-file.ts';
import type { ParsedCache } from './parsed-cache.ts';
import { Readable } from './readable.ts';
import { cacheOf, tablesOf, withoutRules } from './stored-text.ts';

/** The stored text cannot be read back. It stays where it is: nothing of ours writes over it. */
export class Unreadable extends Error {}

export interface StoreContext {
  readonly registry: Registry;
  readonly names: Names;
  /** Parsed tables are kept beside the text, for this build of the program; without it they are parsed each time. */
  readonly cacheFor?: string;
}

/** Counters that remember whether one was set to zero: then there is something to write. */
class WatchedCounters extends SpecCounters {
  zeroedAny = false;

  override zero(rule: RuleSpec): void {
    this.zeroedAny = true;
    super.zero(rule);
  }
}

export class StoredRules {
  readonly ruleset: Ruleset;
  private readonly path: string;
  private readonly cache: ParsedCache;
  private readonly counters = new WatchedCounters();
  /** Of one call: a WeakMap costs the collector a tenth of a restore. */
  private readonly texts = new Map<RuleSpec, string>();
  private readonly readable = new Readable();
  private installed = false;
  /** Where rules were not read: tables whose text is to stay as it is, by name. */
  private kept: ReadonlyMap<string, string> | undefined;

  /**
   * Reads what is stored; nothing there is an empty rule set. Rejects with Unreadable. `replaced`: the only tables that will be looked at, and
   * their rules and chains will go. Then only policies are read, if nothing else can be wrong with the text: see `isWhole`.
   */
  static async read(
    path: string,
    family: Family,
    context: StoreContext,
    replaced: readonly string[] = [],
  ): Promise<StoredRules> {
    const stored = new StoredRules(path, family, context);
    const text = readIfThere(path);
    const journal = text !== undefined && existsSync(journalOf(path));
    if (text !== undefined && !journal && replaced.length > 0 && stored.cache.has(text)) {
      await stored.parseFrame(text, replaced);
    } else if (text !== undefined && !stored.recall(text)) await stored.parse(text);
    if (journal) await stored.repeat(text);
    stored.readable.trust(stored.ruleset);
    stored.installed = false;
    return stored;
  }

  private constructor(path: string, family: Family, { registry, names, cacheFor = '' }: StoreContext) {
    this.path = path;
    this.cache = cacheOf(path, cacheFor);
    this.ruleset = new Ruleset(family, {
      lookup: registry,
      names,
      counters: this.counters,
      texts: this.texts,
      install: () => {
        this.installed = true;
      },
    });
  }

  private recall(text: string): boolean {
    const tables = this.cache.read(text);
    if (!tables) return false;
    for (const table of tables) this.ruleset.adopt(table);
    const lines = conditionsIn(text);
    for (const table of this.ruleset.tables) {
      for (const { rules } of orderedChains(table)) {
        for (const rule of rules) this.texts.set(rule, lines.next().value!);
      }
    }
    return true;
  }

  private async parse(text: string): Promise<void> {
    const { restore } = await theRestore();
    const program = this.ruleset.family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const { diagnostics } = restore(inOrderOfUse(text), this.ruleset, { program, file: this.path, counters: true });
    if (diagnostics.length > 0) {
      const problems = diagnostics.map(renderDiagnostic).join('');
      throw new Unreadable(
        `${this.path} cannot be read back; it is left as it is. Mend it or move it away.\n${problems}`,
      );
    }
    if (this.isWhole && this.ruleset.save({ counters: true }) === text) this.cache.write(text, this.currentTables());
  }

  private async parseFrame(text: string, replaced: readonly string[]): Promise<void> {
    const tables = tablesOf(text);
    this.kept = new Map([...tables].filter(([name]) => !replaced.includes(name)));
    await this.parse([...tables.values()].map(withoutRules).join(''));
  }

  /** What a daemon has not come to write into the file. */
  private async repeat(text: string): Promise<void> {
    const { editsSince, repeatEdits } = await theJournal();
    try {
      await repeatEdits(this.path, editsSince(this.path, text), this.ruleset);
    } catch (error) {
      throw new Unreadable((error as Error).message);
    }
  }

  /** In the order of first use, as the text says them, with the counters that stand there. */
  private currentTables(): TableSpec[] {
    const now = (rule: RuleSpec): RuleSpec => ({ ...this.readable.asRead(rule), counters: this.counters.rule(rule) });
    const tables = this.ruleset.tables.map((table) => ({
      ...table,
      chains: new Map([...table.chains].map(([name, chain]) => [name, { ...chain, rules: chain.rules.map(now) }])),
    }));
    return tables.reverse();
  }

  /** All that is stored was read. If not, it may be written back only when all the tables `replaced` have been committed. */
  get isWhole(): boolean {
    return this.kept === undefined;
  }

  get changed(): boolean {
    return this.installed || this.counters.zeroedAny;
  }

  /**
   * Writes the rules back if something changed; rejects with what the system says, and then the old file is still there. Wants the lock.
   * `replaces`: whole tables are others.
   */
  async write(replaces = false): Promise<void> {
    if (!this.changed) return;
    await this.readable.check(this.ruleset);
    const text = this.ruleset.tables
      .map(({ name }) => this.kept?.get(name) ?? this.ruleset.save({ counters: true, table: name }))
      .join('');
    if (existsSync(journalOf(this.path))) (await theJournal()).storeWhole(this.path, text);
    else writeAtomically(this.path, text);
    // What takes the place of whole tables is seldom edited before it is replaced again: who edits it reads it.
    this.cache.write(text, replaces ? [] : this.currentTables());
  }
}

/** What stands behind the chain's name in each rule of canonical text with counters. */
function* conditionsIn(text: string): Generator<string> {
  for (const line of text.split('\n')) {
    const rule = line.startsWith('[') ? line.indexOf(' -A ') + ' -A '.length : 0;
    if (rule === 0) continue;
    const behind = line.indexOf(' ', rule);
    yield behind < 0 ? '' : line.slice(behind);
  }
}

/**
 * -save prints the table that was used first last. To read a file back into the same order its tables are taken from the end.
 * Line numbers in diagnostics are then those of the turned text, which is the rare case of a file mended by hand.
 */
export function inOrderOfUse(text: string): string {
  const tables = text.split(/^(?=\*)/m);
  const head = tables[0]?.startsWith('*') ? '' : (tables.shift() ?? '');
  return head + tables.reverse().join('');
}
