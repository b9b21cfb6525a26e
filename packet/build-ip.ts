// The IP headers of build.ts, around a stack of layers.

import type { Address } from './address.ts';
import { addressOctets, chooseChecksum, type Data, type Layer, octets, type Pseudo, padded } from './build-layer.ts';
import { concat, putU16, putU32 } from './bytes.ts';
import { sum } from './checksum.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import { type Family, IPPROTO_NONE } from './numbers.ts';

const SOURCE: Record<Family, string> = { 4: '10.0.1.2', 6: 'fd00:a::2' };
const DESTINATION: Record<Family, string> = { 4: '10.0.2.2', 6: 'fd00:b::2' };

export interface Ip4Fields {
  src?: string | Address;
  dst?: string | Address;
  ttl?: number;
  tos?: number;
  id?: number;
  df?: boolean;
  mf?: boolean;
  /** The reserved ("evil") bit. */
  reserved?: boolean;
  /** Fragment offset in octets, a multiple of 8. */
  offset?: number;
  /** Octets of options; padded with zeros to a multiple of 4. */
  options?: Uint8Array;
  /** Overrides of what would come out right. */
  protocol?: number;
  version?: number;
  headerLength?: number;
  totalLength?: number;
  badChecksum?: boolean;
  checksum?: number;
  /** Octets that come after the packet as the header claims it (link-layer padding). */
  padding?: number;
  /** Cuts the finished packet to so many octets; the header still claims all of them. */
  truncate?: number;
}

export function ip4(fields: Ip4Fields, ...layers: readonly Layer[]): Uint8Array {
  const source = addressOctets(fields.src ?? SOURCE[4], 4);
  const destination = addressOctets(fields.dst ?? DESTINATION[4], 4);
  const { next, rest } = stack(layers, concat(source, destination));
  const options = padded(fields.options ?? new Uint8Array(0), 4);
  const length = ipv4.MIN_LENGTH + options.length;
  const header = new Uint8Array(length);
  header[0] = ((fields.version ?? 4) << 4) | ((fields.headerLength ?? length) >>> 2);
  header[1] = fields.tos ?? 0;
  putU16(header, 2, fields.totalLength ?? length + rest.length);
  putU16(header, ipv4.ID_AT, fields.id ?? 0);
  putU16(header, ipv4.FRAGMENT_AT, fragmentField(fields));
  header[ipv4.TTL_AT] = fields.ttl ?? 64;
  header[ipv4.PROTOCOL_AT] = fields.protocol ?? next;
  header.set(source, ipv4.SOURCE_AT);
  header.set(destination, ipv4.DESTINATION_AT);
  header.set(options, ipv4.MIN_LENGTH);
  putU16(header, ipv4.CHECKSUM_AT, chooseChecksum(header, fields, 0));
  return finish(header, rest, fields);
}

const fragmentField = ({ df, mf, reserved, offset }: Ip4Fields): number =>
  (reserved ? ipv4.IP_CE : 0) | (df ? ipv4.IP_DF : 0) | (mf ? ipv4.IP_MF : 0) | ((offset ?? 0) >>> 3);

export interface Ip6Fields {
  src?: string | Address;
  dst?: string | Address;
  /** Where a routing header ends: the checksum's pseudo header has this destination (RFC 8200 8.1). */
  finalDst?: string | Address;
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
  /** Overrides of what would come out right. */
  nextHeader?: number;
  version?: number;
  payloadLength?: number;
  padding?: number;
  truncate?: number;
}

export function ip6(fields: Ip6Fields, ...layers: readonly Layer[]): Uint8Array {
  const source = addressOctets(fields.src ?? SOURCE[6], 6);
  const destination = addressOctets(fields.dst ?? DESTINATION[6], 6);
  const last = fields.finalDst === undefined ? destination : addressOctets(fields.finalDst, 6);
  const { next, rest } = stack(layers, concat(source, last));
  const header = new Uint8Array(ipv6.LENGTH);
  const head = ((fields.version ?? 6) << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0);
  putU32(header, 0, head);
  putU16(header, ipv6.PAYLOAD_LENGTH_AT, fields.payloadLength ?? rest.length);
  header[ipv6.NEXT_HEADER_AT] = fields.nextHeader ?? next;
  header[ipv6.HOP_LIMIT_AT] = fields.hopLimit ?? 64;
  header.set(source, ipv6.SOURCE_AT);
  header.set(destination, ipv6.DESTINATION_AT);
  return finish(header, rest, fields);
}

/** The same packet in either family: `ttl` and `tos` become hop limit and traffic class. For tests that run twice. */
export function ip(
  family: Family,
  { src, dst, ttl, tos }: Pick<Ip4Fields, 'src' | 'dst' | 'ttl' | 'tos'>,
  ...layers: readonly Layer[]
): Uint8Array {
  if (family === 4) return ip4({ src, dst, ttl, tos }, ...layers);
  return ip6({ src, dst, hopLimit: ttl, trafficClass: tos }, ...layers);
}

function stack(layers: readonly Layer[], addresses: Uint8Array): { next: number; rest: Uint8Array } {
  const pseudo: Pseudo = (protocol, length) =>
    sum(addresses, 0, addresses.length, protocol + (length & 0xffff) + (length >>> 16));
  let rest = new Uint8Array(0) as Uint8Array;
  let next = IPPROTO_NONE;
  for (const layer of layers.toReversed()) {
    rest = layer.emit(next, rest, pseudo);
    next = layer.protocol;
  }
  return { next, rest };
}

function finish(header: Uint8Array, rest: Uint8Array, { padding = 0, truncate }: Ip4Fields | Ip6Fields): Uint8Array {
  return concat(header, rest, new Uint8Array(padding)).slice(0, truncate);
}

/** Octets as they stand, under that protocol number: an unknown protocol, a later fragment, a whole inner packet. */
export const raw = (protocol: number, data: Data = 0): Layer => ({
  protocol,
  emit: (_next, rest) => concat(octets(data), rest),
});
