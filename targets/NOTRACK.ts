import { defineTarget } from '../engine/extension.ts';
import { setTemplate, UNTRACKED } from './shared/template.ts';

export const NOTRACK = defineTarget({
  name: 'NOTRACK',
  families: [4, 6],
  summary: 'Keeps the packet away from connection tracking; the same as -j CT --notrack.',
  kernel: 'net/netfilter/xt_CT.c notrack_tg()',
  listedAs: 'CT',
  options: {},
  check: () => ({}),
  save: () => '',
  list: () => 'NOTRACK',
  placement: { tables: ['raw'] },
  compile: () => setTemplate(UNTRACKED),
});
