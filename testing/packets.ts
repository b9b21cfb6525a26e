// Packets for tests, written as they read in tcpdump: `tcp('2001:db8::1', '2001:db8:9::80', { dport: 443, flags: 'S' })`. The
// addresses say the family; lengths and checksums come out right unless a field says otherwise. Every packet is a Uint8Array from
// its IP header on, so that anything else that makes octets will do as well.

import { parseAnyAddress } from '../packet/address.ts';
import * as build from '../packet/build.ts';
import { fromHex } from '../packet/bytes.ts';
import { ICMP_NAMES, icmpByName } from '../packet/icmp-names.ts';
import type { Family } from '../packet/numbers.ts';
import { packetFromWords } from '../packet/words.ts';

/** What any of these packets may have in its IP header. */
export interface IpFields {
  /** TTL or hop limit; 64. */
  ttl?: number;
  /** TOS or traffic class, the whole octet. */
  tos?: number;
  /** IPv4 identification. */
  ipId?: number;
  /** IPv4 "do not fragment". */
  df?: boolean;
  /** IPv6 flow label. */
  flowLabel?: number;
  /** Headers between IP and the rest: `[build.hopByHop(), build.destinationOptions()]`. */
  headers?: readonly build.Layer[];
}

type IcmpKind = {
  /** A number, or a name as rules spell it: 'echo-request', 'packet-too-big', 'port-unreachable' (which says the code, too). */
  type?: number | string;
};

export type TcpPacket = build.TcpFields & IpFields;
export type UdpPacket = build.UdpFields & IpFields;
export type SctpPacket = build.SctpFields & IpFields;
export type GrePacket = build.GreFields & IpFields;
export type EspPacket = build.EspFields & IpFields;
export type IcmpPacket = Omit<build.IcmpFields, 'type'> & IcmpKind & IpFields;
export type Icmp6Packet = Omit<build.Icmp6Fields, 'type'> & IcmpKind & IpFields;

/** Family of two addresses. Throws RangeError for text that is none, and for one of each family. */
export function familyOf(src: string, dst: string): Family {
  const [from, to] = [src, dst].map((text) => {
    const found = parseAnyAddress(text);
    if (!found) throw new RangeError(`not an address: ${text}`);
    return found.family;
  });
  if (from !== to) throw new RangeError(`${src} > ${dst}: one address is IPv${from}, the other IPv${to}`);
  return from;
}

function around(src: string, dst: string, fields: IpFields, layer: build.Layer): Uint8Array {
  const { ttl, tos, ipId, df, flowLabel, headers = [] } = fields;
  if (familyOf(src, dst) === 4) return build.ip4({ src, dst, ttl, tos, id: ipId, df }, ...headers, layer);
  return build.ip6({ src, dst, hopLimit: ttl, trafficClass: tos, flowLabel }, ...headers, layer);
}

/** A TCP segment; SYN from port 1024 to port 80 unless told otherwise. Flags are tcpdump's letters: 'S', 'SA', 'PA', 'F.', 'R'. */
export const tcp = (src: string, dst: string, fields: TcpPacket = {}): Uint8Array =>
  around(src, dst, fields, build.tcp(fields));

/** A UDP datagram; from port 1024 to port 53 unless told otherwise. */
export const udp = (src: string, dst: string, fields: UdpPacket = {}): Uint8Array =>
  around(src, dst, fields, build.udp(fields));

/** An SCTP packet; INIT unless `chunks` are given. */
export const sctp = (src: string, dst: string, fields: SctpPacket = {}): Uint8Array =>
  around(src, dst, fields, build.sctp(fields));

/** A GRE packet, plain or of PPTP (`version: 1`). */
export const gre = (src: string, dst: string, fields: GrePacket = {}): Uint8Array =>
  around(src, dst, fields, build.gre(fields));

/** An encrypted packet: nothing behind its SPI can be seen. */
export const esp = (src: string, dst: string, fields: EspPacket = {}): Uint8Array =>
  around(src, dst, fields, build.esp(fields));

/** An ICMP message; an echo request unless told otherwise. */
export function icmp(src: string, dst: string, fields: IcmpPacket = {}): Uint8Array {
  if (familyOf(src, dst) !== 4) throw new RangeError('icmp() is of IPv4: icmp6() makes the messages of IPv6');
  return around(src, dst, fields, build.icmp({ ...fields, ...typeOf(fields, 4) }));
}

/** An ICMPv6 message; an echo request unless told otherwise. */
export function icmp6(src: string, dst: string, fields: Icmp6Packet = {}): Uint8Array {
  if (familyOf(src, dst) !== 6) throw new RangeError('icmp6() is of IPv6: icmp() makes the messages of IPv4');
  return around(src, dst, fields, build.icmp6({ ...fields, ...typeOf(fields, 6) }));
}

/** The same by its other name. */
export const icmpv6 = icmp6;

/** Any protocol number with those octets behind the IP header (or so many octets). */
export const ipProtocol = (
  src: string,
  dst: string,
  protocol: number,
  data: build.Data = 0,
  fields: IpFields = {},
): Uint8Array => around(src, dst, fields, build.raw(protocol, data));

/**
 * The ICMP error that a host or router sends about `packet`, back to where it came from: 'port-unreachable', 'packet-too-big' with an
 * `mtu`, 'time-exceeded'. From the packet's destination unless `from` says otherwise.
 */
export function errorAbout(
  packet: Uint8Array,
  type: string | number,
  fields: { from?: string; code?: number; mtu?: number; pointer?: number } = {},
): Uint8Array {
  const family: Family = packet[0] >>> 4 === 4 ? 4 : 6;
  const { from, mtu, pointer } = fields;
  const kind = typeOf({ type, code: fields.code }, family);
  const message = { type: kind.type, code: kind.code ?? 0, from, mtu, pointer };
  return family === 4 ? build.icmpErrorAbout(packet, message) : build.icmp6ErrorAbout(packet, message);
}

function typeOf(
  { type, code }: { type?: number | string; code?: number },
  family: Family,
): { type: number | undefined; code: number | undefined } {
  if (typeof type !== 'string') return { type, code };
  const named = icmpByName(type, family);
  if (!named) {
    const names = ICMP_NAMES[family].map(({ name }) => name).join(', ');
    throw new RangeError(`no ICMP type of IPv${family} is called "${type}": ${names}`);
  }
  return { type: named.type, code: code ?? named.code };
}

/** `packet` cut into fragments that carry `size` octets each, or sizes in turn; multiples of 8. */
export const fragments = (packet: Uint8Array, size: build.Sizes, id = 1): Uint8Array[] =>
  packet[0] >>> 4 === 4 ? build.fragments4(withId(packet, id), size) : build.fragments6(packet, size, id);

/** Fragments of one datagram are known by its identification. The sum of the header is mended by the cut. */
function withId(packet: Uint8Array, id: number): Uint8Array {
  const copy = packet.slice();
  if (copy[4] === 0 && copy[5] === 0) copy.set([(id >>> 8) & 0xff, id & 0xff], 4);
  return copy;
}

/** A packet from words, as `sekisho trace` takes them: `packet('tcp 10.0.0.1 > 10.0.0.2 dport 22 syn')`. Throws PacketWordsError. */
export const packet = (words: string): Uint8Array => packetFromWords(words);

/** A packet from hex digits, blanks and colons allowed. Throws RangeError. */
export function hex(digits: string): Uint8Array {
  const octets = fromHex(digits.replace(/[\s:]/g, ''));
  if (!octets) throw new RangeError(`not hex: ${digits.slice(0, 40)}`);
  return octets;
}
