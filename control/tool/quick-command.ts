// Edits of one plain rule (-A, -I, -R, -D, -C), read without the parser: scripts make a thousand of them, and Chevrotain takes longer to load than
// such a call takes. What is out of the ordinary is left to the grammar, and so is what is wrong (see grammar/quick.ts).

import type { Ruleset } from '../../engine/edit/ruleset.ts';
import type { Command, Common } from '../../grammar/command.ts';
import { QuickReader } from '../../grammar/quick.ts';
import type { Word } from '../../grammar/words.ts';

const KINDS = { '-A': 'append', '-I': 'insert', '-R': 'replace', '-D': 'delete', '-C': 'check' } as const;

const NO_FLAGS = { verbose: 0, numeric: false, exact: false, lineNumbers: false, wait: undefined } as const;

/** `words` are those of a command line, `text` the same joined by blanks. Undefined: the grammar reads it. */
export function quickCommand(words: readonly Word[], text: string, ruleset: Ruleset): Command | undefined {
  let at = 0;
  let table = 'filter';
  if (words[0]?.text === '-t' && words.length > 2) {
    table = words[1].text;
    at = 2;
  }
  const kind = KINDS[words[at]?.text as keyof typeof KINDS];
  const chain = words[at + 1];
  if (kind === undefined || chain === undefined) return undefined;
  at += 2;
  let number = 1;
  if (kind === 'insert' || kind === 'replace') {
    const given = /^[1-9]\d{0,8}$/.test(words[at]?.text ?? '');
    if (given) number = Number(words[at++].text);
    else if (kind === 'replace') return undefined;
  }
  const line = asLine([chain, ...words.slice(at)]);
  if (line === undefined) return undefined;
  const { family } = ruleset;
  const { lookup, names } = ruleset.printing;
  // A chain that hides a target is warned of, elsewhere.
  const isChain = (name: string): boolean => ruleset.isChain(table, name) && lookup.target(name, family) === undefined;
  const read = new QuickReader({ family, lookup, names, file: '', isChain }, table).read(
    line,
    0,
    line.length,
    1,
    false,
  );
  const target = read?.rule.target;
  if (!read || (target?.kind === 'extension' && ruleset.isChain(table, target.name))) return undefined;
  const span = { start: 0, end: text.length };
  const rule = { ...read.rule, origin: { file: '', line: 1, text, span } };
  const jump = words.findIndex((word, index) => index >= at && (word.text === '-j' || word.text === '-g'));
  const common: Common = {
    family,
    table,
    flags: NO_FLAGS,
    span,
    chainSpan: chain,
    targetSpan: jump < 0 ? undefined : words[jump + 1],
    warnings: [],
  };
  const rules = [rule];
  if (kind === 'insert' || kind === 'replace') return { ...common, kind, chain: read.chain, rules, number };
  return { ...common, kind, chain: read.chain, rules };
}

/** The words as a line of a save file; undefined: one of them is not to be written there as it stands. */
function asLine(words: readonly Word[]): string | undefined {
  let line = '-A';
  for (const { text } of words) {
    if (text === '' || /["\\\t\n\r]/.test(text)) return undefined;
    line += text.includes(' ') ? ` "${text}"` : ` ${text}`;
  }
  return line;
}
