// UDP-Lite (RFC 3828), net/netfilter/nf_conntrack_proto_udp.c udplite_error(), nf_conntrack_udplite_packet().

import { pseudoSum, sum } from '../../packet/checksum.ts';
import { IPPROTO_UDP, IPPROTO_UDPLITE } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/udp.ts';
import { IPCT_ASSURED, IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts';
import { defineL4, INVALID, portKeys, swapKeys, type Tracking, VALID } from './l4.ts';
import { REPLIED, UNREPLIED, udp } from './udp.ts';

export const udplite = defineL4({
  name: 'udplite',
  protocol: IPPROTO_UDPLITE,
  // The values of UDP, and no sysctls of its own.
  timeouts: udp.timeouts,
  words: 0,
  allowClash: true,
  keys: portKeys,
  invert: swapKeys,
  packet(tracking, pkt, id, direction) {
    if (broken(tracking, pkt)) return INVALID;
    const { table } = tracking;
    const status = table.status(id);
    const timeouts = tracking.timeouts(id, IPPROTO_UDPLITE);
    const replied = (status & IPS_SEEN_REPLY) !== 0;
    tracking.refresh(id, pkt, direction, timeouts[replied ? REPLIED : UNREPLIED]);
    if (replied && !(status & IPS_ASSURED)) {
      table.addStatus(id, IPS_ASSURED);
      tracking.event(id, IPCT_ASSURED);
    }
    return VALID;
  },
});

function broken(tracking: Tracking, pkt: Packet): boolean {
  const { bytes, l4, end } = pkt;
  if (!header.fits(bytes, l4, end)) {
    pkt.reason = 'UDP-Lite header cut short';
    return true;
  }
  // Where UDP has its length, UDP-Lite has the octets that the checksum covers; 0: all of them.
  const coverage = header.length(bytes, l4) || end - l4;
  if (coverage < header.LENGTH || coverage > end - l4) pkt.reason = 'UDP-Lite coverage malformed';
  else if (header.storedChecksum(bytes, l4) === 0) pkt.reason = 'UDP-Lite checksum missing';
  else if (!tracking.verifies(pkt) || checksumRight(pkt, coverage)) return false;
  else pkt.reason = 'UDP-Lite checksum wrong';
  return true;
}

/**
 * The kernel verifies with UDP's number, 17, in the pseudo header where RFC 3828 3.1 has 136, so that right packets are INVALID unless
 * nf_conntrack_checksum is 0. We follow: a rule set that worked there works here.
 */
const checksumRight = ({ bytes, l3, l4, end }: Packet, coverage: number): boolean =>
  sum(bytes, l4, l4 + coverage, pseudoSum(bytes, l3, IPPROTO_UDP, end - l4)) === 0xffff;
