// Contract first: see the members. (The body comes with the tracker's own commit.)

import type { Packet } from '../packet/packet.ts';

/** Status bits of a connection; include/uapi/linux/netfilter/nf_conntrack_common.h enum ip_conntrack_status. */
export const IPS_EXPECTED = 1 << 0;
export const IPS_SEEN_REPLY = 1 << 1;
export const IPS_ASSURED = 1 << 2;
export const IPS_CONFIRMED = 1 << 3;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;
export const IPS_SEQ_ADJUST = 1 << 6;
export const IPS_SRC_NAT_DONE = 1 << 7;
export const IPS_DST_NAT_DONE = 1 << 8;
export const IPS_DYING = 1 << 9;
export const IPS_FIXED_TIMEOUT = 1 << 10;
export const IPS_TEMPLATE = 1 << 11;
export const IPS_UNTRACKED = 1 << 12;
export const IPS_HELPER = 1 << 13;
export const IPS_OFFLOAD = 1 << 14;

/** 0 original, 1 reply. */
export type Direction = 0 | 1;

/** What rules may ask of a connection by its id (Packet.connection). Ids are small integers, reused after the connection is gone. */
export interface Connections {
  family(id: number): 4 | 6;
  protocol(id: number): number;
  zone(id: number): number;
  status(id: number): number;
  /** Sets IPS_ bits: the nat hooks keep there which of their rules were asked for the connection. */
  addStatus(id: number, bits: number): void;
  mark(id: number): number;
  setMark(id: number, mark: number): void;
  /** Octet `index` (0-15, mapped form) of the source or destination address of that direction's tuple. No allocation. */
  sourceOctet(id: number, direction: Direction, index: number): number;
  destinationOctet(id: number, direction: Direction, index: number): number;
  /** 16-bit keys of the tuple: ports; ICMP: id as source key, type and code (type << 8 | code) as destination key. */
  sourceKey(id: number, direction: Direction): number;
  destinationKey(id: number, direction: Direction): number;
  /** Milliseconds until it expires. */
  timeLeft(id: number, now: number): number;
}

export interface Tracker {
  readonly connections: Connections;
  /** PREROUTING and OUTPUT at -200: finds or makes the connection. 1 ACCEPT, 0 DROP (table full). */
  track(pkt: Packet): 0 | 1;
  /** Last of POSTROUTING and INPUT: puts an unconfirmed entry into the table. 0 DROP on a clash that cannot be resolved. */
  confirm(pkt: Packet): 0 | 1;
  /** The packet ended here: an unconfirmed entry goes with it. */
  release(pkt: Packet): void;
  /** nf_ct_attach(): `made` (our answer about `about`) belongs to the same connection, RELATED, the other direction. */
  attach(made: Packet, about: Packet): void;
}
