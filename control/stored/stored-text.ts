// -save and -S of stored rules are the stored text, cut a little: where it is known to be canonical, nothing needs to be parsed, and no
// extension loaded, to list them. Scripts do it before every change. Whatever is out of the ordinary goes the long way.

import { existsSync } from 'node:fs';
import { journalOf, type StatePaths } from '../paths.ts';
import type { ToolName } from '../socket/protocol.ts';
import { framed } from '../tool/save-frame.ts';
import { saveWords } from '../tool/tool-words.ts';
import { readIfThere } from './atomic-file.ts';
import { BUILD_ID } from './build-id.ts';
import { ParsedCache } from './parsed-cache.ts';

/** The output of a listing that needs no more than the stored text; undefined for all other calls. */
export function listStored(
  paths: StatePaths,
  program: ToolName,
  argv: readonly string[],
  date: Date,
): string | undefined {
  const list = lister(program, argv, date);
  if (!list) return undefined;
  try {
    const path = paths.rules(program.startsWith('ip6') ? 6 : 4);
    const text = existsSync(journalOf(path)) ? undefined : readIfThere(path);
    return text !== undefined && cacheOf(path, BUILD_ID).has(text) ? list(text) : undefined;
  } catch {
    return undefined; // the long way has the words for it
  }
}

/** Of text that the program printed itself. */
type Lister = (text: string) => string | undefined;

function lister(program: ToolName, argv: readonly string[], date: Date): Lister | undefined {
  if (program.endsWith('-restore')) return undefined;
  if (program.endsWith('-save')) {
    const { options, operands, problem } = saveWords(argv);
    const known = options.every(({ long }) => long === 'counters' || long === 'file');
    if (!known || operands.length > 0 || problem !== undefined) return undefined;
    const counters = options.some(({ long }) => long === 'counters');
    return (text) => saveTables(text, counters, (table) => framed(table, program, date));
  }
  const wanted = listing(argv);
  return wanted && ((text) => listRules(text, wanted));
}

export const cacheOf = (path: string, build: string): ParsedCache => new ParsedCache(`${path}.parsed`, build);

export interface Listing {
  readonly table: string;
  readonly chain: string | undefined;
}

/** `-S [CHAIN] [-t TABLE]`, in either order. */
export function listing(argv: readonly string[]): Listing | undefined {
  const words = argv.join('\n');
  const [all, before, chain, behind] = /^(?:-t\n(\w+)\n)?-S(?:\n([^\n!-][^\n]*))?(?:\n-t\n(\w+))?$/.exec(words) ?? [];
  if (all === undefined || (before !== undefined && behind !== undefined)) return undefined;
  return { table: before ?? behind ?? 'filter', chain };
}

/** The tables of stored text, which has counters. */
export function saveTables(text: string, counters: boolean, frame: (table: string) => string): string {
  const tables = [...tablesOf(text).values()];
  const shown = counters ? tables : tables.map((table) => table.replace(/^\[\d+:\d+\] /gm, ''));
  return shown.map(frame).join('');
}

/** Undefined when the text has no such table or chain. */
export function listRules(text: string, { table, chain }: Listing): string | undefined {
  const start = text.startsWith(`*${table}\n`) ? 0 : text.indexOf(`\n*${table}\n`) + 1;
  if (start === 0 && !text.startsWith(`*${table}\n`)) return undefined;
  const lines = text.slice(text.indexOf('\n', start) + 1, text.indexOf('\nCOMMIT\n', start)).split('\n');
  let listed = '';
  let found = chain === undefined;
  for (const line of lines) {
    const [, name, policy] = /^:(\S+) (\S+) \[/.exec(line) ?? [];
    if (name === undefined) {
      const rule = line.slice(line.indexOf(' ') + 1);
      if (chain === undefined || rule === `-A ${chain}` || rule.startsWith(`-A ${chain} `)) listed += `${rule}\n`;
    } else if (chain === undefined || name === chain) {
      found = true;
      listed += policy === '-' ? `-N ${name}\n` : `-P ${name} ${policy}\n`;
    }
  }
  return found ? listed : undefined;
}

/** The tables of stored text by name, each with its newline at the end. */
export const tablesOf = (text: string): Map<string, string> =>
  new Map((text === '' ? [] : text.split(/^(?=\*)/m)).map((table) => [table.slice(1, table.indexOf('\n')), table]));

/** A table of stored text with its policies and nothing else. */
export const withoutRules = (table: string): string => (table.match(/^(\*.*|:\S+ (?!- ).*|COMMIT)\n/gm) ?? []).join('');
