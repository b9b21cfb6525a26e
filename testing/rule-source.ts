// Where the rules of a test come from: save text or files, of one family or of both.

import { readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSave } from '../engine/edit/restore.ts';
import type { Registry } from '../engine/registry.ts';
import { renderDiagnostic } from '../grammar/diagnostics.ts';
import type { Names } from '../grammar/names.ts';
import type { TableSpec } from '../grammar/rule-spec.ts';
import type { Family } from '../packet/numbers.ts';

/** Save text (anything with a line end in it), the path of a file, or a file said to be one. */
export type RuleSource =
  | string
  | URL
  | { readonly file: string | URL }
  | { readonly text: string; readonly name?: string };

export interface RuleSources {
  /** For both families: lines that begin with -4 or -6 are of one. */
  readonly rules?: RuleSource;
  /** For IPv4: what iptables-save prints. */
  readonly v4?: RuleSource;
  /** For IPv6: what ip6tables-save prints. */
  readonly v6?: RuleSource;
}

/** A text with the name that messages and coverage have for it. */
export interface RuleText {
  readonly family: Family;
  readonly name: string;
  readonly text: string;
  /** False: `name` is only a name. */
  readonly isFile: boolean;
}

export interface LoadedRules {
  readonly texts: readonly RuleText[];
  readonly tables: readonly TableSpec[];
}

/** The rules could not be read; the message holds every problem with its line and caret. */
export class RulesError extends Error {
  override readonly name = 'RulesError';
}

export function textsOf({ rules, v4, v6 }: RuleSources): RuleText[] {
  const both = rules === undefined ? [] : ([4, 6] as const).map((family) => read(rules, family, 'rules'));
  const own = [v4 === undefined ? [] : [read(v4, 4, 'v4')], v6 === undefined ? [] : [read(v6, 6, 'v6')]].flat();
  const texts = [...both, ...own];
  if (rules !== undefined && own.length > 0)
    throw new RulesError('give either `rules` for both families, or `v4` and `v6`');
  return texts;
}

function read(source: RuleSource, family: Family, otherwise: string): RuleText {
  if (typeof source === 'object' && 'text' in source) {
    return { family, name: source.name ?? otherwise, text: source.text, isFile: source.name !== undefined };
  }
  if (typeof source === 'string' && /\n/.test(source)) return { family, name: otherwise, text: source, isFile: false };
  const path = typeof source === 'object' && 'file' in source ? source.file : source;
  try {
    return { family, name: nameOf(path), text: readFileSync(path, 'utf8'), isFile: true };
  } catch (error) {
    throw new RulesError(`rules of IPv${family}: ${(error as Error).message}`);
  }
}

/** As seen from where the tests run, when it is below. */
function nameOf(path: string | URL): string {
  const absolute = path instanceof URL ? fileURLToPath(path) : path;
  const below = relative(process.cwd(), absolute);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? absolute : below;
}

/** Reads the texts. Throws RulesError with all that is wrong. */
export function loadRules(texts: readonly RuleText[], registry: Registry, names: Names): LoadedRules {
  const tables: TableSpec[] = [];
  const problems: string[] = [];
  for (const { family, name, text } of texts) {
    // A last line without its end would be a COMMIT that the real tool does not see; in a template literal it is easily lost.
    const parsed = parseSave(`${text.trimEnd()}\n`, { family, lookup: registry, names, file: name });
    tables.push(...parsed.tables);
    problems.push(...parsed.diagnostics.map((problem) => `${name}: ${renderDiagnostic(problem)}`));
  }
  if (problems.length > 0) throw new RulesError(problems.join(''));
  return { texts, tables };
}

/** Line of the `:CHAIN POLICY` that a built-in chain has in `text`, from 1; undefined when there is none. */
export function policyLine({ text }: RuleText, table: string, chain: string): number | undefined {
  let open = '';
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('*')) open = line.slice(1).trim();
    if (open === table && line.startsWith(`:${chain} `)) return index + 1;
  }
  return undefined;
}
