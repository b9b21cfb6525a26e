import { defineMatch } from '../engine/extension.ts';
import { u32Range } from '../grammar/values.ts';
import { u32 } from '../packet/bytes.ts';
import { IPPROTO_ESP } from '../packet/numbers.ts';
import { listSpis, saveSpis, spiRange, spiTest } from './shared/spi.ts';
import { words } from './shared/text.ts';

// RFC 4303 2: SPI and sequence number stand in the clear.
const LENGTH = 8;

export const esp = defineMatch({
  name: 'esp',
  families: [4, 6],
  summary: 'SPI of an encapsulating security payload.',
  kernel: 'net/netfilter/xt_esp.c esp_mt()',
  placement: { protocols: [IPPROTO_ESP] },
  effect: 'pure',
  options: { espspi: u32Range({ help: 'security parameters index, or MIN:MAX', invert: true }) },
  check: (given) => spiRange(given.espspi),
  save: (spi) => saveSpis('espspi', spi),
  list: ({ range, inverted }) => words('esp', listSpis('spi', range, inverted)),
  compile(spi) {
    const wanted = spiTest(spi);
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      if (pkt.l4 + LENGTH > pkt.end) return pkt.hotDrop('ESP cut short');
      return wanted(u32(pkt.bytes, pkt.l4));
    };
  },
  saw: (_checked, pkt) => (pkt.l4 + LENGTH > pkt.end ? 'ESP cut short' : `spi ${u32(pkt.bytes, pkt.l4)}`),
});
