// One command from text: the front door for programs and tests.

import type { Family } from '../packet/numbers.ts';
import type { Command } from './command.ts';
import type { Lookup } from './lookup.ts';
import { type Names, noNames } from './names.ts';
import { readCommand } from './parser.ts';
import { Reader } from './reader.ts';
import { splitWords, wordsOf } from './words.ts';

export interface ParseContext {
  readonly family: Family;
  readonly lookup: Lookup;
  readonly names?: Names;
  /** Where no -t says otherwise. */
  readonly table?: string;
  /** User chains that exist: they hide targets of the same name. */
  isChain?(table: string, name: string): boolean;
}

/**
 * A command line, as words (what a shell made of it) or as text (cut as a save file's lines are). Positions of errors are in the
 * text, or in the words joined by blanks. Throws RuleError.
 */
export function parseCommand(line: string | readonly string[], context: ParseContext): Command {
  const cut = typeof line === 'string' ? { words: splitWords(line, 0, line.length), source: line } : wordsOf(line);
  const reader = new Reader({
    family: context.family,
    lookup: context.lookup,
    names: context.names ?? noNames,
    table: context.table ?? 'filter',
    restore: undefined,
    isChain: context.isChain ?? (() => false),
    source: { file: '', line: 1, text: cut.source, start: 0 },
  });
  return readCommand(cut.words, reader, { start: 0, end: cut.source.length });
}
