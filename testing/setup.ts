// What a firewall under test is made of, and what can be said of a packet that it is sent.

import type { HostFacts, IpsecTransform } from '../engine/host/facts.ts';
import type { Module } from '../engine/registry.ts';
import type { Names } from '../grammar/names.ts';
import { fromHex } from '../packet/bytes.ts';
import type { Owner } from '../packet/packet.ts';
import type { RuleSources } from './rule-source.ts';
import type { SetSource } from './set-source.ts';
import type { Devices } from './topology.ts';

export interface FirewallSetup extends RuleSources {
  /** `router` (default) has addresses and routes; `bridge` passes packets from one device to the other. */
  readonly mode?: 'router' | 'bridge';
  /**
   * By name, as rules say it. Left out: `inside` (10.0.1.1/24, fd00:a::1/64; 10.1.0.0/16 and fd00:1::/32 behind it) and `outside`
   * (10.0.2.1/24, fd00:b::1/64; everything else). Of a bridge: two names.
   */
  readonly devices?: Devices;
  /** What `-m set` and `-j SET` name: text of `ipset save`, or a file with it. */
  readonly sets?: SetSource;
  /** Kernel names: { 'net.netfilter.nf_conntrack_tcp_loose': 0 }. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** Names of services, users and the like in rules. Save files hold numbers, so none are known unless given. */
  readonly names?: Names;
  /** Extensions instead of the built-in ones. */
  readonly extensions?: Module;
  /** Extensions of one's own beside them. */
  readonly attach?: readonly Module[];
  /** What rules may ask of the host around the firewall: sockets, IPsec, device groups and the like. */
  readonly host?: HostFacts;
  /** For what is random (`-m statistic`, port choice): the same seed, the same run. */
  readonly seed?: number;
  /** Time of day at the start, for `-m time`: '2026-03-01T12:00:00Z'. */
  readonly date?: string | Date;
  /** `kernel`: everything is done on a real one as well, and compared; left out: as SEKISHO_BACKEND says. */
  readonly backend?: 'memory' | 'kernel';
}

export interface SendOptions {
  /** Device that it comes in by. Left out: the one that its source is behind; the router's own, when the source is. */
  readonly in?: string;
  /** The router itself sends it. */
  readonly local?: boolean;
  readonly mark?: number;
  /** Of a packet of the router's own. */
  readonly owner?: Owner;
  /** Source address of the Ethernet frame that it came in: '02:00:00:00:00:01'. */
  readonly mac?: string;
  /** The whole Ethernet header of that frame, 14 octets. */
  readonly linkHeader?: Uint8Array;
  /** What IPsec took off it on receipt, the innermost first, for `-m policy --dir in`. */
  readonly ipsec?: readonly IpsecTransform[];
}

/** Octets from the IP header on, or words for them. */
export type PacketGiven = Uint8Array | string;

/** An Ethernet header to nobody in particular. */
export function frameFrom(mac: string, octets: Uint8Array): Uint8Array {
  const source = fromHex(mac.replace(/[:-]/g, ''));
  if (source?.length !== 6) throw new RangeError(`not a MAC address: ${mac}`);
  const frame = new Uint8Array(14);
  frame.set(source, 6);
  frame.set(octets[0] >>> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
  return frame;
}
