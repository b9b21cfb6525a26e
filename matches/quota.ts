import { defineMatch } from '../engine/extension.ts';
import { u64 } from '../grammar/values.ts';

export const quota = defineMatch({
  name: 'quota',
  families: [4, 6],
  summary: 'Matches until so many octets have passed.',
  kernel: 'net/netfilter/xt_quota.c quota_mt()',
  effect: 'stateful',
  options: { quota: u64({ help: 'octets', invert: true, required: true }) },
  check: ({ quota: { value, inverted } }) => ({ octets: value.toString(), inverted }),
  save: ({ octets, inverted }) => `${inverted ? '! ' : ''}--quota ${octets}`,
  list: ({ octets }) => `quota: ${octets} bytes`,
  compile({ octets, inverted }, context) {
    // Beyond 2^53 a number is not exact, but no such quota will be used up.
    const left = context.state(() => ({ octets: Number(octets) }));
    return (pkt) => {
      const length = pkt.end - pkt.l3;
      if (left.octets >= length) {
        left.octets -= length;
        return !inverted;
      }
      // Not even a smaller packet from now on.
      left.octets = 0;
      return inverted;
    };
  },
  saw: (_checked, pkt) => `${pkt.length} octets`,
});
