import { defineMatch, type Predicate } from '../engine/extension.ts';
import { estimatorKey, type RateEstimator } from '../engine/rate-estimator.ts';
import { RuleError } from '../grammar/error.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { cutText, own } from '../grammar/values.ts';
import { words } from './shared/text.ts';

const LARGEST = 0xffff_ffff;
/** Octets of a name; the rest is cut off. */
const LONGEST = 15;

/** Bits a second; the tool knows tc's units, in any case. */
const UNITS: Readonly<Record<string, number>> = { bit: 1, bps: 8 };
const POWERS = ['k', 'm', 'g', 't'] as const;
const unitOf = (word: string): number | undefined => {
  const [, power, binary, unit] = /^([kmgt]?)(i?)(bit|bps)$/.exec(word.toLowerCase()) ?? [];
  if (unit === undefined || (binary === 'i' && power === '')) return undefined;
  return UNITS[unit] * (binary === 'i' ? 1024 : 1000) ** (POWERS.indexOf(power as 'k') + 1);
};

/** strtod(), of which nobody needs hexadecimal fractions. */
const NUMBER = /^\s*([+-]?)(0x[0-9a-f]+|inf(?:inity)?|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i;

/** Octets a second in 32 bits, what is above cut off; undefined: no rate. */
function octetsIn(word: string): number | undefined {
  const [all, sign, digits] = NUMBER.exec(word) ?? [];
  if (all === undefined) return undefined;
  const unit = all.length === word.length ? 1 : unitOf(word.slice(all.length));
  if (unit === undefined) return undefined;
  const bits = Number(digits) * unit * (sign === '-' ? -1 : 1);
  return Number.isFinite(bits) ? Number(BigInt.asUintN(32, BigInt(Math.trunc(bits / 8)))) : 0;
}

const twice = (said: string): string => `rateest: can't specify --${said} twice`;

/** An option of the old kind, with words of its own for what cannot be, inversion first. `said` is its name in them. */
const refusing = <T>(said: string, parse: (words: readonly string[], scope: ValueScope) => T) => ({
  parse(given: readonly string[], scope: ValueScope): T {
    if (scope.inverted) scope.fail(`rateest: ${said} can't be inverted`);
    if (scope.before().some(({ name: earlier }) => earlier === scope.option)) scope.fail(twice(scope.option));
    return parse(given, scope);
  },
});

/** Both are refused by the option itself. */
const OWN_WORDS = { invert: true, many: true } as const;

/** The number may be left out, where two estimators are compared. */
const rate = {
  words: 0 as const,
  optionalWord: true as const,
  metavar: '[rate]',
  ...refusing('rateest-bps', ([word], scope) =>
    word === undefined
      ? 0
      : (octetsIn(word) ?? scope.fail(`rateest: could not parse rate \`${word}'`, 'such as 1mbit')),
  ),
  print: (octets: number): string => printRate(octets),
};

const packets = {
  words: 0 as const,
  optionalWord: true as const,
  metavar: '[packets]',
  ...refusing('rateest-pps', ([word], scope) =>
    word === undefined
      ? 0
      : (wholeNumber(word, 0, LARGEST) ?? scope.fail(`rateest: could not parse pps \`${word}'`, 'a whole number')),
  ),
  print: (value: number): string => value.toString(),
};

const name = {
  words: 1 as const,
  metavar: 'name',
  ...refusing('rateest', ([word]) => cutText(word, LONGEST)),
  print: (value: string): string => value,
};

const delta = { words: 0 as const, ...refusing('rateest-delta', () => true as const), print: () => '' };
const operator = { words: 0 as const, parse: () => true as const, print: () => '' };

/** printf's %.0f: halves go to the even side. */
const rounded = (value: number): number => {
  const floor = Math.floor(value);
  const half = value - floor === 0.5;
  return half ? floor + (floor % 2) : Math.round(value);
};

function printRate(octets: number): string {
  const bits = octets * 8;
  if (bits >= 1e9) return `${rounded(bits / 1e6)}Mbit`;
  return bits >= 1e6 ? `${rounded(bits / 1e3)}Kbit` : `${bits}bit`;
}

const OPERATORS = ['lt', 'gt', 'eq'] as const;
type Operator = (typeof OPERATORS)[number];

/** A rate of each estimator: what is given for it, where something is. */
type Pair = readonly [first: number, second: number];

interface Checked {
  readonly first: string;
  /** Compared with a second estimator; undefined: with numbers. */
  readonly second?: string;
  /** What is compared is how much the given rate is above the estimator's, and 0 where that is higher. */
  readonly delta: boolean;
  readonly op?: Operator;
  readonly inverted: boolean;
  readonly bps?: Pair;
  readonly pps?: Pair;
}

const TWO_OPERATORS = "rateest: can't specify lt/gt/eq twice";

function operatorText({ op, inverted }: Checked, dashes: string): string {
  return op === undefined ? '' : `${inverted ? '! ' : ''}${dashes}${op}`;
}

export const rateest = defineMatch({
  name: 'rateest',
  families: [4, 6],
  summary: 'Rate that an estimator (-j RATEEST) has measured, against a number or against another one.',
  supplied:
    'Rules with -j RATEEST of either family make the estimators. A rule that names one which is not there is refused when it is loaded.',
  kernel: 'net/netfilter/xt_rateest.c xt_rateest_mt()',
  placement: {
    refuses(c: Checked) {
      if (c.first === '') return 'xt_rateest: --rateest must be given';
      if (c.op === undefined) return 'xt_rateest: one of --rateest-lt, -gt and -eq must be given';
      return c.bps || c.pps ? undefined : 'xt_rateest: neither --rateest-bps nor --rateest-pps is given';
    },
  },
  effect: 'stateful',
  options: {
    rateest1: own(name, { help: 'the estimator', ...OWN_WORDS, alias: 'rateest' }),
    rateest2: own(name, { help: 'the estimator to compare it with', ...OWN_WORDS }),
    'rateest-bps1': own(rate, { help: 'rate for the first one', ...OWN_WORDS }),
    'rateest-pps1': own(packets, { help: 'packets a second for it', ...OWN_WORDS }),
    'rateest-bps2': own(rate, {
      help: 'rate to compare with, or for the second one',
      ...OWN_WORDS,
      alias: 'rateest-bps',
    }),
    'rateest-pps2': own(packets, {
      help: 'packets a second to compare with, or for the second one',
      ...OWN_WORDS,
      alias: 'rateest-pps',
    }),
    'rateest-delta': own(delta, {
      help: 'how much the given rates are above the estimators',
      ...OWN_WORDS,
    }),
    'rateest-lt': own(operator, { help: 'the first is less', invert: true, twice: TWO_OPERATORS }),
    'rateest-gt': own(operator, { help: 'the first is greater', invert: true, twice: TWO_OPERATORS }),
    'rateest-eq': own(operator, { help: 'they are equal', invert: true, twice: TWO_OPERATORS }),
  },
  check(given): Checked {
    const pair = (first: Given<number> | undefined, second: Given<number> | undefined): Pair | undefined =>
      (first ?? second) && [first?.value ?? 0, second?.value ?? 0];
    const bps = pair(given['rateest-bps1'], given['rateest-bps2']);
    const pps = pair(given['rateest-pps1'], given['rateest-pps2']);
    // The last one counts, and is inverted when any of them is.
    const ops = OPERATORS.map((op) => ({ op, at: given[`rateest-${op}`] })).filter(({ at }) => at);
    const last = ops.sort((a, b) => b.at!.span.start - a.at!.span.start)[0];
    const second = given.rateest2?.value;
    return {
      first: given.rateest1?.value ?? '',
      ...(second !== undefined && { second }),
      delta: given['rateest-delta'] !== undefined,
      ...(last && { op: last.op }),
      inverted: ops.some(({ at }) => at!.inverted),
      ...(bps && { bps }),
      ...(pps && { pps }),
    };
  },
  save(c) {
    const op = operatorText(c, '--rateest-');
    const compared = (unit: 'bps' | 'pps', pair: Pair | undefined, print: (value: number) => string) => {
      if (!pair) return '';
      if (c.delta) return `--rateest-${unit}1 ${print(pair[0])} ${op} --rateest-${unit}2 ${print(pair[1])}`;
      return `${op} --rateest-${unit}${c.second === undefined ? ` ${print(pair[1])}` : ''}`;
    };
    return words(
      c.delta && '--rateest-delta',
      `--rateest${c.second === undefined ? '' : '1'} ${c.first}`,
      compared('bps', c.bps, printRate),
      compared('pps', c.pps, packets.print),
      c.second !== undefined && `--rateest2 ${c.second}`,
    );
  },
  list(c, { numeric }) {
    const op = operatorText(c, '');
    const bits = (octets: number): string => (numeric ? `${octets}` : printRate(octets));
    const { bps, pps, delta: differs } = c;
    const head = words('rateest match', c.first, differs && 'delta');
    if (c.second !== undefined) {
      const side = (end: 0 | 1): string =>
        words(bps && `bps${differs ? ` ${bits(bps[end])}` : ''}`, pps && `pps${differs ? ` ${pps[end]}` : ''}`);
      return words(head, side(0), op, c.second, side(1));
    }
    return words(
      head,
      bps && words('bps', differs && bits(bps[0]), bits(bps[1]), op),
      pps && words('pps', differs && `${pps[0]}`, op, `${pps[1]}`),
    );
  },
  compile(c, { shared }) {
    const find = (wanted: string): RateEstimator =>
      shared(
        estimatorKey(wanted),
        () => {
          throw new RuleError(`rateest: there is no estimator "${wanted}"`, undefined, '-j RATEEST makes one', 1);
        },
        'both',
      );
    const first = find(c.first);
    const second = c.second === undefined ? undefined : find(c.second);
    const tests: Predicate[] = [];
    if (c.bps) tests.push(comparison(c, c.bps, (one, now) => one.octetsPerSecond(now), first, second));
    if (c.pps) tests.push(comparison(c, c.pps, (one, now) => one.packetsPerSecond(now), first, second));
    return (pkt) => tests.every((test) => test(pkt)) !== c.inverted;
  },
});

const COMPARE: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  eq: (a, b) => a === b,
};

function comparison(
  c: Checked,
  [mine, other]: Pair,
  read: (one: RateEstimator, now: number) => number,
  first: RateEstimator,
  second: RateEstimator | undefined,
): Predicate {
  const compare = COMPARE[c.op!];
  const value = (one: RateEstimator, given: number, now: number): number =>
    c.delta ? Math.max(0, given - read(one, now)) : read(one, now);
  return ({ now }) => compare(value(first, mine, now), second ? value(second, other, now) : other);
}
