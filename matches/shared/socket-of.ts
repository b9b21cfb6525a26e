// The socket of the host that a packet comes to, by its ends or by those that an ICMP error quotes. net/ipv4/netfilter/nf_socket_ipv4.c
// nf_sk_lookup_slow_v4(), net/ipv6/netfilter/nf_socket_ipv6.c

import type { Connections } from '../../conntrack/connections.ts';
import { IPS_SRC_NAT_DONE } from '../../conntrack/status.ts';
import type { Socket, SocketQuery } from '../../engine/host/sockets.ts';
import type { Services } from '../../engine/services.ts';
import { type Address, addressAt } from '../../packet/address.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, CT_RELATED, type Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';

const ICMP_LENGTH = 8;
/** Unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERRORS_4: readonly number[] = [3, 4, 5, 11, 12];
/** ICMPv6 types from here on inform. */
const INFORMS_6 = 128;

export function socketOf(pkt: Packet, services: Services): Socket | undefined {
  if (!services.sockets || pkt.family === 0) return undefined;
  const query = queryOf(pkt, services.tracker.connections);
  return query && services.sockets.find(query);
}

function queryOf(pkt: Packet, connections: Connections): SocketQuery | undefined {
  const family = pkt.family as Family;
  const isError = pkt.protocol === (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  const query = isError ? fromQuote(pkt, family) : fromHeader(pkt, family);
  return query && family === 4 ? beforeNat(query, pkt, isError, connections) : query;
}

const carriesPorts = (protocol: number): boolean => protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
const portAt = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

function fromHeader(
  { bytes, l3, l4, end, protocol, fragmentOffset, inDevice }: Packet,
  family: Family,
): SocketQuery | undefined {
  if (!carriesPorts(protocol) || fragmentOffset !== 0) return undefined;
  const fits = protocol === IPPROTO_TCP ? tcp.fits(bytes, l4, end) : udp.fits(bytes, l4, end);
  if (!fits) return undefined;
  const { SOURCE_AT, DESTINATION_AT } = family === 4 ? ipv4 : ipv6;
  return {
    family,
    protocol,
    source: addressAt(bytes, l3 + SOURCE_AT, family),
    sourcePort: portAt(bytes, l4),
    destination: addressAt(bytes, l3 + DESTINATION_AT, family),
    destinationPort: portAt(bytes, l4 + 2),
    device: inDevice,
  };
}

/** An error goes to whom the packet that it quotes came from, so the ends change places. extract_icmp4_fields() */
function fromQuote({ bytes, l4, end, inDevice }: Packet, family: Family): SocketQuery | undefined {
  if (l4 + ICMP_LENGTH > end) return undefined;
  if (family === 4 ? !ERRORS_4.includes(bytes[l4]) : bytes[l4] >= INFORMS_6) return undefined;
  const inner = l4 + ICMP_LENGTH;
  const length = family === 4 ? (bytes[inner] & 0x0f) << 2 : ipv6.LENGTH;
  if (inner + Math.max(length, 20) + 4 > end) return undefined;
  const protocol = bytes[inner + (family === 4 ? 9 : 6)];
  if (!carriesPorts(protocol)) return undefined;
  const { SOURCE_AT, DESTINATION_AT } = family === 4 ? ipv4 : ipv6;
  return {
    family,
    protocol,
    source: addressAt(bytes, inner + DESTINATION_AT, family),
    sourcePort: portAt(bytes, inner + length + 2),
    destination: addressAt(bytes, inner + SOURCE_AT, family),
    destinationPort: portAt(bytes, inner + length),
    device: inDevice,
  };
}

/** Answers to a connection whose source was translated are for the socket that began it. */
function beforeNat(query: SocketQuery, pkt: Packet, isError: boolean, connections: Connections): SocketQuery {
  const { connection: id, direction, ctState } = pkt;
  if (id < 0 || direction !== 1 || ctState !== (isError ? CT_RELATED : CT_ESTABLISHED)) return query;
  if (!(connections.status(id) & IPS_SRC_NAT_DONE)) return query;
  const destination: Address = new Uint8Array(16).map((_octet, at) => connections.sourceOctet(id, 0, at));
  return { ...query, destination, destinationPort: connections.sourceKey(id, 0) };
}
