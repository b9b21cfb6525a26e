// The iptables-like programs on rules that somebody holds: the words, the exit codes and the text of the real tools. Used by the
// daemon on the rules that run, and by the tools on the stored ones where no daemon serves.

import { parseArgs } from 'node:util';
import { Refusal } from '../engine/refusal.ts';
import { restore } from '../engine/restore.ts';
import { apply, type Ruleset } from '../engine/ruleset.ts';
import type { Command } from '../grammar/command.ts';
import { COMPATIBLE, parameterLine, renderDiagnostic } from '../grammar/diagnostics.ts';
import { RuleError } from '../grammar/error.ts';
import { readCommand } from '../grammar/parser.ts';
import { Reader } from '../grammar/reader.ts';
import { didYouMean } from '../grammar/suggest.ts';
import { isTableName, TABLES } from '../grammar/tables.ts';
import type { Word } from '../grammar/words.ts';
import type { Family } from '../packet/numbers.ts';
import { commandHelp, restoreHelp } from './help.ts';
import type { ToolAnswer, ToolName } from './protocol.ts';

export const familyOf = (program: ToolName): Family => (program.startsWith('ip6') ? 6 : 4);
const kindOf = (program: ToolName): 'command' | 'save' | 'restore' =>
  program.endsWith('-save') ? 'save' : program.endsWith('-restore') ? 'restore' : 'command';

export interface ToolInput {
  readonly program: ToolName;
  readonly argv: readonly string[];
  /** Rules to restore. */
  readonly stdin?: string;
  /** For the comment lines of -save. */
  readonly date: Date;
}

