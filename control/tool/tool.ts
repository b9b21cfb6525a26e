// The iptables-like programs on rules that somebody holds: the words, the exit codes and the text of the real tools. Used by the
// daemon on the rules that run, and by the tools on the stored ones where no daemon serves.
//
// The grammar is imported when a rule is to be parsed and not before: listing rules does without it (see grammar/ruleless.ts).

import type { Draft } from '../../engine/edit/draft.ts';
import { Refusal } from '../../engine/edit/refusal.ts';
import { carryOut, type Ruleset } from '../../engine/edit/ruleset.ts';
import type { Command } from '../../grammar/command.ts';
import { COMPATIBLE, parameterLine, renderDiagnostic } from '../../grammar/diagnostics.ts';
import { RuleError } from '../../grammar/error.ts';
import { Reader } from '../../grammar/reader.ts';
import { readRuleless } from '../../grammar/ruleless.ts';
import { didYouMean } from '../../grammar/suggest.ts';
import { isTableName, TABLES } from '../../grammar/tables.ts';
import { wordsOf } from '../../grammar/words.ts';
import type { Family } from '../../packet/numbers.ts';
import { theParser, theRestore } from '../later.ts';
import type { ToolAnswer, ToolName } from '../socket/protocol.ts';
import { commandHelp, restoreHelp } from './help.ts';
import { quickCommand } from './quick-command.ts';
import { isListing, listedJson, savedJson } from './rules-json.ts';
import { framed } from './save-frame.ts';
import { restoreWords, saveWords, type Words } from './tool-words.ts';

export const familyOf = (program: ToolName): Family => (program.startsWith('ip6') ? 6 : 4);
const kindOf = (program: ToolName): 'command' | 'save' | 'restore' =>
  program.endsWith('-save') ? 'save' : program.endsWith('-restore') ? 'restore' : 'command';

export interface ToolInput {
  readonly program: ToolName;
  readonly argv: readonly string[];
  /** `--json`: a listing comes as JSON. */
  readonly json?: boolean;
  /** Rules to restore. */
  readonly stdin?: string;
  /** Told of each of their lines. */
  readonly onLine?: () => void;
  /** For the comment lines of -save. */
  readonly date: Date;
}

/** Runs one program. Never throws for any words: what is wrong is in the answer. */
export async function runTool(input: ToolInput, ruleset: Ruleset): Promise<ToolAnswer> {
  switch (kindOf(input.program)) {
    case 'save':
      return save(input, ruleset);
    case 'restore':
      return restoreRules(input, ruleset);
    case 'command':
      return command(input, ruleset);
  }
}

const said = (stdout: string): ToolAnswer => ({ stdout, stderr: '', exitCode: 0 });
const failed = (stderr: string, exitCode: number): ToolAnswer => ({ stdout: '', stderr, exitCode });

// --- iptables ------------------------------------------------------------------------------------------------------------

/** Parses a command line as the real tool would; throws RuleError. */
export async function parseCommandLine(
  argv: readonly string[],
  ruleset: Ruleset,
  warnings: string[] = [],
): Promise<Command> {
  const { source: text, words } = wordsOf(argv);
  const { lookup, names } = ruleset.printing;
  const span = { start: 0, end: text.length };
  const reader = (): Reader =>
    new Reader({
      family: ruleset.family,
      lookup,
      names,
      table: 'filter',
      restore: undefined,
      // The real tool opens the table when it has read all words: see chainsFirst().
      isChain: () => false,
      warnings,
      source: { file: '', line: 1, text, start: 0 },
    });
  const ruleless = readRuleless(words, reader(), span);
  if (ruleless) return ruleless;
  const { readCommand } = await theParser();
  return readCommand(words, reader(), span);
}

async function command({ program, argv, json }: ToolInput, ruleset: Ruleset): Promise<ToolAnswer> {
  const warnings: string[] = [];
  const warned = (): string => warnings.map((warning) => `${warning}\n`).join('');
  let stdout = '';
  const say = (text: string): void => {
    stdout += text;
  };
  try {
    const quick = json ? undefined : carriedOut(argv, program, ruleset);
    if (quick) return quick;
    const parsed = chainsFirst(await parseCommandLine(argv, ruleset, warnings), argv, ruleset, warnings);
    if (json) listAsJson(parsed, program, ruleset, say);
    else obey(parsed, program, ruleset, say);
    return { stdout, stderr: warned(), exitCode: 0 };
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return { stdout, stderr: warned() + complaint(error, program, argv), exitCode: error.code };
  }
}

