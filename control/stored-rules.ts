// Rules that no engine runs: kept as save text with counters, one file a family, in the state directory or wherever --file says.
// The text is the truth; a person may read and edit it.

import { readFileSync } from 'node:fs';
import type { Registry } from '../engine/registry.ts';
import { restore } from '../engine/restore.ts';
import { Ruleset, SpecCounters } from '../engine/ruleset.ts';
import { renderDiagnostic } from '../grammar/diagnostics.ts';
import type { Names } from '../grammar/names.ts';
import type { RuleSpec } from '../grammar/rule-spec.ts';
import type { Family } from '../packet/numbers.ts';
import { writeAtomically } from './atomic-file.ts';

/** The stored text cannot be read back. It stays where it is: nothing of ours writes over it. */
export class Unreadable extends Error {}

export interface StoreContext {
  readonly registry: Registry;
  readonly names: Names;
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
  private readonly counters = new WatchedCounters();
  private installed = false;

  /** Reads what is stored; nothing there is an empty rule set. Throws Unreadable. */
  constructor(path: string, family: Family, { registry, names }: StoreContext) {
    this.path = path;
    this.ruleset = new Ruleset(family, {
      lookup: registry,
      names,
      counters: this.counters,
      install: () => {
        this.installed = true;
      },
    });
    this.read(family);
    this.installed = false;
  }

  private read(family: Family): void {
    const text = readIfThere(this.path);
    if (text === undefined) return;
    const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    // The file lists the latest table first; restoring in reverse would need cutting, and saving turns the order around again.
    const { diagnostics } = restore(inOrderOfUse(text), this.ruleset, { program, file: this.path, counters: true });
    if (diagnostics.length > 0) {
      const what = diagnostics.map(renderDiagnostic).join('');
      throw new Unreadable(`${this.path} cannot be read back; it is left as it is. Mend it or move it away.\n${what}`);
    }
  }

  get changed(): boolean {
    return this.installed || this.counters.zeroedAny;
  }

  /** Writes the rules back if something changed; throws what the system says, and then the old file is still there. */
  write(): void {
    if (this.changed) writeAtomically(this.path, this.ruleset.save({ counters: true }));
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
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
