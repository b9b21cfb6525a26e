// The router around the hooks: what the pipeline asks of it, in the order of a packet's walk.
//
//   receive ── PREROUTING ── route ─┬─ forward ── FORWARD ── forwarded ── POSTROUTING ── emit
//                                   └─ input ──── INPUT ──── deliver (the host) ··· send ··· OUTPUT ── POSTROUTING ── emit
//
// The pipeline owns the hooks, the stack everything between them. Nothing here knows of rules. A step that says no has already
// sent what is to be answered and has written `pkt.reason`.

import type { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Random, Routes } from '../services.ts';
import type { Route } from './routes.ts';

/** Interfaces of the router: device names with addresses ("10.0.1.1/24"), routes ("10.1.0.0/16", "2001:db8::/32 via fd00:a::9"), MTU. */
export interface Topology {
  readonly [device: string]: {
    readonly addresses: readonly string[];
    readonly routes: readonly string[];
    readonly mtu: number;
  };
}

export interface StackOptions {
  readonly topology: Topology;
  readonly random: Random;
  /** Milliseconds since midnight, universal time, for timestamp replies and options; without it `now` is counted from a midnight. */
  timeOfDay?(now: number): number;
  /** Ports of TCP and UDP are open: what is delivered to them is heard in silence. */
  readonly openPorts?: boolean;
  /** The one that also serves the hooks; here it serves a host whose tracker is off. */
  readonly defragmenter: Defragmenter;
  /**
   * Sends a packet of the router's own through OUTPUT and POSTROUTING. With `attached` it is an error about `about` and belongs to
   * that connection (nf_ct_attach()); without, it is tracked as any packet of a local program is (echo reply, RST of a closed port).
   * `octets` belongs to the callee.
   */
  send(octets: Uint8Array, about: Packet, attached: boolean): void;
}

/** `whole`: send `pkt` itself. `cut`: it went out in pieces through the callback. `dropped`: too big; the sender was told. */
export type Emitted = 'whole' | 'cut' | 'dropped';

/** One piece: bytes[from .. to) of a buffer that is reused when the callback returns. */
export type Transmit = (bytes: Uint8Array, from: number, to: number) => void;

/** Where a packet goes after PREROUTING. */
export type Destination = 'input' | 'forward' | 'dropped';

export interface Stack {
  readonly routes: RouteTable;

  /** Takes a sysctl by its kernel name ("net.ipv4.ip_forward"). False: not one of ours. */
  setSysctl(name: string, value: string | number): boolean;

  /** A parsed packet from a device, before PREROUTING: header checksum, impossible addresses, hop-by-hop options. False: dropped. */
  receive(pkt: Packet): boolean;

  /**
   * After PREROUTING: martians, IPv4 options, where to. `forward` has set `pkt.outDevice`. A packet without a route is answered
   * and `dropped`.
   */
  route(pkt: Packet): Destination;

  /** Before FORWARD: TTL or hop limit (checked, then decremented), MTU, sources that must not be forwarded. False: dropped and answered. */
  forward(pkt: Packet): boolean;

  /** After FORWARD was passed, before POSTROUTING: IPv4 options that a router fills in (record route, timestamp). */
  forwarded(pkt: Packet): void;

  /** Before INPUT: reassembles IPv4 fragments for ourselves when the tracker did not. False: held or dropped. */
  input(pkt: Packet): boolean;

  /** Behind INPUT: the host. Takes the packet; answers go out through `send`. */
  deliver(pkt: Packet): void;

  /** Sends an error about `about`, if one may be sent and the rate limits let it: for REJECT, whose errors are the router's own. */
  sendError(about: Packet, error: { readonly type: number; readonly code: number }): void;

  /**
   * A packet of our own, before OUTPUT (and again after it, if a rule changed the packet): finds `pkt.outDevice`. 'lo': it goes to
   * ourselves, and comes back through receive() with inDevice 'lo' after POSTROUTING. False: no route.
   */
  routeOutput(pkt: Packet): boolean;

  /** A packet of our own whose destination NAT has changed: finds `pkt.outDevice` anew. False: no route. */
  routeAgain(pkt: Packet): boolean;

  /** After POSTROUTING: whole, in pieces as they came, or cut to the MTU of `pkt.outDevice`. */
  emit(pkt: Packet, transmit: Transmit): Emitted;

  /** Moves the clock of the fragment queues to `now`, answers for those that ran out. Cheap when nothing is due. */
  advance(now: number): void;
}

/** engine/stack/routes.ts: interface addresses, connected and static routes of both families, longest prefix first. */
export interface RouteTable extends Routes {
  /** The route to the address at `at` in `bytes`, compared in place; with `only`, among those of one device. */
  find(bytes: Uint8Array, at: number, family: Family, only?: string): Route | undefined;
  /** Whether this is an address of ours on any device. Reads the packet in place; `at` is the offset of the address. */
  isLocal(bytes: Uint8Array, at: number, family: Family): boolean;
  /** Netmask of the own network of `device` whose broadcast address is `word`; 0: none is. */
  broadcastMask(device: string, word: number): number;
  /** What goes to both addresses (words of a tuple) leaves by the same device to the same neighbour. */
  isSameWay(one: Int32Array, other: Int32Array, family: Family): boolean;
  readonly devices: readonly string[];
  /** The least MTU of the devices: a packet that is no longer is too long for none of them. */
  readonly leastMtu: number;
  /** The MTU of a device is another one from now on. */
  setMtu(device: string, mtu: number): void;
}
