// DCCP generic header, RFC 4340 5. Once fits() is true, the accessors up to `extended` do not read out of bounds; sequence and
// acknowledgement numbers need the octets that `needed` says.
//   at+0         at+2              at+4         at+5           at+6       at+8             at+9
//   | sourcePort | destinationPort | dataOffset | ccval, cscov | checksum | type(4) and X  | X: reserved, sequence(6); else sequence(3) |
//   acknowledgement: | reserved(2), number(6) | with X, | reserved(1), number(3) | without

import { u16, u32 } from './bytes.ts';

export const MIN_LENGTH = 12; // octets, without extended sequence numbers
export const CHECKSUM_AT = 6;

/** Whether the 12 octets of the short header are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + MIN_LENGTH <= end;

export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);
/** All headers and options, in octets. */
export const headerLength = (bytes: Uint8Array, at: number): number => bytes[at + 4] << 2;
export const ccval = (bytes: Uint8Array, at: number): number => bytes[at + 5] >>> 4;
export const checksumCoverage = (bytes: Uint8Array, at: number): number => bytes[at + 5] & 0x0f;
export const type = (bytes: Uint8Array, at: number): number => (bytes[at + 8] >>> 1) & 0x0f;
export const extended = (bytes: Uint8Array, at: number): boolean => (bytes[at + 8] & 1) !== 0;

// include/uapi/linux/dccp.h enum dccp_pkt_type
export const DCCP_PKT_REQUEST = 0;
export const DCCP_PKT_RESPONSE = 1;
export const DCCP_PKT_DATA = 2;
export const DCCP_PKT_ACK = 3;
export const DCCP_PKT_DATAACK = 4;
export const DCCP_PKT_CLOSEREQ = 5;
export const DCCP_PKT_CLOSE = 6;
export const DCCP_PKT_RESET = 7;
export const DCCP_PKT_SYNC = 8;
export const DCCP_PKT_SYNCACK = 9;
export const DCCP_PKT_INVALID = 10;

/** Octets of the generic header: 16 with extended sequence numbers. */
export const genericLength = (bytes: Uint8Array, at: number): number => (extended(bytes, at) ? 16 : MIN_LENGTH);

/**
 * Octets that a packet of its type has before options; the least that headerLength() may say. As the kernel counts: an
 * acknowledgement has 8 octets, also where short sequence numbers would leave 4. include/linux/dccp.h __dccp_hdr_len().
 */
export function needed(bytes: Uint8Array, at: number): number {
  switch (type(bytes, at)) {
    case DCCP_PKT_REQUEST:
      return genericLength(bytes, at) + 4;
    case DCCP_PKT_DATA:
      return genericLength(bytes, at);
    case DCCP_PKT_ACK:
    case DCCP_PKT_DATAACK:
    case DCCP_PKT_CLOSEREQ:
    case DCCP_PKT_CLOSE:
    case DCCP_PKT_SYNC:
    case DCCP_PKT_SYNCACK:
      return genericLength(bytes, at) + 8;
    default: // RESPONSE, RESET, and types that are none
      return genericLength(bytes, at) + 12;
  }
}

/** The same as RFC 4340 5.1 has it: a short acknowledgement number takes four octets less. */
export const leastLength = (bytes: Uint8Array, at: number): number =>
  needed(bytes, at) - (extended(bytes, at) || ACKNOWLEDGES_NOTHING.has(type(bytes, at)) ? 0 : 4);

const ACKNOWLEDGES_NOTHING: ReadonlySet<number> = new Set([DCCP_PKT_REQUEST, DCCP_PKT_DATA]);

/** 24 or 48 bits, as an exact number. */
export const sequence = (bytes: Uint8Array, at: number): number =>
  extended(bytes, at) ? u48(bytes, at + 10) : (u16(bytes, at + 9) << 8) | bytes[at + 11];

/** Of all types but REQUEST and DATA. */
export const acknowledgment = (bytes: Uint8Array, at: number): number =>
  extended(bytes, at) ? u48(bytes, at + 18) : (u16(bytes, at + 13) << 8) | bytes[at + 15];

const u48 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 2 ** 32 + u32(bytes, at + 2);

/**
 * Offset of the first option of that type, or -1, as netfilter looks for it: types 0 and 1 are a single octet (though RFC 4340 5.8 has
 * those below 32 so), others have a length, of which 0 counts as 1. Source: net/netfilter/xt_dccp.c dccp_find_option().
 */
export function option(bytes: Uint8Array, at: number, end: number, kind: number): number {
  const limit = Math.min(at + headerLength(bytes, at), end);
  let here = at + needed(bytes, at);
  while (here < limit) {
    if (bytes[here] === kind) return here;
    here += bytes[here] < 2 || here + 1 >= limit ? 1 : bytes[here + 1] || 1;
  }
  return -1;
}
