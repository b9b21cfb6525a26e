import { DESTINATION, type NatRange } from '../conntrack/nat/range.ts';
import { defineTarget } from '../engine/extension.ts';
import { ACCEPT } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { parseNatRange, printNatRange, rangeOf } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const range = {
  words: 1 as const,
  metavar: '[address[-address]][:port[-port[/base]]]',
  parse: ([word]: readonly string[], scope: ValueScope) => parseNatRange(word, 'kept', scope),
  print: printNatRange,
};

export const DNAT = defineTarget({
  name: 'DNAT',
  families: [4, 6],
  summary: 'Gives the connection another destination address or port.',
  kernel: 'net/netfilter/xt_nat.c xt_dnat_target_v2()',
  options: {
    'to-destination': own(range, { help: 'destination to translate to', required: true }),
    random: flag({ help: 'choose the port at random' }),
    persistent: flag({ help: 'the same address for the same client' }),
  },
  check: (options) => ({
    range: options['to-destination'].value,
    random: options.random !== undefined,
    persistent: options.persistent !== undefined,
  }),
  save: (c) =>
    words(`--to-destination ${printNatRange(c.range)}`, c.random && '--random', c.persistent && '--persistent'),
  list: (c) => words(`to:${printNatRange(c.range)}`, c.random && 'random', c.persistent && 'persistent'),
  placement: { tables: ['nat'], hooks: ['PREROUTING', 'OUTPUT'] },
  needsTracking: true,
  compile(checked, { family, services }) {
    // Made for the first packet: of kube-proxy's thousands of rules most see none for long.
    let range: NatRange | undefined;
    const { nat } = services.tracker;
    return (pkt) => {
      range ??= rangeOf(checked.range, checked, family);
      nat.map(pkt, DESTINATION, range);
      return ACCEPT;
    };
  },
});
