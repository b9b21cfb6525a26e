// Options as data: what an extension says about its own words. The grammar knows these shapes and no extension by name.
//
// An option is a value kind (how many words it takes, how they become a value, how the value prints) with the settings of this
// option (may be inverted, must be given, excludes others). Value kinds used by more than one extension live in grammar/values.ts.

import type { Family } from '../packet/numbers.ts';
import type { Span } from './error.ts';
import type { Names } from './names.ts';
import type { TableName } from './tables.ts';

/** What a value's parser may ask, and how it says no. */
export interface ValueScope {
  readonly family: Family;
  /** Name of the extension as messages carry it ("hl"). */
  readonly extension: string;
  /** Option name without dashes, as declared (not as abbreviated). */
  readonly option: string;
  /** The same, or the alias that was given instead. */
  readonly spelling: string;
  readonly inverted: boolean;
  readonly names: Names;
  /** The rule's `-p` as read so far. */
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  /** What the extension was given before this option, in the order of the words. */
  before(): readonly Given<unknown>[];
  /** Throws a RuleError (exit code 2) at the words of this option. `message` is complete: the real tool's text without prefix. */
  fail(message: string, hint?: string): never;
  /** A whole line for standard error, beside what else the tool says; the rule stands. */
  warn(text: string): void;
  /** The common refusal: `EXT: bad value for option "--OPT", or out of range (MIN-MAX).` */
  outOfRange(min: number | bigint, max: number | bigint, hint?: string): never;
}

/** What completion knows of the place. */
export interface ChoiceScope {
  readonly family: Family;
  /** Names of the sets that are there. */
  readonly sets: readonly string[];
  /** 0: the first word behind the option. */
  readonly position: number;
}

export interface ValueKind<T> {
  /** Words that follow the option. */
  readonly words: 0 | 1 | 2;
  /** One more word is taken where it looks like no option (rateest). */
  readonly optionalWord?: true;
  parse(words: readonly string[], scope: ValueScope): T;
  /** Canonical save text of the value, without the option's name. */
  print(value: T, family: Family): string;
  /** Placeholder in help texts: "value[:value]". */
  readonly metavar?: string;
  /** Words that may stand there by name, for completion; `list`: several of them with commas. */
  readonly choices?: { readonly list?: true; words(scope: ChoiceScope): readonly string[] };
}

export interface OptionSettings {
  help: string;
  /** `! --option` is allowed. */
  invert?: boolean;
  /** Another spelling of the same option; abbreviations of it count as well. */
  alias?: string | readonly string[];
  /** `EXT: option "--x" must be specified`. */
  required?: boolean;
  /** May be given more than once; check() then sees the last one, and all of them in `repeated`. */
  many?: boolean;
  /** What the tool says when it is given twice, where that is not the common `EXT: option "--x" can only be used once.` */
  twice?: string;
  /** What the tool says when the second of two words is missing, where that is not `--x requires two args.` */
  missing?: string;
  /** Options that cannot be used together with this one; with several of them in a rule the first in this list is complained of. */
  excludes?: readonly string[];
  /** Options that must be given as well: `option "--x" also requires "--y"`. */
  also?: readonly string[];
}

export interface Option<T, Required extends boolean = boolean> extends ValueKind<T>, OptionSettings {
  required?: Required;
}

/** An option as it stood in a rule. */
export interface Given<T> {
  readonly name: string;
  readonly value: T;
  readonly inverted: boolean;
  readonly span: Span;
  /** Every occurrence in order, for options with `many`. */
  readonly repeated?: readonly Given<T>[];
}

// biome-ignore lint/suspicious/noExplicitAny: the table of an unknown extension; each option's own type is kept where it is defined
export type OptionTable = Record<string, Option<any>>;

/** What check() receives: every declared option, undefined where it was not given; required ones are there. */
export type GivenOptions<O extends OptionTable> = {
  readonly [K in keyof O]: O[K] extends Option<infer T, infer R>
    ? R extends true
      ? Given<T>
      : Given<T> | undefined
    : never;
};

/** What check() may ask about the rule around it, and how it says no. */
export interface RuleScope {
  readonly family: Family;
  readonly table: TableName;
  /** Chain that the rule is being put into; undefined where none is known. */
  readonly chain: string | undefined;
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  readonly names: Names;
  /** Throws a RuleError, at the words of `at` (one option) or of the whole extension. Exit code 2. */
  fail(message: string, at?: Given<unknown>, hint?: string): never;
  /** A whole line for standard error; the rule stands, and so does the exit code. */
  warn(text: string): void;
}

export interface PrintScope {
  readonly family: Family;
  readonly names: Names;
  /** The rule's `-p`: some extensions print by it. */
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
}

/** -L; `numeric` is -n. */
export interface ListScope extends PrintScope {
  readonly numeric: boolean;
}

/**
 * The half of an extension that is language: its name, its options, its text. What it does to a packet is in engine/extension.ts.
 * `P` is the checked form: plain data (it is kept in RuleSpec, compared for -D and -C, and sent over the control socket as JSON).
 */
export interface ExtensionSyntax<O extends OptionTable = OptionTable, P = unknown> {
  readonly name: string;
  readonly families: readonly Family[];
  /** Other words after -m or -j that mean this extension (`icmpv6` for icmp6). Printed as `name`. */
  readonly aliases?: readonly string[];
  /** Name in the target column of -L when the kernel has it under another one (NOTRACK is listed as CT). */
  readonly listedAs?: string;
  readonly summary: string;
  /** Lines behind its options in the help, in the real tool's form: some programs read them (firewalld the names of ICMP types). */
  readonly helpLines?: readonly string[];
  /** Kernel file and function, and the extension's manual page if it has another name there. */
  readonly kernel: string;
  readonly options: O;
  /** Turns the given options into the checked form, or says what is wrong with them together. */
  check(options: GivenOptions<O>, scope: RuleScope): P;
  /** Canonical save text: the options only, without `-m name`; '' when there is nothing to print. */
  save(checked: P, scope: PrintScope): string;
  /** What -L prints for it, without the blank in front. */
  list(checked: P, scope: ListScope): string;
  /** The tool forgot that blank: the text stands right behind what comes before it (eui64). */
  readonly listedWithoutBlank?: boolean;
}

/** The one option that was given out of several that exclude each other; fails as the real tool does when none or two were. */
export function exactlyOne<T>(
  options: Readonly<Record<string, Given<T> | undefined>>,
  scope: RuleScope,
  none: string,
): Given<T> {
  const used = Object.values(options).filter((given) => given !== undefined);
  if (used.length === 0) scope.fail(none);
  return used[0];
}
