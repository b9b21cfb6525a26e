import { defineTarget } from '../engine/extension.ts';
import { type EstimatorSettings, estimatorKey, RateEstimator } from '../engine/rate-estimator.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { RuleError } from '../grammar/error.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own, text } from '../grammar/values.ts';

const SECOND = 1_000_000;
const QUARTER = SECOND / 4;

const UNITS: Readonly<Record<string, number>> = { '': 1, s: SECOND, sec: SECOND, secs: SECOND };
for (const [prefix, factor] of Object.entries({ m: 1000, u: 1 })) {
  for (const unit of ['s', 'sec', 'secs']) Object.assign(UNITS, { [prefix + unit]: factor });
}

/** strtod(), of which nobody needs hexadecimal fractions. */
const NUMBER = /^\s*([+-]?)(0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i;

/** A time in microseconds, in 32 bits; without a unit it is in microseconds. */
const time = (what: string) => ({
  words: 1 as const,
  metavar: 'number[s|ms|us]',
  parse([word]: readonly string[], scope: ValueScope): number {
    const [all = '', sign, digits] = NUMBER.exec(word) ?? [];
    const unit = UNITS[word.slice(all.length).toLowerCase()];
    if (all === '' || unit === undefined) {
      return scope.fail(`RATEEST: bad ${what} value "${word}"`, 'a number with s, ms or us behind it');
    }
    return (Number(digits) * unit * (sign === '-' ? -1 : 1)) >>> 0;
  },
  print: (microseconds: number): string => printTime(microseconds),
});

function printTime(microseconds: number): string {
  if (microseconds >= SECOND) return `${(microseconds / SECOND).toFixed(1)}s`;
  return microseconds >= 1000 ? `${(microseconds / 1000).toFixed(1)}ms` : `${microseconds}us`;
}

const LONGEST = 5;

/** The shortest interval of the kernel's that is as long: 250 ms, 500 ms ... 8 s. */
function intervalLogOf(microseconds: number): number {
  let log = 0;
  while (log <= LONGEST && microseconds > QUARTER * 2 ** log) log++;
  return log;
}

/** The largest weight 2^-n of a sample with which the average follows within that time constant. */
function ewmaLogOf(interval: number, constant: number): number {
  for (let log = 1; log < 32; log++) {
    // 1 << 31 is negative here as in C.
    if (interval / -Math.log(1 - 1 / (1 << log)) > constant) return log - 1;
  }
  return 31;
}

interface Checked extends EstimatorSettings {
  readonly name: string;
}

const print = ({ name, intervalLog, ewmaLog }: Checked, prefix: string): string => {
  const interval = QUARTER * 2 ** intervalLog;
  const constant = Math.imul(interval, 1 << ewmaLog) >>> 0;
  return `${prefix}name ${name} ${prefix}interval ${printTime(interval)} ${prefix}ewmalog ${printTime(constant)}`;
};

export const RATEEST = defineTarget({
  name: 'RATEEST',
  families: [4, 6],
  summary: 'Counts the packet into a named estimator of rates, which -m rateest reads.',
  kernel: 'net/netfilter/xt_RATEEST.c xt_rateest_tg()',
  options: {
    'rateest-name': text({ cutAt: 15 })({ help: 'name of the estimator; must be given' }),
    'rateest-interval': own(time('interval'), { help: 'time between two samples, made 250 ms, 500 ms, 1 s ... 8 s' }),
    'rateest-ewmalog': own(time('ewmalog'), { help: 'time constant of the average' }),
  },
  check(options, scope): Checked {
    const interval = options['rateest-interval']?.value ?? 0;
    const intervalLog = intervalLogOf(interval);
    if (intervalLog > LONGEST) {
      scope.fail('RATEEST: interval value is too large', options['rateest-interval'], '8 seconds at most');
    }
    const ewmaLog = ewmaLogOf(interval, options['rateest-ewmalog']?.value ?? 0);
    if (ewmaLog === 0 || ewmaLog >= 31) {
      scope.fail('RATEEST: ewmalog value is out of range', options['rateest-ewmalog'], 'longer than 1.45 intervals');
    }
    // Asked last by the tool too.
    const name = options['rateest-name'];
    if (!name) return scope.fail('RATEEST: option "--rateest-name" must be specified');
    return { name: name.value, intervalLog, ewmaLog };
  },
  // Never quoted: a name with a blank does not come back.
  save: (checked) => print(checked, '--rateest-'),
  list: (checked) => print(checked, ''),
  compile({ name, intervalLog, ewmaLog }, { services, shared }) {
    const settings = { intervalLog, ewmaLog };
    const estimator = shared(estimatorKey(name), () => new RateEstimator(settings, services.timers.now), 'both');
    if (estimator.settings.intervalLog !== intervalLog || estimator.settings.ewmaLog !== ewmaLog) {
      throw new RuleError(`xt_RATEEST: estimator "${name}" is there already with other times`, undefined, undefined, 1);
    }
    return (pkt) => {
      estimator.add(pkt.length, pkt.now);
      return CONTINUE;
    };
  },
});
