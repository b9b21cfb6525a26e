// Protocols without a tracker of their own (ESP, IPIP, OSPF, mobility, ...): addresses and protocol only. Any packet is part of the
// flow, and no flow is ever assured. net/netfilter/nf_conntrack_proto_generic.c

import { defineL4, VALID } from './l4.ts';

export const generic = defineL4({
  name: 'unknown',
  protocol: -1,
  timeouts: [['generic_timeout', 600]],
  words: 0,
  allowClash: false,
  keys(tuple) {
    tuple.setNoKeys();
    return true;
  },
  invert: (keys) => keys,
  packet(tracking, pkt, id, direction) {
    const timeouts = tracking.timeouts(id, tracking.table.protocol(id));
    tracking.refresh(id, pkt, direction, timeouts[0]);
    return VALID;
  },
});
