// How a new connection gets into the table, at the last hook of its first packet. Until then nobody else knows of it; so another packet of the same flow,
// or of one that NAT gave the same tuple, may have been there first. Source: net/netfilter/nf_conntrack_core.c __nf_conntrack_confirm()

import type { Packet } from '../packet/packet.ts';
import type { ConnectionEvents } from './events.ts';
import type { Helping } from './helping/helping.ts';
import type { L4 } from './l4/l4.ts';
import type { Statistics } from './statistics.ts';
import { type Direction, IPCT_HELPER, IPCT_NEW, IPCT_RELATED, IPS_EXPECTED } from './status.ts';
import { isSameFlow } from './table/same-tuple.ts';
import type { ConnectionTable } from './table/table.ts';

/** What it needs of the tracker. */
export interface ConfirmParts {
  readonly table: ConnectionTable;
  readonly l4s: readonly L4[];
  readonly statistics: Statistics;
  readonly events: ConnectionEvents;
  readonly helping: Helping;
  /** The live connection that has the tuple of an unconfirmed one in that direction, as id * 2 + direction, or -1. */
  findRival(id: number, direction: Direction): number;
  /** An unconfirmed connection is to be none. */
  discard(id: number): void;
}

const ACCEPT = 1;
const DROP = 0;

export class Confirmation {
  private readonly parts: ConfirmParts;

  constructor(parts: ConfirmParts) {
    this.parts = parts;
  }

  /** The connection of `pkt`, if it is new, goes into the table; what happened to it is told. 0: there is another one, and the packet must not go on. */
  insert(pkt: Packet): 0 | 1 {
    const { table, events, helping } = this.parts;
    const id = pkt.connection;
    // An answer of ours to a new connection goes the other way: it does not confirm what the rules have not let through.
    if (!pkt.unconfirmed || pkt.direction !== 0) {
      // Our answer to a packet that the rules refused has a connection that never was.
      if (table.live(id)) events.deliver(id);
      return ACCEPT;
    }
    const other = this.findRival(id);
    if (other >= 0) return this.resolveClash(pkt, other);
    table.insert(id);
    pkt.unconfirmed = false;
    if (helping.helper(id)) events.note(id, IPCT_HELPER);
    events.note(id, table.status(id) & IPS_EXPECTED ? IPCT_RELATED : IPCT_NEW);
    events.deliver(id);
    return ACCEPT;
  }

  /** A connection in the table that has one of the tuples of the unconfirmed one, as id * 2 + direction, or -1. */
  private findRival(id: number): number {
    const { parts } = this;
    const { table } = parts;
    const found = parts.findRival(id, 0);
    // While every connection is its own mirror image, whatever has the reply tuple has the original one too.
    if (found >= 0 || (table.asymmetric === 0 && !table.hasTwoEntries(id))) return found;
    return parts.findRival(id, 1);
  }

  /**
   * Two packets of the same new flow were on their way together, and the other one was confirmed first. Protocols that can
   * bear it continue with that one's entry, if it is the same in both directions. nf_ct_resolve_clash()
   */
  private resolveClash(pkt: Packet, other: number): 0 | 1 {
    const { table, l4s, statistics } = this.parts;
    const id = other >>> 1;
    if (other & 1 || !l4s[table.protocol(id)].allowClash || !isSameFlow(table, id, pkt.connection)) {
      statistics.insertFailed++;
      statistics.drop++;
      pkt.reason = 'clash with another connection';
      return DROP;
    }
    this.parts.discard(pkt.connection);
    pkt.connection = id;
    pkt.unconfirmed = false;
    statistics.clashResolve++;
    return ACCEPT;
  }
}
