// What a REJECT sends. As a router the answer comes from the address that speaks to the packet's source; as a bridge, which has no
// address, from the packet's destination, as the kernel's own bridge reject does (nf_reject_bridge.c).

import type { Services } from '../../engine/services.ts';
import { type Address, addressAt } from '../../packet/address.ts';
import { icmp, icmp6, ip, ip4, ip6, tcp as tcpLayer } from '../../packet/build.ts';
import { ICMP_DEST_UNREACH } from '../../packet/icmp.ts';
import { ICMPV6_DEST_UNREACH } from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';

/** RFC 1812 4.3.2.3: a router's errors are at most 576 octets long; RFC 4443 2.4 (c): at most the least MTU. */
const LONGEST: Record<Family, number> = { 4: 576, 6: ipv6.MIN_MTU };
const ICMP_HEADER = 8;
const IP_HEADER: Record<Family, number> = { 4: ipv4.MIN_LENGTH, 6: ipv6.LENGTH };
/** net.ipv4.ip_default_ttl and net.ipv6.conf.*.hop_limit. */
const TTL = 64;
/** "Internetwork control": RFC 1812 4.3.2.5. */
const PRECEDENCE = 0xc0;

const sourceOf = ({ bytes, l3 }: Packet, family: Family): Address =>
  addressAt(bytes, l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family);

const destinationOf = ({ bytes, l3 }: Packet, family: Family): Address =>
  addressAt(bytes, l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT), family);

/** Destination unreachable with `code`, quoting as much of the packet as fits. */
export function unreachable(pkt: Packet, family: Family, code: number, services: Services): Uint8Array {
  const { bytes, l3, end } = pkt;
  const room = LONGEST[family] - IP_HEADER[family] - ICMP_HEADER;
  const data = bytes.subarray(l3, Math.min(end, l3 + room));
  const dst = sourceOf(pkt, family);
  const src = speaker(pkt, family, dst, services);
  if (family === 6) return ip6({ src, dst, hopLimit: TTL }, icmp6({ type: ICMPV6_DEST_UNREACH, code, data }));
  const tos = PRECEDENCE | (ipv4.tos(bytes, l3) & 0x1e);
  const id = services.random() & 0xffff;
  return ip4({ src, dst, ttl: TTL, tos, id }, icmp({ type: ICMP_DEST_UNREACH, code, data }));
}

/** Whom the error comes from: whoever was addressed if that is us, else our address towards `receiver`. */
function speaker(pkt: Packet, family: Family, receiver: Address, { routes }: Services): Address {
  const addressed = destinationOf(pkt, family);
  if (pkt.physIn !== '' || routes.type(addressed, family) === 'LOCAL') return addressed;
  if (routes.type(receiver, family) === 'LOCAL') return receiver;
  const device = routes.lookup(receiver, family)?.device ?? pkt.inDevice;
  return routes.sourceFor(device, family, receiver) ?? addressed;
}

/** RFC 9293 3.10.7.1: the number the sender expects if it said so, else an ACK of all that it sent. */
export function reset(pkt: Packet, family: Family): Uint8Array {
  const { bytes, l4, end } = pkt;
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
  const addresses = { src: destinationOf(pkt, family), dst: sourceOf(pkt, family) };
  return family === 4 ? ip4({ ...addresses, ttl: TTL, df: true }, layer) : ip(6, { ...addresses, ttl: TTL }, layer);
}
