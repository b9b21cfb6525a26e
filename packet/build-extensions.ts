// IPv6 extension headers of build.ts, and the IPsec headers that IPv4 has too.

import type { Address } from './address.ts';
import { addressOctets, chooseChecksum, type Data, type Layer, octets, padded } from './build-layer.ts';
import { concat, putU16, putU32 } from './bytes.ts';
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_MH,
  IPPROTO_ROUTING,
} from './numbers.ts';

/** One option of a hop-by-hop or destination options header; type 0 (Pad1) has neither length nor data. */
export interface HeaderOption {
  type: number;
  data?: Data;
}

export interface OptionsFields {
  /** Options, padded at the end as needed; or all octets after the length field. Without: six octets of PadN. */
  options?: readonly HeaderOption[] | Uint8Array;
  /** Length field, in units of 8 octets beyond the first 8. */
  length?: number;
}

export const hopByHop = (fields: OptionsFields = {}): Layer => optionsHeader(IPPROTO_HOPOPTS, fields);
export const destinationOptions = (fields: OptionsFields = {}): Layer => optionsHeader(IPPROTO_DSTOPTS, fields);

const optionsHeader = (protocol: number, fields: OptionsFields): Layer => ({
  protocol,
  emit(next, rest) {
    const body = headerOptions(fields.options ?? []);
    return concat(Uint8Array.of(next, fields.length ?? (2 + body.length) / 8 - 1), body, rest);
  },
});

function headerOptions(options: readonly HeaderOption[] | Uint8Array): Uint8Array {
  if (options instanceof Uint8Array) return padTo8(options);
  return padTo8(concat(...options.map(optionOctets)));
}

function optionOctets({ type, data }: HeaderOption): Uint8Array {
  const body = octets(data);
  return type === 0 ? Uint8Array.of(0) : concat(Uint8Array.of(type, body.length), body);
}

/** RFC 8200 4.2: Pad1 for one octet, PadN for more, so that header and options fill whole units of 8. */
function padTo8(body: Uint8Array): Uint8Array {
  const missing = body.length === 0 ? 6 : (8 - ((2 + body.length) % 8)) % 8;
  if (missing === 0) return body;
  const pad = new Uint8Array(missing);
  if (missing > 1) pad.set([1, missing - 2]);
  return concat(body, pad);
}

export interface RoutingFields {
  /** 0 source route (deprecated), 2 mobile IPv6, 3 RPL, 4 segment routing. */
  type?: number;
  segmentsLeft?: number;
  /** Types 0, 2 and 4. */
  addresses?: readonly (string | Address)[];
  /** Instead of addresses: all octets after the first four. */
  data?: Data;
  /** Length field, in units of 8 octets beyond the first 8. */
  length?: number;
}

export const routing = (fields: RoutingFields = {}): Layer => ({
  protocol: IPPROTO_ROUTING,
  emit(next, rest) {
    const { type = 0, addresses = [] } = fields;
    const reserved = new Uint8Array(4);
    // RFC 8754 2: last entry, flags, tag.
    if (type === 4) reserved[0] = Math.max(addresses.length - 1, 0);
    const list = concat(reserved, ...addresses.map((address) => addressOctets(address, 6)));
    const body = fields.data === undefined ? list : octets(fields.data);
    const whole = padded(concat(Uint8Array.of(next, 0, type, fields.segmentsLeft ?? addresses.length), body), 8);
    whole[1] = fields.length ?? whole.length / 8 - 1;
    return concat(whole, rest);
  },
});

export interface FragmentFields {
  id?: number;
  /** In octets, a multiple of 8. */
  offset?: number;
  more?: boolean;
  /** The reserved octet after the next header. */
  reserved?: number;
  /** The two reserved bits beside the offset. */
  reserved2?: number;
  /** Overrides the next header: needed for a later fragment whose `raw` data say nothing. */
  nextHeader?: number;
}

export const fragment = (fields: FragmentFields = {}): Layer => ({
  protocol: IPPROTO_FRAGMENT,
  emit(next, rest) {
    const head = new Uint8Array(8);
    head[0] = fields.nextHeader ?? next;
    head[1] = fields.reserved ?? 0;
    putU16(head, 2, ((fields.offset ?? 0) & 0xfff8) | ((fields.reserved2 ?? 0) << 1) | (fields.more ? 1 : 0));
    putU32(head, 4, fields.id ?? 0);
    return concat(head, rest);
  },
});

export interface AhFields {
  spi?: number;
  seq?: number;
  /** Integrity check value; a multiple of 4 octets in all. */
  icv?: Uint8Array;
  reserved?: number;
  /** Length field, in units of 4 octets minus 2. */
  length?: number;
}

export const ah = (fields: AhFields = {}): Layer => ({
  protocol: IPPROTO_AH,
  emit(next, rest) {
    const icv = padded(fields.icv ?? new Uint8Array(12), 4);
    const head = new Uint8Array(12);
    head[0] = next;
    head[1] = fields.length ?? (12 + icv.length) / 4 - 2;
    putU16(head, 2, fields.reserved ?? 0);
    putU32(head, 4, fields.spi ?? 0x100);
    putU32(head, 8, fields.seq ?? 1);
    return concat(head, icv, rest);
  },
});

export interface EspFields {
  spi?: number;
  seq?: number;
  /** What is encrypted; no layer behind is visible to anyone. */
  data?: Data;
}

export const esp = (fields: EspFields = {}): Layer => ({
  protocol: IPPROTO_ESP,
  emit(_next, rest) {
    const head = new Uint8Array(8);
    putU32(head, 0, fields.spi ?? 0x100);
    putU32(head, 4, fields.seq ?? 1);
    return concat(head, octets(fields.data ?? 16), rest);
  },
});

export interface MobilityFields {
  /** RFC 6275 6.1: 0 binding refresh, 1 HoTI, 2 CoTI, 3 HoT, 4 CoT, 5 binding update ... */
  type?: number;
  reserved?: number;
  data?: Data;
  /** Length field, in units of 8 octets beyond the first 8. */
  length?: number;
  nextHeader?: number;
  badChecksum?: boolean;
}

export const mobility = (fields: MobilityFields = {}): Layer => ({
  protocol: IPPROTO_MH,
  emit(next, rest, pseudo) {
    const head = Uint8Array.of(fields.nextHeader ?? next, 0, fields.type ?? 1, fields.reserved ?? 0, 0, 0);
    const whole = padded(concat(head, octets(fields.data ?? 2)), 8);
    whole[1] = fields.length ?? whole.length / 8 - 1;
    putU16(whole, 4, chooseChecksum(whole, fields, pseudo(IPPROTO_MH, whole.length)));
    return concat(whole, rest);
  },
});
