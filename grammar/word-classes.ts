// What a word is at a point of a line: an option that the base table or a loaded extension knows, a value, a `!`. This is where attaching an
// extension changes the language.

import type { Family } from '../packet/numbers.ts';
import { type BaseOption, BY_LETTER } from './base-options.ts';
import { RuleError } from './error.ts';
import { rest } from './frame-words.ts';
import { type Loaded, type Meaning, Vocabulary } from './loaded.ts';
import type { AnySyntax, Lookup } from './lookup.ts';
import type { OptionTable } from './options.ts';
import { didYouMean } from './suggest.ts';
import type { Word } from './words.ts';

/** What the next word is. `missing` is the real tool's word for it when nobody knows the option. */
export type Reading =
  | { readonly kind: 'bang' }
  | { readonly kind: 'end' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'unknown'; readonly said: string }
  | {
      readonly kind: 'options';
      readonly flags: readonly BaseOption[];
      readonly last: Meaning;
      readonly glued: Word | undefined;
    };

/** Words that an option wants behind it, glued ones included. */
export function wordsAfter(meaning: Meaning): number {
  if (meaning.kind === 'extension') return meaning.named.option.words;
  return meaning.base.argument === 1 ? 1 : 0;
}

export class WordClasses {
  private readonly vocabulary: Vocabulary;
  private readonly lookup: Lookup;
  private readonly family: Family;
  /** Loads the match of the rule's protocol when an option is unknown; false when that is no help. */
  private readonly loadImplied: (word: Word) => boolean;

  constructor(lookup: Lookup, family: Family, loadImplied: (word: Word) => boolean) {
    this.vocabulary = new Vocabulary(family);
    this.lookup = lookup;
    this.family = family;
    this.loadImplied = loadImplied;
  }

  load(loaded: Loaded): void {
    this.vocabulary.load(loaded);
  }

  /** What `word` is at this point. `before` is the word before it, for the real tool names that one in some messages. */
  classify(word: Word, before: Word | undefined): Reading {
    const { text } = word;
    if (text === '!') return { kind: 'bang' };
    if (text === '--') return { kind: 'end' };
    if (text.length < 2 || text[0] !== '-') return { kind: 'plain' };
    const reading = text[1] === '-' ? this.readLong(word) : this.readLetters(word, before);
    if (reading.kind === 'unknown' && this.loadImplied(word)) return this.classify(word, before);
    return reading;
  }

  private readLong(word: Word): Reading {
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals < 0 ? undefined : equals);
    const last = this.vocabulary.find(name);
    if (!last) return { kind: 'unknown', said: word.text };
    if (equals < 0) return { kind: 'options', flags: [], last, glued: undefined };
    // `--list=INPUT`, too, whose argument may be left out.
    const takes = last.kind === 'base' ? last.base.argument !== 0 : wordsAfter(last) > 0;
    if (!takes) return { kind: 'unknown', said: word.text };
    return { kind: 'options', flags: [], last, glued: rest(word, equals + 1) };
  }

  private readLetters(word: Word, before: Word | undefined): Reading {
    const flags: BaseOption[] = [];
    for (let at = 1; at < word.text.length; at++) {
      const base = BY_LETTER.get(word.text[at]);
      // getopt has not stepped past the word while letters are left in it, so the tool names the word before.
      if (!base) return { kind: 'unknown', said: at === word.text.length - 1 ? word.text : (before?.text ?? '') };
      const last = at === word.text.length - 1;
      if (base.argument !== 0 || last) {
        const glued = last ? undefined : rest(word, at + 1);
        return { kind: 'options', flags, last: { kind: 'base', base }, glued };
      }
      flags.push(base);
    }
    return { kind: 'plain' };
  }

  /** Throws what the tool says of an option that nobody knows. */
  refuse(word: Word, said: string): never {
    const dash = word.text.startsWith('--') ? '--' : '-';
    const name = word.text.slice(dash.length).split('=')[0];
    let hint =
      dash === '--'
        ? didYouMean(
            `--${name}`,
            [...this.vocabulary.all()].map((long) => `--${long}`),
          )
        : undefined;
    hint ??= this.ownerOf(name);
    throw new RuleError(`unknown option "${said}"`, word, hint);
  }

  /** "--ctstate is of -m conntrack": when attached extensions that are not loaded have the option. */
  private ownerOf(name: string): string | undefined {
    const { family, lookup } = this;
    const owners = (['match', 'target'] as const).flatMap((kind) =>
      lookup
        .names(kind, family)
        .filter((word) => spellings(lookup[kind](word, family)).has(name))
        .map((word) => `${kind === 'match' ? '-m' : '-j'} ${lookup[kind](word, family)?.name}`),
    );
    const [first, ...others] = new Set(owners);
    if (first === undefined) return undefined;
    if (others.length === 0) return `--${name} is an option of ${first}, which must stand before it`;
    return `--${name} is an option of ${first}, ${others.join(', ')}: one of them, or its protocol with -p, must stand before it`;
  }
}

const spellings = (syntax: AnySyntax | undefined): Set<string> =>
  new Set(
    Object.entries((syntax?.options ?? {}) as OptionTable).flatMap(([long, { alias }]) => [
      long,
      ...[alias ?? []].flat(),
    ]),
  );
