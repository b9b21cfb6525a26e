// How a packet meets the tracker first, at PREROUTING or OUTPUT: its connection is found by its tuple, or made (births.ts), and its protocol (l4/)
// says whether it can be part of it. confirmation.ts is the other end of its way.
// Source: net/netfilter/nf_conntrack_core.c nf_conntrack_in(), resolve_normal_ct()

import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_NONE } from '../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, type Packet } from '../packet/packet.ts';
import type { Births } from './births.ts';
import { icmpError, icmpv6Error, NOT_OURS, QUERY, UNTRACKED } from './errors.ts';
import { INVALID, type L4, REPEAT, type Tracking } from './l4/l4.ts';
import type { Statistics } from './statistics.ts';
import { type Direction, IPCT_REPLY, IPS_EXPECTED, IPS_SEEN_REPLY } from './status.ts';
import type { ConnectionTable } from './table/table.ts';
import { Tuple } from './table/tuple.ts';
import type { Template } from './template.ts';

/** What it needs of the tracker. */
export interface ArrivalParts extends Tracking {
  readonly statistics: Statistics;
  /** Monotonic ms of the packet or the advance at hand. */
  readonly time: number;
  /** Time goes on. */
  advance(now: number): void;
  /** The packet at hand is of that time, though nothing ends by it. */
  setClock(now: number): void;
  /** The live connection of that tuple, as id * 2 + direction, or -1. */
  findLive(tuple: Tuple): number;
  /** An unconfirmed connection is to be none. */
  discard(id: number): void;
}

const ACCEPT = 1;
const DROP = 0;

export class Arrival {
  private readonly parts: ArrivalParts;
  private readonly table: ConnectionTable;
  private readonly l4s: readonly L4[];
  private readonly statistics: Statistics;
  private readonly births: Births;
  private readonly tuple = new Tuple();
  private readonly quoted = new Tuple();
  private readonly find = (tuple: Tuple): number => this.parts.findLive(tuple);

  constructor(parts: ArrivalParts, births: Births) {
    this.parts = parts;
    this.table = parts.table;
    this.l4s = parts.l4s;
    this.statistics = parts.statistics;
    this.births = births;
  }

  /** Tracker.track() */
  track(pkt: Packet): 0 | 1 {
    // Attached to the connection that it answers, come by the loopback device, or not to be tracked.
    if (pkt.connection >= 0 || pkt.ctState === CT_UNTRACKED) return ACCEPT;
    const template = pkt.template as Template | undefined;
    if (template?.untracked) {
      pkt.ctState = CT_UNTRACKED;
      return ACCEPT;
    }
    if (pkt.now !== this.parts.time) this.parts.advance(pkt.now);
    if (pkt.protocol < 0 || pkt.fragmentOffset !== 0 || (pkt.family === 6 && pkt.protocol === IPPROTO_NONE))
      return this.invalid(pkt, 'no transport header');
    if (pkt.protocol === IPPROTO_ICMP || pkt.protocol === IPPROTO_ICMPV6) {
      if (!this.trackIcmp(pkt, template)) return ACCEPT;
    }
    return this.trackFlow(pkt, template);
  }

  /** Errors, and what is not tracked. True: it is a query, and has a flow of its own. nf_conntrack_handle_icmp() */
  private trackIcmp(pkt: Packet, template: Template | undefined): boolean {
    const { parts, quoted, find } = this;
    const is6 = pkt.protocol === IPPROTO_ICMPV6;
    // ICMP in IPv6 and ICMPv6 in IPv4 find no tuple later.
    if (is6 !== (pkt.family === 6)) return true;
    setZones(quoted, pkt, template);
    const about = is6 ? icmpv6Error(parts, pkt, quoted, find) : icmpError(parts, pkt, quoted, find);
    if (about === QUERY) return true;
    if (about === UNTRACKED) {
      pkt.ctState = CT_UNTRACKED;
    } else if (about === NOT_OURS) {
      this.statistics.error++;
      pkt.ctState = CT_INVALID;
      parts.complaints.tell(pkt);
    } else {
      pkt.connection = about >>> 1;
      pkt.direction = (about & 1) as Direction;
      pkt.ctState = CT_RELATED;
    }
    return false;
  }

  private trackFlow(pkt: Packet, template: Template | undefined): 0 | 1 {
    const { parts, tuple } = this;
    const l4 = this.l4s[pkt.protocol];
    setZones(tuple, pkt, template);
    if (!this.setFlow(pkt, l4)) return this.invalid(pkt, 'no flow of this protocol');
    for (;;) {
      const found = parts.findLive(tuple);
      const id = found < 0 ? this.births.create(tuple, template, pkt.now) : found >>> 1;
      if (id < 0) return this.full(pkt);
      const direction = found < 0 ? 0 : ((found & 1) as Direction);
      // The class is taken before the protocol sees the packet, so the one that kills the connection still belongs to it.
      const ctState = this.classify(id, direction);
      const outcome = l4.packet(parts, pkt, id, direction);
      if (outcome === REPEAT) continue;
      if (outcome === INVALID) {
        if (found < 0) parts.discard(id);
        parts.complaints.tell(pkt);
        return this.invalid(pkt, 'protocol');
      }
      pkt.connection = id;
      pkt.direction = direction;
      pkt.ctState = ctState;
      pkt.unconfirmed = found < 0;
      if (direction === 1) this.seeReply(id);
      return ACCEPT;
    }
  }

  /** Sets all of the tuple but its zones. False: the packet has none. */
  private setFlow(pkt: Packet, l4: L4): boolean {
    const { tuple } = this;
    tuple.setAddresses(pkt.bytes, pkt.l3, pkt.family as Family);
    tuple.protocol = pkt.protocol;
    return l4.keys(tuple, pkt.bytes, pkt.l4, pkt.end, this.parts);
  }

  private classify(id: number, direction: Direction): number {
    if (direction === 1) return CT_ESTABLISHED;
    const bits = this.table.status(id);
    if (bits & IPS_SEEN_REPLY) return CT_ESTABLISHED;
    return bits & IPS_EXPECTED ? CT_RELATED : CT_NEW;
  }

  private seeReply(id: number): void {
    if (this.table.status(id) & IPS_SEEN_REPLY) return;
    this.table.addStatus(id, IPS_SEEN_REPLY);
    this.parts.event(id, IPCT_REPLY);
  }

  private full(pkt: Packet): 0 {
    pkt.reason = 'connection table full';
    this.statistics.drop++;
    return DROP;
  }

  private invalid(pkt: Packet, reason: string): 1 {
    this.statistics.invalid++;
    if (pkt.reason === '') pkt.reason = reason;
    pkt.ctState = CT_INVALID;
    return ACCEPT;
  }

  /** Tracker.tupleOf() */
  tupleOf(pkt: Packet): Tuple | undefined {
    if (pkt.protocol < 0 || pkt.fragmentOffset !== 0) return undefined;
    this.tuple.setZones(0, 0);
    return this.setFlow(pkt, this.l4s[pkt.protocol]) ? this.tuple.copied() : undefined;
  }
}

function setZones(tuple: Tuple, pkt: Packet, template: Template | undefined): void {
  if (template === undefined) {
    tuple.setZones(0, 0);
    return;
  }
  const fromMark = template.markZones ?? 0;
  const mark = pkt.mark & 0xffff;
  tuple.setZones(fromMark & 1 ? mark : template.zoneOriginal, fromMark & 2 ? mark : template.zoneReply);
}
