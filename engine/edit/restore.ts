// iptables-restore: a save file into a Ruleset. Each table is committed on its own at its COMMIT; what came before a failure stays.
//
// The real program stops at the first thing wrong. So does what this changes; but the rest of the file is still read, on drafts that
// nobody will see, so that one run reports every problem. The first diagnostic is the real program's, line and exit code included.

import type { Command } from '../../grammar/command.ts';
import { COMPATIBLE, type Diagnostic, parameterLine } from '../../grammar/diagnostics.ts';
import { type ExitCode, RuleError, type Span } from '../../grammar/error.ts';
import { NAME_LENGTH, OtherFamily } from '../../grammar/frame-words.ts';
import type { Lookup } from '../../grammar/lookup.ts';
import type { Names } from '../../grammar/names.ts';
import { readCommand } from '../../grammar/parser.ts';
import { QuickReader } from '../../grammar/quick.ts';
import { Reader } from '../../grammar/reader.ts';
import type { Counters, TableSpec } from '../../grammar/rule-spec.ts';
import { type Line, type LineContent, ownLinesOf, type Prefix, readLine } from '../../grammar/save-lines.ts';
import { scanNumber } from '../../grammar/scan.ts';
import { didYouMean } from '../../grammar/suggest.ts';
import { TABLES } from '../../grammar/tables.ts';
import { octets } from '../../grammar/values.ts';
import type { Word } from '../../grammar/words.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Draft } from './draft.ts';
import { Refusal } from './refusal.ts';
import { carryOut, Ruleset } from './ruleset.ts';

export interface RestoreOptions {
  /** Program name in messages: "ip6tables-restore". */
  readonly program: string;
  /** For the origin of rules. */
  readonly file?: string;
  /** -n: rules and chains stay; user chains that a `:` line names are flushed. */
  readonly noflush?: boolean;
  /** -t: read, commit nothing. */
  readonly test?: boolean;
  /** -T: other tables are passed over. */
  readonly table?: string;
  /** -c: counters of `:` lines and in front of rules count. */
  readonly counters?: boolean;
  /** -v */
  readonly verbose?: boolean;
  /** Told of each line that is read, before it is. */
  readonly onLine?: () => void;
  /** What -h prints. */
  help?(command: Command & { kind: 'help' }): string;
}

export interface RestoreResult {
  /** What -L, -S, -v and the like inside the file print. */
  readonly stdout: string;
  readonly warnings: readonly string[];
  /** In the order of the file; empty: all is well. */
  readonly diagnostics: readonly Diagnostic[];
  readonly exitCode: 0 | ExitCode;
}

/** Reads `text` into `ruleset`. Never throws for any text. */
export const restore = (text: string, ruleset: Ruleset, options: RestoreOptions): RestoreResult =>
  new Restore(text, ruleset, options).run();

/** More problems than a person can use: the reading ends. */
const ENOUGH = 100;

