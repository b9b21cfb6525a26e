import { defineMatch } from '../engine/extension.ts';
import { type NumberRange, portRange } from '../grammar/values.ts';
import { IPPROTO_UDP } from '../packet/numbers.ts';
import * as udpHeader from '../packet/udp.ts';
import { ANY_PORT, listPorts, savePorts } from './shared/ports.ts';
import { within } from './shared/ranges.ts';
import { words } from './shared/text.ts';

interface Checked {
  readonly source: NumberRange;
  readonly sourceInverted: boolean;
  readonly destination: NumberRange;
  readonly destinationInverted: boolean;
}

export const udp = defineMatch({
  name: 'udp',
  families: [4, 6],
  summary: 'Ports of a UDP header.',
  kernel: 'net/netfilter/xt_tcpudp.c udp_mt()',
  placement: { protocols: [IPPROTO_UDP] },
  effect: 'pure',
  options: {
    'source-port': portRange({ help: 'source port or ports', invert: true, alias: 'sport' }),
    'destination-port': portRange({ help: 'destination port or ports', invert: true, alias: 'dport' }),
  },
  check: (given): Checked => ({
    source: given['source-port']?.value ?? ANY_PORT,
    sourceInverted: given['source-port']?.inverted ?? false,
    destination: given['destination-port']?.value ?? ANY_PORT,
    destinationInverted: given['destination-port']?.inverted ?? false,
  }),
  save: (c) =>
    words(savePorts('sport', c.source, c.sourceInverted), savePorts('dport', c.destination, c.destinationInverted)),
  list: (c, scope) =>
    words(
      'udp',
      listPorts('spt', c.source, c.sourceInverted, scope, 'udp'),
      listPorts('dpt', c.destination, c.destinationInverted, scope, 'udp'),
    ),
  compile({ source: [sourceLow, sourceHigh], sourceInverted, destination: [low, high], destinationInverted }) {
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      const { bytes, l4 } = pkt;
      if (!udpHeader.fits(bytes, l4, pkt.end)) return pkt.hotDrop('UDP header cut short');
      const source = udpHeader.sourcePort(bytes, l4);
      if ((sourceLow <= source && source <= sourceHigh) === sourceInverted) return false;
      const destination = udpHeader.destinationPort(bytes, l4);
      return (low <= destination && destination <= high) !== destinationInverted;
    };
  },
  constrain: (c) => ({
    sourcePort: within(c.source, c.sourceInverted, 0xffff),
    destinationPort: within(c.destination, c.destinationInverted, 0xffff),
  }),
  saw(_checked, pkt) {
    if (pkt.fragmentOffset !== 0) return 'later fragment';
    const { bytes, l4 } = pkt;
    if (!udpHeader.fits(bytes, l4, pkt.end)) return 'header cut short';
    return `sport ${udpHeader.sourcePort(bytes, l4)} dport ${udpHeader.destinationPort(bytes, l4)}`;
  },
});
