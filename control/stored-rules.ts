// Rules that no engine runs: kept as save text with counters, one file a family, in the state directory or wherever --file says.
// The text is the truth; a person may read and edit it.

import { existsSync } from 'node:fs';
import type { Registry } from '../engine/registry.ts';
import { Ruleset, SpecCounters } from '../engine/ruleset.ts';
import { renderDiagnostic } from '../grammar/diagnostics.ts';
import type { Names } from '../grammar/names.ts';
import { orderedChains } from '../grammar/print.ts';
import type { RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import type { Family } from '../packet/numbers.ts';
import { readIfThere, writeAtomically } from './atomic-file.ts';
import { theJournal, theRestore } from './later.ts';
import type { ParsedCache } from './parsed-cache.ts';
import { journalOf } from './paths.ts';
import { Readable } from './readable.ts';
import { cacheOf } from './stored-text.ts';

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
  private readonly texts = new WeakMap<RuleSpec, string>();
  private readonly readable = new Readable(this.texts);
  private installed = false;

  /** Reads what is stored; nothing there is an empty rule set. Rejects with Unreadable. */
  static async read(path: string, family: Family, context: StoreContext): Promise<StoredRules> {
    const stored = new StoredRules(path, family, context);
    const text = readIfThere(path);
    if (text !== undefined && !stored.recall(text)) await stored.parse(text);
    if (text !== undefined && existsSync(journalOf(path))) await stored.repeat(text);
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
    if (this.ruleset.save({ counters: true }) === text) this.keepParsed(text);
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

  private keepParsed(text: string): void {
    this.cache.write(text, this.currentTables().reverse());
  }

  /** As the text says them, with the counters that stand there. */
  private currentTables(): TableSpec[] {
    const now = (rule: RuleSpec): RuleSpec => ({ ...this.readable.asRead(rule), counters: this.counters.rule(rule) });
    return this.ruleset.tables.map((table) => ({
      ...table,
      chains: new Map([...table.chains].map(([name, chain]) => [name, { ...chain, rules: chain.rules.map(now) }])),
    }));
  }

  get changed(): boolean {
    return this.installed || this.counters.zeroedAny;
  }

  /** Writes the rules back if something changed; rejects with what the system says, and then the old file is still there. Wants the lock. */
  async write(): Promise<void> {
    if (!this.changed) return;
    await this.readable.check(this.ruleset);
    const text = this.ruleset.save({ counters: true });
    if (existsSync(journalOf(this.path))) (await theJournal()).storeWhole(this.path, text);
    else writeAtomically(this.path, text);
    this.keepParsed(text);
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