/** Runs one program. Never throws for any words: what is wrong is in the answer. */
export function runTool(input: ToolInput, ruleset: Ruleset): ToolAnswer {
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

/** The words of a command line as a text with positions: joined by single blanks. */
export function wordsOf(argv: readonly string[]): { text: string; words: Word[] } {
  let start = 0;
  const words = argv.map((text) => {
    const word = { text, start, end: start + text.length };
    start = word.end + 1;
    return word;
  });
  return { text: argv.join(' '), words };
}

/** Parses a command line as the real tool would; throws RuleError. */
export function parseCommandLine(argv: readonly string[], ruleset: Ruleset): Command {
  const { text, words } = wordsOf(argv);
  const { lookup, names } = ruleset.printing;
  const reader = new Reader({
    family: ruleset.family,
    lookup,
    names,
    table: 'filter',
    restore: undefined,
    isChain: (table, name) => ruleset.isChain(table, name),
    source: { file: '', line: 1, text, start: 0 },
  });
  return readCommand(words, reader, { start: 0, end: text.length });
}

function command({ program, argv }: ToolInput, ruleset: Ruleset): ToolAnswer {
  let warnings = '';
  try {
    const parsed = parseCommandLine(argv, ruleset);
    warnings = parsed.warnings.map((warning) => `${warning}\n`).join('');
    const stdout = carryOut(parsed, program, ruleset);
    return { stdout, stderr: warnings, exitCode: 0 };
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return failed(warnings + complaint(error, program, argv), error.code);
  }
}

function carryOut(parsed: Command, program: ToolName, ruleset: Ruleset): string {
  if (parsed.kind === 'version') {
    return parsed.inverted ? `Not ${COMPATIBLE.slice(1)} ;-)\n` : `${program} ${COMPATIBLE}\n`;
  }
  if (parsed.kind === 'help') return commandHelp(program, parsed.matches, ruleset);
  if (parsed.kind === 'otherFamily') return '';
  const draft = ruleset.open(parsed.table);
  if (!draft) {
    const table = `can't initialize ${program} table \`${parsed.table}'`;
    const rest = `Perhaps ${program} or your kernel needs to be upgraded.`;
    throw new RuleError(
      `${table}: Table does not exist (do you need to insmod?)\n${rest}`,
      undefined,
      didYouMean(parsed.table, Object.keys(TABLES)),
      3,
    );
  }
  const stdout = apply(parsed, draft, ruleset.printing);
  ruleset.commit(draft);
  return stdout;
}

/** First line as the real tool's, then the words with a caret, then the hint; for wrong parameters its closing line. */
function complaint(error: RuleError, program: ToolName, argv: readonly string[]): string {
  const refused = error instanceof Refusal;
  const text = renderDiagnostic({
    first: refused ? error.line(program) : parameterLine(error, program),
    code: error.code,
    line: undefined,
    text: error.code === 3 ? '' : wordsOf(argv).text,
    span: error.span,
    reason: refused ? error.reason : undefined,
    hint: error.hint,
  });
  return error.code === 2 ? `${text}Try \`${program} -h' or '${program} --help' for more information.\n` : text;
}

// --- iptables-save -------------------------------------------------------------------------------------------------------

/** "Mon Nov 23 13:02:31 2026", as ctime(3) writes it, in local time. */
function ctime(date: Date): string {
  const [weekday, month, day, year] = date.toDateString().split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${date.toTimeString().slice(0, 8)} ${year}`;
}

interface Parsed {
  values: Record<string, string | boolean | undefined>;
  positionals: string[];
}

type Options = NonNullable<Parameters<typeof parseArgs>[0]>['options'];

/** getopt_long() with the words for what it does not know; undefined and the complaint otherwise. */
function options(program: ToolName, argv: readonly string[], known: NonNullable<Options>): Parsed | string {
  const abbreviations = argv.map((word) => unabbreviated(word, Object.keys(known)));
  try {
    const { values, positionals } = parseArgs({
      args: abbreviations,
      options: known,
      allowPositionals: true,
      strict: true,
    });
    return { values: values as Parsed['values'], positionals };
  } catch (error) {
    const { message } = error as Error;
    const option = /'([^']*)'/.exec(message)?.[1]?.split(/[ ,]/)[0] ?? '';
    if (/argument missing/.test(message))
      return `${program}: option requires an argument -- '${option.replace(/^-+/, '')}'\n`;
    return option.startsWith('--')
      ? `${program}: unrecognized option '${option}'\n`
      : `${program}: invalid option -- '${option.replace(/^-+/, '')}'\n`;
  }
}

/** Long options may be cut short where one alone begins so. */
function unabbreviated(word: string, names: readonly string[]): string {
  const [, begun, rest = ''] = /^--([^=]+)(=.*)?$/s.exec(word) ?? [];
  if (begun === undefined || names.includes(begun)) return word;
  const meant = names.filter((name) => name.startsWith(begun));
  return meant.length === 1 ? `--${meant[0]}${rest}` : word;
}

function save({ program, argv, date }: ToolInput, ruleset: Ruleset): ToolAnswer {
  const parsed = options(program, argv, {
    version: { type: 'boolean', short: 'V' },
    counters: { type: 'boolean', short: 'c' },
    dump: { type: 'boolean', short: 'd' },
    table: { type: 'string', short: 't' },
    modprobe: { type: 'string', short: 'M' },
    file: { type: 'string', short: 'f' },
    ipv4: { type: 'boolean', short: '4' },
    ipv6: { type: 'boolean', short: '6' },
  });
  if (typeof parsed === 'string')
    return failed(`${parsed}Look at manual page \`${program}.8' for more information.\n`, 1);
  const { values, positionals } = parsed;
  if (values.version) return said(`${program} ${COMPATIBLE}\n`);
  if (positionals.length > 0) return failed('Unknown arguments found on commandline\n', 1);
  const table = values.table as string | undefined;
  if (table !== undefined && !isTableName(table)) {
    const first = `${program} ${COMPATIBLE}: Cannot initialize: Table does not exist (do you need to insmod?)\n`;
    const hint = didYouMean(table, Object.keys(TABLES));
    return failed(first + (hint ? `hint: ${hint}\n` : ''), 1);
  }
  if (table !== undefined) ruleset.open(table);
  const texts = ruleset.tables
    .filter(({ name }) => table === undefined || name === table)
    .map(({ name }) => ruleset.save({ counters: values.counters === true, table: name }));
  const head = `# Generated by ${program} v1.8.9 on ${ctime(date)}\n`;
  const foot = `# Completed on ${ctime(date)}\n`;
  return said(texts.map((text) => head + text + foot).join(''));
}

