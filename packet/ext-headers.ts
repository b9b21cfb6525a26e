// IPv6 extension headers, RFC 8200 4, and the IPsec headers, which IPv4 has too.
//   most:     | nextHeader | length      | ...                         length in units of 8 octets beyond the first 8
//   fragment: | nextHeader | reserved    | offset(13) 00 M | id(4) |   always 8 octets
//   AH:       | nextHeader | length      | reserved(2) | spi(4) | sequence(4) | icv ... |   length in units of 4 octets minus 2
//   routing:  | nextHeader | length      | type | segmentsLeft | by type ... |
//   mobility: | nextHeader | length      | type | reserved | checksum(2) | by type ... |
//   ESP:      | spi(4) | sequence(4) | nobody can read the rest |
// Once fits() is true the fixed fields of any of them can be read (12 octets for AH: ahFits); `whole` promises all that the length field says.

import { u16, u32 } from './bytes.ts';
import { IPPROTO_AH, IPPROTO_FRAGMENT, IPPROTO_NONE } from './numbers.ts';
import { isExtensionHeader, type Packet, readOctets } from './packet.ts';

/** The least any of them has. */
export const MIN_LENGTH = 8; // octets

/** Whether the first 8 octets are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + MIN_LENGTH <= end;

export const nextHeader = (bytes: Uint8Array, at: number): number => bytes[at];

/** Octets of the header of that kind by its own length field. Not for ESP, whose length nobody can see. */
export function length(bytes: Uint8Array, at: number, kind: number): number {
  if (kind === IPPROTO_FRAGMENT) return 8;
  if (kind === IPPROTO_AH) return (bytes[at + 1] + 2) << 2;
  return (bytes[at + 1] + 1) << 3;
}

export const whole = (bytes: Uint8Array, at: number, end: number, kind: number): boolean =>
  at + MIN_LENGTH <= end && at + length(bytes, at, kind) <= end;

/** What find() says when the header is not there, and when the chain runs out of the packet before it. */
export const ABSENT = -1;
export const BROKEN = -2;

/**
 * Offset of the first header of that kind in an IPv6 packet, or ABSENT or BROKEN. Its first two octets are then there (four of a
 * fragment or routing header), except for a `kind` that is no extension header, which may stand at or beyond the end. Behind a fragment
 * header with an offset nothing is found. Source: net/ipv6/exthdrs_core.c ipv6_find_hdr() with a target.
 */
export function find(pkt: Packet, kind: number): number {
  const { bytes, l3, end } = pkt;
  let next = bytes[l3 + 6];
  let at = l3 + 40;
  while (true) {
    if (!isExtensionHeader(next) || next === IPPROTO_NONE) return next === kind ? at : ABSENT;
    if (at + readOctets(next) > end) return BROKEN;
    if (next === kind) return at;
    if (next === IPPROTO_FRAGMENT && fragmentOffset(bytes, at) !== 0) return ABSENT;
    const here = at;
    at += length(bytes, here, next);
    next = bytes[here];
  }
}

// --- Hop-by-hop and destination options, RFC 8200 4.2 -------------------------------------------------------------------
//   Pad1: | 0 |   all others: | type | length of data | data ... |

export const IPV6_TLV_PAD1 = 0;
export const IPV6_TLV_PADN = 1;
export const IPV6_TLV_ROUTERALERT = 5;
export const IPV6_TLV_CALIPSO = 7;
export const IPV6_TLV_IOAM = 49;
export const IPV6_TLV_JUMBO = 194;
export const IPV6_TLV_HAO = 201; // home address

/** The two highest bits of a type say what a node does that does not know it. */
export const unknownOptionAction = (type: number): 'skip' | 'drop' | 'error' | 'error unless multicast' =>
  (['skip', 'drop', 'error', 'error unless multicast'] as const)[type >>> 6];

/** Where the options end: after the header, or at `end` when that comes first. */
export const optionsEnd = (bytes: Uint8Array, at: number, end: number): number =>
  Math.min(at + ((bytes[at + 1] + 1) << 3), end);

