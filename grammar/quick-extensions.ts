// Extensions of plain lines (quick.ts): a name with its options spelled out behind it. What was read before is not read again: rules share
// their matches and targets, and so what is compiled for these.

import type { Family } from '../packet/numbers.ts';
import { BY_LONG } from './base-options.ts';
import { isVerdict } from './frame-words.ts';
import { type NamedOption, spellings, wants } from './loaded.ts';
import type { AnySyntax, Lookup } from './lookup.ts';
import type { Names } from './names.ts';
import type { Given, RuleScope, ValueScope } from './options.ts';
import { protocolName } from './protocols.ts';
import { abbreviatesBase, isName } from './quick-words.ts';
import type { MatchSpec, TargetSpec } from './rule-spec.ts';
import { wholeNumber } from './scan.ts';
import type { TableName } from './tables.ts';

export interface QuickContext {
  readonly family: Family;
  readonly lookup: Lookup;
  readonly names: Names;
  readonly file: string;
  /** Whether a user chain of that name exists: a chain hides a target of the same name. */
  isChain(name: string): boolean;
  /** Whether it is of interest which lines say what -save prints: Origin.conditions. */
  readonly comparesText?: boolean;
}

/** Remembered groups of words. */
const MOST = 1 << 16;

export type Protocol = { readonly number: number; readonly inverted: boolean };

/** What has been read of a rule, as far as extensions ask. */
export interface SoFar {
  readonly protocol: Protocol | undefined;
  /** As it was written, in lower case. */
  readonly protocolWord: string;
  readonly matches: readonly MatchSpec[];
  readonly target: TargetSpec | undefined;
}

/** The grammar must say. Made once: nobody looks where it was thrown. */
const UNKNOWN = new Error('not read the quick way');

export const refuse = (): never => {
  throw UNKNOWN;
};

export class QuickExtensions {
  /** Since it was set to false a check asked for the chain: what was read holds for that one alone. */
  askedForChain = false;
  private readonly context: QuickContext;
  private readonly table: TableName;
  private readonly matches = new Map<string, MatchSpec>();
  private readonly targets = new Map<string, TargetSpec>();
  private readonly jumps = new Map<string, TargetSpec>();
  /** The last check did. */
  private checkAsked = false;

  constructor(context: QuickContext, table: TableName) {
    this.context = context;
    this.table = table;
  }

  /** The name stands at `at`, its options up to `end`. */
  match(words: readonly string[], at: number, end: number, chain: string, read: SoFar): MatchSpec {
    const key = keyOf(words, at, end, read.protocol);
    const known = this.known(this.matches, key, chain);
    // Loaded a second time, the options of a name are the later copy's, and the earlier one is checked without.
    if (known) return hasMatch(read, known.name) ? refuse() : known;
    const syntax = this.context.lookup.match(words[at], this.context.family);
    if (!syntax || hasMatch(read, syntax.name)) return refuse();
    const checked = this.check(syntax, words, at + 1, end, chain, read.protocol);
    return this.remember(this.matches, key, chain, { name: syntax.name, checked });
  }

  /** Options behind -p and before any -m are of the protocol's match. */
  implied(words: readonly string[], from: number, end: number, chain: string, read: SoFar): MatchSpec {
    const { family, lookup, names } = this.context;
    const { protocol, protocolWord } = read;
    if (!protocol || read.matches.length > 0 || read.target) return refuse();
    for (let at = from; at < end; at++) if (abbreviatesBase(words[at])) return refuse();
    const number = wholeNumber(protocolWord, 0, 255);
    const name = number === undefined ? protocolWord : protocolName(number, names);
    const syntax = name === undefined ? undefined : lookup.match(name, family);
    if (!syntax) return refuse();
    return { name: syntax.name, checked: this.check(syntax, words, from, end, chain, protocol) };
  }

  target(words: readonly string[], at: number, end: number, chain: string, read: SoFar): TargetSpec {
    const name = words[at];
    if (!isName(name)) return refuse();
    const plain = at + 1 === end;
    if (isVerdict(name)) {
      // The nat table has none; the grammar says so.
      if (!plain || (name === 'DROP' && this.table === 'nat')) return refuse();
      return VERDICTS[name];
    }
    if (this.context.isChain(name)) return plain ? this.jump(name) : refuse();
    const key = keyOf(words, at, end, read.protocol);
    const known = this.known(this.targets, key, chain);
    if (known) return known;
    const syntax = this.context.lookup.target(name, this.context.family);
    if (!syntax) return refuse();
    const checked = this.check(syntax, words, at + 1, end, chain, read.protocol);
    return this.remember(this.targets, key, chain, { kind: 'extension', name: syntax.name, checked });
  }

