import type { FlowCounts } from '../conntrack/accounting.ts';
import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { oneOf, own, scanWide } from '../grammar/values.ts';

const LARGEST = 0xffff_ffff_ffff_ffffn;

/** In decimal: 64 bits. */
type Limits = readonly [low: string, high: string];

const limits = {
  words: 1 as const,
  metavar: 'from[:to]',
  parse([word]: readonly string[], scope: ValueScope): Limits {
    const [low, high = LARGEST] = scanWide(word, 2, LARGEST, scope);
    if (high < low) scope.fail(`${low} should be less than ${high}`);
    return [low.toString(), high.toString()];
  },
  /** An upper limit of 0 is lost, as the real tool loses it. */
  print: ([low, high]: Limits): string => (BigInt(high) === LARGEST || BigInt(high) === 0n ? low : `${low}:${high}`),
};

const ask = { packets: 'packets', bytes: 'bytes', avgpkt: 'avgpkt' } as const;
const directions = { original: 'original', reply: 'reply', both: 'both' } as const;

interface Checked {
  readonly limits: Limits;
  readonly inverted: boolean;
  readonly mode: keyof typeof ask;
  readonly direction: keyof typeof directions;
}

export const connbytes = defineMatch({
  name: 'connbytes',
  families: [4, 6],
  summary: 'How much the connection has transferred.',
  kernel: 'net/netfilter/xt_connbytes.c connbytes_mt()',
  needsTracking: true,
  wantsAccounting: true,
  effect: 'stateful',
  options: {
    connbytes: own(limits, { help: 'at least so much, or from one to the other', invert: true, required: true }),
    'connbytes-dir': oneOf(
      directions,
      (word) => `Unknown --connbytes-dir \`${word}'`,
    )({ help: 'who has sent it', required: true }),
    'connbytes-mode': oneOf(
      ask,
      (word) => `Unknown --connbytes-mode \`${word}'`,
    )({ help: 'packets, octets, or octets a packet on average', required: true }),
  },
  check: ({ connbytes: given, 'connbytes-dir': direction, 'connbytes-mode': mode }): Checked => ({
    limits: given.value,
    // Kept as limits the wrong way round, so that of a single number there is no "not".
    inverted: given.inverted && given.value[0] !== given.value[1],
    mode: mode.value,
    direction: direction.value,
  }),
  save: ({ limits: given, inverted, mode, direction }) =>
    `${inverted ? '! ' : ''}--connbytes ${limits.print(given)} --connbytes-mode ${mode} --connbytes-dir ${direction}`,
  list: ({ limits: given, inverted, mode, direction }) =>
    `${inverted ? '! ' : ''}connbytes ${limits.print(given)} connbytes mode ${mode} connbytes direction ${direction}`,
  compile({ limits: [from, to], inverted, mode, direction }, { services: { tracker } }) {
    const { accounting } = tracker;
    const measure = MEASURES[mode](accounting, direction);
    const [low, high] = [Number(from), Number(to)];
    return ({ connection }) => {
      if (connection < 0 || accounting.packets(connection, 0) < 0) return false;
      const amount = measure(connection);
      return (low <= amount && amount <= high) !== inverted;
    };
  },
  saw({ mode, direction }, { connection }, { tracker: { accounting } }) {
    if (connection < 0) return 'no connection';
    if (accounting.packets(connection, 0) < 0) return 'a connection that is not counted';
    return `${mode} ${MEASURES[mode](accounting, direction)(connection)}`;
  },
});

type Count = (id: number) => number;

/** Of one direction, or of both together. */
const inDirection = (one: (id: number, direction: number) => number, direction: Checked['direction']): Count => {
  if (direction === 'both') return (id) => one(id, 0) + one(id, 1);
  const only = direction === 'original' ? 0 : 1;
  return (id) => one(id, only);
};

const packets = (counts: FlowCounts, direction: Checked['direction']): Count =>
  inDirection((id, way) => counts.packets(id, way), direction);
const octets = (counts: FlowCounts, direction: Checked['direction']): Count =>
  inDirection((id, way) => counts.octets(id, way), direction);

const MEASURES: Record<Checked['mode'], (counts: FlowCounts, direction: Checked['direction']) => Count> = {
  packets,
  bytes: octets,
  avgpkt(counts, direction) {
    const [many, much] = [packets(counts, direction), octets(counts, direction)];
    return (id) => {
      const divisor = many(id);
      return divisor === 0 ? 0 : Math.floor(much(id) / divisor);
    };
  },
};
