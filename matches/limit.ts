import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own, u32 } from '../grammar/values.ts';
import { parseRate, printRate, RATE_SCALE } from './shared/rate.ts';

// The bucket counts credits: a jiffy adds CREDITS_PER_JIFFY, a packet costs what the time between packets is worth. All of it is
// 32-bit arithmetic that wraps, and a rule for which it would wrap is refused.
const HZ = 250; // Debian's and most distributions' kernels
const MAX_CPJ = Math.floor(0xffff_ffff / (HZ * 60 * 60 * 24));
/** The largest power of two that is no more than MAX_CPJ: 128 at 250 Hz. */
const CREDITS_PER_JIFFY = 2 ** Math.floor(Math.log2(MAX_CPJ));
const CREDITS_PER_SECOND = HZ * CREDITS_PER_JIFFY;
const DEFAULT_PERIOD = 12_000_000; // 3/hour
const DEFAULT_BURST = 5;

const rate = {
  words: 1 as const,
  metavar: 'rate[/second|/minute|/hour|/day]',
  parse: ([word]: readonly string[], scope: ValueScope): number => parseRate(word, scope),
  print: printRate,
};

/** user2credits(): divides first where multiplying would overflow. */
const credits = (time: number): number =>
  time > Math.floor(0xffff_ffff / CREDITS_PER_SECOND)
    ? Math.imul(Math.floor(time / RATE_SCALE), CREDITS_PER_SECOND) >>> 0
    : Math.floor((time * CREDITS_PER_SECOND) / RATE_SCALE);

interface Checked {
  /** Time between packets, in 1/10,000 s. */
  readonly period: number;
  readonly burst: number;
}

const cost = ({ period }: Checked): number => credits(period);
const capacity = ({ period, burst }: Checked): number => credits(Math.imul(period, burst) >>> 0);

interface Bucket {
  credit: number;
  /** Jiffies of the last packet; -1 before the first. */
  seen: number;
}

export const limit = defineMatch({
  name: 'limit',
  families: [4, 6],
  summary: 'Token bucket: matches at a limited rate, after a burst.',
  kernel: 'net/netfilter/xt_limit.c limit_mt()',
  placement: {
    refuses: (checked: Checked) =>
      checked.burst === 0 || capacity(checked) < cost(checked)
        ? `Overflow, try lower: ${checked.period}/${checked.burst}`
        : undefined,
  },
  effect: 'stateful',
  options: {
    limit: own(rate, { help: 'average rate, 3/hour without it' }),
    'limit-burst': u32({ help: 'packets that may come at once, 5 without it', max: 10_000 }),
  },
  check: (given): Checked => ({
    period: given.limit?.value ?? DEFAULT_PERIOD,
    burst: given['limit-burst']?.value ?? DEFAULT_BURST,
  }),
  save: ({ period, burst }) =>
    `--limit ${printRate(period)}${burst === DEFAULT_BURST ? '' : ` --limit-burst ${burst}`}`,
  list: ({ period, burst }) => `limit: avg ${printRate(period)} burst ${burst}`,
  compile(checked, context) {
    const price = cost(checked);
    const full = capacity(checked);
    const bucket = context.state<Bucket>(() => ({ credit: full, seen: -1 }));
    return (pkt) => {
      const now = Math.floor((pkt.now * HZ) / 1000);
      const passed = bucket.seen < 0 ? 0 : now - bucket.seen;
      bucket.seen = now;
      // The sum wraps at 32 bits before it is compared, as in the kernel: after more than a day of silence it may be small.
      const filled = (bucket.credit + ((passed * CREDITS_PER_JIFFY) % 2 ** 32)) % 2 ** 32;
      bucket.credit = Math.min(filled, full);
      if (bucket.credit < price) return false;
      bucket.credit -= price;
      return true;
    };
  },
  saw: () => 'its bucket',
});
