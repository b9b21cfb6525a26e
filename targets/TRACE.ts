import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';

export const TRACE = defineTarget({
  name: 'TRACE',
  families: [4, 6],
  summary: 'Has every rule that the packet meets from here on reported.',
  kernel: 'net/netfilter/xt_TRACE.c trace_tg()',
  options: {},
  check: () => ({}),
  save: () => '',
  list: () => '',
  placement: { tables: ['raw'] },
  traces: true,
  compile: () => (pkt) => {
    pkt.traced = true;
    return CONTINUE;
  },
});
