// Rates and bursts of hashlimit, as words and as the numbers that the kernel is given. Packets: microseconds between two of them. Octets:
// what 16 of them cost out of 32 bits of credit, so that high rates are rough, and what is printed may differ from what was written.

import type { ValueScope } from '../../grammar/options.ts';
import { scanNumber } from '../../grammar/scan.ts';
import { describeRate, type PrintedRate, rateUnit, strtoll } from './rate.ts';

/** XT_HASHLIMIT_SCALE_v2: parts of a second. */
export const SCALE = 1_000_000;
/** XT_HASHLIMIT_BYTE_SHIFT: a chunk of octets has a price. */
export const CHUNK_SHIFT = 4;
const ALL_32 = 0xffff_ffffn;
/** XT_HASHLIMIT_BURST_MAX */
export const MOST_BURST = 1_000_000;
/** Seconds without a packet after which an entry is forgotten, by octets: without a burst, and with one. XT_HASHLIMIT_BYTE_EXPIRE */
export const BYTE_EXPIRE = 15;
export const BYTE_EXPIRE_BURST = 60;

export interface HashRate {
  readonly bytes: boolean;
  /** Microseconds between packets, or the price of a chunk. */
  readonly average: number;
  /** Seconds of the unit that was written. */
  readonly unit: number;
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

const factorOf = (letter: string): bigint => ({ m: 1_048_576n, k: 1_024n })[letter] ?? 1n;

/** `N[/unit]`, or `N[k|m]b/s`. */
export const hashRate = {
  words: 1 as const,
  metavar: 'rate[/second|/minute|/hour|/day] or rate[k|m]b/s',
  parse([word]: readonly string[], scope: ValueScope): HashRate {
    const octets = bytesPerSecond(word);
    if (octets !== undefined) return { bytes: true, average: priceOf(octets, word, scope), unit: BYTE_EXPIRE };
    const unit = rateUnit(word);
    const packets = unsigned(strtoll(word));
    if (unit === undefined || packets === 0n) {
      const hint = 'a number, / and second, minute, hour or day; or octets: a number, b, kb or mb, and /s';
      return scope.fail(`${scope.extension}: Bad value for "--${scope.option}" option: "${word}"`, hint);
    }
    const period = BigInt(SCALE * unit) / packets;
    if (period === 0n) scope.fail(`Rate too fast "${word}"`, `at most ${SCALE}/second`);
    return { bytes: false, average: Number(period), unit };
  },
  print: ({ bytes, average }: HashRate): string => (bytes ? bytesText(average) : describeRate(average, SCALE).text),
};

/** Any "b/s" behind the first character makes it octets, with the factor that stands before. parse_bytes() */
function bytesPerSecond(word: string): bigint | undefined {
  const at = word.indexOf('b/s');
  const number = strtoll(word);
  return at <= 0 || number === 0n ? undefined : unsigned(number * factorOf(word[at - 1]));
}

/** Chunks are counted in 32 bits, and a rate of 2^36 - 16 octets divides by zero, which kills the tool. bytes_to_cost() */
function priceOf(octets: bigint, word: string, scope: ValueScope): number {
  const parts = BigInt.asUintN(32, (octets >> BigInt(CHUNK_SHIFT)) + 1n);
  if (parts === 0n) scope.fail(`Rate too fast "${word}"`);
  return Number(ALL_32 / parts);
}

/** Octets a second for that price of a chunk. */
export function bytesOf(price: number): number {
  const chunks = price === 0 ? 0xffff_ffff : Math.floor(0xffff_ffff / price);
  return (chunks - 1) * 2 ** CHUNK_SHIFT;
}

const UNITS: readonly (readonly [letter: string, size: bigint])[] = [
  ['m', 1_048_576n],
  ['k', 1_024n],
];

/** In the largest unit that would be read back as the same price, by arithmetic in 32 bits. print_bytes() */
export function bytesText(price: number): string {
  const octets = BigInt(bytesOf(price));
  const survives = (size: bigint): boolean => {
    const whole = octets & (ALL_32 & ~(size - 1n));
    return ALL_32 / (BigInt.asUintN(32, whole >> BigInt(CHUNK_SHIFT)) + 1n) === BigInt(price);
  };
  const [letter, size] = UNITS.find(([, size]) => octets >= size && survives(size)) ?? ['', 1n];
  return `${octets / size}${letter}b/s`;
}

/** `burst` counts how often the rate's octets may be had at once. */
export function byteBurstText(price: number, burst: number): string {
  const octets = BigInt(bytesOf(price)) * BigInt(burst);
  const [letter, size] = UNITS.find(([, size]) => octets >= size) ?? ['', 1n];
  return `${octets / size}${letter}b`;
}

/** Packets, by the unit that goes into the time best. -L multiplies by the interval. */
export const packetRate = (average: number, interval = 1): PrintedRate =>
  describeRate(Number(unsigned(BigInt(average) * BigInt(interval))), SCALE);

export const burstRefused = (scope: { fail(message: string): never }): never =>
  scope.fail(`bad value for option "--hashlimit-burst", or out of range (1-${MOST_BURST}).`);

/** A number with k, m or anything else behind it, as decimal text: 64 bits that wrap. parse_burst() */
export const hashBurst = {
  words: 1 as const,
  metavar: 'amount[k|m][b]',
  parse([word]: readonly string[], scope: ValueScope): string {
    const scanned = scanNumber(word);
    if (!scanned || scanned.value < 1) return burstRefused(scope);
    return unsigned(BigInt(scanned.value) * factorOf(word.charAt(scanned.end))).toString();
  },
  print: (burst: string): string => burst,
};

/** How often the rate's octets fit into the burst, one for what is left; cut to 32 bits on the way, as the tool does. */
export function burstTimes(burst: bigint, price: number): number {
  const once = BigInt(bytesOf(price));
  const times = BigInt.asUintN(32, burst) / once + (burst % once === 0n ? 0n : 1n);
  return Number(BigInt.asUintN(32, times));
}
