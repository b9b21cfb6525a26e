import { defineMatch } from '../engine/extension.ts';
import { toHex, u16 } from '../packet/bytes.ts';
import { SOURCE_AT } from '../packet/ipv6.ts';

const ETH_HLEN = 14;
const ETH_SOURCE_AT = 6;
const ETH_TYPE_AT = 12;
const ETH_P_IPV6 = 0x86dd;
/** The interface identifier: the last eight octets of the address. */
const IDENTIFIER_AT = SOURCE_AT + 8;

export const eui64 = defineMatch({
  name: 'eui64',
  families: [6],
  summary: 'The source address was made from the Ethernet source address (RFC 4291 appendix A).',
  supplied:
    'TUN devices have no link layer, so inline no packet has such an address. In tests the header that a packet is given.',
  kernel: 'net/ipv6/netfilter/ip6t_eui64.c eui64_mt6()',
  placement: { hooks: ['PREROUTING', 'INPUT', 'FORWARD'] },
  effect: 'pure',
  options: {},
  check: () => ({}),
  save: () => '',
  list: () => 'eui64 ',
  listedWithoutBlank: true,
  compile: () => (pkt) => {
    const frame = pkt.linkHeader;
    if (frame === undefined || frame.length < ETH_HLEN || u16(frame, ETH_TYPE_AT) !== ETH_P_IPV6) return false;
    const { bytes } = pkt;
    const at = pkt.l3 + IDENTIFIER_AT;
    // The universal/local bit is turned over, ff:fe stands in the middle.
    return (
      bytes[at] === (frame[ETH_SOURCE_AT] ^ 2) &&
      bytes[at + 1] === frame[ETH_SOURCE_AT + 1] &&
      bytes[at + 2] === frame[ETH_SOURCE_AT + 2] &&
      bytes[at + 3] === 0xff &&
      bytes[at + 4] === 0xfe &&
      bytes[at + 5] === frame[ETH_SOURCE_AT + 3] &&
      bytes[at + 6] === frame[ETH_SOURCE_AT + 4] &&
      bytes[at + 7] === frame[ETH_SOURCE_AT + 5]
    );
  },
  saw: (_checked, pkt) =>
    pkt.linkHeader === undefined
      ? 'no Ethernet header'
      : `identifier ${toHex(pkt.bytes, pkt.l3 + IDENTIFIER_AT, pkt.l3 + IDENTIFIER_AT + 8)}`,
});
