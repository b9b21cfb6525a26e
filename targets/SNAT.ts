import { type NatRange, SOURCE } from '../conntrack/nat/range.ts';
import { defineTarget } from '../engine/extension.ts';
import { ACCEPT } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { parseNatRange, printNatRange, rangeOf } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const range = {
  words: 1 as const,
  metavar: '[address[-address]][:port[-port]]',
  parse: ([word]: readonly string[], scope: ValueScope) => parseNatRange(word, 'forgotten', scope),
  print: printNatRange,
};

export const SNAT = defineTarget({
  name: 'SNAT',
  families: [4, 6],
  summary: 'Gives the connection another source address or port.',
  kernel: 'net/netfilter/xt_nat.c xt_snat_target_v1()',
  options: {
    'to-source': own(range, { help: 'source to translate to', required: true }),
    random: flag({ help: 'choose the port at random' }),
    'random-fully': flag({ help: 'choose the port at random, harder to guess' }),
    persistent: flag({ help: 'the same address for the same client' }),
  },
  check: (options) => ({
    range: options['to-source'].value,
    random: options.random !== undefined,
    randomFully: options['random-fully'] !== undefined,
    persistent: options.persistent !== undefined,
  }),
  save: (c) =>
    words(
      `--to-source ${printNatRange(c.range)}`,
      c.random && '--random',
      c.randomFully && '--random-fully',
      c.persistent && '--persistent',
    ),
  list: (c) =>
    words(
      `to:${printNatRange(c.range)}`,
      c.random && 'random',
      c.randomFully && 'random-fully',
      c.persistent && 'persistent',
    ),
  placement: { tables: ['nat'], hooks: ['INPUT', 'POSTROUTING'] },
  needsTracking: true,
  compile(checked, { family, services }) {
    // Made for the first packet: of kube-proxy's thousands of rules most see none for long.
    let range: NatRange | undefined;
    const { nat } = services.tracker;
    return (pkt) => {
      range ??= rangeOf(checked.range, checked, family);
      nat.map(pkt, SOURCE, range);
      return ACCEPT;
    };
  },
});