/**
 * The first option (padding is one, too) of the header at `at`, or -1 at the end or at one that reaches beyond the header. Walk:
 * `for (let o = firstOption(b, at, end); o >= 0; o = nextOption(b, o, optionsEnd(b, at, end)))`.
 */
export const firstOption = (bytes: Uint8Array, at: number, end: number): number =>
  optionAt(bytes, at + 2, optionsEnd(bytes, at, end));

export const nextOption = (bytes: Uint8Array, here: number, limit: number): number =>
  optionAt(bytes, here + optionLength(bytes, here), limit);

/** Type and length octets included. */
export const optionLength = (bytes: Uint8Array, here: number): number =>
  bytes[here] === IPV6_TLV_PAD1 ? 1 : 2 + bytes[here + 1];

function optionAt(bytes: Uint8Array, here: number, limit: number): number {
  if (here >= limit) return -1;
  if (bytes[here] === IPV6_TLV_PAD1) return here;
  return here + 2 <= limit && here + 2 + bytes[here + 1] <= limit ? here : -1;
}

/** Offset of the first option of that type, or -1. */
export function option(bytes: Uint8Array, at: number, end: number, type: number): number {
  const limit = optionsEnd(bytes, at, end);
  for (let here = firstOption(bytes, at, end); here >= 0; here = nextOption(bytes, here, limit)) {
    if (bytes[here] === type) return here;
  }
  return -1;
}

// --- Routing header, RFC 8200 4.4 ---------------------------------------------------------------------------------------

export const IPV6_SRCRT_TYPE_0 = 0; // RFC 2460; deprecated by RFC 5095
export const IPV6_SRCRT_TYPE_2 = 2; // mobile IPv6, RFC 6275 6.4
export const IPV6_SRCRT_TYPE_3 = 3; // RPL, RFC 6554: compressed addresses
export const IPV6_SRCRT_TYPE_4 = 4; // segment routing, RFC 8754

export const routingType = (bytes: Uint8Array, at: number): number => bytes[at + 2];
export const segmentsLeft = (bytes: Uint8Array, at: number): number => bytes[at + 3];
/** Of types 0, 2 and 4, by the length field: full addresses, the first at `at + 8`. */
export const routingAddresses = (bytes: Uint8Array, at: number): number => bytes[at + 1] >>> 1;
export const routingAddressAt = (at: number, index: number): number => at + 8 + 16 * index;

// --- Fragment header, RFC 8200 4.5 --------------------------------------------------------------------------------------

/** In octets. */
export const fragmentOffset = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2) & 0xfff8;
export const moreFragments = (bytes: Uint8Array, at: number): boolean => (bytes[at + 3] & 1) !== 0;
export const fragmentId = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);
/** The reserved octet, and the two reserved bits beside the offset: `-m frag --fragres` asks for either. */
export const fragmentReserved = (bytes: Uint8Array, at: number): number => bytes[at + 1];
export const fragmentReservedBits = (bytes: Uint8Array, at: number): number => (bytes[at + 3] >>> 1) & 3;

// --- AH, RFC 4302; ESP, RFC 4303 ------------------------------------------------------------------------------------------

export const AH_LENGTH = 12; // without the integrity check value
export const ESP_LENGTH = 8;

export const ahFits = (_bytes: Uint8Array, at: number, end: number): boolean => at + AH_LENGTH <= end;
export const ahReserved = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);
export const ahSpi = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);
export const ahSequence = (bytes: Uint8Array, at: number): number => u32(bytes, at + 8);
export const espSpi = (bytes: Uint8Array, at: number): number => u32(bytes, at);
export const espSequence = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);

// --- Mobility header, RFC 6275 6.1 ----------------------------------------------------------------------------------------

export const mobilityType = (bytes: Uint8Array, at: number): number => bytes[at + 2];
export const MOBILITY_CHECKSUM_AT = 4;
