// A save file as lines: what each one is, by its first column and by whether a table is open. The restore program's reading, to the octet.

import { RuleError } from './error.ts';
import { splitFields, splitWords, type Word } from './words.ts';

/** fgets() with a buffer of 10,240: what is longer comes in pieces, each of which counts as a line. */
const LONGEST = 10_239;

/** argv of a rule: the program's name, -t and the table are three more. */
const MOST_WORDS = 251;
/** A word's buffer. */
const LONGEST_WORD = 1023;

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  /** One past the newline, or the end of the file. */
  readonly end: number;
}

export function* linesOf(source: string): Iterable<Line> {
  let number = 1;
  for (let start = 0; start < source.length; number++) {
    const end = endOf(source, start);
    yield { number, start, end };
    start = end;
  }
}

/** Where the line that begins at `start` ends. */
function endOf(source: string, start: number): number {
  const newline = source.indexOf('\n', start);
  const end = newline < 0 ? source.length : newline + 1;
  return end - start > LONGEST / 4 ? start + fitting(source, start, end) : end;
}

export interface OwnLine extends Line {
  /** What it stands in. */
  readonly source: string;
}

/** Characters of a piece, at least, but for the last. */
const PIECE = 4_096;

/**
 * The same from pieces of the text, each with memory of its own. Rules keep words of their lines for as long as they stand, and to V8 a word is a
 * view of what it was cut from, which it keeps alive: a rule that came with a restore of 10,000 would keep all of its text, and of the next
 * thousand restores that change a rule each, all texts.
 */
export function* ownLinesOf(source: string): Iterable<OwnLine> {
  let number = 1;
  for (let from = 0; from < source.length; ) {
    const newline = source.indexOf('\n', from + PIECE);
    const to = newline < 0 ? source.length : newline + 1;
    const piece = withOwnMemory(source, from, to);
    for (let start = 0; start < piece.length; number++) {
      const end = endOf(piece, start);
      yield { number, source: piece, start, end };
      start = end;
    }
    from = to;
  }
}

/** Two views joined are two views until somebody looks at a character: then V8 writes them into one place. */
function withOwnMemory(source: string, start: number, end: number): string {
  const middle = (start + end) >>> 1;
  const joined = source.slice(start, middle) + source.slice(middle, end);
  joined.charCodeAt(0);
  return joined;
}

/** How many characters from `start` fit into the buffer as UTF-8. */
function fitting(source: string, start: number, end: number): number {
  let octets = 0;
  for (let at = start; at < end; at++) {
    const code = source.charCodeAt(at);
    const paired = code >= 0xd800 && code < 0xdc00;
    octets += code < 0x80 ? 1 : code < 0x800 ? 2 : paired ? 4 : 3;
    if (octets > LONGEST) return at - start;
    if (paired) at++;
  }
  return end - start;
}

/** `[packets:bytes]` as text; numbers are read from them as from -c. */
export interface Prefix {
  readonly packets: Word;
  readonly bytes: Word;
}

export type LineContent =
  | { readonly kind: 'blank' }
  | { readonly kind: 'comment' }
  /** Outside a table, neither comment nor table: "line N failed". */
  | { readonly kind: 'stray' }
  | { readonly kind: 'commit' }
  | { readonly kind: 'table'; readonly name: Word | undefined }
  | {
      readonly kind: 'chain';
      readonly name: Word | undefined;
      readonly policy: Word | undefined;
      readonly counters: Word | undefined;
    }
  | { readonly kind: 'rule'; readonly prefix: Prefix | undefined; readonly words: readonly Word[] };

/** Throws RuleError for what is wrong before any word is looked at. */
export function readLine(source: string, line: Line, inTable: boolean): LineContent {
  const { start, end } = line;
  switch (source[start]) {
    case '\n':
      return { kind: 'blank' };
    case '#':
      return { kind: 'comment' };
    case '*':
      if (inTable) break;
      return { kind: 'table', name: splitFields(source, start + 1, end)[0] };
    case ':':
      if (!inTable) break;
      return chainLine(splitFields(source, start + 1, end));
    case 'C':
      if (inTable && source.slice(start, end) === 'COMMIT\n') return { kind: 'commit' };
      break;
  }
  return inTable ? ruleLine(source, line) : { kind: 'stray' };
}

const chainLine = ([name, policy, counters]: readonly Word[]): LineContent => ({
  kind: 'chain',
  name,
  policy,
  counters,
});

function ruleLine(source: string, { start, end, number }: Line): LineContent {
  let prefix: Prefix | undefined;
  let from = start;
  if (source[start] === '[') {
    const close = source.indexOf(']', start);
    const bad = (what: string): RuleError =>
      new RuleError(
        `Bad line ${number}: need ${what}`,
        { start, end: Math.min(end, start + 1) },
        'counters are [packets:bytes]',
      );
    if (close < 0 || close >= end) throw bad(']');
    prefix = readPrefix(source, start + 1, end) ?? fail(bad(']'));
    from = close + 1;
  }
  const words = splitWords(source, from, end);
  const long = words.find(
    (word) => word.text.length > LONGEST_WORD / 4 && new TextEncoder().encode(word.text).length > LONGEST_WORD,
  );
  if (long) throw new RuleError('Parameter too long!', long);
  if (words.length > MOST_WORDS) throw new RuleError('Parser cannot handle more arguments', words[MOST_WORDS]);
  return { kind: 'rule', prefix, words };
}

const fail = (error: RuleError): never => {
  throw error;
};

/** strtok(":"), then strtok("]"): what stands before the first colon, and from there to the bracket. */
function readPrefix(source: string, start: number, end: number): Prefix | undefined {
  let from = start;
  while (source[from] === ':') from++;
  const colon = source.indexOf(':', from);
  if (colon < 0 || colon >= end) return undefined;
  let second = colon + 1;
  while (source[second] === ']') second++;
  const close = source.indexOf(']', second);
  const until = close < 0 || close > end ? end : close;
  if (second >= until) return undefined;
  return { packets: part(source, from, colon), bytes: part(source, second, until) };
}

const part = (source: string, start: number, end: number): Word => ({ text: source.slice(start, end), start, end });
