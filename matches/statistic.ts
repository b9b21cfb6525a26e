import { defineMatch } from '../engine/extension.ts';
import type { GivenOptions, RuleScope, ValueScope } from '../grammar/options.ts';
import { own, u32 } from '../grammar/values.ts';

const MODES = ['random', 'nth'] as const;
type Mode = (typeof MODES)[number];
/** A probability is kept as a part of 2^31. */
const WHOLE = 2 ** 31;

const mode = {
  words: 1 as const,
  metavar: 'random|nth',
  parse: ([word]: readonly string[], scope: ValueScope): Mode =>
    MODES.find((name) => name === word) ?? scope.fail(`Bad mode "${word}"`, 'random or nth'),
  print: (value: Mode): string => value,
};

const probability = {
  words: 1 as const,
  metavar: 'p',
  parse([word]: readonly string[], scope: ValueScope): number {
    const value = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(word) ? Number(word) : Number.NaN;
    if (!(value >= 0 && value <= 1)) scope.outOfRange(0, 1);
    return Math.round(value * WHOLE);
  },
  print: (parts: number): string => (parts / WHOLE).toFixed(11),
};

const options = {
  mode: own(mode, { help: 'random, or every nth packet' }),
  probability: own(probability, { help: 'random: from 0 to 1', invert: true }),
  every: u32({ help: 'nth: one of so many packets', invert: true, min: 1 }),
  packet: u32({ help: 'nth: where the count begins' }),
};

type Checked =
  | { readonly mode: 'random'; readonly parts: number; readonly inverted: boolean }
  | { readonly mode: 'nth'; readonly every: number; readonly packet: number; readonly inverted: boolean };

const text = (checked: Checked, lead: string): string => {
  const not = checked.inverted ? '! ' : '';
  if (checked.mode === 'random') {
    return `${lead}mode random ${not}${lead}probability ${probability.print(checked.parts)}`;
  }
  // A count that begins with 0 is not listed, but saved.
  const begin = checked.packet !== 0 || lead !== '' ? ` ${lead}packet ${checked.packet}` : '';
  return `${lead}mode nth ${not}${lead}every ${checked.every}${begin}`;
};

export const statistic = defineMatch({
  name: 'statistic',
  families: [4, 6],
  summary: 'Matches at random, or every nth packet.',
  kernel: 'net/netfilter/xt_statistic.c statistic_mt()',
  effect: 'stateful',
  options,
  check,
  save: (checked) => text(checked, '--'),
  list: (checked) => `statistic ${text(checked, '')}`,
  compile(checked, context) {
    const { inverted } = checked;
    if (checked.mode === 'random') {
      const { random } = context.services;
      const { parts } = checked;
      return () => (random() & 0x7fff_ffff) < parts !== inverted;
    }
    // The first match is the packet of that number, counted from 0.
    const last = checked.every - 1;
    const counter = context.state(() => ({ count: last - checked.packet }));
    return () => {
      counter.count = counter.count === last ? 0 : counter.count + 1;
      return (counter.count === 0) !== inverted;
    };
  },
  saw: (checked) => (checked.mode === 'random' ? 'a die' : 'its counter'),
});

/** statistic_mt_fcheck() looks at the mode's options before the option table is asked; the table's part is here for that reason. */
function check(given: GivenOptions<typeof options>, scope: RuleScope): Checked {
  const { mode: chosen, probability: chance, every, packet } = given;
  const nth = chosen?.value === 'nth';
  if (!nth && !chance) scope.fail('--probability must be specified when using random mode');
  if (nth && !every && !packet) scope.fail('--every and --packet must be specified when using nth mode');
  // Userspace keeps the probability where the count is, so the one that was read last decides.
  const countIsLast = every && !(chance && chance.span.start > every.span.start);
  if (packet && packet.value > (countIsLast ? every.value - 1 : (chance?.value ?? 0))) {
    scope.fail('the --packet p must be 0 <= p <= n-1', packet);
  }
  if (!chosen) return scope.fail('statistic: option "--mode" must be specified');
  const against = chance && (every ?? packet);
  if (against)
    scope.fail(`statistic: option "--probability" cannot be used together with "--${against.name}".`, against);
  if (every && !packet) scope.fail('statistic: option "--every" also requires "--packet".', every);
  if (packet && !every) scope.fail('statistic: option "--packet" also requires "--every".', packet);
  if (!nth) return { mode: 'random', parts: chance!.value, inverted: chance!.inverted };
  return { mode: 'nth', every: every!.value, packet: packet!.value, inverted: every!.inverted };
}
