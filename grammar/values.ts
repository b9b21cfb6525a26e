// Value kinds: how the words after an option become a value, how the value prints, and what the tools say when they do not.
//
// Each is a factory that takes the settings of one option and gives the whole option: `u8({ help: 'equal to VALUE', invert: true })`.
// Messages are those of libxtables 1.8.9's option parser, one for each value type, found by asking the tool. Kinds that only
// one extension has stay in that extension's file.

import { type Made, make } from './option-kind.ts';
import type { OptionSettings, ValueScope } from './options.ts';
import { protocolNumber } from './protocols.ts';
import { quote, scanNumber, wholeNumber } from './scan.ts';

export * from './address-values.ts';
export { type Made, own } from './option-kind.ts';

const decimal = (value: number): string => value.toString();

// --- Flags and numbers ------------------------------------------------------------------------------------------------

/** No word follows; given or not. */
export const flag = <const S extends OptionSettings>(settings: S): Made<true, S> =>
  make({ words: 0, parse: () => true as const, print: () => '' }, settings);

export interface Bounds {
  min?: number;
  max?: number;
}

/** One unsigned number: decimal, 0x hex, 0 octal. XTTYPE_UINT8, 16, 32. */
const unsigned =
  (largest: number) =>
  <const S extends OptionSettings & Bounds>(settings: S): Made<number, S> => {
    const { min = 0, max = largest } = settings;
    return make(
      {
        words: 1,
        metavar: 'value',
        parse: ([word], scope) => wholeNumber(word, min, max) ?? scope.outOfRange(min, max),
        print: decimal,
      },
      settings,
    );
  };

export const u8 = unsigned(0xff);
export const u16 = unsigned(0xffff);
export const u32 = unsigned(0xffff_ffff);

/** XTTYPE_UINT64. Exact, so a bigint; keep it as decimal text in checked data, which must survive JSON. */
export const u64 = <const S extends OptionSettings & { min?: bigint; max?: bigint }>(settings: S): Made<bigint, S> => {
  const { min = 0n, max = 0xffff_ffff_ffff_ffffn } = settings;
  return make(
    {
      words: 1,
      metavar: 'value',
      parse([word], scope) {
        const scanned = scanNumber(word);
        const value = scanned && scanned.end === word.length ? BigInt(scanned.value) : undefined;
        return value === undefined || value < min || value > max ? scope.outOfRange(min, max) : value;
      },
      print: (value: bigint) => value.toString(),
    },
    settings,
  );
};

// --- Ranges ---------------------------------------------------------------------------------------------------------

export type NumberRange = readonly [low: number, high: number];

/** `a` alone when both ends are the same. */
export const printRange = ([low, high]: NumberRange): string => (low === high ? decimal(low) : `${low}:${high}`);

/** `a`, `a:b`, `:b`, `a:` and `:`; a missing end is 0 or the largest. Nothing says that a <= b. XTTYPE_UINT8RC, 16RC, 32RC. */
const range =
  (largest: number) =>
  <const S extends OptionSettings>(settings: S): Made<NumberRange, S> =>
    make(
      {
        words: 1,
        metavar: 'value[:value]',
        parse([word], scope) {
          const parts = scanList(word, 2, largest, scope);
          return [parts[0], parts.length === 1 ? parts[0] : parts[1]] as const;
        },
        print: printRange,
      },
      settings,
    );

export const u8Range = range(0xff);
export const u16Range = range(0xffff);
export const u32Range = range(0xffff_ffff);

/** Numbers between colons, at most `most`; libxtables' multi-number reader, with its own words for what is wrong. */
export const scanList = (word: string, most: number, largest: number, scope: ValueScope): number[] =>
  scanWide(word, most, largest, scope).map(Number);

/** The same up to 64 bits: exact, so a bigint above 2^53. */
export function scanWide(word: string, most: number, largest: number | bigint, scope: ValueScope): (number | bigint)[] {
  const { extension, option } = scope;
  const values: (number | bigint)[] = [];
  for (let at = 0; ; at++) {
    if (values.length === most) scope.fail(`${extension}: Too many components for option "--${option}" (max: ${most})`);
    if (at >= word.length || word[at] === ':') values.push(values.length === 1 ? largest : 0);
    else {
      const scanned = scanNumber(word, at);
      if (!scanned || scanned.value > largest) {
        const near = `near "${word.slice(at)}"`;
        scope.fail(`${extension}: bad value for option "--${option}" ${near}, or out of range (0-${largest}).`);
      }
      at = scanned.end;
      if (at < word.length && word[at] !== ':') {
        scope.fail(`${extension}: Argument to "--${option}" has unexpected characters near "${word.slice(at)}".`);
      }
      values.push(scanned.value);
    }
    if (at >= word.length) return values;
  }
}

