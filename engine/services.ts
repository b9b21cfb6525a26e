// What an extension may use beyond the packet. Handed in at compile time; tests give their own.

import type { Tracker } from '../conntrack/tracker.ts';
import type { Address } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet, SecurityAssociation } from '../packet/packet.ts';
import type { Accounts } from './host/accounts.ts';
import type { Fingerprint } from './host/fingerprints.ts';
import type { Socket, SocketQuery } from './host/sockets.ts';
import type { ProcFile } from './proc-file.ts';
import type { QueueListener } from './queue.ts';
import type { Sets } from './sets/index.ts';
import type { ServerOptions } from './synproxy/synproxy.ts';
import type { Verdict } from './verdict.ts';

/** 32 random bits, unsigned. Seeded: every run replays. */
export type Random = () => number;

export interface LogRecord {
  /** Monotonic ms. */
  now: number;
  /** syslog level, 0 to 7. */
  level: number;
  /** The line as the kernel prints it, without time stamp. */
  text: string;
  /** Only from NFLOG: not for the system log, but for whoever listens to that group. `packet` is a copy, cut to --nflog-size. */
  nflog?: { readonly group: number; readonly prefix: string; readonly threshold: number; readonly packet: Uint8Array };
  /** A rule that a packet under TRACE met. */
  trace?: true;
  /** Only from targets that tell of something else than a packet to log, for whoever listens to that. `text` says it in words. */
  event?: ExtensionEvent;
}

export type ExtensionEvent =
  /** AUDIT: `text` is the record as auditd gets it. */
  | { readonly kind: 'audit' }
  /** IDLETIMER: no packet came for the time of the timer. */
  | { readonly kind: 'idle'; readonly label: string }
  /** nfacct: the account has reached its quota. */
  | { readonly kind: 'quota'; readonly account: string }
  /** LED: `blink` is off for a moment, and on again. */
  | { readonly kind: 'led'; readonly trigger: string; readonly state: 'on' | 'off' | 'blink' };

/** The clock, and what is to happen when it gets there. */
export interface Timers {
  /** Monotonic ms: the latest time that a packet or Firewall.advance() brought. */
  readonly now: number;
  /** Calls `run`, once, as soon as the clock is at `at` or past it. A timer of the same key is moved. */
  start(key: unknown, at: number, run: (now: number) => void): void;
  running(key: unknown): boolean;
  stop(key: unknown): void;
}

/** Route types as addrtype names them; include/uapi/linux/rtnetlink.h RTN_*. */
export type RouteType =
  | 'UNSPEC'
  | 'UNICAST'
  | 'LOCAL'
  | 'BROADCAST'
  | 'ANYCAST'
  | 'MULTICAST'
  | 'BLACKHOLE'
  | 'UNREACHABLE'
  | 'PROHIBIT'
  | 'THROW'
  | 'NAT'
  | 'XRESOLVE';

export interface Routes {
  /** Type of `address`; with `device`, as seen from that device only (addrtype --limit-iface-in/out). */
  type(address: Address, family: Family, device?: string): RouteType;
  /** Device that a packet to `address` leaves by, and its next hop if there is one; undefined: no route. */
  lookup(address: Address, family: Family): { device: string; via: Address | undefined } | undefined;
  /** An address of ours on `device` that may speak to `towards`; undefined in bridge mode and where there is none. */
  sourceFor(device: string, family: Family, towards: Address): Address | undefined;
  /** Our addresses on `device`, the one first that a redirection goes to. */
  addressesOf(device: string, family: Family): readonly Address[];
  /** Octets; 0: no such device. */
  mtu(device: string): number;
}

/** Time of day, for `-m time`. */
export interface WallClock {
  /** Seconds since 1970-01-01 00:00 UTC at the monotonic time `now` (ms). */
  seconds(now: number): number;
  /** Minutes west of UTC, for --kerneltz: what the kernel calls sys_tz.tz_minuteswest. */
  readonly minutesWest: number;
}

