// IPv6 header, RFC 8200 3. Once fits() is true, no other function here reads out of bounds.
//   at+0                              at+4            at+6         at+7       at+8     at+24
//   | version(4) class(8) flow(20)    | payloadLength | nextHeader | hopLimit | source | destination | payload ...
// It has no checksum of its own; changing an address changes the pseudo header, for which checksum.ts has the means.

import { putU16, putU32, u16, u32 } from './bytes.ts';

export const LENGTH = 40; // octets
export const PAYLOAD_LENGTH_AT = 4;
export const NEXT_HEADER_AT = 6;
export const HOP_LIMIT_AT = 7;
export const SOURCE_AT = 8;
export const DESTINATION_AT = 24;

/** The least MTU of a link, RFC 8200 5; an ICMPv6 error is cut to it. */
export const MIN_MTU = 1280;

/** Whether all 40 octets are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const version = (bytes: Uint8Array, at: number): number => bytes[at] >>> 4;
export const trafficClass = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] & 0x0f) << 4) | (bytes[at + 1] >>> 4);
export const flowLabel = (bytes: Uint8Array, at: number): number => ((bytes[at + 1] & 0x0f) << 16) | u16(bytes, at + 2);
/** Octets after this header; 0 for a jumbogram. */
export const payloadLength = (bytes: Uint8Array, at: number): number => u16(bytes, at + PAYLOAD_LENGTH_AT);
export const nextHeader = (bytes: Uint8Array, at: number): number => bytes[at + NEXT_HEADER_AT];
export const hopLimit = (bytes: Uint8Array, at: number): number => bytes[at + HOP_LIMIT_AT];

export function setTrafficClass(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (bytes[at] & 0xf0) | ((value >>> 4) & 0x0f);
  bytes[at + 1] = ((value & 0x0f) << 4) | (bytes[at + 1] & 0x0f);
}

export const setFlowLabel = (bytes: Uint8Array, at: number, value: number): void =>
  putU32(bytes, at, (u32(bytes, at) & 0xfff00000) | (value & 0xfffff));

export const setPayloadLength = (bytes: Uint8Array, at: number, value: number): void =>
  putU16(bytes, at + PAYLOAD_LENGTH_AT, value);

export function setNextHeader(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + NEXT_HEADER_AT] = value;
}

export function setHopLimit(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + HOP_LIMIT_AT] = value;
}