/** The answer to an edit that the quick way could read; undefined: the grammar reads it, and says what is wrong with it. */
function carriedOut(argv: readonly string[], program: ToolName, ruleset: Ruleset): ToolAnswer | undefined {
  const { source: text, words } = wordsOf(argv);
  const parsed = quickCommand(words, text, ruleset);
  try {
    if (!parsed) return undefined;
    change(parsed, program, ruleset, () => {});
    return said('');
  } catch (error) {
    if (error instanceof Refusal) return failed(complaint(error, program, argv), error.code);
    if (error instanceof RuleError) return undefined;
    throw error;
  }
}

/** A chain hides the target of its name: the target's options were read and checked, and count for nothing. */
function chainsFirst(command: Command, argv: readonly string[], ruleset: Ruleset, warnings: string[]): Command {
  if (!('rules' in command) || !command.targetSpan) return command;
  const chain = wordsOf(argv).source.slice(command.targetSpan.start, command.targetSpan.end);
  if (!command.rules.some(({ target }) => target?.kind === 'extension') || !ruleset.isChain(command.table, chain))
    return command;
  const rules = command.rules.map((rule) => ({ ...rule, target: { kind: 'jump', chain } as const }));
  warnings.push(`Warning: using chain ${chain}, not extension`);
  return { ...command, rules };
}

function obey(parsed: Command, program: ToolName, ruleset: Ruleset, say: (text: string) => void): void {
  if (parsed.kind === 'version') {
    say(parsed.inverted ? `Not ${COMPATIBLE.slice(1)} ;-)\n` : `${program} ${COMPATIBLE}\n`);
  } else if (parsed.kind === 'help') say(commandHelp(program, parsed.extensions));
  else if (parsed.kind !== 'otherFamily') change(parsed, program, ruleset, say);
}

function change(parsed: Command, program: ToolName, ruleset: Ruleset, say: (text: string) => void): void {
  const draft = opened(parsed.table, program, ruleset);
  carryOut(parsed, draft, ruleset.printing, say);
  ruleset.commit(draft);
}

function listAsJson(parsed: Command, program: ToolName, ruleset: Ruleset, say: (text: string) => void): void {
  if (!isListing(parsed)) throw new RuleError('--json is for what lists: -L, -S and the -save programs', parsed.span);
  const draft = opened(parsed.table, program, ruleset);
  const text = listedJson(parsed, draft, ruleset);
  // -Z beside it, and the refusals of both.
  carryOut(parsed, draft, ruleset.printing, () => {});
  ruleset.commit(draft);
  say(text);
}

function opened(name: string, program: ToolName, ruleset: Ruleset): Draft {
  const draft = ruleset.open(name);
  if (!draft) {
    const table = `can't initialize ${program} table \`${name}'`;
    const rest = `Perhaps ${program} or your kernel needs to be upgraded.`;
    throw new RuleError(
      `${table}: Table does not exist (do you need to insmod?)\n${rest}`,
      undefined,
      didYouMean(name, Object.keys(TABLES)),
      3,
    );
  }
  return draft;
}

/** First line as the real tool's, then the words with a caret, then the hint; for wrong parameters its closing line. */
function complaint(error: RuleError, program: ToolName, argv: readonly string[]): string {
  const refused = error instanceof Refusal;
  const text = renderDiagnostic({
    first: refused ? error.line(program) : parameterLine(error, program),
    code: error.code,
    line: undefined,
    text: error.code === 3 ? '' : wordsOf(argv).source,
    span: error.span,
    reason: refused ? error.reason : undefined,
    hint: error.hint,
  });
  return error.code === 2 ? `${text}Try \`${program} -h' or '${program} --help' for more information.\n` : text;
}

// --- iptables-save -------------------------------------------------------------------------------------------------------

