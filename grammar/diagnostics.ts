// What a person sees of an error: the real tool's first line, then where, then how to do better.
//
//   ip6tables-restore v1.8.9 (legacy): hl: bad value for option "--hl-gt", or out of range (0-255).
//   Error occurred at line: 12
//      12 | -A INPUT -m hl --hl-gt 256 -j DROP
//         |                        ^^^
//   hint: a hop limit is one octet

import type { ExitCode, RuleError, Span } from './error.ts';

/** The version whose words and forms these are. */
export const COMPATIBLE = 'v1.8.9 (legacy)';

export interface Diagnostic {
  /** The real tool's first line, whole. */
  readonly first: string;
  readonly code: ExitCode;
  /** From 1; undefined for a command line. */
  readonly line: number | undefined;
  /** The line, without newline. */
  readonly text: string;
  /** Within `text`. */
  readonly span: Span | undefined;
  /** Why, where the first line does not say. */
  readonly reason: string | undefined;
  readonly hint: string | undefined;
}

/** Trailing line ends of a message are the real tool's slips; leading ones are its shape. */
const trimmed = (message: string): string => message.replace(/\n+$/, '');

/** The first line for a wrong parameter: name, version, message; without them for "Bad argument". */
export const parameterLine = (error: RuleError, program: string): string => {
  if (error.message === '') return `Try \`${program} -h' or '${program} --help' for more information.`;
  return error.bare ? error.message : `${program} ${COMPATIBLE}: ${trimmed(error.message)}`;
};

/** Text of one diagnostic, every line with its newline. */
export function renderDiagnostic(diagnostic: Diagnostic): string {
  const { first, code, line, text, span, reason, hint } = diagnostic;
  let shown = `${first}\n`;
  if (line !== undefined && code === 2) shown += `Error occurred at line: ${line}\n`;
  if (text.trim() !== '') shown += pointAt(line, text, span);
  if (reason) shown += `reason: ${reason}\n`;
  if (hint) shown += `hint: ${hint}\n`;
  return shown;
}

const GUTTER = 5;
/** Longer lines are shown around the caret. */
const WIDTH = 160;

function pointAt(line: number | undefined, text: string, span: Span | undefined): string {
  const number = (line === undefined ? '' : String(line)).padStart(GUTTER);
  const start = Math.min(span?.start ?? 0, text.length);
  const from = text.length > WIDTH ? Math.max(0, Math.min(start - WIDTH / 2, text.length - WIDTH)) : 0;
  const cut = text.slice(from, from + WIDTH);
  const shown = `${number} | ${from > 0 ? '...' : ''}${printable(cut)}${from + WIDTH < text.length ? '...' : ''}\n`;
  if (!span) return shown;
  const before = (from > 0 ? '...' : '') + cut.slice(0, start - from);
  const length = Math.max(1, Math.min(span.end, from + WIDTH) - start);
  return `${shown}${' '.repeat(GUTTER)} | ${before.replace(/[^\t]/g, ' ')}${'^'.repeat(length)}\n`;
}

/** Control characters would move the caret away. */
const printable = (text: string): string => text.replace(/[\0-\x08\x0a-\x1f\x7f]/g, '?');
