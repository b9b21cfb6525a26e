// Services for one extension on its own: no routes, no connections, a seeded random source, and lists of what was logged and sent.

import { SecurityContexts } from '../conntrack/security-contexts.ts';
import { Tuple } from '../conntrack/table/tuple.ts';
import { type Connections, IPS_UNTRACKED, type Tracker } from '../conntrack/tracker.ts';
import type { LogRecord, Services } from '../engine/services.ts';
import { TimerMap } from '../engine/timers.ts';
import type { Address } from '../packet/address.ts';
import type { Packet } from '../packet/packet.ts';

const nothing = (): never => {
  throw new Error('no connection here: give the row services of its own');
};

const noConnections: Connections = {
  family: nothing,
  protocol: nothing,
  zone: nothing,
  status: () => IPS_UNTRACKED,
  addStatus: nothing,
  mark: nothing,
  setMark: nothing,
  contexts: new SecurityContexts(),
  secmark: nothing,
  setSecmark: nothing,
  hasLabel: nothing,
  setLabel: nothing,
  sourceOctet: nothing,
  destinationOctet: nothing,
  sourceKey: nothing,
  destinationKey: nothing,
  timeLeft: nothing,
  inTable: nothing,
  closed: nothing,
  tuple: () => new Tuple(),
  whenGone: nothing,
};

const noTracker: Tracker = {
  connections: noConnections,
  accounting: { packets: () => -1, octets: () => -1 },
  nat: { map: nothing, masquerade: nothing },
  masterHelper: () => undefined,
  seqadj: { change: nothing, shift: nothing },
  track: () => 1,
  confirm: () => 1,
  release: () => {},
  attach: () => {},
  tupleOf: () => undefined,
  holderOf: () => -1,
  setClosing: () => {},
  hasSummed: () => false,
};

/** Numerical Recipes' linear congruence: enough for rows that only need "some number", the same each time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

interface Duplicate {
  readonly pkt: Packet;
  readonly gateway: Address;
  readonly device: string;
}

export interface BareServices extends Services {
  readonly duplicates: readonly Duplicate[];
  readonly logged: LogRecord[];
  readonly sent: { readonly octets: Uint8Array; readonly about: Packet }[];
}

export function bareServices(given: Partial<Services> = {}): BareServices {
  const duplicates: Duplicate[] = [];
  const logged: LogRecord[] = [];
  const sent: { octets: Uint8Array; about: Packet }[] = [];
  return {
    tracker: noTracker,
    timers: new TimerMap(),
    routes: {
      type: () => 'UNICAST',
      lookup: () => undefined,
      sourceFor: () => undefined,
      addressesOf: () => [],
      mtu: () => 1500,
    },
    random: seeded(1),
    log: (record) => logged.push(record),
    duplicate: (pkt, gateway, device) => duplicates.push({ pkt, gateway, device }),
    send: (octets, about) => sent.push({ octets: octets.slice(), about }),
    ...given,
    logged,
    sent,
    duplicates,
  };
}
