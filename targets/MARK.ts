import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { listXmark, saveXmark, toXmark, xmarkOptions } from './shared/xmark.ts';

export const MARK = defineTarget({
  name: 'MARK',
  families: [4, 6],
  summary: 'Sets the mark of the packet, or some bits of it.',
  kernel: 'net/netfilter/xt_mark.c mark_tg()',
  options: xmarkOptions('the packet mark'),
  check(options, scope) {
    const used = Object.values(options).find((given) => given !== undefined);
    return used
      ? toXmark(used)
      : scope.fail('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required');
  },
  save: saveXmark,
  list: (checked) => `MARK ${listXmark(checked)}`,
  compile({ value, mask }) {
    const keep = ~mask;
    return (pkt) => {
      pkt.mark = ((pkt.mark & keep) ^ value) >>> 0;
      return CONTINUE;
    };
  },
});
