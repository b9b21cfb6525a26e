// Rule files on the command line: which family each is for, and their text.

import { ruleFilesOf } from '../control/config/words.ts';
import type { RuleFile } from '../control/stored/rule-store.ts';
import type { RuleSources } from '../testing/rule-source.ts';
import { readText } from './input.ts';

export interface RuleOptions {
  rules?: readonly string[];
  rules4?: readonly string[];
  rules6?: readonly string[];
}

export function ruleFiles({ rules = [], rules4 = [], rules6 = [] }: RuleOptions): RuleFile[] {
  return [
    ...rules.flatMap(ruleFilesOf),
    ...rules4.map((path): RuleFile => ({ family: 4, path })),
    ...rules6.map((path): RuleFile => ({ family: 6, path })),
  ];
}

/** The files as the test library takes them: at most one of a family. */
export function sourcesOf(files: readonly RuleFile[]): RuleSources {
  const sources: Record<string, { text: string; name: string }> = {};
  for (const { family, path } of files) {
    const key = `v${family}`;
    if (sources[key]) throw new Error(`${path}: there are rules for IPv${family} already, from ${sources[key].name}`);
    sources[key] = { text: ofFamily(readText(path), family), name: path };
  }
  return sources;
}

/** Lines that begin with -4 or -6 are of one family; the other's are blanked, so that line numbers stay. */
const ofFamily = (text: string, family: 4 | 6): string =>
  text.replace(family === 4 ? /^\s*-6 .*$/gm : /^\s*-4 .*$/gm, '');
