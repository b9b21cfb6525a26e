// The words of a plain line of a save file, and the groups that they make: the option of an extension belongs to the name in front of it.

import { BY_LONG } from './base-options.ts';
import { NAME_LENGTH } from './frame-words.ts';
import { splitWords } from './words.ts';

const QUOTE = '"';

/** Undefined: blanks that are none of the plain ones, a quote that may be left open. */
export function cut(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (text.includes(QUOTE)) {
    const closed = text.split(QUOTE).length % 2 === 1 && !text.includes('\\');
    return closed ? splitWords(text, 0, text.length).map((word) => word.text) : undefined;
  }
  return /[\t\n]|^ | {2}| $/.test(text) ? undefined : text.split(' ');
}

/** Names of chains and targets that give nothing to complain of. */
export const isName = (name: string | undefined): boolean =>
  name !== undefined && name.length <= NAME_LENGTH && /^[!#-~]+$/.test(name);

/** Where the options of an extension end: at the next base option, or the `!` in front of it. */
export function groupEnd(words: readonly string[], from: number): number {
  for (let at = from; at < words.length; at++) {
    const word = words[at];
    const option = word === '!' ? words[at + 1] : word;
    if (option !== undefined && option.length === 2 && option.charCodeAt(0) === 0x2d && option !== '--') return at;
  }
  return words.length;
}

/** Before its match is loaded, what could be a base option is one. */
export function abbreviatesBase(word: string): boolean {
  for (const name of BY_LONG.keys()) if (`--${name}`.startsWith(word)) return true;
  return false;
}
