// What a packet shows a set: addresses, protocol with port, devices. Source: net/netfilter/ipset/ip_set_getport.c

import { u16, u32 } from '../../packet/bytes.ts';
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Layout } from './layout.ts';
import type { SetHeader } from './types.ts';

/**
 * Lays what a packet shows of a set's parts into `into`, all but the device; false: it has none of the kind. `sources`: bits of the parts that are
 * to be the packet's source.
 */
export function readParts(
  pkt: Packet,
  sources: number,
  { parts, at, tail, width }: Layout,
  { mask, markMask }: SetHeader,
  into: Int32Array,
): boolean {
  if (tail >= 0) into[tail] = 0;
  for (let part = 0; part < parts.length; part++) {
    const source = (sources & (1 << part)) !== 0;
    switch (parts[part]) {
      case 'net':
        addressWords(pkt, source, into, at[part]);
        break;
      case 'ip':
        addressWords(pkt, source, into, at[part]);
        if (mask) for (let word = 0; word < width; word++) into[at[part] + word] &= mask[word];
        break;
      case 'port': {
        const port = portWord(pkt, source);
        if (port < 0) return false;
        into[tail] |= port << 8;
        break;
      }
      case 'mac':
        if (!macWords(pkt, source, into, at[part])) return false;
        break;
      case 'mark':
        into[at[part]] = pkt.mark & (markMask ?? -1);
        break;
    }
  }
  return true;
}

/** Octets that the kernel wants to see of the header before it reads a port: the whole fixed header. */
const HEADER_LENGTH: Readonly<Record<number, number>> = {
  [IPPROTO_TCP]: 20,
  [IPPROTO_UDP]: 8,
  [IPPROTO_UDPLITE]: 8,
  [IPPROTO_SCTP]: 12,
  [IPPROTO_ICMP]: 8,
  [IPPROTO_ICMPV6]: 8,
};

/** Port << 8 | protocol, or -1 when there should be a port and it cannot be read. ICMP: type and code. Others have port 0. */
function portWord(pkt: Packet, source: boolean): number {
  const { protocol, bytes, l4 } = pkt;
  if (protocol <= 0 || (protocol === IPPROTO_NONE && pkt.family === 6)) return -1;
  // IPv6: any later fragment. IPv4: only where a port was to be read.
  if (pkt.fragmentOffset !== 0 && (pkt.family === 6 || hasPort(protocol))) return -1;
  const length = HEADER_LENGTH[protocol];
  if (length === undefined) return protocol;
  if (l4 + length > pkt.end) return -1;
  const icmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  return (u16(bytes, icmp || source ? l4 : l4 + 2) << 8) | protocol;
}

const hasPort = (protocol: number): boolean =>
  protocol === IPPROTO_TCP ||
  protocol === IPPROTO_UDP ||
  protocol === IPPROTO_UDPLITE ||
  protocol === IPPROTO_SCTP ||
  protocol === IPPROTO_ICMP;

/** Writes 1 or 4 words. */
export function addressWords(pkt: Packet, source: boolean, into: Int32Array, at: number): void {
  const { bytes, l3 } = pkt;
  if (pkt.family === 4) {
    into[at] = u32(bytes, l3 + (source ? 12 : 16));
    return;
  }
  const from = l3 + (source ? 8 : 24);
  for (let word = 0; word < 4; word++) into[at + word] = u32(bytes, from + 4 * word);
}

/** Writes 2 words; false: no Ethernet header, or no address in it. */
export function macWords(pkt: Packet, source: boolean, into: Int32Array, at: number): boolean {
  const { linkHeader } = pkt;
  if (!linkHeader || linkHeader.length < 14) return false;
  const from = source ? 6 : 0;
  into[at] = u16(linkHeader, from);
  into[at + 1] = u32(linkHeader, from + 2);
  return (into[at] | into[at + 1]) !== 0;
}
