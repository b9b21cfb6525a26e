import { templateOf } from '../conntrack/template.ts';
import { defineMatch } from '../engine/extension.ts';
import { listMark, type MarkChecked, markOptions, saveMark } from './shared/mark.ts';

export const connmark = defineMatch({
  name: 'connmark',
  families: [4, 6],
  summary: 'Mark of the connection.',
  kernel: 'net/netfilter/xt_connmark.c connmark_mt()',
  needsTracking: true,
  effect: 'pure',
  options: markOptions,
  check: ({ mark }): MarkChecked => ({ ...mark.value, inverted: mark.inverted }),
  save: saveMark,
  list: (checked) => listMark(checked.inverted ? 'connmark match' : 'connmark match ', checked),
  compile({ value, mask, inverted }, { services }) {
    const { connections } = services.tracker;
    return (pkt) => {
      const found = pkt.connection !== -1 ? connections.mark(pkt.connection) : templateOf(pkt)?.mark;
      // Without a connection nothing matches, inverted or not.
      return found !== undefined && ((found & mask) >>> 0 === value) !== inverted;
    };
  },
  saw: (_checked, pkt, services) =>
    pkt.connection === -1
      ? 'no connection'
      : `connmark 0x${services.tracker.connections.mark(pkt.connection).toString(16)}`,
});
