// GRE, net/netfilter/nf_conntrack_proto_gre.c. Version 0 has no keys: one flow per pair of addresses. Version 1 (PPTP, RFC 2637) has
// the call id of the packet as destination key; the other side's comes from the PPTP helper, 0 while it knows none.

import { u16 } from '../../packet/bytes.ts';
import { IPPROTO_GRE } from '../../packet/numbers.ts';
import { IPCT_ASSURED, IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts';
import { defineL4, swapKeys, VALID } from './l4.ts';

const GRE_PROTO_PPP = 0x880b;
const UNREPLIED = 0;
const REPLIED = 1;

export const gre = defineL4({
  name: 'gre',
  protocol: IPPROTO_GRE,
  timeouts: [
    ['gre_timeout', 30],
    ['gre_timeout_stream', 180],
  ],
  words: 0,
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
    const timeouts = tracking.timeouts(id, IPPROTO_GRE);
    const replied = (status & IPS_SEEN_REPLY) !== 0;
    tracking.refresh(id, pkt, direction, timeouts[replied ? REPLIED : UNREPLIED]);
    if (replied && !(status & IPS_ASSURED)) {
      table.addStatus(id, IPS_ASSURED);
      tracking.event(id, IPCT_ASSURED);
    }
    return VALID;
  },
});
