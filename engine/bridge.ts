// Bridge mode: two ports, no addresses, no routes. What comes in by one port leaves by the other, as long as it was, or in the
// pieces that it came in. net/bridge/br_netfilter_hooks.c br_nf_dev_queue_xmit(), net/bridge/br_forward.c

import { Cutter, segmentsFit, type Transmit } from '../conntrack/defrag/cut.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import type { Random, Routes } from './services.ts';
import type { Emitted } from './stack/types.ts';

export class Bridge {
  readonly routes: Routes;
  private readonly ports: readonly [string, string];
  private readonly mtu: number;
  private readonly cutter: Cutter;

  constructor(ports: readonly [string, string], mtu: number, random: Random) {
    this.ports = ports;
    this.mtu = mtu;
    this.cutter = new Cutter(random);
    this.routes = {
      type: typeWithoutRoutes,
      lookup: () => undefined,
      sourceFor: () => undefined,
      addressesOf: () => [],
      mtu: (device) => (ports.includes(device) ? mtu : 0),
    };
  }

  /** The port that a packet from `device` leaves by; undefined: `device` is none. */
  otherPort(device: string): string | undefined {
    const [one, other] = this.ports;
    if (device === one) return other;
    return device === other ? one : undefined;
  }

  emit(pkt: Packet, transmit: Transmit): Emitted {
    if (pkt.fragments !== undefined) {
      const result = this.cutter.cut(pkt, this.mtu, false, transmit);
      if (result === 'whole' || result === 'cut') return result;
    } else if (pkt.gsoSize > 0 ? segmentsFit(pkt, this.mtu) : pkt.end - pkt.l3 <= this.mtu) {
      return 'whole';
    }
    // A bridge tells nobody.
    pkt.reason = 'longer than the MTU of the port';
    return 'dropped';
  }
}

/** What addrtype sees on a machine that has no addresses and routes of its own. */
const typeWithoutRoutes: Routes['type'] = (address, family) => {
  if (isMulticast(address, family)) return 'MULTICAST';
  if (family === 4 && address.subarray(12).every((octet) => octet === 255)) return 'BROADCAST';
  return 'UNICAST';
};

const isMulticast = (address: Uint8Array, family: Family): boolean =>
  family === 4 ? address[12] >>> 4 === 14 : address[0] === 255;
