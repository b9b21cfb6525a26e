// A packet's octets as fields, for tests to compare with and to read in failures.

import { addressAt, formatAddress } from '../packet/address.ts';
import { u16, u32 } from '../packet/bytes.ts';
import { describe } from '../packet/describe.ts';
import { tcpFlagLetters } from '../packet/describe-transport.ts';
import { icmpName } from '../packet/icmp-names.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import {
  type Family,
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../packet/numbers.ts';
import { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';

/** What can be read in a packet. Fields that it does not have are undefined. */
export interface PacketFields {
  readonly family: Family | 0;
  readonly src: string;
  readonly dst: string;
  /** 'tcp', 'icmp6', or a number as text. */
  readonly protocol: string;
  readonly sport?: number;
  readonly dport?: number;
  /** tcpdump's letters: 'S', 'S.', 'P.', 'none'. */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly mss?: number;
  /** Of ICMP, as rules name it: 'port-unreachable'. */
  readonly type?: string;
  /** ICMP echo identifier. */
  readonly id?: number;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** TOS or traffic class. */
  readonly tos: number;
  readonly dscp: number;
  /** Of a fragment: offset in octets, and whether more follow. */
  readonly fragment?: { readonly offset: number; readonly more: boolean };
  /** Octets behind the transport header. */
  readonly payload: Uint8Array;
  /** Octets of the whole packet. */
  readonly length: number;
  /** One line, as tcpdump prints it. */
  readonly text: string;
}

const NAMES: Record<number, string> = {
  [IPPROTO_TCP]: 'tcp',
  [IPPROTO_UDP]: 'udp',
  [IPPROTO_UDPLITE]: 'udplite',
  [IPPROTO_ICMP]: 'icmp',
  [IPPROTO_ICMPV6]: 'icmp6',
  [IPPROTO_SCTP]: 'sctp',
  [IPPROTO_DCCP]: 'dccp',
  [IPPROTO_GRE]: 'gre',
  [IPPROTO_ESP]: 'esp',
};
const WITH_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP];

/** Any octets give fields; of what is no IP packet only `length` and `text` say something. */
export function fieldsOf(octets: Uint8Array): PacketFields {
  const pkt = Packet.of(octets);
  const text = describe(pkt);
  const { family, bytes, l3, l4, end, protocol } = pkt;
  const none = { src: '', dst: '', protocol: '', ttl: 0, tos: 0, dscp: 0, payload: new Uint8Array(0) };
  if (family === 0) return { family, ...none, length: octets.length, text };
  const at = l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT);
  const address = (from: number): string => formatAddress(addressAt(bytes, from, family), family);
  const tos = family === 4 ? ipv4.tos(bytes, l3) : ipv6.trafficClass(bytes, l3);
  const isPiece = pkt.fragmentOffset !== 0 || pkt.moreFragments;
  return {
    family,
    src: address(at),
    dst: address(at + (family === 4 ? 4 : 16)),
    protocol: NAMES[protocol] ?? String(protocol),
    ...transportFields(pkt, family),
    ttl: family === 4 ? ipv4.ttl(bytes, l3) : ipv6.hopLimit(bytes, l3),
    tos,
    dscp: tos >>> 2,
    ...(isPiece ? { fragment: { offset: pkt.fragmentOffset, more: pkt.moreFragments } } : {}),
    payload: bytes.slice(Math.min(payloadAt(pkt), end), end),
    length: end - l3,
    text: l4 > end ? `${text} [cut short]` : text,
  };
}

function transportFields(pkt: Packet, family: Family): Partial<PacketFields> {
  const { bytes, l4, end, protocol } = pkt;
  if (pkt.fragmentOffset !== 0 || l4 + 8 > end) return {};
  if ((protocol === IPPROTO_ICMP && family === 4) || (protocol === IPPROTO_ICMPV6 && family === 6)) {
    const type = icmpName(bytes[l4], bytes[l4 + 1], family);
    return { type, ...(/^echo-|^timestamp-/.test(type) ? { id: u16(bytes, l4 + 4) } : {}) };
  }
  if (!WITH_PORTS.includes(protocol)) return {};
  const ports = { sport: u16(bytes, l4), dport: u16(bytes, l4 + 2) };
  if (protocol !== IPPROTO_TCP || !tcp.fits(bytes, l4, end)) return ports;
  const flags = tcp.flags(bytes, l4);
  const mss = tcp.mss(bytes, l4, end);
  return {
    ...ports,
    flags: tcpFlagLetters(flags),
    seq: u32(bytes, l4 + 4),
    ack: u32(bytes, l4 + 8),
    ...(mss === undefined ? {} : { mss }),
  };
}

function payloadAt({ bytes, l4, end, protocol, fragmentOffset }: Packet): number {
  if (fragmentOffset !== 0) return l4;
  if (protocol === IPPROTO_TCP) return tcp.fits(bytes, l4, end) ? l4 + tcp.headerLength(bytes, l4) : end;
  return [IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6].includes(protocol) ? l4 + 8 : l4;
}
