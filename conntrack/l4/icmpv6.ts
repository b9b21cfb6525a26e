// ICMPv6 queries, net/netfilter/nf_conntrack_proto_icmpv6.c. Errors and redirects are about other connections, and neighbour and
// listener discovery is not tracked at all: see errors.ts.

import * as header from '../../packet/icmpv6.ts';
import { IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import { IPS_CONFIRMED } from '../status.ts';
import { icmpKeys, invertIcmpKeys } from './icmp.ts';
import { defineL4, INVALID, VALID } from './l4.ts';

/** Answering type + 1 by type; 0: a type that nothing answers. */
const ANSWER = new Uint8Array(256);
ANSWER[header.ICMPV6_ECHO_REQUEST] = header.ICMPV6_ECHO_REPLY + 1;
ANSWER[header.ICMPV6_ECHO_REPLY] = header.ICMPV6_ECHO_REQUEST + 1;
ANSWER[header.ICMPV6_NI_QUERY] = header.ICMPV6_NI_REPLY + 1;
ANSWER[header.ICMPV6_NI_REPLY] = header.ICMPV6_NI_QUERY + 1;

const isQuery = (type: number): boolean => type === header.ICMPV6_ECHO_REQUEST || type === header.ICMPV6_NI_QUERY;

export const icmpv6 = defineL4({
  name: 'icmpv6',
  protocol: IPPROTO_ICMPV6,
  timeouts: [['icmpv6_timeout', 30]],
  words: 0,
  allowClash: false,
  // Not in IPv4.
  keys: (tuple, bytes, at, end) => tuple.family === 6 && icmpKeys(tuple, bytes, at, end, ANSWER),
  invert: (keys) => invertIcmpKeys(keys, ANSWER),
  packet(tracking, pkt, id, direction) {
    if (!(tracking.table.status(id) & IPS_CONFIRMED) && !isQuery(header.type(pkt.bytes, pkt.l4))) {
      pkt.reason = 'ICMPv6 answer that nobody asked for';
      return INVALID;
    }
    tracking.refresh(id, pkt, direction, tracking.timeouts(id, IPPROTO_ICMPV6)[0]);
    return VALID;
  },
});