// --- Ports ----------------------------------------------------------------------------------------------------------

/**
 * A port as tcp and multiport read it: a number in any base, or a service of `protocol`.
 * Fails with "invalid port/service `x' specified". xtables_parse_port().
 */
export const strictPort = (word: string, scope: ValueScope, protocol?: string): number =>
  wholeNumber(word, 0, 0xffff) ??
  scope.names.service(word, protocol) ??
  scope.fail(`invalid port/service \`${word}' specified`, severalPorts(word));

const severalPorts = (word: string): string | undefined =>
  word.includes(',') ? `several ports are of -m multiport: --dports ${word}, or --sports` : undefined;

/**
 * A port as the newer option parser reads it (udp, sctp, dccp, conntrack): getaddrinfo(), so decimal only, and a number that is
 * too large is cut to 16 bits, as on the real tool.
 */
export function loosePort(word: string, scope: ValueScope): number {
  const scanned = word === '' ? { value: 0, end: 0 } : scanNumber(word, 0, 10);
  if (scanned && scanned.end === word.length) return Number(BigInt(scanned.value) & 0xffffn);
  return scope.names.service(word) ?? scope.fail(`Port "${word}" does not resolve to anything.`);
}

/** XTTYPE_PORT. */
export const port = <const S extends OptionSettings>(settings: S): Made<number, S> =>
  make({ words: 1, metavar: 'port', parse: ([word], scope) => loosePort(word, scope), print: decimal }, settings);

/** `a`, `a:b`, `:b`, `a:`. XTTYPE_PORTRC: a first port above the second is kept as it is. */
export const portRange = <const S extends OptionSettings>(settings: S): Made<NumberRange, S> =>
  make(
    {
      words: 1,
      metavar: 'port[:port]',
      parse([word], scope) {
        const parts = word.split(':');
        if (parts.length > 2)
          scope.fail(`${scope.extension}: Too many components for option "--${scope.option}" (max: 2)`);
        const low = parts[0] === '' ? 0 : loosePort(parts[0], scope);
        if (parts.length === 1) return [low, low] as const;
        return [low, parts[1] === '' ? 0xffff : loosePort(parts[1], scope)] as const;
      },
      print: printRange,
    },
    settings,
  );

/** The same as tcp reads it: numbers in any base, and `invalid portrange (min > max)`. */
export const strictPortRange = <const S extends OptionSettings>(settings: S): Made<NumberRange, S> =>
  make(
    {
      words: 1,
      metavar: 'port[:port]',
      parse([word], scope) {
        const colon = word.indexOf(':');
        const protocol = scope.extension;
        if (colon < 0) {
          const only = strictPort(word, scope, protocol);
          return [only, only] as const;
        }
        const [first, second] = [word.slice(0, colon), word.slice(colon + 1)];
        const low = first === '' ? 0 : strictPort(first, scope, protocol);
        const high = second === '' ? 0xffff : strictPort(second, scope, protocol);
        if (low > high) scope.fail('invalid portrange (min > max)', `write ${high}:${low}`);
        return [low, high] as const;
      },
      print: printRange,
    },
    settings,
  );

// --- Marks ----------------------------------------------------------------------------------------------------------

export interface Mark {
  readonly value: number;
  readonly mask: number;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** `value[/mask]`, 32 bits each, any base; printed in hex, the mask only when it is not all ones. XTTYPE_MARKMASK32. */
export const mark = <const S extends OptionSettings>(settings: S): Made<Mark, S> =>
  make(
    {
      words: 1,
      metavar: 'value[/mask]',
      parse([word], scope: ValueScope) {
        const bad = `${scope.extension}: bad integer value for option "--${scope.option}", or out of range.`;
        const value = scanNumber(word);
        if (!value || value.value > 0xffff_ffff) scope.fail(bad);
        let end = value.end;
        let mask = 0xffff_ffff;
        if (word[end] === '/') {
          const scanned = scanNumber(word, end + 1);
          if (!scanned || scanned.value > 0xffff_ffff) scope.fail(bad);
          mask = Number(scanned.value);
          end = scanned.end;
        }
        if (end < word.length)
          scope.fail(`${scope.extension}: trailing garbage after value for option "--${scope.option}".`);
        return { value: Number(value.value), mask };
      },
      print: ({ value, mask }) => (mask === 0xffff_ffff ? hex(value) : `${hex(value)}/${hex(mask)}`),
    },
    settings,
  );

// --- Text -----------------------------------------------------------------------------------------------------------

export interface Lengths {
  /** Fewer octets are refused. */
  minLength?: number;
  /** More octets are refused. */
  maxLength?: number;
  /** What is beyond this many octets is cut off without a word. */
  cutAt?: number;
}

/** Octets of UTF-8. */
export function octets(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) length += 1;
    else if (code < 0x800) length += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      length += 4;
      at++;
    } else length += 3;
  }
  return length;
}

