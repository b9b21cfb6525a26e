// -save and -S of stored rules are the stored text, cut a little, and -nvL is kept beside it: where the text is known to be canonical, nothing
// needs to be parsed, and no extension loaded, to list them. Scripts do it before every change. Whatever is out of the ordinary goes the long way.

import { type ListOptions, printListing } from '../grammar/list-columns.ts';
import { readIfThere } from './atomic-file.ts';
import { BUILD_ID } from './build-id.ts';
import { type Listings, ParsedCache } from './parsed-cache.ts';
import type { StatePaths } from './paths.ts';
import type { ToolName } from './protocol.ts';
import { framed } from './save-frame.ts';
import { saveWords } from './tool-words.ts';

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
    const text = readIfThere(path);
    return text === undefined ? undefined : list(text, cacheOf(path, BUILD_ID));
  } catch {
    return undefined; // the long way has the words for it
  }
}

type Lister = (text: string, cache: ParsedCache) => string | undefined;

/** Of text that the program printed itself. */
const canonical =
  (list: (text: string) => string | undefined): Lister =>
  (text, cache) =>
    cache.has(text) ? list(text) : undefined;

function lister(program: ToolName, argv: readonly string[], date: Date): Lister | undefined {
  if (program.endsWith('-restore')) return undefined;
  if (program.endsWith('-save')) {
    const { options, operands, problem } = saveWords(argv);
    const known = options.every(({ long }) => long === 'counters' || long === 'file');
    if (!known || operands.length > 0 || problem !== undefined) return undefined;
    return canonical((text) =>
      saveTables(
        text,
        options.some(({ long }) => long === 'counters'),
        (table) => framed(table, program, date),
      ),
    );
  }
  const wanted = listing(argv);
  if (wanted) return canonical((text) => listRules(text, wanted));
  const columns = columnListing(argv);
  return columns && ((text, cache) => listColumns(cache.listings(text), columns));
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
  const tables = text.split(/^(?=\*)/m).filter((table) => table !== '');
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

export interface ColumnListing extends Listing {
  readonly options: ListOptions;
}

/** `-nvL [CHAIN] [-t TABLE] [-n] [-v] [-x] [--line-numbers]`, numbers for names; undefined for all that is out of the ordinary. */
export function columnListing(argv: readonly string[]): ColumnListing | undefined {
  let letters = '';
  let table: string | undefined;
  let chain: string | undefined;
  let lineNumbers = false;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at];
    if (word === '-t' && table === undefined && /^\w+$/.test(argv[at + 1] ?? '')) table = argv[++at];
    else if (word === '--line-numbers' && !lineNumbers) lineNumbers = true;
    else if (/^-[nvx]*L?$/.test(word) && word.length > 1) {
      letters += word.slice(1);
      if (word.endsWith('L') && /^[^!-]/.test(argv[at + 1] ?? '')) chain = argv[++at];
    } else return undefined;
  }
  const once = (letter: string): boolean => letters.split(letter).length === 2;
  const numeric = once('n');
  const known = once('L') && numeric && !/v.*v|x.*x/.test(letters);
  if (!known) return undefined;
  const options = { numeric, verbose: letters.includes('v'), exact: letters.includes('x'), lineNumbers };
  return { table: table ?? 'filter', chain, options };
}

/** Undefined when there is no such table or chain. */
export function listColumns(listings: Listings | undefined, wanted: ColumnListing): string | undefined {
  const chains = listings?.get(wanted.table);
  const shown = wanted.chain === undefined ? chains : chains?.filter(({ head }) => head.name === wanted.chain);
  return shown === undefined || shown.length === 0 ? undefined : printListing(shown, undefined, wanted.options);
}
