// Extensions as a rule loads them, one after the other: their option tables make the language of the words that follow.
//
// The most recently loaded one wins a shared name; loading one again makes the earlier copy deaf. Long options may be abbreviated
// where one option only is meant, over the base options and everything loaded. Source: getopt_long(3) and observation.

import type { Family } from '../packet/numbers.ts';
import { BASE_OPTIONS, type BaseOption, BY_LONG } from './base-options.ts';
import { RuleError, type Span } from './error.ts';
import type { AnySyntax } from './lookup.ts';
import type { Names } from './names.ts';
import type { Given, Option, RuleScope, ValueScope } from './options.ts';
import type { Word } from './words.ts';

// biome-ignore lint/suspicious/noExplicitAny: the value's type is known to the extension alone
type AnyOption = Option<any>;

export interface NamedOption {
  readonly name: string;
  /** `name`, or the alias that this is. */
  readonly spelling: string;
  readonly option: AnyOption;
}

/** What an option table says, laid out for reading rules; made once per literal. */
interface Layout {
  /** Every spelling. */
  readonly spellings: ReadonlyMap<string, NamedOption>;
  /** Names of options that must be given. */
  readonly required: readonly string[];
  /** Options with demands on others, in the order of the table; what they demand or exclude in that order too. */
  readonly demanding: readonly {
    readonly name: string;
    readonly also: readonly string[];
    readonly excludes: readonly string[];
  }[];
}

const LAYOUTS = new WeakMap<AnySyntax, Layout>();

function layoutOf(syntax: AnySyntax): Layout {
  let layout = LAYOUTS.get(syntax);
  if (!layout) LAYOUTS.set(syntax, (layout = layOut(Object.entries(syntax.options as Record<string, AnyOption>))));
  return layout;
}

function layOut(options: readonly (readonly [string, AnyOption])[]): Layout {
  const spellings = new Map<string, NamedOption>();
  for (const [name, option] of options) {
    const alias = option.alias ?? [];
    for (const spelling of [name, ...(typeof alias === 'string' ? [alias] : alias)])
      spellings.set(spelling, { name, spelling, option });
  }
  // In the order in which the option lists them: libxtables goes by option number there, which is not the order of its table.
  const demanding = options.map(([name, option]) => ({
    name,
    also: option.also ?? [],
    excludes: option.excludes ?? [],
  }));
  return {
    spellings,
    required: options.filter(([, option]) => option.required).map(([name]) => name),
    demanding: demanding.filter(({ also, excludes }) => also.length + excludes.length > 0),
  };
}

/** Every spelling of an extension's options. */
export const spellings = (syntax: AnySyntax): ReadonlyMap<string, NamedOption> => layoutOf(syntax).spellings;

/** Whether the options that are given are all that the table wants, and none that exclude each other. */
export function wants(syntax: AnySyntax, given: Readonly<Record<string, unknown>>): boolean {
  const { required, demanding } = layoutOf(syntax);
  for (const name of required) if (given[name] === undefined) return false;
  for (const { name, also, excludes } of demanding) {
    if (given[name] === undefined) continue;
    for (const other of also) if (given[other] === undefined) return false;
    for (const other of excludes) if (given[other] !== undefined) return false;
  }
  return true;
}

/** One `-m` or `-j` of a rule while it is being read. */
export class Loaded {
  readonly syntax: AnySyntax;
  readonly kind: 'match' | 'target';
  /** The words that loaded it. */
  readonly span: Span;
  private readonly given = new Map<string, Given<unknown>>();

  constructor(syntax: AnySyntax, kind: 'match' | 'target', span: Span) {
    this.syntax = syntax;
    this.kind = kind;
    this.span = span;
  }

  /** Takes one option with its words. `span` covers all of them. */
  take(named: NamedOption, words: readonly Word[], inverted: boolean, span: Span, context: ReadingContext): void {
    const { name, option } = named;
    const extension = this.syntax.name;
    const earlier = this.given.get(name);
    if (earlier && !option.many) {
      throw new RuleError(option.twice ?? `${extension}: option "--${name}" can only be used once.`, span);
    }
    if (inverted && !option.invert) throw new RuleError(`${extension}: option "--${name}" cannot be inverted.`, span);
    const at = words.length > 0 ? { start: words[0].start, end: words[words.length - 1].end } : span;
    const value = option.parse(
      words.map((word) => word.text),
      valueScope(extension, named, inverted, at, context, () => this.inOrder()),
    );
    const one = { name, value, inverted, span };
    const repeated = option.many ? [...(earlier?.repeated ?? []), one] : undefined;
    this.given.set(name, repeated ? { ...one, repeated } : one);
  }

