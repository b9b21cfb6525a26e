// Virtual time on a kernel. A short span is slept through. Of a long one only as much is slept as the limits of the rules need to be full
// again, and connections are made older by the rest; what else measures time (recent, hashlimit ...) cannot be hurried, and says so.

import { NotOnKernel } from './unavailable.ts';

/** Seconds that are slept through at most; SEKISHO_KERNEL_SLEEP says otherwise. */
const MOST_SECONDS = 15;

const UNITS: Readonly<Record<string, number>> = { sec: 1, second: 1, min: 60, minute: 60, hour: 3_600, day: 86_400 };
const DEFAULT_BURST = 5;
/** What a kernel timer may be late. */
const LATE_MS = 20;

/** Extensions whose clock is the kernel's. */
const TIMED = /-m (recent|hashlimit|rateest|time|quota2|set)\b/;

/** Milliseconds to sleep for a span that passes. Throws NotOnKernel. */
export function hurried(ms: number, rules: readonly string[]): number {
  const most = Number(process.env.SEKISHO_KERNEL_SLEEP ?? MOST_SECONDS) * 1_000;
  if (ms <= most) return ms === 0 ? 0 : ms + LATE_MS;
  const timed = rules.find((rule) => TIMED.test(rule));
  if (timed) throw new NotOnKernel(cannot(ms, timed));
  const slowest = Math.max(0, ...rules.map(refillMs));
  if (slowest > most) throw new NotOnKernel(cannot(ms, rules.find((rule) => refillMs(rule) === slowest)!));
  return slowest === 0 ? 0 : slowest + LATE_MS;
}

const cannot = (ms: number, rule: string): string =>
  `${ms / 1_000} s cannot pass at once in the kernel: ${rule} would not notice (shorter spans are slept through; SEKISHO_KERNEL_SLEEP=SECONDS sets how long)`;

/** How long `-m limit` takes from empty to full. */
function refillMs(rule: string): number {
  const [, number, unit] = /--limit (\d+)\/(\w+)/.exec(rule) ?? [];
  if (number === undefined) return 0;
  const [, burst] = /--limit-burst (\d+)/.exec(rule) ?? [];
  return (Number(burst ?? DEFAULT_BURST) * 1_000 * (UNITS[unit] ?? 1)) / Number(number);
}
