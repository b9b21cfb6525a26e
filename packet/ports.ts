// Where protocols keep the four octets that tell flows apart: two ports, or an SPI.

import {
  IPPROTO_AH,
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from './numbers.ts';

/** By protocol: octets of the fixed header, of those that begin with two ports; else 0. */
export const PORTED = new Uint8Array(256);
PORTED[IPPROTO_TCP] = 20;
PORTED[IPPROTO_UDP] = 8;
PORTED[IPPROTO_UDPLITE] = 8;
PORTED[IPPROTO_DCCP] = 12;
PORTED[IPPROTO_SCTP] = 12;

/** Behind the beginning of the transport header; -1: nowhere. include/linux/skbuff.h proto_ports_offset() */
export function portsOffset(protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return 0;
    case IPPROTO_AH:
      return 4;
    default:
      return -1;
  }
}
