import { addressWords, DESTINATION, type Manip, SOURCE } from '../conntrack/nat/range.ts';
import { defineTarget } from '../engine/extension.ts';
import { ACCEPT } from '../engine/verdict.ts';
import { OUTPUT, PREROUTING } from '../grammar/tables.ts';
import { addressMask, addressMaskBounds } from '../grammar/values.ts';
import { addressAt, formatAddress, parseAddress, prefixMask } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';

export const NETMAP = defineTarget({
  name: 'NETMAP',
  families: [4, 6],
  summary: 'Maps a network of addresses onto another one.',
  kernel: 'net/netfilter/xt_NETMAP.c netmap_tg4(), netmap_tg6()',
  options: { to: addressMask({ help: 'network to map to', required: true }) },
  check({ to: { value } }, { family }) {
    return { network: formatAddress(addressMaskBounds(value, family)[0], family), length: value.length };
  },
  save: ({ network, length }) => `--to ${network}/${length}`,
  list: ({ network, length }) => `to:${network}/${length}`,
  placement: { tables: ['nat'], hooks: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'] },
  needsTracking: true,
  compile({ network, length }, { family, services }) {
    const wanted = addressWords(parseAddress(network, family)!, family);
    const mask = addressWords(prefixMask(length, family), family);
    const { nat } = services.tracker;
    return (pkt) => {
      const manip = pkt.hook === PREROUTING || pkt.hook === OUTPUT ? DESTINATION : SOURCE;
      const words = addressOf(pkt, family, manip);
      for (let word = 0; word < 4; word++) words[word] = (words[word] & ~mask[word]) | (wanted[word] & mask[word]);
      nat.map(pkt, manip, { addresses: [words, words] });
      return ACCEPT;
    };
  },
});

function addressOf({ bytes, l3 }: Packet, family: Family, manip: Manip): Int32Array {
  const { SOURCE_AT, DESTINATION_AT } = family === 4 ? ipv4 : ipv6;
  return addressWords(addressAt(bytes, l3 + (manip === SOURCE ? SOURCE_AT : DESTINATION_AT), family), family);
}