class Restore {
  private readonly whole: string;
  /** What the line at work stands in. */
  private source = '';
  private readonly options: RestoreOptions;
  private ruleset: Ruleset;
  private draft: Draft | undefined;
  private quick: QuickReader | undefined;
  private table = '';
  /** The open table is none of ours: its lines are passed over to find more problems elsewhere. */
  private unknownTable = false;
  private stdout = '';
  private readonly warnings: string[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private lastLine = 0;
  private ended = false;

  constructor(source: string, ruleset: Ruleset, options: RestoreOptions) {
    this.whole = source;
    this.ruleset = ruleset;
    this.options = options;
  }

  run(): RestoreResult {
    for (const line of ownLinesOf(this.whole)) {
      this.source = line.source;
      this.lastLine = line.number;
      this.options.onLine?.();
      if (this.quickly(line)) continue;
      this.guarded(line, () => this.take(line));
      if (this.ended || this.diagnostics.length >= ENOUGH) break;
    }
    if (this.inTable && !this.ended && this.diagnostics.length < ENOUGH) this.commitMissing();
    const { stdout, warnings, diagnostics } = this;
    return { stdout, warnings, diagnostics, exitCode: diagnostics[0]?.code ?? 0 };
  }

  /** A rule of a plain form, appended without more ado. What is refused is read again by the grammar, which says why. */
  private quickly({ start, end, number }: Line): boolean {
    const { draft, quick } = this;
    if (!draft || !quick) return false;
    const append = quick.read(this.source, start, end, number, this.options.counters ?? false);
    if (!append) return false;
    try {
      draft.checkTarget(append.rule);
      draft.append(append.chain, append.rule);
      return true;
    } catch {
      return false;
    }
  }

  private get inTable(): boolean {
    return this.draft !== undefined || this.unknownTable;
  }

  private take(line: Line): void {
    const content = readLine(this.source, line, this.inTable);
    switch (content.kind) {
      case 'blank':
        return;
      case 'comment':
        if (this.options.verbose) this.say(this.source.slice(line.start, line.end));
        return;
      case 'table':
        this.openTable(content.name, line);
        return;
      case 'stray':
        if (this.options.table !== undefined && this.options.table !== this.table) return;
        throw new Refusal('', span(line), this.whyStray(line));
    }
    if (content.kind === 'commit') this.commit(line);
    else if (this.draft) this.inside(content, line, this.draft);
  }

  private whyStray(line: Line): string {
    const text = this.source.slice(line.start, line.end).trimEnd();
    if (text === 'COMMIT') return 'COMMIT without an open table';
    return 'a table starts with a line such as *filter, and nothing may stand before it or after its COMMIT';
  }

  // --- Tables -------------------------------------------------------------------------------------------------------

  private openTable(name: Word | undefined, line: Line): void {
    const { program, table: only, noflush, verbose } = this.options;
    if (!name) throw new RuleError(`${program}: line ${line.number} table name invalid`, span(line));
    this.table = name.text;
    if (only !== undefined && only !== name.text) return;
    this.draft = this.ruleset.open(name.text);
    if (!this.draft) {
      this.unknownTable = true;
      const hint = didYouMean(name.text.trim(), Object.keys(TABLES));
      throw new RuleError(`${program}: unable to initialize table '${name.text}'`, name, hint);
    }
    const { family, printing } = this.ruleset;
    const { lookup, names, texts } = printing;
    const isChain = (chain: string): boolean => this.draft?.has(chain) === true;
    // Each rule is described with -v.
    const file = this.options.file ?? '';
    const context = { family, lookup, names, file, isChain, comparesText: texts !== undefined };
    this.quick = verbose ? undefined : new QuickReader(context, name.text);
    if (noflush) return;
    if (verbose) for (const chain of this.draft.ordered()) this.say(`Flushing chain \`${chain.name}'\n`);
    if (verbose) for (const chain of this.draft.userChains()) this.say(`Deleting chain \`${chain}'\n`);
    this.draft.clear();
  }

  private commit(line: Line): void {
    const { draft } = this;
    this.draft = undefined;
    this.unknownTable = false;
    if (!draft || this.options.test) return;
    try {
      this.ruleset.commit(draft);
    } catch (error) {
      if (error instanceof Refusal) throw new CommitRefusal(error, span(line));
      throw error;
    }
  }

  private commitMissing(): void {
    const { program } = this.options;
    const number = this.lastLine + 1;
    this.report({
      first: `${program}: COMMIT expected at line ${number}`,
      code: 1,
      line: number,
      text: '',
      span: undefined,
      reason: undefined,
      hint: 'a table ends with a line that holds COMMIT and nothing else, newline included',
    });
  }

  // --- Lines of a table -----------------------------------------------------------------------------------------------

  private inside(content: LineContent & { kind: 'chain' | 'rule' }, line: Line, draft: Draft): void {
    if (content.kind === 'chain') this.chainLine(content, line, draft);
    else this.ruleLine(content, line, draft);
  }

  private chainLine({ name, policy, counters }: LineContent & { kind: 'chain' }, line: Line, draft: Draft): void {
    const { program } = this.options;
    if (!name) throw new RuleError(`${program}: line ${line.number} chain name invalid`, span(line));
    if (octets(name.text) > NAME_LENGTH) {
      throw new RuleError(`Invalid chain name \`${name.text}' (${NAME_LENGTH} chars max)`, name);
    }
    if (!draft.isBuiltin(name.text)) this.declare(name, draft);
    if (!policy) {
      throw new RuleError(
        `${program}: line ${line.number} policy invalid`,
        name,
        'ACCEPT, DROP, or - for a user chain',
      );
    }
    if (policy.text === '-') return;
    const count = this.options.counters ? this.policyCounters(name, counters) : { packets: 0, bytes: 0 };
    try {
      draft.setPolicy(name.text, policy.text, count);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const text = `Can't set policy \`${policy.text}' on \`${name.text}' line ${line.number}: ${error.message}`;
      const hint = draft.isBuiltin(name.text) ? error.reason : 'user chains have no policy: write - instead';
      throw new RuleError(text, policy, hint, 1);
    }
  }

  private declare(name: Word, draft: Draft): void {
    if (this.options.noflush && draft.has(name.text)) {
      draft.flush(name.text);
      return;
    }
    try {
      draft.newChain(name.text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const hint = draft.has(name.text) ? 'it is declared above already' : 'a verdict has that name';
      throw new RuleError(`error creating chain '${name.text}':File exists`, name, hint);
    }
  }

  private policyCounters(name: Word, counters: Word | undefined): Counters {
    const numbers = counters && /^\[(.*)$/.exec(counters.text);
    const packets = numbers ? scanNumber(numbers[1], 0, 10) : undefined;
    const bytes =
      packets && numbers![1][packets.end] === ':' ? scanNumber(numbers![1], packets.end + 1, 10) : undefined;
    if (!packets || !bytes) {
      const hint = 'with -c a policy is followed by [packets:bytes]';
      throw new RuleError(`invalid policy counters for chain '${name.text}'`, counters ?? name, hint);
    }
    return { packets: Number(packets.value), bytes: Number(bytes.value) };
  }

  private ruleLine({ prefix, words }: LineContent & { kind: 'rule' }, line: Line, draft: Draft): void {
    const command = this.loud(this.read(withCounters(this.options.counters ? prefix : undefined, words), line));
    if (command.kind === 'version') this.farewell(`${this.versionLine(command.inverted)}\n`);
    else if (command.kind === 'help') this.farewell(this.options.help?.(command) ?? `${this.versionLine(false)}\n`);
    else carryOut(command, draft, this.ruleset.printing, (text) => this.say(text));
  }

  /** -v of the program is a -v of each command; with -n it is not (asked of iptables 1.8.9). */
  private loud(command: Command): Command {
    const { verbose, noflush } = this.options;
    if (!verbose || noflush) return command;
    return { ...command, flags: { ...command.flags, verbose: command.flags.verbose + 1 } };
  }

  private versionLine(inverted: boolean): string {
    return inverted ? `Not ${COMPATIBLE.slice(1)} ;-)` : `${this.options.program} ${COMPATIBLE}`;
  }

  /** -h and -V end the program, whatever stands behind them. */
  private farewell(text: string): void {
    this.say(text);
    this.ended = true;
  }

  private read(words: readonly Word[], line: Line): Command {
    const { family, printing } = this.ruleset;
    const { program, file = '' } = this.options;
    const reader = new Reader({
      family,
      lookup: printing.lookup,
      names: printing.names,
      table: this.table,
      restore: program,
      isChain: (_table, name) => this.draft?.has(name) === true,
      warnings: this.warnings,
      source: { file, line: line.number, text: lineText(this.source, line), start: line.start },
    });
    return readCommand(words, reader, span(line));
  }

  // --- Problems -----------------------------------------------------------------------------------------------------

  private guarded(line: Line, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof OtherFamily) return;
      if (!(error instanceof RuleError)) throw error;
      this.report(this.diagnose(error, line));
    }
  }

  /** After the first problem nothing is committed any more: the rest is read on a copy that is thrown away. */
  private report(diagnostic: Diagnostic): void {
    if (this.diagnostics.length === 0) this.ruleset = scratchOf(this.ruleset);
    this.diagnostics.push(diagnostic);
  }

  private diagnose(error: RuleError, line: Line): Diagnostic {
    const { program } = this.options;
    const refused = error instanceof Refusal;
    const first = refused ? `${program}: line ${line.number} failed` : parameterLine(error, program);
    const origin = refused ? error.rule?.origin : undefined;
    const shown = error instanceof CommitRefusal ? error.shownAt(this.whole, this.options.file ?? '') : undefined;
    const where = shown?.line ?? origin?.line ?? line.number;
    const text = shown?.text ?? lineText(this.source, line);
    const at = shown
      ? shown.span
      : error.span && { start: error.span.start - line.start, end: error.span.end - line.start };
    const reason = refused ? [error.message, error.reason].filter((part) => part).join(': ') : undefined;
    return { first, code: error.code, line: where, text, span: at, reason, hint: error.hint };
  }

  private say(text: string): void {
    if (this.diagnostics.length === 0) this.stdout += text;
  }
}

/** The kernel's no to a whole table: said at COMMIT, caused by one rule. */
class CommitRefusal extends Refusal {
  private readonly cause_: Refusal;

