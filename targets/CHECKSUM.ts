import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { flag } from '../grammar/values.ts';
import { finishPartial } from '../packet/checksum.ts';

export const CHECKSUM = defineTarget({
  name: 'CHECKSUM',
  families: [4, 6],
  summary: 'Computes the transport checksum of a packet whose sender left it to the network card.',
  kernel: 'net/netfilter/xt_CHECKSUM.c checksum_tg()',
  options: { 'checksum-fill': flag({ help: 'fill in the checksum', required: true }) },
  check: () => ({ fill: true as const }),
  save: () => '--checksum-fill',
  list: () => 'CHECKSUM fill',
  placement: { tables: ['mangle'] },
  compile: () => (pkt) => {
    if (pkt.checksumPartial && pkt.gsoSize === 0) finishPartial(pkt);
    return CONTINUE;
  },
});