  private inOrder(): Given<unknown>[] {
    const all = [...this.given.values()].flatMap((one) => one.repeated ?? [one]);
    return all.sort((a, b) => a.span.start - b.span.start);
  }

  /** The checks that the option table states, then the extension's own. */
  finish(scope: Omit<RuleScope, 'fail'>): unknown {
    this.checkTable();
    const fail = (message: string, at?: Given<unknown>, hint?: string): never => {
      throw new RuleError(message, at?.span ?? this.span, hint);
    };
    const { family, table, chain, protocol, names, warn } = scope;
    return this.syntax.check(Object.fromEntries(this.given), { family, table, chain, protocol, names, fail, warn });
  }

  /** In the order of the option table, as libxtables looks. */
  private checkTable(): void {
    const { syntax, given } = this;
    const { required, demanding } = layoutOf(syntax);
    const missing = required.find((name) => !given.has(name));
    if (missing !== undefined)
      throw new RuleError(`${syntax.name}: option "--${missing}" must be specified`, this.span);
    for (const { name, also, excludes } of demanding) {
      const one = given.get(name);
      if (!one) continue;
      for (const other of also) {
        if (given.has(other)) continue;
        throw new RuleError(`${syntax.name}: option "--${name}" also requires "--${other}".`, one.span);
      }
      for (const other of excludes) {
        const second = given.get(other);
        if (!second) continue;
        const text = `${syntax.name}: option "--${name}" cannot be used together with "--${other}".`;
        throw new RuleError(text, latest(one, second));
      }
    }
  }
}

/** The caret belongs under what was written second. */
const latest = (a: Given<unknown>, b: Given<unknown>): Span => (a.span.start > b.span.start ? a.span : b.span);

export interface ReadingContext {
  readonly family: Family;
  readonly names: Names;
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  warn(text: string): void;
}

function valueScope(
  extension: string,
  { name: option, spelling }: NamedOption,
  inverted: boolean,
  span: Span,
  context: ReadingContext,
  before: () => readonly Given<unknown>[],
): ValueScope {
  const fail = (message: string, hint?: string): never => {
    throw new RuleError(message, span, hint);
  };
  const { family, names, protocol, warn } = context;
  const outOfRange = (min: number | bigint, max: number | bigint, hint?: string): never =>
    fail(`${extension}: bad value for option "--${option}", or out of range (${min}-${max}).`, hint);
  return { family, extension, option, spelling, inverted, names, protocol, before, fail, warn, outOfRange };
}

/** What a long option means at a point of a rule. */
export type Meaning =
  | { readonly kind: 'base'; readonly base: BaseOption }
  | { readonly kind: 'extension'; readonly loaded: Loaded; readonly named: NamedOption };

/** The long options that are known at a point of a rule. */
export class Vocabulary {
  /**
   * In the order of loading. One that is loaded again keeps its place, and its new copy takes the options: libxtables merges the options of
   * a name once, in front of the earlier ones (xtables_options_xfrm()), and clones share them.
   */
  private readonly loaded: Loaded[] = [];
  private readonly family: Family;

  constructor(family: Family) {
    this.family = family;
  }

  load(extension: Loaded): void {
    const at = this.loaded.findIndex((other) => other.syntax === extension.syntax);
    if (at < 0) this.loaded.push(extension);
    else this.loaded[at] = extension;
  }

  /** The meaning of `--name`; undefined when it is unknown, or short for more than one. */
  find(name: string): Meaning | undefined {
    return this.exact(name) ?? this.abbreviated(name);
  }

  /** All long options that could stand here, for "did you mean". */
  *all(): Iterable<string> {
    for (const base of BASE_OPTIONS) if (this.has(base)) yield* base.long;
    for (const { syntax } of this.loaded) yield* spellings(syntax).keys();
  }

  private has(base: BaseOption): boolean {
    return base.letter !== 'f' || this.family === 4;
  }

  private exact(name: string): Meaning | undefined {
    const base = BY_LONG.get(name);
    if (base && this.has(base)) return { kind: 'base', base };
    for (let at = this.loaded.length - 1; at >= 0; at--) {
      const named = spellings(this.loaded[at].syntax).get(name);
      if (named) return { kind: 'extension', loaded: this.loaded[at], named };
    }
    return undefined;
  }

  private abbreviated(name: string): Meaning | undefined {
    const found = new Map<unknown, Meaning>();
    for (const base of BASE_OPTIONS) {
      if (this.has(base) && base.long.some((long) => long.startsWith(name))) found.set(base, { kind: 'base', base });
    }
    for (const loaded of this.loaded) {
      for (const [spelling, named] of spellings(loaded.syntax)) {
        if (spelling.startsWith(name)) found.set(named.option, { kind: 'extension', loaded, named });
      }
    }
    return found.size === 1 ? found.values().next().value : undefined;
  }
}
