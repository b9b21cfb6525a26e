// IPv4 header, RFC 791. Once fits() is true, no accessor here reads out of bounds; the options have their own `end`.
//   at+0           at+1   at+2          at+4   at+6                   at+8   at+9       at+10      at+12    at+16
//   | version, ihl | tos  | totalLength | id   | flags(3) offset(13)  | ttl  | protocol | checksum | source | destination | options ...

import { putU16, u16, u32 } from './bytes.ts';
import { fold, rewriteU16, sum } from './checksum.ts';

export const MIN_LENGTH = 20; // octets
export const MAX_LENGTH = 60;
export const ID_AT = 4;
export const FRAGMENT_AT = 6;
export const TTL_AT = 8;
export const PROTOCOL_AT = 9;
export const CHECKSUM_AT = 10;
export const SOURCE_AT = 12;
export const DESTINATION_AT = 16;

/** Bits of fragmentField(), include/net/ip.h IP_CE, IP_DF, IP_MF, IP_OFFSET (in units of 8 octets). */
export const IP_CE = 0x8000;
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET = 0x1fff;

/** Whether the 20 octets without options are there. `headerLength` may still reach beyond `end`: see `whole`. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + MIN_LENGTH <= end;

/** Whether the header with its options is there and its length makes sense. */
export const whole = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + MIN_LENGTH <= end && headerLength(bytes, at) >= MIN_LENGTH && at + headerLength(bytes, at) <= end;

export const version = (bytes: Uint8Array, at: number): number => bytes[at] >>> 4;
/** In octets, 0 to 60; less than 20 is a broken header. */
export const headerLength = (bytes: Uint8Array, at: number): number => (bytes[at] & 0x0f) << 2;
export const tos = (bytes: Uint8Array, at: number): number => bytes[at + 1];
export const totalLength = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);
export const id = (bytes: Uint8Array, at: number): number => u16(bytes, at + ID_AT);
/** Flags and offset as they stand: IP_CE, IP_DF, IP_MF, and the offset in units of 8 octets. */
export const fragmentField = (bytes: Uint8Array, at: number): number => u16(bytes, at + FRAGMENT_AT);
/** In octets. */
export const fragmentOffset = (bytes: Uint8Array, at: number): number => (fragmentField(bytes, at) & IP_OFFSET) << 3;
/** First, middle or last piece of a datagram; net/ip.h ip_is_fragment(). */
export const isFragment = (bytes: Uint8Array, at: number): boolean =>
  (fragmentField(bytes, at) & (IP_MF | IP_OFFSET)) !== 0;
export const dontFragment = (bytes: Uint8Array, at: number): boolean => (bytes[at + FRAGMENT_AT] & 0x40) !== 0;
export const ttl = (bytes: Uint8Array, at: number): number => bytes[at + TTL_AT];
export const protocol = (bytes: Uint8Array, at: number): number => bytes[at + PROTOCOL_AT];
export const headerChecksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM_AT);
/** 32-bit values, for comparisons in place. */
export const source = (bytes: Uint8Array, at: number): number => u32(bytes, at + SOURCE_AT);
export const destination = (bytes: Uint8Array, at: number): number => u32(bytes, at + DESTINATION_AT);

/** Needs `whole`. ip_rcv_core() drops a packet for which this is false. */
export const checksumRight = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at] & 0x0f) === 5 ? plainSum(bytes, at) === 0xffff : sum(bytes, at, at + headerLength(bytes, at)) === 0xffff;

/** Of a header without options, as nearly all are. */
function plainSum(b: Uint8Array, at: number): number {
  const high = b[at] + b[at + 2] + b[at + 4] + b[at + 6] + b[at + 8];
  const low = b[at + 1] + b[at + 3] + b[at + 5] + b[at + 7] + b[at + 9];
  const higher = b[at + 10] + b[at + 12] + b[at + 14] + b[at + 16] + b[at + 18];
  const lower = b[at + 11] + b[at + 13] + b[at + 15] + b[at + 17] + b[at + 19];
  return fold(((high + higher) << 8) + low + lower);
}

// --- Setters: they mend the header checksum, so a wrong one stays exactly as wrong as it was -------------------------

export const setTos = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at, (bytes[at] << 8) | (value & 0xff), at + CHECKSUM_AT);
export const setTotalLength = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at + 2, value, at + CHECKSUM_AT);
export const setId = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at + ID_AT, value, at + CHECKSUM_AT);
export const setFragmentField = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at + FRAGMENT_AT, value, at + CHECKSUM_AT);
export const setTtl = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at + TTL_AT, ((value & 0xff) << 8) | bytes[at + PROTOCOL_AT], at + CHECKSUM_AT);
export const setProtocol = (bytes: Uint8Array, at: number, value: number): void =>
  rewriteU16(bytes, at + TTL_AT, (bytes[at + TTL_AT] << 8) | (value & 0xff), at + CHECKSUM_AT);

/** Computes the header checksum anew. Needs `whole`. */
export function fillChecksum(bytes: Uint8Array, at: number): void {
  putU16(bytes, at + CHECKSUM_AT, 0);
  putU16(bytes, at + CHECKSUM_AT, ~sum(bytes, at, at + headerLength(bytes, at)) & 0xffff);
}

// --- Options, RFC 791 3.1 ---------------------------------------------------------------------------------------------
//   end of list: | 0 |   no operation: | 1 |   all others: | kind | length (kind and length included) | data ... |
// Kinds with their copied flag (0x80) and class, include/uapi/linux/ip.h IPOPT_.

export const IPOPT_END = 0;
export const IPOPT_NOOP = 1;
export const IPOPT_RR = 7; // record route
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_SEC = 130;
export const IPOPT_LSRR = 131;
export const IPOPT_CIPSO = 134;
export const IPOPT_SID = 136;
export const IPOPT_SSRR = 137;
export const IPOPT_RA = 148; // router alert
/** This option goes into every fragment. */
export const IPOPT_COPY = 0x80;

/** Where the options end: after the header, or at `end` when that comes first. */
export const optionsEnd = (bytes: Uint8Array, at: number, end: number): number =>
  Math.min(at + headerLength(bytes, at), end);

/**
 * The option after the one at `here`, or -1 at the end of the list or at a
 * broken length. Walk: `for (let o = firstOption(b, at, end); o >= 0; o = nextOption(b, o, optionsEnd(b, at, end)))`.
 * Padding is not skipped: NOOP is an option. Source: net/ipv4/ip_options.c __ip_options_compile().
 */
export function nextOption(bytes: Uint8Array, here: number, limit: number): number {
  const next = bytes[here] === IPOPT_NOOP ? here + 1 : here + bytes[here + 1];
  return optionAt(bytes, next, limit);
}

export const firstOption = (bytes: Uint8Array, at: number, end: number): number =>
  optionAt(bytes, at + MIN_LENGTH, optionsEnd(bytes, at, end));

function optionAt(bytes: Uint8Array, here: number, limit: number): number {
  if (here >= limit || bytes[here] === IPOPT_END) return -1;
  if (bytes[here] === IPOPT_NOOP) return here;
  if (here + 2 > limit || bytes[here + 1] < 2 || here + bytes[here + 1] > limit) return -1;
  return here;
}

/** Offset of the first option of that kind, or -1. */
export function option(bytes: Uint8Array, at: number, end: number, kind: number): number {
  const limit = optionsEnd(bytes, at, end);
  for (let here = firstOption(bytes, at, end); here >= 0; here = nextOption(bytes, here, limit)) {
    if (bytes[here] === kind) return here;
  }
  return -1;
}
