// The rules of a daemon and the files they come from and go to: those it was started with, and the state directory. An edit is stored before a
// tool hears of it: with a short save file by writing that anew, with a long one in its journal, until the file is written at leisure.

import { existsSync, readFileSync } from 'node:fs';
import type { Ruleset } from '../../engine/edit/ruleset.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Changed, Edited, LiveRules } from '../live/live-rules.ts';
import { sizeOf, type TableChange } from '../live/table-change.ts';
import type { StatePaths } from '../paths.ts';
import type { ToolAnswer, ToolName } from '../socket/protocol.ts';
import { runTool } from '../tool/tool.ts';
import { unhurried } from '../unhurried.ts';
import { readIfThere } from './atomic-file.ts';
import { Readable } from './readable.ts';
import { editsSince, editText, RuleJournal, repeatEdits, WholeFile } from './rule-journal.ts';
import { inOrderOfUse } from './stored-rules.ts';

export interface RuleFile {
  readonly family: Family;
  readonly path: string;
}

/** Rules that could not be loaded: `message` is the tool's whole complaint. */
export class RulesRefused extends Error {}

interface RuleSource extends RuleFile {
  readonly text: string;
  readonly argv: readonly string[];
  /** Edits of it that its journal holds. */
  readonly edits: string;
}

/** What the state directory holds, as far as we know. */
interface Written {
  readonly text: string;
  journal?: RuleJournal;
  /** An edit could not be stored: the next one stores all. */
  behind: boolean;
}

/** What is to be stored, up to the last step. */
interface Prepared {
  commit(): Promise<void>;
  abandon(): void;
}

/** Characters of a save file above which its edits go into a journal. Writing fewer takes no longer than a sync. */
const SHORT = 1 << 16;
/** Milliseconds without an edit after which the save file is written for those that there were. */
const QUIET_MS = 1_000;

export class RuleStore {
  private readonly rules: LiveRules;
  private readonly paths: StatePaths;
  private readonly written = new Map<Family, Written>();
  private readonly readable = new Readable();
  /** Told where storing at leisure fails. */
  private readonly onProblem: (error: Error) => void;
  /** Of what is to be done at leisure. */
  private readonly timers: Record<Family, NodeJS.Timeout | undefined> = { 4: undefined, 6: undefined };

  constructor(rules: LiveRules, paths: StatePaths, onProblem: (error: Error) => void) {
    this.rules = rules;
    this.paths = paths;
    this.onProblem = onProblem;
  }

  /** Loads the files given, or, without any, what the state directory holds: all of them, or none, and then it throws RulesRefused. */
  async load(given: readonly RuleFile[]): Promise<void> {
    const sources = given.length > 0 ? given.map(readGiven) : this.changedByHand();
    if (sources.length === 0) return;
    let reading = '';
    const load = (): Promise<Edited> =>
      this.rules.load(
        sources.map(({ family, path, text, argv, edits }) => [
          family,
          async (ruleset) => {
            reading = path;
            const answer = await restoreInto(ruleset, path, text, argv);
            if (answer.exitCode === 0) await repeatEdits(path, edits, ruleset);
            return answer;
          },
        ]),
      );
    const { answer } = await unhurried(load);
    if (answer.exitCode !== 0) throw new RulesRefused(`${reading}:\n${answer.stderr}`);
    await this.save();
  }

  /** What is in the state directory and was not written by us. */
  private changedByHand(): RuleSource[] {
    return ([4, 6] as const).flatMap((family) => {
      const path = this.paths.rules(family);
      const text = readIfThere(path);
      if (text === undefined || text === this.written.get(family)?.text) return [];
      return [{ family, path, text: inOrderOfUse(text), argv: ['-c'], edits: editsSince(path, text) }];
    });
  }

  /** Stores a change in its turn, as far as that can be while the engine works at it; the rest when it is `inForce`. Throws what the system says. */
  async keep(family: Family, changed: Changed, inForce: Promise<void>): Promise<void> {
    const prepared = this.prepared(family, changed);
    prepared.catch(() => {});
    try {
      await inForce;
    } catch {
      // It will not be.
      await prepared.then(({ abandon }) => abandon()).catch(() => {});
      return;
    }
    const written = this.written.get(family);
    try {
      await (await prepared).commit();
    } catch (error) {
      if (written) written.behind = true;
      throw error;
    }
  }

