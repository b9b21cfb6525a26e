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
  /** By port. */
  private readonly mtus: Record<string, number>;
  /** Of the two: what is no longer is too long for none. */
  private leastMtu: number;
  private readonly cutter: Cutter;

  constructor(ports: readonly [string, string], mtu: number, random: Random) {
    this.ports = ports;
    this.mtus = Object.fromEntries(ports.map((port) => [port, mtu]));
    this.leastMtu = mtu;
    this.cutter = new Cutter(random);
    this.routes = {
      type: typeWithoutRoutes,
      lookup: () => undefined,
      sourceFor: () => undefined,
      addressesOf: () => [],
      mtu: (device) => this.mtus[device] ?? 0,
    };
  }

  /** The port that a packet from `device` leaves by; undefined: `device` is none. */
  otherPort(device: string): string | undefined {
    const [one, other] = this.ports;
    if (device === one) return other;
    return device === other ? one : undefined;
  }

  /** The MTU of a port is another one from now on. */
  setMtu(port: string, mtu: number): void {
    if (!this.ports.includes(port)) return;
    this.mtus[port] = mtu;
    this.leastMtu = Math.min(...this.ports.map((each) => this.mtus[each]));
  }

  emit(pkt: Packet, transmit: Transmit): Emitted {
    if (pkt.fragments === undefined && pkt.end - pkt.l3 <= this.leastMtu) return 'whole';
    const mtu = this.mtus[pkt.outDevice];
    if (pkt.fragments !== undefined) {
      const result = this.cutter.cut(pkt, mtu, false, transmit);
      if (result === 'whole' || result === 'cut') return result;
    } else if (pkt.gsoSize > 0 ? segmentsFit(pkt, mtu) : pkt.end - pkt.l3 <= mtu) {
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
