// The sets that rules of a test ask: text of `ipset save`, or a file with it.

import { readFileSync } from 'node:fs';
import { runIpset, Sets } from '../engine/sets/index.ts';
import { noNames } from '../grammar/names.ts';
import { seeded } from './bare-services.ts';
import { type RuleSource, RulesError } from './rule-source.ts';

/** Lines of `ipset save` (`create bad hash:net`, `add bad 192.0.2.0/24`), or the path of a file with them. */
export type SetSource = RuleSource;

/** The text of a source. A single line that begins with `create` is text as well. Throws RulesError for a file that cannot be read. */
export function setsText(source: SetSource | undefined): string {
  if (source === undefined) return '';
  if (typeof source === 'object' && 'text' in source) return source.text;
  if (typeof source === 'string' && (/\n/.test(source) || /^\s*(create|-N)\s/.test(source))) return source;
  const path = typeof source === 'object' && 'file' in source ? source.file : source;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new RulesError(`sets: ${(error as Error).message}`);
  }
}

/** Makes the sets of `text` in `sets`. Throws RulesError with what ipset says of it. */
export function fillSets(sets: Sets, text: string, now: number): void {
  if (text.trim() === '') return;
  const { exitCode, stderr } = runIpset(sets, { argv: ['restore'], stdin: `${text.trim()}\n`, names: noNames, now });
  if (exitCode !== 0) throw new RulesError(`sets: ${stderr.trim()}`);
}

/** Sets to read rules against: which there are, and of which family. */
export function setsFor(text: string): Sets {
  const sets = new Sets(seeded(1));
  fillSets(sets, text, 0);
  return sets;
}
