import { defineMatch } from '../engine/extension.ts';
import { u16Range } from '../grammar/values.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import * as tcp from '../packet/tcp.ts';
import { bang, option } from './shared/text.ts';
import { transportAt } from './shared/transport.ts';

const mss = u16Range({ help: 'MSS, or MIN:MAX inclusive', invert: true, required: true });

export const tcpmss = defineMatch({
  name: 'tcpmss',
  families: [4, 6],
  summary: 'MSS option of a TCP SYN or SYN/ACK.',
  kernel: 'net/netfilter/xt_tcpmss.c tcpmss_mt()',
  placement: { protocols: [IPPROTO_TCP] },
  effect: 'pure',
  options: { mss },
  check({ mss: { value, inverted } }, scope) {
    if (value[0] > value[1]) scope.fail('tcpmss: invalid range given', undefined, `write ${value[1]}:${value[0]}`);
    return { range: value, inverted };
  },
  save: ({ range, inverted }) => option('mss', mss.print(range), inverted),
  list: ({ range, inverted }) => `tcpmss match ${bang(inverted)}${mss.print(range)}`,
  compile({ range: [min, max], inverted }, { family }) {
    const transport = transportAt(family);
    return (pkt) => {
      const at = transport(pkt);
      // A header cut short is dropped, not "no match": it must not slip through to a later ACCEPT.
      if (!tcp.whole(pkt.bytes, at, pkt.end)) return pkt.hotDrop('TCP header cut short');
      const found = tcp.mss(pkt.bytes, at, pkt.end);
      return found === undefined ? inverted : (min <= found && found <= max) !== inverted;
    };
  },
  saw(_checked, pkt) {
    if (!tcp.whole(pkt.bytes, pkt.l4, pkt.end)) return 'TCP header cut short';
    const found = tcp.mss(pkt.bytes, pkt.l4, pkt.end);
    return found === undefined ? 'no MSS option' : `mss ${found}`;
  },
});