// --- iptables-restore ----------------------------------------------------------------------------------------------------

/** `-w` may stand alone or with seconds: parseArgs knows no optional arguments, and the lock was the caller's matter anyway. */
function withoutWait(argv: readonly string[]): string[] {
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    if (/^(-w\d*|--wait(=.*)?)$/.test(argv[index])) {
      if (/^(-w|--wait)$/.test(argv[index]) && /^\d+$/.test(argv[index + 1] ?? '')) index++;
    } else rest.push(argv[index]);
  }
  return rest;
}

/** Seconds that a restore or save waits for the lock: undefined without -w, -1 for ever. */
export function waitSeconds(argv: readonly string[]): number | undefined {
  for (let index = 0; index < argv.length; index++) {
    const [, short, long] = /^(?:-w(\d*)|--wait(?:=(\d+))?)$/.exec(argv[index]) ?? [undefined, undefined, undefined];
    if (short === undefined && long === undefined && !/^--wait$/.test(argv[index])) continue;
    const number = short || long || (/^\d+$/.test(argv[index + 1] ?? '') ? argv[index + 1] : '');
    return number === '' ? -1 : Number(number);
  }
  return undefined;
}

const RESTORE_OPTIONS = {
  counters: { type: 'boolean', short: 'c' },
  verbose: { type: 'boolean', short: 'v' },
  version: { type: 'boolean', short: 'V' },
  test: { type: 'boolean', short: 't' },
  help: { type: 'boolean', short: 'h' },
  noflush: { type: 'boolean', short: 'n' },
  'wait-interval': { type: 'string', short: 'W' },
  modprobe: { type: 'string', short: 'M' },
  table: { type: 'string', short: 'T' },
  ipv4: { type: 'boolean', short: '4' },
  ipv6: { type: 'boolean', short: '6' },
} as const;

/** The file that a restore names instead of standard input, if it does. */
export function restoreFile(program: ToolName, argv: readonly string[]): string | undefined {
  const parsed = options(program, withoutWait(argv), RESTORE_OPTIONS);
  return typeof parsed === 'string' ? undefined : parsed.positionals[0];
}

function restoreRules({ program, argv, stdin = '' }: ToolInput, ruleset: Ruleset): ToolAnswer {
  const parsed = options(program, withoutWait(argv), RESTORE_OPTIONS);
  if (typeof parsed === 'string') return failed(`${parsed}Try \`${program} -h' for more information.\n`, 1);
  const { values, positionals } = parsed;
  if (values.version) return said(`${program} ${COMPATIBLE}\n`);
  if (values.help) return said(restoreHelp(program));
  if (positionals.length > 1) return failed('Unknown arguments found on commandline\n', 1);
  const result = restore(stdin, ruleset, {
    program,
    file: positionals[0] ?? '',
    counters: values.counters === true,
    noflush: values.noflush === true,
    test: values.test === true,
    verbose: values.verbose === true,
    table: values.table as string | undefined,
    help: (help) => commandHelp(program, help.matches, ruleset),
  });
  const stderr =
    result.warnings.map((warning) => `${warning}\n`).join('') + result.diagnostics.map(renderDiagnostic).join('');
  const closing = result.exitCode === 2 ? `Try \`${program} -h' or '${program} --help' for more information.\n` : '';
  return { stdout: result.stdout, stderr: stderr + closing, exitCode: result.exitCode };
}
