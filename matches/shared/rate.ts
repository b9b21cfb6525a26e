// Rates of limit and of hashlimit's packet modes: kept as the time between two packets, in 1/10,000 second or in microseconds, so that
// what is printed is worked out again from that and may differ from what was written.

import type { ValueScope } from '../../grammar/options.ts';

/** XT_LIMIT_SCALE: parts of a second. */
export const RATE_SCALE = 10_000;

/** The whole words of the units; any beginning of them will do. */
const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3_600],
  ['day', 86_400],
];
const PRINTED: readonly (readonly [unit: string, seconds: number])[] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['min', 60],
  ['sec', 1],
];

/** `N[/unit]` as the time between packets. The number is what atoi() makes of the word: digits up to the first that is none. */
export function parseRate(word: string, scope: ValueScope): number {
  const bad = (): never => scope.fail(`bad rate "${word}"'`, 'a number, / and second, minute, hour or day');
  const seconds = rateUnit(word) ?? bad();
  const packets = Number(BigInt.asUintN(32, strtoll(word)));
  if (packets === 0) return bad();
  const period = Math.floor((RATE_SCALE * seconds) / packets);
  if (period === 0) scope.fail(`Rate too fast "${word}"`, `at most ${RATE_SCALE}/second`);
  return period;
}

/** Seconds of the unit behind the slash, a second without one; undefined where it is none. */
export function rateUnit(word: string): number | undefined {
  const slash = word.indexOf('/');
  if (slash < 0) return 1;
  const written = word.slice(slash + 1).toLowerCase();
  return UNITS.find(([name]) => written !== '' && name.startsWith(written))?.[1];
}

/** The number at the beginning of a word, decimal, 0 without one; clamped to 64 bits with a sign. */
export function strtoll(word: string): bigint {
  const digits = /^\s*([+-]?)(\d+)/.exec(word);
  if (!digits) return 0n;
  const value = BigInt(digits[1] === '-' ? `-${digits[2]}` : digits[2]);
  if (value > MOST_64) return MOST_64;
  return value < -MOST_64 - 1n ? -MOST_64 - 1n : value;
}

const MOST_64 = 2n ** 63n - 1n;

export interface PrintedRate {
  readonly text: string;
  /** Seconds of the unit in it. */
  readonly unit: number;
}

/** By the largest unit of which the period, in parts of a second, is a whole part, or nearly so. */
export function describeRate(period: number, scale: number): PrintedRate {
  let unit = 0;
  while (unit + 1 < PRINTED.length) {
    const next = PRINTED[unit + 1][1] * scale;
    if (period > next || Math.floor(next / period) < next % period) break;
    unit++;
  }
  const [name, seconds] = PRINTED[unit];
  return { text: `${Math.floor((seconds * scale) / period)}/${name}`, unit: seconds };
}

export const printRate = (period: number): string => describeRate(period, RATE_SCALE).text;
