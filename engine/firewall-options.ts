// What a Firewall is made with, and how it is asked for a trace.

import type { Owner } from '../packet/packet.ts';
import type { HostFacts, IpsecTransform } from './host/facts.ts';
import type { MakeCounts } from './install/counters.ts';
import type { Registry } from './registry.ts';
import type { LogRecord, Random, WallClock } from './services.ts';
import type { Topology } from './stack/index.ts';
import type { TransmitPacket } from './walk.ts';

export type Mode =
  | { readonly kind: 'router'; readonly topology: Topology }
  /** Two devices, each the other's way out. `mtu` bounds what leaves in one piece by either; setMtu() gives them others. */
  | { readonly kind: 'bridge'; readonly ports: readonly [string, string]; readonly mtu?: number };

export interface FirewallOptions {
  readonly mode: Mode;
  readonly registry: Registry;
  readonly random: Random;
  readonly transmit: TransmitPacket;
  readonly onLog?: (record: LogRecord) => void;
  /** Kernel names ("net.netfilter.nf_conntrack_tcp_loose"). Throws for one that nobody knows. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** Tracking and reassembly take part whatever the rules say. */
  readonly forceTracking?: boolean;
  readonly makeCounts?: MakeCounts;
  /** Time of day for `-m time`; see Services. */
  readonly wallClock?: WallClock;
  /**
   * Router mode: every TCP and UDP port of the router is open, so nothing there is answered of itself. Whoever plays the programs
   * behind the ports sends their packets with sendLocal().
   */
  readonly openPorts?: boolean;
  /** What is known of the host around the firewall: sockets, IPsec, device groups and the like. Throws for what cannot be read. */
  readonly host?: HostFacts;
  /** Number of the worker that this firewall runs in, for `-m cpu`. */
  readonly cpu?: number;
  /** Tables are walked by the plain interpreter (engine/reference.ts): slow, and the same in all else. To compare with. */
  readonly interpreted?: boolean;
}

export interface TraceOptions {
  /** Device that the packet comes in by; left out: the router sends it itself. */
  readonly device?: string;
  readonly now?: number;
  readonly mark?: number;
  readonly owner?: Owner;
  /** As received: 14 octets of an Ethernet header. */
  readonly linkHeader?: Uint8Array;
  /** What IPsec took off it on receipt, the innermost first. */
  readonly ipsec?: readonly IpsecTransform[];
  /** Walk for real: counters, connections and the state of extensions move, and packets are sent. */
  readonly live?: boolean;
}
