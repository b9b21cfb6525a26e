import { defineMatch } from '../engine/extension.ts';
import { mac as macKind } from '../grammar/values.ts';
import { fromHex, toHex } from '../packet/bytes.ts';
import { option } from './shared/text.ts';

const ETH_HLEN = 14;
const SOURCE_AT = 6;
const ETH_ALEN = 6;
const source = macKind({ help: 'source address of the frame', invert: true, required: true });

export const mac = defineMatch({
  name: 'mac',
  families: [4, 6],
  summary: 'Ethernet source address.',
  supplied:
    'TUN devices have no link layer, so inline no packet has such an address. In tests the header that a packet is given.',
  kernel: 'net/netfilter/xt_mac.c mac_mt()',
  placement: { hooks: ['PREROUTING', 'INPUT', 'FORWARD'] },
  effect: 'pure',
  options: { 'mac-source': source },
  check: (given) => ({ address: given['mac-source'].value, inverted: given['mac-source'].inverted }),
  save: ({ address, inverted }) => option('mac-source', address, inverted),
  list: ({ address, inverted }) => `MAC ${inverted ? '! ' : ''}${address}`,
  compile({ address, inverted }) {
    const wanted = fromHex(address)!;
    return (pkt) => {
      const frame = pkt.linkHeader;
      // A device without Ethernet header (TUN) has no source address: no match, inverted or not.
      if (frame === undefined || frame.length < ETH_HLEN) return false;
      for (let octet = 0; octet < ETH_ALEN; octet++) if (frame[SOURCE_AT + octet] !== wanted[octet]) return inverted;
      return !inverted;
    };
  },
  saw: (_checked, pkt) =>
    pkt.linkHeader === undefined
      ? 'no Ethernet header'
      : `source ${toHex(pkt.linkHeader, SOURCE_AT, SOURCE_AT + ETH_ALEN).replace(/..(?=.)/g, '$&:')}`,
});
