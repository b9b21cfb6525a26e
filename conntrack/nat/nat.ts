// Address translation as the hooks and the targets see it: what to do with a packet at one of the four nat hooks, besides asking
// the rules. mapping.ts decides, rewrite.ts and quotes.ts act.
//
// A packet of the original direction is made what the inverse of the reply tuple says, a reply what the inverse of the original tuple says;
// destinations at PREROUTING and OUTPUT, sources at POSTROUTING and INPUT. So nothing but the two tuples is looked at.
// Source: net/netfilter/nf_nat_core.c nf_nat_packet(), nf_nat_manip_pkt(), net/netfilter/nf_nat_masquerade.c

import { type Address, wire } from '../../packet/address.ts';
import { u32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { IPS_DST_NAT, IPS_DST_NAT_DONE, IPS_SRC_NAT, IPS_SRC_NAT_DONE } from '../status.ts';
import { Tuple } from '../table/tuple.ts';
import { Mapping, type NatParts } from './mapping.ts';
import { isRedirect, isWhole, rewriteError } from './quotes.ts';
import { type Manip, type NatRange, SOURCE } from './range.ts';
import { rewrite } from './rewrite.ts';

/** What rules may ask of translation. */
export interface Translator {
  /**
   * Gives the connection of `pkt` a source or destination of the range. What has been asked before, or is confirmed, stays as it is. The packet
   * itself is rewritten when the table is done.
   */
  map(pkt: Packet, manip: Manip, range: NatRange): void;
  /** The range's address is that of the device that `pkt` leaves by: the connection is to end with it. */
  masquerade(pkt: Packet, range: NatRange): void;
}

const ACCEPT = 1;
const DROP = 0;
const NAT_DONE = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
const NAT = IPS_SRC_NAT | IPS_DST_NAT;

export class Nat implements Translator {
  private readonly parts: NatParts;
  private readonly mapping: Mapping;
  private readonly tuple = new Tuple();

  constructor(parts: NatParts) {
    this.parts = parts;
    this.mapping = new Mapping(parts);
  }

  // --- For targets ---------------------------------------------------------------------------------------------------

  map(pkt: Packet, manip: Manip, range: NatRange): void {
    if (pkt.connection >= 0) this.mapping.map(pkt.connection, manip, range);
  }

  masquerade(pkt: Packet, range: NatRange): void {
    if (pkt.connection < 0) return;
    this.mapping.masquerade(pkt.connection, pkt.outDevice);
    this.mapping.map(pkt.connection, SOURCE, range);
  }

  // --- For the hooks -------------------------------------------------------------------------------------------------

  /** Whether the rules were asked for that end of the connection. */
  isDone(id: number, manip: Manip): boolean {
    return this.mapping.isDone(id, manip);
  }

  /** The same for a connection that no packet made. */
  assign(id: number, manip: Manip, range: NatRange): void {
    this.mapping.map(id, manip, range);
  }

  /** The rules had nothing to say. */
  mapToItself(id: number, manip: Manip): void {
    this.mapping.mapToItself(id, manip);
  }

  /** A masqueraded connection now leaves by another device: it ends, and the packet with it. nf_nat_oif_changed() */
  hasMoved(pkt: Packet): boolean {
    if (pkt.direction !== 0) return false;
    const device = this.mapping.masqueradedBy(pkt.connection);
    if (device === '' || device === pkt.outDevice) return false;
    this.parts.kill(pkt.connection);
    return true;
  }

  /** Rewrites that end of a packet of a connection. 0: it cannot be, and must not go on. */
  translate(pkt: Packet, manip: Manip): 0 | 1 {
    const { table } = this.parts;
    if ((table.status(pkt.connection) & this.statusFor(pkt, manip)) === 0) return ACCEPT;
    const { tuple } = this;
    table.readAnswer(pkt.connection, pkt.direction === 0 ? 1 : 0, tuple);
    return rewrite(pkt, pkt, tuple, manip) ? ACCEPT : this.refuse(pkt);
  }

  /** The same for an ICMP error about the connection, and for the packet that it quotes. */
  translateError(pkt: Packet, manip: Manip): 0 | 1 {
    const { table } = this.parts;
    const status = table.status(pkt.connection);
    if (!isWhole(pkt)) return this.refuse(pkt);
    if (isRedirect(pkt) && ((status & NAT_DONE) !== NAT_DONE || status & NAT)) return this.refuse(pkt);
    if ((status & this.statusFor(pkt, manip)) === 0) return ACCEPT;
    const { tuple } = this;
    table.readTuple(pkt.connection, pkt.direction === 0 ? 1 : 0, tuple);
    return rewriteError(pkt, tuple, manip) ? ACCEPT : this.refuse(pkt);
  }

  /** Source of the original direction is destination of the reply. */
  private statusFor({ direction }: Packet, manip: Manip): number {
    return (manip === SOURCE) === (direction === 0) ? IPS_SRC_NAT : IPS_DST_NAT;
  }

  private refuse(pkt: Packet): 0 {
    pkt.reason = 'cannot be translated';
    return DROP;
  }

  /** Whether packets of that direction go somewhere else than they were addressed to: they are to be routed again after OUTPUT. */
  redirects({ connection, direction }: Packet): boolean {
    const { table } = this.parts;
    if ((table.status(connection) & NAT) === 0) return false;
    const other = direction === 0 ? 1 : 0;
    for (let word = 0; word < 4; word++) {
      if (table.tupleWord(connection, direction, 4 + word) !== table.tupleWord(connection, other, word)) return true;
    }
    return false;
  }

  // --- Ends ----------------------------------------------------------------------------------------------------------

  /** Device that the connection was masqueraded by; '' for none. For snapshots. */
  deviceOf(id: number): string {
    return this.mapping.masqueradedBy(id);
  }

  /** A connection with the tuples and the status bits that a snapshot has kept. */
  restore(id: number, device: string): void {
    this.mapping.restore(id, device);
  }

  /** The connection is gone. */
  forget(id: number): void {
    this.mapping.forget(id);
  }

  /**
   * Ends the connections that were masqueraded by a device: all of them when it went down, or those that took the address that it lost.
   * Source: net/netfilter/nf_nat_masquerade.c masq_device_event(), inet_cmp()
   */
  forgetDevice(device: string, address?: Address, family?: Family): void {
    const { table } = this.parts;
    for (let id = 0; id < table.top; id++) {
      if (!table.live(id) || this.mapping.masqueradedBy(id) !== device) continue;
      if (address === undefined || (family === table.family(id) && this.answersTo(id, address, family)))
        this.parts.kill(id);
    }
  }

  private answersTo(id: number, address: Address, family: Family): boolean {
    const octets = wire(address, family);
    for (let at = 0; at < octets.length; at += 4) {
      if (this.parts.table.tupleWord(id, 1, 4 + (at >> 2)) !== (u32(octets, at) | 0)) return false;
    }
    return true;
  }

  /** Octets reserved. */
  get size(): number {
    return this.mapping.size;
  }
}
