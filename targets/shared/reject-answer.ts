// What a REJECT sends.

import type { Routes, Services } from '../../engine/services.ts';
import { type ErrorContext, icmpError } from '../../engine/stack/icmp-error.ts';
import { addressAt } from '../../packet/address.ts';
import { ip, ip4, tcp as tcpLayer } from '../../packet/build.ts';
import { ICMP_DEST_UNREACH } from '../../packet/icmp.ts';
import { ICMPV6_DEST_UNREACH } from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';

/** net.ipv4.ip_default_ttl and net.ipv6.conf.*.hop_limit. */
const TTL = 64;

/** Sends destination unreachable with `code`, unless nothing may be sent about that packet. Made once for each rule. */
export function unreachable(family: Family, code: number, services: Services): (pkt: Packet) => void {
  const error = { type: family === 4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH, code };
  const { routes, random } = services;
  const asRouter: ErrorContext = { routes, random, timeOfDay: Math.floor };
  const asBridge: ErrorContext = { ...asRouter, routes: asAddressed(routes) };
  return (pkt) => {
    const bridged = pkt.physIn !== '';
    if (!bridged && services.sendError) {
      services.sendError(pkt, error);
      return;
    }
    const octets = icmpError(pkt, error, bridged ? asBridge : asRouter);
    if (octets) services.send(octets, pkt);
  };
}

/**
 * A bridge has no address: its errors come from whom the packet was for, as those of the kernel's own bridge reject do
 * (net/bridge/netfilter/nf_reject_bridge.c). So every address of one host counts as ours.
 */
const asAddressed = (routes: Routes): Routes => ({
  type(address, family, device) {
    const type = routes.type(address, family, device);
    return type === 'MULTICAST' || type === 'BROADCAST' ? type : 'LOCAL';
  },
  lookup: () => ({ device: '', via: undefined }),
  sourceFor: () => undefined,
  addressesOf: () => [],
  mtu: () => 1500,
});

/** RFC 9293 3.10.7.1: the number the sender expects if it said so, else an ACK of all that it sent. */
export function reset(pkt: Packet, family: Family): Uint8Array {
  const { bytes, l3, l4, end } = pkt;
  const flags = tcp.flags(bytes, l4);
  const acknowledges = (flags & tcp.ACK) !== 0;
  const length = end - l4 - tcp.headerLength(bytes, l4) + (flags & tcp.SYN ? 1 : 0) + (flags & tcp.FIN ? 1 : 0);
  const layer = tcpLayer({
    sport: tcp.destinationPort(bytes, l4),
    dport: tcp.sourcePort(bytes, l4),
    flags: acknowledges ? 'R' : 'RA',
    seq: acknowledges ? tcp.acknowledgment(bytes, l4) : 0,
    ack: acknowledges ? 0 : (tcp.sequence(bytes, l4) + length) >>> 0,
    window: 0,
  });
  const src = addressAt(bytes, l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT), family);
  const dst = addressAt(bytes, l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family);
  return family === 4 ? ip4({ src, dst, ttl: TTL, df: true }, layer) : ip(6, { src, dst, ttl: TTL }, layer);
}