/** What ends the two programs while they read their words, in the order of the words; undefined: go on. */
function endOfWords(
  program: ToolName,
  words: Words,
  manual: string,
  atOption: (long: string, value: string | undefined) => ToolAnswer | undefined,
): ToolAnswer | undefined {
  for (const { long, value } of words.options) {
    const ended = long === 'version' ? said(`${program} ${COMPATIBLE}\n`) : atOption(long, value);
    if (ended) return ended;
  }
  if (words.problem !== undefined) return failed(`${program}: ${words.problem}\n${manual}\n`, 1);
  if (words.operands.length > 0 && (kindOf(program) === 'save' || words.operands.length > 1))
    return failed('Unknown arguments found on commandline\n', 1);
  return undefined;
}

function save({ program, argv, date, json }: ToolInput, ruleset: Ruleset): ToolAnswer {
  const words = saveWords(argv);
  const manual = `Look at manual page \`${program}.8' for more information.`;
  const ended = endOfWords(program, words, manual, () => undefined);
  if (ended) return ended;
  const table = words.value('table');
  if (table !== undefined && !isTableName(table)) {
    const first = `${program} ${COMPATIBLE}: Cannot initialize: Table does not exist (do you need to insmod?)\n`;
    const hint = didYouMean(table, Object.keys(TABLES));
    return failed(first + (hint ? `hint: ${hint}\n` : ''), 1);
  }
  if (table !== undefined) ruleset.open(table);
  if (json) return said(savedJson(ruleset, table));
  const texts = ruleset.tables
    .filter(({ name }) => table === undefined || name === table)
    .map(({ name }) => ruleset.save({ counters: words.has('counters'), table: name }));
  // It says so, and goes on.
  const stderr = words.has('binary') ? '-b/--binary option is not implemented\n' : '';
  return { ...said(texts.map((text) => framed(text, program, date)).join('')), stderr };
}

// --- iptables-restore ----------------------------------------------------------------------------------------------------

/** -w and -W are the caller's matter, who holds the lock; here only what the program says of their values. */
function badWait(program: ToolName, long: string, value: string | undefined): ToolAnswer | undefined {
  const wrong = (what: string): ToolAnswer => {
    const text = `${program} ${COMPATIBLE}: ${what}\nError occurred at line: 0\n`;
    return failed(`${text}Try \`${program} -h' or '${program} --help' for more information.\n`, 2);
  };
  if (long === 'wait' && value !== undefined && !/^\s*[+-]?\d/.test(value)) return wrong('wait seconds not numeric');
  if (long !== 'wait-interval') return undefined;
  if (value === undefined) return wrong('wait interval value required');
  return /^\s*\d/.test(value) ? undefined : wrong('wait interval not numeric');
}

async function restoreRules(
  { program, argv, json, stdin = '', onLine }: ToolInput,
  ruleset: Ruleset,
): Promise<ToolAnswer> {
  if (json) return failed(`${program}: --json is for what lists: -L, -S and the -save programs\n`, 2);
  const words = restoreWords(argv);
  let warnings = '';
  const withWarnings = (answer: ToolAnswer): ToolAnswer => ({ ...answer, stderr: warnings + answer.stderr });
  const ended = endOfWords(program, words, `Try \`${program} -h' for more information.`, (long, value) => {
    if (long === 'help') return { stdout: '', stderr: restoreHelp(program), exitCode: 0 };
    const bad = badWait(program, long, value);
    if (!bad && long === 'wait-interval') warnings += 'Ignoring deprecated --wait-interval option.\n';
    if (long === 'binary') warnings += '-b/--binary option is not implemented\n';
    return bad;
  });
  if (ended) return withWarnings(ended);
  if (words.has('wait-interval') && !words.has('wait'))
    return withWarnings(failed('Option --wait-interval requires option --wait\n', 1));
  const { restore } = await theRestore();
  const result = restore(stdin, ruleset, {
    program,
    file: words.operands[0] ?? '',
    counters: words.has('counters'),
    noflush: words.has('noflush'),
    test: words.has('test'),
    verbose: words.has('verbose'),
    table: words.value('table'),
    onLine,
    help: (help) => commandHelp(program, help.extensions),
  });
  const complaints = result.warnings.map((warning) => `${warning}\n`).join('');
  const closing = result.exitCode === 2 ? `Try \`${program} -h' or '${program} --help' for more information.\n` : '';
  const stderr = complaints + result.diagnostics.map(renderDiagnostic).join('') + closing;
  return withWarnings({ stdout: result.stdout, stderr, exitCode: result.exitCode });
}
