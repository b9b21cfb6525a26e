// How the C library reads numbers, and how save text quotes words: what every value kind stands on.

const digit = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 122 ? lower - 87 : 99;
};

const isBlank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** A number at the start of a word, and where the first character stands that is no part of it. */
export interface Scanned {
  readonly value: number | bigint;
  readonly end: number;
}

/**
 * strtoull() with base 0: leading blanks and `+`, decimal, 0x hex, 0 octal. Undefined without a digit, for a minus sign and
 * beyond 64 bits. Exact: a bigint above 2^53.
 */
export function scanNumber(text: string, from = 0, base: 0 | 10 = 0): Scanned | undefined {
  let at = from;
  while (at < text.length && isBlank(text.charCodeAt(at))) at++;
  if (text[at] === '-') return undefined;
  if (text[at] === '+') at++;
  let radix = 10;
  if (base === 0 && text[at] === '0') {
    const hex = (text[at + 1] === 'x' || text[at + 1] === 'X') && digit(text.charCodeAt(at + 2)) < 16;
    radix = hex ? 16 : 8;
    if (hex) at += 2;
  }
  const start = at;
  let value = 0;
  while (at < text.length) {
    const next = digit(text.charCodeAt(at));
    if (next >= radix) break;
    value = value * radix + next;
    at++;
  }
  if (at === start) return undefined;
  if (value <= Number.MAX_SAFE_INTEGER) return { value, end: at };
  const prefix = radix === 16 ? '0x' : radix === 8 ? '0o' : '';
  const exact = BigInt(prefix + text.slice(start, at));
  return exact > 0xffff_ffff_ffff_ffffn ? undefined : { value: exact, end: at };
}

/** The whole word as a number from min to max; undefined when it is not one. */
export function wholeNumber(text: string, min: number, max: number): number | undefined {
  const scanned = scanNumber(text);
  if (!scanned || scanned.end !== text.length || scanned.value < min || scanned.value > max) return undefined;
  return Number(scanned.value);
}

/** Bare when it is only letters, digits, `_` and `-`, and not empty; else in double quotes with a backslash before `"`, `\` and `'`. */
export const quote = (text: string): string =>
  /^[A-Za-z0-9_-]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`;

/** In double quotes, whatever it holds. */
export const alwaysQuote = (text: string): string => `"${text.replace(/["\\']/g, '\\$&')}"`;
