import { defineMatch } from '../engine/extension.ts';
import { listMark, type MarkChecked, markOptions, saveMark } from './shared/mark.ts';
import { masked32 } from './shared/ranges.ts';

export const mark = defineMatch({
  name: 'mark',
  families: [4, 6],
  summary: 'Mark of the packet.',
  kernel: 'net/netfilter/xt_mark.c mark_mt()',
  effect: 'pure',
  options: markOptions,
  check: ({ mark }): MarkChecked => ({ ...mark.value, inverted: mark.inverted }),
  save: saveMark,
  list: (checked) => listMark('mark match', checked),
  compile:
    ({ value, mask, inverted }) =>
    (pkt) =>
      ((pkt.mark & mask) >>> 0 === value) !== inverted,
  constrain({ value, mask, inverted }) {
    const ranges = masked32(mask, value, inverted);
    return ranges && { mark: ranges };
  },
  saw: (_checked, pkt) => `mark 0x${pkt.mark.toString(16)}`,
});
