// GRE, version 0: RFC 2784 and 2890; version 1 (PPTP): RFC 2637 4.1. Once fits() is true, flags, version and protocol can be read;
// the optional fields once headerLength() is there, too.
//   v0: | C . K S reserved0 version(3) | protocol | C: checksum(2) reserved(2) | K: key(4) | S: sequence(4) | payload ...
//   v1: | . . 1 S ... A ... version(3) | protocol | payloadLength(2) callId(2) | S: sequence(4) | A: acknowledgment(4) | payload ...

import { u16, u32 } from './bytes.ts';

export const MIN_LENGTH = 4; // octets

// include/net/gre.h, uapi if_tunnel.h
export const GRE_CSUM = 0x8000;
export const GRE_ROUTING = 0x4000; // RFC 1701 only; such packets are not understood
export const GRE_KEY = 0x2000;
export const GRE_SEQ = 0x1000;
export const GRE_ACK = 0x0080; // version 1
export const GRE_VERSION = 0x0007;

export const GRE_PROTO_PPP = 0x880b;

export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + MIN_LENGTH <= end;

export const flags = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const version = (bytes: Uint8Array, at: number): number => bytes[at + 1] & GRE_VERSION;
/** EtherType of the payload. */
export const protocol = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);

/** By the flags; net/gre.h gre_calc_hlen(), and for version 1 the 8 octets of RFC 2637 with their optional words. */
export function headerLength(bytes: Uint8Array, at: number): number {
  const bits = flags(bytes, at);
  const numbers = (bits & GRE_SEQ ? 4 : 0) + (version(bytes, at) === 1 && bits & GRE_ACK ? 4 : 0);
  if (version(bytes, at) === 1) return 8 + numbers;
  return MIN_LENGTH + (bits & GRE_CSUM ? 4 : 0) + (bits & GRE_KEY ? 4 : 0) + numbers;
}

export const whole = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + MIN_LENGTH <= end && at + headerLength(bytes, at) <= end;

/** Of version 0 with GRE_KEY. */
export const key = (bytes: Uint8Array, at: number): number => u32(bytes, at + (flags(bytes, at) & GRE_CSUM ? 8 : 4));

/** With GRE_SEQ, of either version. */
export function sequence(bytes: Uint8Array, at: number): number {
  const acknowledged = version(bytes, at) === 1 && flags(bytes, at) & GRE_ACK ? 4 : 0;
  return u32(bytes, at + headerLength(bytes, at) - acknowledged - 4);
}

/** Of version 1; `pptpFits` says whether they are there. */
export const pptpFits = (_bytes: Uint8Array, at: number, end: number): boolean => at + 8 <= end;
export const payloadLength = (bytes: Uint8Array, at: number): number => u16(bytes, at + 4);
export const callId = (bytes: Uint8Array, at: number): number => u16(bytes, at + 6);
/** With GRE_ACK. */
export const acknowledgment = (bytes: Uint8Array, at: number): number => u32(bytes, at + headerLength(bytes, at) - 4);
