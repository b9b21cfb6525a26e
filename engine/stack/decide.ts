// Where a packet goes, and which addresses no packet may have. Nothing here sends or changes; `pkt.outDevice` is set for 'forward'.

import { u32 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Packet } from '../../packet/packet.ts';
import { isLinkLocal6, isLoopback6, isMulticast, isUnspecified6, type Route } from './routes.ts';
import type { RouteTable } from './types.ts';

/** `no route` is answered; `martian` and `not ours` are dropped in silence. */
export type Decision = 'input' | 'forward' | 'no route' | 'martian' | 'not ours';

const BROADCAST = 0xffffffff;
const ALL_HOSTS = 0xe0000001; // 224.0.0.1, the one group that every host is in

/** net/ipv4/route.c ip_route_input_slow(), ip_route_input_rcu(); rp_filter is off. */
export function decide4(pkt: Packet, routes: RouteTable, forwarding: boolean): Decision {
  const { bytes, l3 } = pkt;
  const source = u32(bytes, l3 + ipv4.SOURCE_AT);
  const destination = u32(bytes, l3 + ipv4.DESTINATION_AT);
  const fromUs = source !== 0 && routes.isLocal(bytes, l3 + ipv4.SOURCE_AT, 4);
  if (destination >>> 28 === 14) {
    if (destination !== ALL_HOSTS) return 'not ours';
    const ofLinkOnly = source === 0 || (source >>> 28 !== 14 && source !== BROADCAST);
    return ofLinkOnly && !fromUs ? 'input' : 'martian';
  }
  if (source >>> 28 === 14 || source === BROADCAST) return 'martian';
  if (destination === BROADCAST || (source === 0 && destination === 0)) return fromUs ? 'martian' : 'input';
  if (source === 0 || destination === 0 || source >>> 24 === 127 || destination >>> 24 === 127) return 'martian';
  const route = routes.find(bytes, l3 + ipv4.DESTINATION_AT, 4);
  if (route && route.type !== 'UNICAST') return fromUs ? 'martian' : 'input';
  if (!forwarding) return 'not ours';
  if (!route) return 'no route';
  return fromUs ? 'martian' : forwardBy(pkt, route);
}

/** net/ipv6/route.c ip6_route_input(), net/ipv6/ip6_input.c ip6_mc_input() */
export function decide6(pkt: Packet, routes: RouteTable, forwarding: boolean): Decision {
  const { bytes, l3 } = pkt;
  const at = l3 + ipv6.DESTINATION_AT;
  if (isMulticast(bytes, at, 6)) return isAllNodes(bytes, at) ? 'input' : 'not ours';
  // A link-local destination means the link that the packet came from.
  const route = routes.find(bytes, at, 6, isLinkLocal6(bytes, at) ? pkt.inDevice : undefined);
  if (!route) return 'no route';
  if (route.type !== 'UNICAST') return 'input';
  return forwarding ? forwardBy(pkt, route) : 'not ours';
}

function forwardBy(pkt: Packet, { device }: Route): 'forward' {
  pkt.outDevice = device;
  return 'forward';
}

/** ff02::1 */
const isAllNodes = (bytes: Uint8Array, at: number): boolean =>
  u32(bytes, at) === 0xff020000 && (u32(bytes, at + 4) | u32(bytes, at + 8)) === 0 && u32(bytes, at + 12) === 1;

/** Why an IPv6 packet is dropped on receipt, before any rule; '' when it is not. net/ipv6/ip6_input.c ip6_rcv_core() */
export function refused6({ bytes, l3 }: Packet): string {
  const source = l3 + ipv6.SOURCE_AT;
  const destination = l3 + ipv6.DESTINATION_AT;
  // What is refused begins with 0 or 0xff.
  if (((bytes[source] + 1) & 0xfe) !== 0 && ((bytes[destination] + 1) & 0xfe) !== 0) return '';
  if (isLoopback6(bytes, source) || isLoopback6(bytes, destination)) return 'loopback address from outside';
  if (isMulticast(bytes, source, 6)) return 'multicast source';
  // Scopes 0 (reserved) and 1 (this interface) do not cross a link.
  if (isMulticast(bytes, destination, 6) && (bytes[destination + 1] & 0x0f) <= 1) return 'multicast scope';
  return '';
}

/** Whether an IPv6 source may be passed on to another link; `beyond scope` is answered. net/ipv6/ip6_output.c ip6_forward() */
export function passesOn6({ bytes, l3, inDevice, outDevice }: Packet): 'yes' | 'no' | 'beyond scope' {
  // Back where it came from: the kernel thinks of a redirect then, and looks no further.
  if (inDevice === outDevice) return 'yes';
  const first = bytes[l3 + ipv6.SOURCE_AT];
  if (first !== 0 && first !== 0xfe) return 'yes';
  if (isUnspecified6(bytes, l3 + ipv6.SOURCE_AT)) return 'no';
  return isLinkLocal6(bytes, l3 + ipv6.SOURCE_AT) ? 'beyond scope' : 'yes';
}
