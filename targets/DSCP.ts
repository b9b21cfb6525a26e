import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own, u8 } from '../grammar/values.ts';
import { DSCP_CLASSES } from '../packet/traffic-class.ts';
import { TRAFFIC_CLASS } from './shared/traffic-class.ts';

const dscpClass = {
  words: 1 as const,
  metavar: 'class',
  choices: { words: () => Object.keys(DSCP_CLASSES) },
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    DSCP_CLASSES[word.toUpperCase()] ??
    scope.fail(`Invalid DSCP value \`${word}'`, `one of: ${Object.keys(DSCP_CLASSES).join(', ')}`),
  print: hexPair,
};

function hexPair(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

export const DSCP = defineTarget({
  name: 'DSCP',
  families: [4, 6],
  summary: 'Sets the six DSCP bits and leaves the two ECN bits as they are.',
  kernel: 'net/netfilter/xt_DSCP.c dscp_tg()',
  options: {
    'set-dscp': u8({ help: 'set the DSCP field to VALUE', max: 63, excludes: ['set-dscp-class'] }),
    'set-dscp-class': own(dscpClass, { help: 'set it to that of a DiffServ class', excludes: ['set-dscp'] }),
  },
  check(options, scope) {
    const used = options['set-dscp'] ?? options['set-dscp-class'];
    return used ? { dscp: used.value } : scope.fail('DSCP target: Parameter --set-dscp is required');
  },
  save: ({ dscp }) => `--set-dscp ${hexPair(dscp)}`,
  list: ({ dscp }) => `DSCP set ${hexPair(dscp)}`,
  placement: { tables: ['mangle'] },
  compile({ dscp }, { family }) {
    const { get, set } = TRAFFIC_CLASS[family];
    return (pkt) => {
      const old = get(pkt.bytes, pkt.l3);
      if (old >>> 2 !== dscp) set(pkt.bytes, pkt.l3, (dscp << 2) | (old & 3));
      return CONTINUE;
    };
  },
});