  constructor(cause: Refusal, at: Span) {
    super(cause.message, at, cause.reason, cause.dmesg);
    this.cause_ = cause;
  }

  /** The rule that is wrong, if it stands in this file. */
  shownAt(source: string, file: string): { line: number; text: string; span: Span } | undefined {
    const origin = this.cause_.rule?.origin;
    if (!origin || origin.file !== file || !source.includes(origin.text)) return undefined;
    return { line: origin.line, text: origin.text, span: { start: 0, end: origin.text.length } };
  }
}

/** The same tables with the same counters; what is done to them is done to nothing. */
function scratchOf(ruleset: Ruleset): Ruleset {
  const { lookup, names } = ruleset.printing;
  const { counters } = ruleset;
  const seen = { rule: counters.rule.bind(counters), chain: counters.chain.bind(counters), zero: () => {} };
  const scratch = new Ruleset(ruleset.family, { lookup, names, counters: seen });
  for (const table of [...ruleset.tables].reverse()) scratch.adopt(table);
  return scratch;
}

const span = (line: Line): Span => ({ start: line.start, end: line.end });

const lineText = (source: string, line: Line): string => source.slice(line.start, line.end).replace(/\n$/, '');

/** A prefix is what the program itself makes of it: `--set-counters packets bytes` in front of the rule. */
function withCounters(prefix: Prefix | undefined, words: readonly Word[]): readonly Word[] {
  if (!prefix) return words;
  const { packets, bytes } = prefix;
  return [{ text: '--set-counters', start: packets.start, end: bytes.end }, packets, bytes, ...words];
}

export interface SaveContext {
  readonly family: Family;
  readonly lookup: Lookup;
  readonly names?: Names;
  readonly file?: string;
  /** Counters of the text count (-c). */
  readonly counters?: boolean;
}

export interface ParsedSave {
  readonly tables: readonly TableSpec[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * A save file as tables, in the order in which -save prints them; with everything that is wrong with it. The tables hold what could
 * be read: use them only when `diagnostics` is empty.
 */
export function parseSave(text: string, context: SaveContext): ParsedSave {
  const { family, lookup, names, file, counters } = context;
  const ruleset = new Ruleset(family, { lookup, names });
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  const { diagnostics } = restore(text, ruleset, { program, file, counters });
  return { tables: ruleset.tables, diagnostics };
}