  private async prepared(family: Family, { tables, zeroed }: Changed): Promise<Prepared> {
    const written = this.written.get(family);
    const ruleset = this.rules.ruleset(family);
    const edits = written && !written.behind && !zeroed ? journalText(tables, ruleset, written.text) : undefined;
    if (!written || edits === undefined) return this.whole(family, this.rules.lastText(family));
    await this.readable.checkEdits(ruleset, tables);
    const commit = async (): Promise<void> => this.expectMore(family, written);
    if (!this.rules.mayRefuse(tables)) {
      // The sync takes its time while the engine takes its own.
      this.append(family, written, edits);
      return { commit, abandon: () => written.journal?.takeBack() };
    }
    return {
      commit: () => {
        this.append(family, written, edits);
        return commit();
      },
      abandon: () => {},
    };
  }

  private append(family: Family, written: Written, edits: string): void {
    // What is half written has nothing behind it.
    written.behind = true;
    written.journal ??= this.begun(family, written.text);
    written.journal.write(edits);
    written.behind = false;
  }

  /** Going through edits must take no longer than reading the file: then that is written, at once where nothing else keeps up. */
  private async expectMore(family: Family, { journal, text }: Written): Promise<void> {
    const { length } = journal!;
    if (length > text.length) await this.write(family);
    else this.later(family, length > text.length / 4 ? 0 : QUIET_MS, () => this.write(family));
  }

  /** Writes the rules with their counters to the state directory. Throws what the system says. */
  async save(): Promise<void> {
    for (const family of [4, 6] as const) await this.rules.still(() => this.write(family));
  }

  /** In a turn of the rules, instead of what was to be done to those of the family. */
  private later(family: Family, delayMs: number, act: () => Promise<void>): void {
    clearTimeout(this.timers[family]);
    this.timers[family] = setTimeout(() => {
      this.rules.still(act).catch(this.onProblem);
    }, delayMs);
    this.timers[family].unref();
  }

  /** Nothing is stored any more. What is written already needs no journal. */
  close(): void {
    for (const family of [4, 6] as const) {
      clearTimeout(this.timers[family]);
      this.written.get(family)?.journal?.end();
    }
    this.written.clear();
  }

  /** In a turn of the rules. */
  private async write(family: Family): Promise<void> {
    clearTimeout(this.timers[family]);
    const written = this.written.get(family);
    if (written) written.behind = true;
    const { commit } = await this.whole(family, await this.rules.text(family));
    await commit();
  }

  /** All rules, as a file that lies ready. */
  private async whole(family: Family, text: string): Promise<Prepared> {
    const written = this.written.get(family);
    const path = this.paths.rules(family);
    await this.readable.check(this.rules.ruleset(family));
    const isNew = (text !== written?.text || written.journal?.length) && (text !== '' || existsSync(path));
    const file = isNew ? new WholeFile(path, text) : undefined;
    const commit = async (): Promise<void> => {
      clearTimeout(this.timers[family]);
      if (file) {
        file.commit();
        written?.journal?.close();
        this.written.set(family, { text, behind: false });
        if (text.length > SHORT) this.later(family, 0, () => this.expectEdits(family));
      } else if (written) written.behind = false;
    };
    return { commit, abandon: () => file?.abandon() };
  }

  /** The next edit finds its journal: to make one takes longer than all that is left for it. */
  private async expectEdits(family: Family): Promise<void> {
    const written = this.written.get(family);
    if (written && !written.behind) written.journal ??= this.begun(family, written.text);
  }

  private begun(family: Family, text: string): RuleJournal {
    return new RuleJournal(this.paths.rules(family), text);
  }
}

/** Characters of a save file that one rule or chain of an edit is worth: for more it is written as a whole at once. */
const WORTH = 256;

/** An edit as a journal beside `text` has it; undefined: that is to be written anew. */
function journalText(tables: readonly TableChange[], ruleset: Ruleset, text: string): string | undefined {
  const size = tables.reduce((sum, table) => sum + sizeOf(table), 0);
  if (text.length <= SHORT || size * WORTH > text.length) return undefined;
  const texts = tables.map((table) => editText(table, ruleset.table(table.name)!, ruleset.printing));
  return texts.includes(undefined) ? undefined : texts.join('');
}

const readGiven = ({ family, path }: RuleFile): RuleSource => ({
  family,
  path,
  text: readFileSync(path, 'utf8'),
  argv: [],
  edits: '',
});

function restoreInto(ruleset: Ruleset, path: string, text: string, argv: readonly string[]): Promise<ToolAnswer> {
  const program: ToolName = ruleset.family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  return runTool({ program, argv: [...argv, '--', path], stdin: text, date: new Date() }, ruleset);
}
