// What a tracked protocol is: one literal per file, with its keys, its timeouts and what a packet does to a connection. What all
// protocols share (lookup, birth, direction, the reply bit, expiry) is in tracker.ts. A literal holds no state; its connections'
// state is in the table: five bits of state, one word, or a slab of words.

import type { Packet } from '../../packet/packet.ts';
import type { Complaints } from '../complaints.ts';
import type { Knobs } from '../knobs.ts';
import type { Direction } from '../status.ts';
import type { ConnectionTable } from '../table/table.ts';
import type { Tuple } from '../table/tuple.ts';

/** What a protocol says of a packet: not part of the connection, part of it, or the start of a new one with the same tuple. */
export const INVALID = 0;
export const VALID = 1;
/** The connection was killed: the packet is to be looked up again. nf_conntrack_core.c NF_REPEAT */
export const REPEAT = 2;
export type Outcome = typeof INVALID | typeof VALID | typeof REPEAT;

/** What a protocol sees of the tracker. */
export interface Tracking {
  readonly table: ConnectionTable;
  readonly knobs: Knobs;
  /** Who tracks a protocol, by its number. */
  readonly l4s: readonly L4[];
  /** Milliseconds modulo 2^32 of the packet at hand. */
  readonly now: number;
  /** Timeouts in ms that hold for the connection, by their index in the protocol's list. */
  timeouts(id: number, protocol: number): Int32Array;
  /** The connection lives for so long from now on; counts the packet if there is accounting. nf_ct_refresh_acct() */
  refresh(id: number, pkt: Packet, direction: Direction, timeoutMs: number): void;
  /** Takes the connection out of the table at once. nf_ct_kill() */
  kill(id: number): void;
  /** The same with the packet that ends it, which is counted as its last. What is left of its time stays. nf_ct_kill_acct() */
  killCounted(id: number, pkt: Packet, direction: Direction): void;
  /** Notes IPCT_ bits for those who listen. */
  event(id: number, bits: number): void;
  /** Whether the transport checksum is to be looked at: only on the way in, and only once. */
  verifies(pkt: Packet): boolean;
  /** By how much the other side's sequence numbers are shifted where `pkt`, a TCP segment, acknowledges them (seqadj.ts); 0 for nearly all. */
  acknowledgedShift(id: number, pkt: Packet, direction: Direction): number;
  /** Says in the kernel's words what is wrong with a packet, if anybody wants to hear. */
  readonly complaints: Complaints;
  /** SYNPROXY opened the connection in the client's name. */
  isProxied(id: number): boolean;
  /** Source key of a PPTP call that a helper knows, or 0. nf_conntrack_proto_gre.c gre_keymap_lookup() */
  greKey(tuple: Tuple): number;
}

export interface L4 {
  /** As /proc prints it. */
  readonly name: string;
  /** -1: all that have no file of their own. */
  readonly protocol: number;
  /** Name of the sysctl behind `net.netfilter.nf_conntrack_` ('' for none) and default in seconds, in the order of the indices. */
  readonly timeouts: readonly (readonly [sysctl: string, seconds: number])[];
  /** Names of the states as /proc prints them; undefined: prints none. */
  readonly states?: readonly string[];
  /** Words that a connection has in the protocol's slab; 0: the one in the base is enough. */
  readonly words: number;
  /** The word in the base is a time on the tracker's clock: what a snapshot has to know. */
  readonly wordIsTime?: boolean;
  /** Two entries for the same flow that meet may be merged. struct nf_conntrack_l4proto allow_clash */
  readonly allowClash: boolean;
  /** Sets the keys of `tuple` from the header at `at`; of a quoted packet only part may be there. False: there is no tuple. */
  keys(tuple: Tuple, bytes: Uint8Array, at: number, end: number, tracking: Tracking): boolean;
  /** Keys of the answer. Only for keys that keys() took. */
  invert(keys: number): number;
  /**
   * A packet of connection `id`, which may be unconfirmed (new). Sets `pkt.reason` when it says INVALID.
   * The reply bit is set only after the first reply went through here.
   */
  packet(tracking: Tracking, pkt: Packet, id: number, direction: Direction): Outcome;
  /** A state in which an assured connection may still be evicted under pressure. */
  canEarlyDrop?(state: number): boolean;
}

export const defineL4 = <const T extends L4>(l4: T): T => l4;

/** Keys that are two ports, answered the other way round. */
export const swapKeys = (keys: number): number => (keys << 16) | (keys >>> 16);

/** Ports in the first four octets; more is not asked, a quoted packet often has no more. */
export function portKeys(tuple: Tuple, bytes: Uint8Array, at: number, end: number): boolean {
  if (at + 4 > end) return false;
  tuple.setPorts((bytes[at] << 8) | bytes[at + 1], (bytes[at + 2] << 8) | bytes[at + 3]);
  return true;
}
