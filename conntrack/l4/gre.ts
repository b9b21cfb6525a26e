// GRE, net/netfilter/nf_conntrack_proto_gre.c. Version 0 has no keys: one flow per pair of addresses. Version 1 (PPTP, RFC 2637) has
// the call id of the packet as destination key; the other side's comes from the PPTP helper, 0 while it knows none.
//
// A connection has two words: the timeouts of its birth, which it keeps whatever the settings become. gre packet(), struct nf_ct_gre

import { u16 } from '../../packet/bytes.ts';
import { IPPROTO_GRE } from '../../packet/numbers.ts';
import { IPCT_ASSURED, IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import type { ConnectionTable } from '../table/table.ts';
import { defineL4, swapKeys, VALID } from './l4.ts';

const GRE_PROTO_PPP = 0x880b;
const UNREPLIED = 0;
const REPLIED = 1;
const WORDS = 2;

export const gre = defineL4({
  name: 'gre',
  protocol: IPPROTO_GRE,
  timeouts: [
    ['gre_timeout', 30],
    ['gre_timeout_stream', 180],
  ],
  words: WORDS,
  allowClash: true,
  keys(tuple, bytes, at, end, tracking) {
    tuple.setNoKeys();
    // Too short for a version is like version 0, and so is a version 1 header without its call id.
    if (at + 4 > end || (bytes[at + 1] & 7) !== 1 || at + 8 > end) return true;
    if (u16(bytes, at + 2) !== GRE_PROTO_PPP) return false;
    const callId = u16(bytes, at + 6);
    tuple.setPorts(0, callId);
    tuple.setPorts(tracking.greKey(tuple), callId);
    return true;
  },
  invert: swapKeys,
  packet(tracking, pkt, id, direction) {
    const { table } = tracking;
    const status = table.status(id);
    if (!(status & IPS_CONFIRMED)) setTimeouts(table, id, tracking.timeouts(id, IPPROTO_GRE));
    const replied = (status & IPS_SEEN_REPLY) !== 0;
    tracking.refresh(id, pkt, direction, timeoutOf(table, id, replied ? REPLIED : UNREPLIED));
    if (replied && !(status & IPS_ASSURED)) {
      table.addStatus(id, IPS_ASSURED);
      tracking.event(id, IPCT_ASSURED);
    }
    return VALID;
  },
});

function setTimeouts(table: ConnectionTable, id: number, timeouts: Int32Array): void {
  const { words } = table.slabs[IPPROTO_GRE] as Slab;
  words[table.own[id] * WORDS + UNREPLIED] = timeouts[UNREPLIED];
  words[table.own[id] * WORDS + REPLIED] = timeouts[REPLIED];
}

/** Milliseconds for one that nobody answered (0) and for one that both sides speak on (1). */
export const timeoutOf = (table: ConnectionTable, id: number, which: 0 | 1): number =>
  (table.slabs[IPPROTO_GRE] as Slab).words[table.own[id] * WORDS + which];
