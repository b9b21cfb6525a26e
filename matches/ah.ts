import { defineMatch, type Predicate } from '../engine/extension.ts';
import { flag, u32, u32Range } from '../grammar/values.ts';
import { u32 as readU32, u16 } from '../packet/bytes.ts';
import { IPPROTO_AH } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { BROKEN, findHeader, headerLength, LONGER, NOT_FOUND } from './shared/ext-headers.ts';
import { listSpis, type SpiRange, saveSpis, spiRange, spiTest } from './shared/spi.ts';
import { bang, option, words } from './shared/text.ts';

// Authentication header, RFC 4302 2:
//   at+0         at+1     at+2       at+4   at+8
//   | nextHeader | length | reserved | SPI | sequence | integrity check value ...
// IPv4 has it as a protocol (`-p ah`), IPv6 as one of the extension headers; so these are two matches of one name.
const LENGTH = 12;
const RESERVED_AT = 2;
const SPI_AT = 4;
const KERNEL_4 = 'net/ipv4/netfilter/ipt_ah.c ah_mt()';
const KERNEL_6 = 'net/ipv6/netfilter/ip6t_ah.c ah_mt6()';
const ahspi = { help: 'security parameters index, or MIN:MAX', invert: true } as const;

// The list text of both ends in what the SPI left, so without one in a blank.
const listAh = ({ range, inverted }: SpiRange): string => `ah ${listSpis('spi', range, inverted)}`;

export const ah4 = defineMatch({
  name: 'ah',
  families: [4],
  summary: 'SPI of the IPsec authentication header.',
  kernel: KERNEL_4,
  placement: { protocols: [IPPROTO_AH] },
  effect: 'pure',
  options: { ahspi: u32Range(ahspi) },
  check: (given) => spiRange(given.ahspi),
  save: (spi) => saveSpis('ahspi', spi),
  list: listAh,
  compile(spi): Predicate {
    const wanted = spiTest(spi);
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      if (pkt.l4 + LENGTH > pkt.end) return pkt.hotDrop('AH cut short');
      return wanted(readU32(pkt.bytes, pkt.l4 + SPI_AT));
    };
  },
  saw: (_checked, pkt) => (pkt.l4 + LENGTH > pkt.end ? 'AH cut short' : `spi ${readU32(pkt.bytes, pkt.l4 + SPI_AT)}`),
});

interface Checked {
  readonly spi: SpiRange;
  /** Octets of the whole header; 0 asks nothing. */
  readonly length: number;
  readonly lengthInverted: boolean;
  readonly reserved: boolean;
}

export const ah6 = defineMatch({
  name: 'ah',
  families: [6],
  summary: 'Fields of the IPsec authentication header.',
  kernel: KERNEL_6,
  effect: 'pure',
  options: {
    ahspi: u32Range(ahspi),
    ahlen: u32({ help: 'octets of the whole header', invert: true }),
    ahres: flag({ help: 'the reserved field is zero' }),
  },
  check: (given): Checked => ({
    spi: spiRange(given.ahspi),
    length: given.ahlen?.value ?? 0,
    lengthInverted: given.ahlen?.inverted ?? false,
    reserved: given.ahres !== undefined,
  }),
  save: ({ spi, length, lengthInverted, reserved }) =>
    words(
      saveSpis('ahspi', spi),
      (length !== 0 || lengthInverted) && option('ahlen', length, lengthInverted),
      reserved && '--ahres',
    ),
  // No blank between SPI and length, as the tool prints it.
  list({ spi, length, lengthInverted, reserved }) {
    const octets = length !== 0 || lengthInverted ? `length:${bang(lengthInverted)}${length}` : '';
    return `${listAh(spi)}${octets}${reserved ? ' reserved' : ''}`;
  },
  compile({ spi, length, lengthInverted, reserved }) {
    const wanted = spiTest(spi);
    return (pkt) => {
      const at = findHeader(pkt, IPPROTO_AH);
      if (at === NOT_FOUND) return false;
      if (cutShort(at, pkt)) return pkt.hotDrop('AH cut short');
      const { bytes } = pkt;
      const octets = headerLength(bytes, at, IPPROTO_AH);
      if (at + octets > pkt.end) return pkt.hotDrop(LONGER);
      if (!wanted(readU32(bytes, at + SPI_AT))) return false;
      if (length !== 0 && (octets === length) === lengthInverted) return false;
      return !reserved || u16(bytes, at + RESERVED_AT) === 0;
    };
  },
  saw(_checked, pkt) {
    const at = findHeader(pkt, IPPROTO_AH);
    if (at === NOT_FOUND) return 'no AH';
    return cutShort(at, pkt)
      ? 'AH cut short'
      : `spi ${readU32(pkt.bytes, at + SPI_AT)} length ${headerLength(pkt.bytes, at, IPPROTO_AH)}`;
  },
});

const cutShort = (at: number, pkt: Packet): boolean => at === BROKEN || at + LENGTH > pkt.end;
