// Text to words, with positions. Save files are cut as the restore program cuts them, command lines arrive cut by the shell.
//
// Only double quotes quote; a backslash escapes only inside them; a closing quote ends the word; single quotes are plain text. A
// line ends with its newline, and a quote left open takes that newline into the word. Source: observed on iptables-legacy-restore 1.8.9.

import type { Span } from './error.ts';

export interface Word extends Span {
  /** Without quotes and escapes. */
  readonly text: string;
}

const BLANK = ' ';
const TAB = '\t';
const NEWLINE = '\n';

/** The words of `source` from `start` to `end` (one past the newline, if there is one). */
export function splitWords(source: string, start: number, end: number): Word[] {
  const plain = source.slice(start, end);
  return plain.includes('"') ? splitQuoted(source, start, end) : splitPlain(plain, start);
}

function splitPlain(line: string, offset: number): Word[] {
  const words: Word[] = [];
  let from = -1;
  for (let at = 0; at <= line.length; at++) {
    const code = at < line.length ? line.charCodeAt(at) : 32;
    if (code === 32 || code === 9 || code === 10) {
      if (from >= 0) words.push({ text: line.slice(from, at), start: offset + from, end: offset + at });
      from = -1;
    } else if (from < 0) from = at;
  }
  return words;
}

function splitQuoted(source: string, start: number, end: number): Word[] {
  const words: Word[] = [];
  let text = '';
  let from = -1;
  let open = false;
  const finish = (at: number): void => {
    words.push({ text, start: from, end: at });
    text = '';
    from = -1;
  };
  for (let at = start; at < end; at++) {
    const character = source[at];
    if (open) {
      if (character === '\\' && at + 1 < end) text += source[++at];
      else if (character === '"') {
        open = false;
        finish(at + 1);
      } else text += character;
    } else if (character === '"') {
      open = true;
      if (from < 0) from = at;
    } else if (character === BLANK || character === TAB || character === NEWLINE) {
      if (text !== '') finish(at);
      else from = -1;
    } else {
      if (from < 0) from = at;
      text += character;
    }
  }
  if (text !== '') finish(end);
  return words;
}

/** strtok(line, " \t\n"): what table and chain lines are cut by; no quotes. */
export const splitFields = (source: string, start: number, end: number): Word[] =>
  splitPlain(source.slice(start, end), start);

/** The words of a command line; positions are in the words joined by single blanks. */
export function wordsOf(argv: readonly string[]): { words: Word[]; source: string } {
  const words: Word[] = [];
  let start = 0;
  for (const text of argv) {
    words.push({ text, start, end: start + text.length });
    start += text.length + 1;
  }
  return { words, source: argv.join(' ') };
}
