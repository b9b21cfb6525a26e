// UDP header, RFC 768. Once fits() is true, no other function here reads out of bounds.
//   at+0         at+2              at+4     at+6
//   | sourcePort | destinationPort | length | checksum | payload ...

import { u16 } from './bytes.ts';

export const LENGTH = 8; // octets
export const SOURCE_PORT_AT = 0;
export const DESTINATION_PORT_AT = 2;
export const CHECKSUM_AT = 6;

/** Whether all 8 octets of the header are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + DESTINATION_PORT_AT);
/** Header and payload, as the sender claims. Less than 8 or more than is there: broken. */
export const length = (bytes: Uint8Array, at: number): number => u16(bytes, at + 4);
/** 0: the sender made none. */
export const storedChecksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM_AT);
