// ICMP queries, net/netfilter/nf_conntrack_proto_icmp.c. Errors are about other connections: see errors.ts. The keys are the id, and
// type and code; the answer has the answering type, the same id and the same code.

import * as header from '../../packet/icmp.ts';
import { IPPROTO_ICMP } from '../../packet/numbers.ts';
import { IPS_CONFIRMED } from '../status.ts';
import type { Tuple } from '../table/tuple.ts';
import { defineL4, INVALID, VALID } from './l4.ts';

/** Answering type + 1 by type; 0: a type that nothing answers. */
const ANSWER = new Uint8Array(256);
for (const [query, answer] of [
  [header.ICMP_ECHO, header.ICMP_ECHOREPLY],
  [header.ICMP_TIMESTAMP, header.ICMP_TIMESTAMPREPLY],
  [header.ICMP_INFO_REQUEST, header.ICMP_INFO_REPLY],
  [header.ICMP_ADDRESS, header.ICMP_ADDRESSREPLY],
]) {
  ANSWER[query] = answer + 1;
  ANSWER[answer] = query + 1;
}

const isQuery = (type: number): boolean =>
  type === header.ICMP_ECHO ||
  type === header.ICMP_TIMESTAMP ||
  type === header.ICMP_INFO_REQUEST ||
  type === header.ICMP_ADDRESS;

/** The same for both families: `answer` is the table of answering types. */
export function icmpKeys(tuple: Tuple, bytes: Uint8Array, at: number, end: number, answer: Uint8Array): boolean {
  if (!header.fits(bytes, at, end)) return false;
  const type = header.type(bytes, at);
  if (answer[type] === 0) return false;
  tuple.keys = (header.id(bytes, at) << 16) | (type << 8) | header.code(bytes, at);
  tuple.inverse = invertIcmpKeys(tuple.keys, answer);
  return true;
}

export const invertIcmpKeys = (keys: number, answer: Uint8Array): number =>
  (keys & 0xffff00ff) | (((answer[(keys >>> 8) & 0xff] - 1) & 0xff) << 8);

export const icmp = defineL4({
  name: 'icmp',
  protocol: IPPROTO_ICMP,
  timeouts: [['icmp_timeout', 30]],
  words: 0,
  allowClash: false,
  // Not in IPv6.
  keys: (tuple, bytes, at, end) => tuple.family === 4 && icmpKeys(tuple, bytes, at, end, ANSWER),
  invert: (keys) => invertIcmpKeys(keys, ANSWER),
  packet(tracking, pkt, id, direction) {
    if (!(tracking.table.status(id) & IPS_CONFIRMED) && !isQuery(header.type(pkt.bytes, pkt.l4))) {
      pkt.reason = 'ICMP answer that nobody asked for';
      return INVALID;
    }
    // The connection stays after the answer: duplicates of the answer belong to it too.
    tracking.refresh(id, pkt, direction, tracking.timeouts(id, IPPROTO_ICMP)[0]);
    return VALID;
  },
});
