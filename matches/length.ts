import { defineMatch } from '../engine/extension.ts';
import { u16Range } from '../grammar/values.ts';
import { within } from './shared/ranges.ts';
import { bang, option } from './shared/text.ts';

const octets = u16Range({ help: 'length in octets, or MIN:MAX', invert: true, required: true });

export const length = defineMatch({
  name: 'length',
  families: [4, 6],
  summary: 'Length of the packet, IP header included.',
  kernel: 'net/netfilter/xt_length.c length_mt(), length_mt6()',
  effect: 'pure',
  options: { length: octets },
  check: ({ length: { value, inverted } }) => ({ range: value, inverted }),
  save: ({ range, inverted }) => option('length', octets.print(range), inverted),
  list: ({ range, inverted }) => `length ${bang(inverted)}${octets.print(range)}`,
  compile:
    ({ range: [min, max], inverted }) =>
    (pkt) => {
      const total = pkt.end - pkt.l3;
      return (min <= total && total <= max) !== inverted;
    },
  // An IPv6 packet may have up to 40 + 65,535 octets, which no range reaches.
  constrain: ({ range, inverted }) => ({ length: within(range, inverted, 40 + 0xffff) }),
  saw: (_checked, pkt) => `length ${pkt.length}`,
});
