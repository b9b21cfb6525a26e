// The eight bits of DSCP and ECN, where either family has them.

import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';

/** TOS octet of an IPv4 header. */
const tos = (pkt: Packet): number => pkt.bytes[pkt.l3 + 1];
/** Traffic class of an IPv6 header: it lies across the first two octets. */
const trafficClass = (pkt: Packet): number => ((pkt.bytes[pkt.l3] & 0x0f) << 4) | (pkt.bytes[pkt.l3 + 1] >>> 4);

export const dsField = (family: Family): ((pkt: Packet) => number) => (family === 4 ? tos : trafficClass);

/** For text, where the family is the packet's own. */
export const dsFieldOf = (pkt: Packet): number => (pkt.family === 4 ? tos(pkt) : trafficClass(pkt));
