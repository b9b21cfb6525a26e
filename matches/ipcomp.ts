import { defineMatch } from '../engine/extension.ts';
import { flag, printRange, u32Range } from '../grammar/values.ts';
import { u16 } from '../packet/bytes.ts';
import { IPPROTO_COMP } from '../packet/numbers.ts';
import { isAnySpi, listSpis, spiRange, spiTest } from './shared/spi.ts';
import { option } from './shared/text.ts';

// RFC 3173 3.3: | nextHeader | flags | CPI(16) |
const LENGTH = 4;
const CPI_AT = 2;

export const ipcomp = defineMatch({
  name: 'ipcomp',
  families: [4, 6],
  summary: 'Compression parameter index of an IPComp header.',
  kernel: 'net/netfilter/xt_ipcomp.c comp_mt()',
  placement: { protocols: [IPPROTO_COMP] },
  effect: 'pure',
  options: {
    ipcompspi: u32Range({ help: 'compression parameter index, or MIN:MAX', invert: true }),
    compres: flag({ help: 'kept and printed; has no effect' }),
  },
  // Without an index the match asks for 0: userspace leaves its zeroed structure as it is.
  check: (given) => ({ ...spiRange(given.ipcompspi, [0, 0]), reserved: given.compres !== undefined }),
  save: ({ range, inverted, reserved }) =>
    `${isAnySpi(range) ? '' : option('ipcompspi', printRange(range), inverted)}${reserved ? ' --compres' : ''}`.trim(),
  list: ({ range, inverted, reserved }) => `comp ${listSpis('spi', range, inverted)}${reserved ? ' reserved' : ''}`,
  compile(checked) {
    const wanted = spiTest(checked);
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      if (pkt.l4 + LENGTH > pkt.end) return pkt.hotDrop('IPComp header cut short');
      return wanted(u16(pkt.bytes, pkt.l4 + CPI_AT));
    };
  },
  saw: (_checked, pkt) =>
    pkt.l4 + LENGTH > pkt.end ? 'IPComp header cut short' : `cpi ${u16(pkt.bytes, pkt.l4 + CPI_AT)}`,
});
