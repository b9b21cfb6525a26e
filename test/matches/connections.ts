// One connection for rows: what conntrack, state and connmark ask a tracker for.

import type { Connections, Tracker } from '../../conntrack/tracker.ts';
import type { Services } from '../../engine/services.ts';
import { parseAddress } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { bareServices } from '../../testing/bare-services.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';

export interface Entry {
  readonly protocol?: number;
  readonly status?: number;
  readonly mark?: number;
  /** Source and destination of the original and of the reply direction. */
  readonly addresses?: readonly [string, string, string, string];
  readonly keys?: readonly [number, number, number, number];
  readonly timeLeft?: number;
  /** Helper of its master. */
  readonly master?: string;
  /** Labels that are set; left out: it has no room for any. */
  readonly labels?: readonly number[];
}

const ADDRESSES: Record<Family, readonly [string, string, string, string]> = {
  4: ['10.1.0.1', '10.2.0.1', '10.2.0.1', '10.9.0.1'],
  6: ['fd00:1::1', 'fd00:2::1', 'fd00:2::1', 'fd00:9::1'],
};

/** A packet that belongs to this connection. */
export function inConnection(
  packet: Uint8Array,
  ctState: number,
  entry: Entry,
  set?: (pkt: Packet) => void,
): PacketSetup {
  const family: Family = packet[0] >>> 4 === 4 ? 4 : 6;
  const addresses = (entry.addresses ?? ADDRESSES[family]).map((text) => parseAddress(text, family)!);
  const keys = entry.keys ?? [1024, 80, 80, 61024];
  const bare = bareServices().tracker;
  const connections: Connections = {
    ...bare.connections,
    family: () => family,
    protocol: () => entry.protocol ?? 17,
    status: () => entry.status ?? 0,
    mark: () => entry.mark ?? 0,
    sourceOctet: (_id, direction, index) => addresses[2 * direction][index],
    destinationOctet: (_id, direction, index) => addresses[2 * direction + 1][index],
    sourceKey: (_id, direction) => keys[2 * direction],
    destinationKey: (_id, direction) => keys[2 * direction + 1],
    timeLeft: () => entry.timeLeft ?? 30_000,
    hasLabel: (_id, bit) => entry.labels?.includes(bit) ?? false,
    setLabel: () => entry.labels !== undefined,
  };
  const tracker: Tracker = { ...bare, connections, masterHelper: () => entry.master };
  const services: Partial<Services> = { tracker };
  return {
    packet,
    ctState,
    services,
    set(pkt) {
      pkt.connection = 0;
      set?.(pkt);
    },
  };
}
