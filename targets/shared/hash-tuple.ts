// What HMARK hashes of a packet: addresses, ports, protocol; of the quoted packet where it is an ICMP error.
// net/netfilter/xt_HMARK.c hmark_pkt_set_htuple_ipv4(), hmark_pkt_set_htuple_ipv6()

import { u16, u32 } from '../../packet/bytes.ts';
import * as icmp from '../../packet/icmp.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_AH, IPPROTO_FRAGMENT, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_NONE } from '../../packet/numbers.ts';
import { isExtensionHeader, type Packet, readOctets } from '../../packet/packet.ts';
import { portsOffset } from '../../packet/ports.ts';

/** Reused from packet to packet. */
export class Flow {
  source = 0;
  destination = 0;
  ports = 0;
  protocol = 0;

  clear(): void {
    this.source = 0;
    this.destination = 0;
    this.ports = 0;
    this.protocol = 0;
  }
}

/** How the parts of a packet become words of the hash. */
export interface FlowParts {
  source(bytes: Uint8Array, at: number): number;
  destination(bytes: Uint8Array, at: number): number;
  /** Both ports, or the SPI, as they stand in the packet. */
  ports(word: number): number;
}

/** Fills `flow`, which is clear. False: there is nothing to hash, and the mark stays. */
export type FlowReader = (pkt: Packet, flow: Flow, parts: FlowParts) => boolean;

const NR_ICMP_TYPES = 18;
/** Unreachable, source quench, redirect, time exceeded, parameter problem. net/ipv4/icmp.c icmp_pointers[] */
const ICMP_ERRORS = new Set([3, 4, 5, 11, 12]);

export function packetFlow4({ bytes, l3, end }: Packet, flow: Flow, parts: FlowParts): boolean {
  let at = l3;
  if (bytes[at + ipv4.PROTOCOL_AT] === IPPROTO_ICMP) {
    const header = at + ipv4.headerLength(bytes, at);
    const type = header + icmp.LENGTH <= end ? bytes[header] : NR_ICMP_TYPES + 1;
    if (ICMP_ERRORS.has(type)) {
      at = header + icmp.LENGTH;
      if (at + ipv4.MIN_LENGTH > end) return false;
    }
  }
  flow.source = parts.source(bytes, at + ipv4.SOURCE_AT);
  flow.destination = parts.destination(bytes, at + ipv4.DESTINATION_AT);
  flow.protocol = bytes[at + ipv4.PROTOCOL_AT];
  const fragment = (u16(bytes, at + 6) & 0x3fff) !== 0;
  if (flow.protocol === IPPROTO_ICMP || fragment) return true;
  setPorts(bytes, at + ((bytes[at] & 0x0f) << 2), end, flow, parts);
  return true;
}

function setPorts(bytes: Uint8Array, header: number, end: number, flow: Flow, { ports }: FlowParts): void {
  const offset = portsOffset(flow.protocol);
  if (offset >= 0 && header + offset + 4 <= end) flow.ports = ports(u32(bytes, header + offset));
}

export function packetFlow6({ bytes, l3, end }: Packet, flow: Flow, parts: FlowParts): boolean {
  walk.fragment = false;
  // A chain of headers that runs out of the packet hashes as nothing, and still sets the mark.
  if (!findHeader(bytes, l3, end)) return true;
  let at = l3;
  if (walk.next === IPPROTO_ICMPV6 && !walk.fragment && isError6(bytes, walk.at, end)) {
    at = walk.at + icmp.LENGTH;
    if (at + ipv6.LENGTH > end || bytes[at] >>> 4 !== 6 || !findHeader(bytes, at, end)) return false;
  }
  flow.source = parts.source(bytes, at + ipv6.SOURCE_AT);
  flow.destination = parts.destination(bytes, at + ipv6.DESTINATION_AT);
  flow.protocol = walk.next;
  if (flow.protocol !== IPPROTO_ICMPV6 && !walk.fragment) setPorts(bytes, walk.at, end, flow, parts);
  return true;
}

/** What findHeader() found. */
const walk = { next: 0, at: 0, fragment: false };

const isError6 = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + icmp.LENGTH <= end && bytes[at] > 0 && bytes[at] < 128;

/**
 * The last header of the chain, or an AH before it, whose SPI counts. `walk.fragment` tells of any fragment header. False: the chain
 * runs out of the packet, or the last header is in another fragment. net/ipv6/exthdrs_core.c ipv6_find_hdr() with IP6_FH_F_AUTH.
 */
function findHeader(bytes: Uint8Array, l3: number, end: number): boolean {
  let next = ipv6.nextHeader(bytes, l3);
  let at = l3 + ipv6.LENGTH;
  while (isExtensionHeader(next) && next !== IPPROTO_NONE && next !== IPPROTO_AH) {
    if (at + readOctets(next) > end) return false;
    let length = (bytes[at + 1] + 1) << 3;
    if (next === IPPROTO_FRAGMENT) {
      walk.fragment = true;
      length = 8;
      if ((u16(bytes, at + 2) & 0xfff8) !== 0) {
        walk.next = bytes[at];
        walk.at = at;
        return !isExtensionHeader(walk.next) || walk.next === IPPROTO_NONE;
      }
    }
    next = bytes[at];
    at += length;
  }
  walk.next = next;
  walk.at = at;
  // The kernel reads two octets of the AH before it stops at it.
  return next !== IPPROTO_AH || at + 2 <= end;
}
