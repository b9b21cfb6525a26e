// TCP header, RFC 9293 3.1. Once fits() is true, no accessor here reads out of bounds; the options have their own `end`.
//   at+0         at+2              at+4       at+8             at+12                   at+13   at+14    at+16      at+18
//   | sourcePort | destinationPort | sequence | acknowledgment | headerLength reserved | flags | window | checksum | urgent | options ...

import { u16, u32 } from './bytes.ts';

export const LENGTH = 20; // octets, without options
export const MAX_LENGTH = 60;
export const SOURCE_PORT_AT = 0;
export const DESTINATION_PORT_AT = 2;
export const SEQUENCE_AT = 4;
export const ACKNOWLEDGMENT_AT = 8;
export const FLAGS_AT = 13;
export const WINDOW_AT = 14;
export const CHECKSUM_AT = 16;
export const URGENT_AT = 18;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

/** Whether the 20 octets without options are there. `headerLength` may still reach beyond `end`: see `whole`. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

/** Whether the header with its options is there and its length makes sense. */
export const whole = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + LENGTH <= end && headerLength(bytes, at) >= LENGTH && at + headerLength(bytes, at) <= end;

export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + DESTINATION_PORT_AT);
export const sequence = (bytes: Uint8Array, at: number): number => u32(bytes, at + SEQUENCE_AT);
export const acknowledgment = (bytes: Uint8Array, at: number): number => u32(bytes, at + ACKNOWLEDGMENT_AT);
/** In octets, 0 to 60; less than 20 is a broken header. */
export const headerLength = (bytes: Uint8Array, at: number): number => (bytes[at + 12] >>> 4) << 2;
/** The four bits between header length and flags; the lowest is AccECN's AE. */
export const reserved = (bytes: Uint8Array, at: number): number => bytes[at + 12] & 0x0f;
/** The eight bits FIN to CWR. */
export const flags = (bytes: Uint8Array, at: number): number => bytes[at + FLAGS_AT];
export const window = (bytes: Uint8Array, at: number): number => u16(bytes, at + WINDOW_AT);
export const urgentPointer = (bytes: Uint8Array, at: number): number => u16(bytes, at + URGENT_AT);

// --- Options ----------------------------------------------------------------------------------------------------------
//   end of list: | 0 |   no operation: | 1 |   all others: | kind | length (kind and length included) | data ... |

export const TCPOPT_EOL = 0;
export const TCPOPT_NOP = 1;
export const TCPOPT_MSS = 2;
export const TCPOPT_WINDOW = 3;
export const TCPOPT_SACK_PERM = 4;
export const TCPOPT_SACK = 5;
export const TCPOPT_TIMESTAMP = 8;
export const TCPOPT_MD5SIG = 19;
export const TCPOPT_AO = 29;
export const TCPOPT_MPTCP = 30;
export const TCPOPT_FASTOPEN = 34;

/** Where the options end: after the header, or at `end` when that comes first. */
export const optionsEnd = (bytes: Uint8Array, at: number, end: number): number =>
  Math.min(at + headerLength(bytes, at), end);

/**
 * Offset of the first option of that kind, or -1, as netfilter's matches look for it: the end-of-list octet does not end the walk,
 * and a length of 0 counts as 1. The option itself may reach beyond the header; the caller looks at its length.
 * Source: net/netfilter/xt_tcpudp.c tcp_find_option(), the same walk in xt_tcpmss.c and xt_TCPMSS.c.
 */
export function option(bytes: Uint8Array, at: number, end: number, kind: number): number {
  const limit = optionsEnd(bytes, at, end);
  for (let here = at + LENGTH; here < limit; here += stride(bytes, here, limit)) {
    if (bytes[here] === kind) return here;
  }
  return -1;
}

/** Octets from one option to the next in that walk. */
export const stride = (bytes: Uint8Array, here: number, limit: number): number =>
  bytes[here] <= TCPOPT_NOP || here + 1 >= limit ? 1 : bytes[here + 1] || 1;

/** Value of the first well-formed MSS option. Source: net/netfilter/xt_tcpmss.c tcpmss_mt(). */
export function mss(bytes: Uint8Array, at: number, end: number): number | undefined {
  const limit = optionsEnd(bytes, at, end);
  for (let here = at + LENGTH; here + 4 <= limit; here += stride(bytes, here, limit)) {
    if (bytes[here] === TCPOPT_MSS && bytes[here + 1] === 4) return u16(bytes, here + 2);
  }
  return undefined;
}

/**
 * The first option as an end host and the connection tracker see it, -1 without one: NOPs are skipped, end-of-list and a length below 2 or beyond
 * the header end the list. Walk: `for (let o = firstOption(b, at, end); o >= 0; o = nextOption(b, o, optionsEnd(b, at, end)))`.
 * Source: net/netfilter/nf_conntrack_proto_tcp.c tcp_options(), net/ipv4/tcp_input.c tcp_parse_options().
 */
export const firstOption = (bytes: Uint8Array, at: number, end: number): number =>
  optionAt(bytes, at + LENGTH, optionsEnd(bytes, at, end));

export const nextOption = (bytes: Uint8Array, here: number, limit: number): number =>
  optionAt(bytes, here + bytes[here + 1], limit);

function optionAt(bytes: Uint8Array, here: number, limit: number): number {
  while (here < limit && bytes[here] === TCPOPT_NOP) here++;
  if (here + 2 > limit || bytes[here] === TCPOPT_EOL) return -1;
  return bytes[here + 1] >= 2 && here + bytes[here + 1] <= limit ? here : -1;
}

/**
 * For a walk that changes options: the next one from `here` on that is no NOP; `limit` when the list is over; -1 for one that is cut short, where
 * the whole packet is refused. nf_ct_sack_adjust(), synproxy_tstamp_adjust()
 */
export function wholeOption(bytes: Uint8Array, here: number, limit: number): number {
  while (here < limit && bytes[here] === TCPOPT_NOP) here++;
  if (here >= limit || bytes[here] === TCPOPT_EOL) return limit;
  const length = here + 1 === limit ? 0 : bytes[here + 1];
  return length < 2 || here + length > limit ? -1 : here;
}

/** The option of that kind and length in the end host's walk, or -1; the first one counts. */
export function parsedOption(bytes: Uint8Array, at: number, end: number, kind: number, length: number): number {
  const limit = optionsEnd(bytes, at, end);
  for (let here = firstOption(bytes, at, end); here >= 0; here = nextOption(bytes, here, limit)) {
    if (bytes[here] === kind && bytes[here + 1] === length) return here;
  }
  return -1;
}

/** Shift count as sent, 0 to 255; above 14 the receiver uses 14 (RFC 7323 2.3). */
export function windowScale(bytes: Uint8Array, at: number, end: number): number | undefined {
  const here = parsedOption(bytes, at, end, TCPOPT_WINDOW, 3);
  return here < 0 ? undefined : bytes[here + 2];
}

export const sackPermitted = (bytes: Uint8Array, at: number, end: number): boolean =>
  parsedOption(bytes, at, end, TCPOPT_SACK_PERM, 2) >= 0;

/** Offset of the timestamps option: value at +2, echo reply at +6. -1 without one. */
export const timestamps = (bytes: Uint8Array, at: number, end: number): number =>
  parsedOption(bytes, at, end, TCPOPT_TIMESTAMP, 10);
