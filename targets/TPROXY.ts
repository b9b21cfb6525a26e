import { defineTarget } from '../engine/extension.ts';
import { ACCEPT, DROP } from '../engine/verdict.ts';
import { address, hex, mark, port } from '../grammar/values.ts';
import { addressAt, parseAddress } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../packet/numbers.ts';
import * as udp from '../packet/udp.ts';

const UNSPECIFIED = { 4: '0.0.0.0', 6: '::' } as const;

export const TPROXY = defineTarget({
  name: 'TPROXY',
  families: [4, 6],
  summary:
    'Gives the packet, as it is, to a transparent socket of the router, and marks it; without such a socket it is dropped. Where a marked packet goes is for the routes to say.',
  supplied: 'Inline: the sockets that the configuration tells of; none when it tells of none.',
  kernel: 'net/netfilter/xt_TPROXY.c tproxy_tg4(), tproxy_tg6_v1()',
  gathers: true,
  options: {
    'on-port': port({ help: 'port of the socket; 0: the one that the packet is for', required: true }),
    'on-ip': address({ help: 'address of the socket, instead of that of the device the packet came in by' }),
    'tproxy-mark': mark({ help: 'clear the bits of MASK in the packet mark, then XOR with VALUE' }),
  },
  check: (options, { family }) => ({
    port: options['on-port'].value,
    address: options['on-ip']?.value ?? UNSPECIFIED[family],
    mark: options['tproxy-mark']?.value ?? { value: 0, mask: 0 },
  }),
  save: (checked) =>
    `--on-port ${checked.port} --on-ip ${checked.address} --tproxy-mark ${hex(checked.mark.value)}/${hex(checked.mark.mask)}`,
  list: (checked) =>
    `TPROXY redirect ${checked.address}:${checked.port} mark ${hex(checked.mark.value)}/${hex(checked.mark.mask)}`,
  placement: { tables: ['mangle'], hooks: ['PREROUTING'], protocols: [IPPROTO_TCP, IPPROTO_UDP] },
  compile(checked, { family, services }) {
    const { value, mask } = checked.mark;
    const given = checked.address === UNSPECIFIED[family] ? undefined : parseAddress(checked.address, family);
    const destinationAt = family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT;
    return (pkt) => {
      const { bytes, l4, end } = pkt;
      if (!services.transparentSocket || pkt.protocol < 0 || !udp.fits(bytes, l4, end)) return DROP;
      const towards = addressAt(bytes, pkt.l3 + destinationAt, family);
      const local = given ?? services.routes.sourceFor(pkt.inDevice, family, towards) ?? towards;
      if (!services.transparentSocket(pkt, local, checked.port || udp.destinationPort(bytes, l4))) return DROP;
      pkt.mark = ((pkt.mark & ~mask) ^ value) >>> 0;
      return ACCEPT;
    };
  },
});