  private known<T>(map: ReadonlyMap<string, T>, key: string, chain: string): T | undefined {
    const everywhere = map.get(key);
    if (everywhere) return everywhere;
    const here = map.get(`${chain}\n${key}`);
    if (here) this.askedForChain = true;
    return here;
  }

  /** What checks ask they ask each time, as long as all else is the same. */
  private remember<T>(map: Map<string, T>, key: string, chain: string, value: T): T {
    return remember(map, this.checkAsked ? `${chain}\n${key}` : key, value);
  }

  private jump(chain: string): TargetSpec {
    return this.jumps.get(chain) ?? remember(this.jumps, chain, { kind: 'jump', chain });
  }

  /** The checked form of an extension whose options are the words from `from` to `end`. */
  private check(
    syntax: AnySyntax,
    words: readonly string[],
    from: number,
    end: number,
    chain: string,
    protocol: Protocol | undefined,
  ): unknown {
    const { family, names } = this.context;
    const spelled = spellings(syntax);
    const given: Record<string, Given<unknown>> = {};
    let inverted = false;
    for (let at = from; at < end; ) {
      const word = words[at++];
      if (word === '!') {
        if (inverted) return refuse();
        inverted = true;
        continue;
      }
      if (!word.startsWith('--')) return refuse();
      const long = word.slice(2);
      const named = BY_LONG.has(long) ? undefined : spelled.get(long);
      if (!named || !takes(named, given, inverted)) return refuse();
      const { name, option } = named;
      const value = words.slice(at, at + option.words);
      at += option.words;
      if (at > end || (option.words === 2 && /^[-!]/.test(value[1]))) return refuse();
      const scope: ValueScope = {
        family,
        extension: syntax.name,
        option: name,
        spelling: long,
        inverted,
        names,
        protocol,
        before: refuse,
        fail: refuse,
        warn: refuse,
        outOfRange: refuse,
      };
      // Some checks go by which of two options came later.
      given[name] = { name, value: option.parse(value, scope), inverted, span: { start: at, end: at } };
      inverted = false;
    }
    if (inverted || !wants(syntax, given)) return refuse();
    this.checkAsked = false;
    const checked = syntax.check(given, this.scope(chain, protocol));
    if (this.checkAsked) this.askedForChain = true;
    return checked;
  }

  private scope(chain: string, protocol: Protocol | undefined): RuleScope {
    const { family, names } = this.context;
    const asked = (): void => {
      this.checkAsked = true;
    };
    return {
      family,
      table: this.table,
      get chain() {
        asked();
        return chain;
      },
      protocol: protocol && protocol.number !== 0 ? protocol : undefined,
      names,
      fail: refuse,
      warn: refuse,
    };
  }
}

const hasMatch = ({ matches }: SoFar, name: string): boolean => {
  for (const match of matches) if (match.name === name) return true;
  return false;
};

const VERDICTS = {
  ACCEPT: { kind: 'verdict', name: 'ACCEPT' },
  DROP: { kind: 'verdict', name: 'DROP' },
  RETURN: { kind: 'verdict', name: 'RETURN' },
  QUEUE: { kind: 'verdict', name: 'QUEUE' },
} as const;

/** Everything that the checked form depends on, but the chain for those few checks that ask for it. */
const keyOf = (words: readonly string[], at: number, end: number, protocol: Protocol | undefined): string => {
  let key = protocol === undefined ? '' : `${protocol.inverted ? '!' : ''}${protocol.number}`;
  for (let index = at; index < end; index++) key += `\n${words[index]}`;
  return key;
};

const takes = ({ name, option }: NamedOption, given: Readonly<Record<string, unknown>>, inverted: boolean): boolean =>
  !option.many && given[name] === undefined && (!inverted || option.invert === true);

export function remember<K, T>(map: Map<K, T>, key: K, value: T): T {
  if (map.size >= MOST) map.clear();
  map.set(key, value);
  return value;
}
