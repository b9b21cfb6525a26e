// What a walk through the hooks (pipeline.ts) is given, and what it tells whoever watches.

import type { Defragmenter } from '../conntrack/defrag/defragmenter.ts';
import type { Template } from '../conntrack/template.ts';
import type { ConnectionTracker } from '../conntrack/tracker.ts';
import type { Owner, Packet } from '../packet/packet.ts';
import type { Bridge } from './bridge.ts';
import type { Drops } from './drops.ts';
import type { Table } from './install/table.ts';
import type { Observer } from './reference.ts';
import type { Stack } from './stack/types.ts';
import type { SynProxy } from './synproxy/synproxy.ts';
import type { Verdict } from './verdict.ts';

/** What is loaded for one family. */
export interface FamilyTables {
  readonly raw: Table | undefined;
  readonly mangle: Table | undefined;
  readonly nat: Table | undefined;
  readonly filter: Table | undefined;
  readonly security: Table | undefined;
  /** The tracker and reassembly take part. */
  readonly tracking: boolean;
  /** Reassembly takes part, also without the tracker. */
  readonly gathers: boolean;
  /** Connections that SYNPROXY opened are looked after: a rule of the family has it. */
  readonly proxies: boolean;
}

export const NO_TABLES: FamilyTables = {
  raw: undefined,
  mangle: undefined,
  nat: undefined,
  filter: undefined,
  security: undefined,
  tracking: false,
  gathers: false,
  proxies: false,
};

/** Watches a walk: the tracer. Must not change the packet, nor keep it. */
export interface WalkObserver extends Observer {
  hook?(pkt: Packet): void;
  table?(table: Table, pkt: Packet): void;
  tracked?(pkt: Packet): void;
  /** What reassembly said of a fragment. */
  gathered?(said: string, pkt: Packet): void;
  routed?(where: string, pkt: Packet): void;
  /** Passed INPUT, and is the host's now. */
  delivered?(pkt: Packet): void;
  /** Left by `sent.outDevice`: `whole` itself or a piece of it. */
  sent?(sent: Packet, whole: Packet): void;
  /** To ourselves by the loopback device: the packet comes in again as `again`. */
  looped?(again: Packet, pkt: Packet): void;
  /** DROP or STOLEN. */
  ended?(verdict: Verdict, pkt: Packet): void;
}

/** The wire. `pkt` is the receiver's until the call returns; its buffer is reused then. */
export type TransmitPacket = (device: string, pkt: Packet) => void;

/** What lies between the devices and the hooks: the router of engine/stack, or the bridge. */
export interface PipelineParts {
  readonly tracker: ConnectionTracker;
  readonly defragmenter: Defragmenter;
  readonly synProxy: SynProxy;
  readonly drops: Drops;
  readonly transmit: TransmitPacket;
  /** Router mode, or bridge mode: one of them is there. */
  readonly stack: Stack | undefined;
  readonly bridge: Bridge | undefined;
}

/** Where a packet of our own comes from. */
export interface Cause {
  /** The packet that caused it. */
  readonly about?: Packet;
  /** It is an error about that packet, and belongs to the same connection (nf_ct_attach()). */
  readonly attached?: boolean;
  /** It is the answer of the other end of its connection, in that one's name; never a new one. */
  readonly answers?: true;
  /** What the tracker is to know when it makes a connection of it. */
  readonly template?: Template;
  /** In a bridge: leaves by the port that `about` goes to, not by the one it came in by. */
  readonly onward?: true;
  readonly owner?: Owner;
  /** SO_MARK of the socket. */
  readonly mark?: number;
}

/** `dropped`: by a rule or the tracker. `taken`: a fragment that waits for others, or a target took it. */
export type SendResult = 'sent' | 'dropped' | 'taken' | 'no route' | 'malformed';
