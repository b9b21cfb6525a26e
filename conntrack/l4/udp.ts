// UDP, net/netfilter/nf_conntrack_proto_udp.c. The connection's own word is the time after which it counts as a stream.

import { transportChecksumRight } from '../../packet/checksum.ts';
import { IPPROTO_UDP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/udp.ts';
import { IPCT_ASSURED, IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY } from '../status.ts';
import { defineL4, INVALID, portKeys, swapKeys, type Tracking, VALID } from './l4.ts';

export const UNREPLIED = 0;
export const REPLIED = 1;
const STREAM_AFTER = 2_000; // ms

export const udp = defineL4({
  name: 'udp',
  protocol: IPPROTO_UDP,
  timeouts: [
    ['udp_timeout', 30],
    ['udp_timeout_stream', 120],
  ],
  words: 0,
  wordIsTime: true,
  allowClash: true,
  keys: portKeys,
  invert: swapKeys,
  packet(tracking, pkt, id, direction) {
    if (broken(tracking, pkt)) return INVALID;
    const { table, now } = tracking;
    const status = table.status(id);
    const timeouts = tracking.timeouts(id, IPPROTO_UDP);
    if (!(status & IPS_CONFIRMED)) table.own[id] = now + STREAM_AFTER;
    // Both ways, and still talking after two seconds: a stream, not a query.
    const stream = (status & IPS_SEEN_REPLY) !== 0 && ((now - table.own[id]) | 0) > 0;
    tracking.refresh(id, pkt, direction, timeouts[stream ? REPLIED : UNREPLIED]);
    if (stream && !(status & IPS_ASSURED)) {
      table.addStatus(id, IPS_ASSURED);
      tracking.event(id, IPCT_ASSURED);
    }
    return VALID;
  },
});

/** udp_error() */
function broken(tracking: Tracking, pkt: Packet): boolean {
  const { bytes, l4, end } = pkt;
  if (!header.fits(bytes, l4, end)) pkt.reason = 'UDP header cut short';
  else if (header.length(bytes, l4) < header.LENGTH || header.length(bytes, l4) > end - l4)
    pkt.reason = 'UDP length malformed';
  // No checksum is accepted for IPv6 too (RFC 6935 allows it for tunnels).
  else if (header.storedChecksum(bytes, l4) === 0 || !tracking.verifies(pkt)) return false;
  else if (transportChecksumRight(pkt, IPPROTO_UDP)) return false;
  else pkt.reason = 'UDP checksum wrong';
  return true;
}
