// Rules by what a person calls them: 'filter FORWARD 3', 'rules.v6:12', a comment, or text of the rule.

import { didYouMean } from '../grammar/suggest.ts';
import type { CoverageLine } from './coverage/coverage.ts';
import type { TestFirewall } from './firewall.ts';

export type RuleRef = string;

/**
 * The rules that `ref` names: `CHAIN NUMBER` with or without the table before it, `FILE:LINE` (the end of the path will do), a
 * comment, or a part of the text. Throws an Error when there is none: a test that names no rule tests nothing.
 */
export function rulesNamed(fw: TestFirewall, ref: RuleRef): CoverageLine[] {
  const rules = fw.counters.filter(({ number }) => number !== undefined);
  const found = byPlace(rules, ref) ?? byText(rules, ref);
  if (found.length > 0) return found;
  const comments = rules.map(({ text }) => commentOf(text)).filter((comment) => comment !== undefined);
  const hint = didYouMean(ref, comments);
  throw new Error(
    `no rule is called "${ref}"${hint ? `; ${hint}` : '.'} Rules are named by CHAIN NUMBER, FILE:LINE, their comment, or a part of their text.`,
  );
}

function byPlace(rules: readonly CoverageLine[], ref: RuleRef): CoverageLine[] | undefined {
  const [, path, line] = /^(\S+):(\d+)$/.exec(ref) ?? [];
  if (path !== undefined) {
    return rules.filter((rule) => rule.line === Number(line) && (rule.file === path || rule.file.endsWith(`/${path}`)));
  }
  const [, table, chain, number] = /^(?:(\w+) )?([^\s-]\S*) (\d+)$/.exec(ref) ?? [];
  if (chain === undefined) return undefined;
  const found = rules.filter(
    (rule) => rule.number === Number(number) && rule.chain === chain && (table ?? rule.table) === rule.table,
  );
  return found.length > 0 ? found : undefined;
}

function byText(rules: readonly CoverageLine[], ref: RuleRef): CoverageLine[] {
  const exact = rules.filter(({ text }) => commentOf(text) === ref);
  return exact.length > 0 ? exact : rules.filter(({ text }) => text.includes(ref.replace(/\s+/g, ' ').trim()));
}

function commentOf(text: string): string | undefined {
  const [, quoted, bare] = /--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(text) ?? [];
  return quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1');
}