export interface VirtualConnection {
  readonly protocol: number;
  /** The virtual address and port that clients know. */
  readonly address: Address;
  readonly port: number;
  /** How it is forwarded: direct routing, in a tunnel, translated. */
  readonly method: 'GATE' | 'IPIP' | 'MASQ';
  /** Port of the connection that controls this one; undefined: none does. */
  readonly control: number | undefined;
}

/** The target SYNPROXY's other half. Bits and numbers: engine/synproxy/. */
export interface SynProxies {
  /** What it has met, a file of /proc while a rule has the target. */
  readonly statistics: ProcFile;
  /** Undefined: the segment is neither a first SYN nor an ACK. */
  answer(pkt: Packet, server: ServerOptions): Verdict | undefined;
}

export interface Services {
  readonly tracker: Tracker;
  readonly routes: Routes;
  readonly random: Random;
  /** The sets that rules may name; none where left out. */
  readonly sets?: Sets;
  readonly timers: Timers;
  /**
   * Whether a transparent socket (IP_TRANSPARENT) of the router takes `pkt`: one of its connection, or one that listens at that address
   * and port (TPROXY). Left out: there are no sockets.
   */
  transparentSocket?(pkt: Packet, address: Address, port: number): boolean;
  /** Sockets of the host, for -m socket and cgroup. Left out: there are none. */
  readonly sockets?: { find(query: SocketQuery): Socket | undefined };
  /** What IPsec took off the packet, or will put around it, the innermost first, for -m policy. Left out, or undefined: nothing. */
  ipsec?(pkt: Packet, direction: 'in' | 'out'): readonly SecurityAssociation[] | undefined;
  /** The connection of IPVS that the packet belongs to. Left out: there is no IPVS. */
  ipvs?(pkt: Packet): VirtualConnection | undefined;
  /** Counters by name, for -m nfacct. Left out: rules count for nobody. */
  readonly accounts?: Accounts;
  /** Looks of systems, for -m osf. Left out: none is known. */
  fingerprints?(): readonly Fingerprint[];
  /** Who listens at the queue of that number, for NFQUEUE. Left out: nobody at any. */
  queue?(number: number): QueueListener | undefined;
  /** Number of the worker that asks, for `-m cpu`. Left out: 0, the only one. */
  readonly cpu?: number;
  /** Group that the host has put a device into (`ip link set group`), for `-m devgroup`. Left out: 0, as devices are made. */
  deviceGroup?(device: string): number;
  /** Realms of the route that `pkt` takes, source's and destination's in 16 bits each, for `-m realm`. Left out: 0, routes without. */
  realm?(pkt: Packet): number;
  /** Without one it is 1970 when the monotonic clock begins, UTC: what a scenario on virtual time sees. */
  readonly wallClock?: WallClock;
  /** Left out: SYNPROXY drops what it should answer. */
  readonly synProxy?: SynProxies;
  log(record: LogRecord): void;
  /**
   * Sends an ICMP error about `about` as the router does its own: within the rate limits (net.ipv4.icmp_ratelimit and the like), with
   * the clock that its options need. Left out where there is no router: REJECT then makes the error itself and gives it to send().
   */
  sendError?(about: Packet, error: { readonly type: number; readonly code: number; readonly rest?: number }): void;
  /**
   * Sends a packet of our own making through OUTPUT and POSTROUTING (REJECT, SYNPROXY, TEE). `octets` is a whole IP packet with right
   * checksums; `about` is the packet that caused it: the new one is attached to the same connection (nf_ct_attach()) and, in
   * bridge mode, leaves by the device that `about` came in by.
   */
  send(octets: Uint8Array, about: Packet): void;
  /**
   * Sends a copy of `pkt`, as it is now, to `gateway` as the next hop, by the device of that name if there is one (TEE). The copy goes
   * through OUTPUT and POSTROUTING untracked, and is not copied again there. Without a way to the gateway nothing is sent; a bridge has none.
   */
  duplicate(pkt: Packet, gateway: Address, device: string): void;
}