/** The longest beginning of `text` that has at most `most` octets of UTF-8 and cuts no character in two. */
export function cutText(text: string, most: number): string {
  if (text.length * 3 <= most) return text;
  let length = 0;
  let kept = '';
  for (const character of text) {
    length += octets(character);
    if (length > most) break;
    kept += character;
  }
  return kept;
}

/** Free text; printed bare or quoted as the tool does. XTTYPE_STRING. `text(20)({ help })`, or limits by name. */
export const text =
  (limits: number | Lengths = {}) =>
  <const S extends OptionSettings>(settings: S): Made<string, S> => {
    const {
      minLength = 0,
      maxLength = Number.POSITIVE_INFINITY,
      cutAt = Number.POSITIVE_INFINITY,
    } = typeof limits === 'number' ? { maxLength: limits } : limits;
    return make(
      {
        words: 1,
        metavar: 'text',
        parse([word], scope) {
          const length = octets(word);
          if (length < minLength) scope.fail(`Argument must have a minimum length of ${minLength} characters`);
          if (length > maxLength) scope.fail(`Argument must have a maximum length of ${maxLength} characters`);
          return length > cutAt ? cutText(word, cutAt) : word;
        },
        print: quote,
      },
      settings,
    );
  };

/** One of a table's words; the value is what the table has for it. Printed by the first word that has the value. */
export const oneOf =
  <T>(table: Readonly<Record<string, T>>, refusal?: (word: string) => string) =>
  <const S extends OptionSettings>(settings: S): Made<T, S> =>
    make(
      {
        words: 1,
        metavar: Object.keys(table).join('|'),
        choices: { words: () => Object.keys(table) },
        parse([word], scope) {
          if (Object.hasOwn(table, word)) return table[word];
          const message = refusal?.(word) ?? `${scope.extension}: bad value for option "--${scope.option}"`;
          return scope.fail(message, `one of: ${Object.keys(table).join(', ')}`);
        },
        print: (value) => Object.keys(table).find((word) => table[word] === value) ?? '',
      },
      settings,
    );

export const LOG_LEVELS = {
  emerg: 0,
  panic: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
} as const;

/** syslog level: 0 to 7 or a name, in lower case; printed as a number. XTTYPE_SYSLOGLEVEL. */
export const logLevel = <const S extends OptionSettings>(settings: S): Made<number, S> =>
  make(
    {
      words: 1,
      metavar: 'level',
      choices: { words: () => Object.keys(LOG_LEVELS) },
      parse([word], scope) {
        const named = Object.hasOwn(LOG_LEVELS, word) ? LOG_LEVELS[word as keyof typeof LOG_LEVELS] : undefined;
        const hint = `0 to 7, or one of: ${Object.keys(LOG_LEVELS).join(', ')}`;
        return wholeNumber(word, 0, 7) ?? named ?? scope.fail(`log level "${word}" unknown`, hint);
      },
      print: decimal,
    },
    settings,
  );

/** Protocol by number or name. XTTYPE_PROTOCOL. */
export const protocol = <const S extends OptionSettings>(settings: S): Made<number, S> =>
  make(
    {
      words: 1,
      metavar: 'protocol',
      parse: ([word], scope) => protocolNumber(word, scope.names) ?? scope.fail(`unknown protocol "${word}" specified`),
      print: decimal,
    },
    settings,
  );

/** Six octets in hex between colons, leading zeros optional; printed in lower case. The value is that text. XTTYPE_ETHERMAC. */
export const mac = <const S extends OptionSettings>(settings: S): Made<string, S> =>
  make(
    {
      words: 1,
      metavar: 'XX:XX:XX:XX:XX:XX',
      parse([word], scope) {
        const parts = word.split(':');
        if (parts.length !== 6 || parts.some((part) => !/^[0-9a-fA-F]{0,2}$/.test(part)))
          scope.fail('Invalid MAC address specified.');
        return parts.map((part) => part.padStart(2, '0').toLowerCase()).join(':');
      },
      print: (value) => value,
    },
    settings,
  );
