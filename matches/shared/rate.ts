// Rates of limit (and hashlimit's packet modes): kept as the time between two packets in units of 1/10,000 second, so that what is
// printed is worked out again from that and may differ from what was written.

import type { ValueScope } from '../../grammar/options.ts';

/** XT_LIMIT_SCALE. */
export const RATE_SCALE = 10_000;

/** The whole words of the units; any beginning of them will do. */
const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3_600],
  ['day', 86_400],
];
const PRINTED: readonly (readonly [unit: string, scaled: number])[] = [
  ['day', RATE_SCALE * 86_400],
  ['hour', RATE_SCALE * 3_600],
  ['min', RATE_SCALE * 60],
  ['sec', RATE_SCALE],
];

/** `N[/unit]` as the time between packets. The number is what atoi() makes of the word: digits up to the first that is none. */
export function parseRate(word: string, scope: ValueScope): number {
  const bad = (): never => scope.fail(`bad rate "${word}"'`, 'a number, / and second, minute, hour or day');
  const slash = word.indexOf('/');
  let seconds = 1;
  if (slash >= 0) {
    const written = word.slice(slash + 1).toLowerCase();
    const unit = UNITS.find(([name]) => written !== '' && name.startsWith(written));
    if (!unit) return bad();
    seconds = unit[1];
  }
  const packets = leadingInteger(word);
  if (packets === 0) return bad();
  const period = Math.floor((RATE_SCALE * seconds) / packets);
  if (period === 0) scope.fail(`Rate too fast "${word}"`, `at most ${RATE_SCALE}/second`);
  return period;
}

/** atoi() into 32 unsigned bits: 64-bit strtol(), clamped, then cut. */
function leadingInteger(word: string): number {
  const digits = /^\s*([+-]?\d+)/.exec(word);
  if (!digits) return 0;
  return Number(BigInt.asUintN(32, BigInt(digits[1]) > 2n ** 63n - 1n ? 2n ** 63n - 1n : BigInt(digits[1])));
}

/** The largest unit of which the period is a whole part, or nearly so. */
export function printRate(period: number): string {
  let unit = 0;
  while (unit + 1 < PRINTED.length) {
    const next = PRINTED[unit + 1][1];
    if (period > next || Math.floor(next / period) < next % period) break;
    unit++;
  }
  const [name, scaled] = PRINTED[unit];
  return `${Math.floor(scaled / period)}/${name}`;
}
