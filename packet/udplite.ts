// UDP-Lite header, RFC 3828. Once fits() is true, no other function here reads out of bounds.
//   at+0         at+2              at+4       at+6
//   | sourcePort | destinationPort | coverage | checksum | payload ...

import { u16 } from './bytes.ts';

export const LENGTH = 8; // octets
export const CHECKSUM_AT = 6;

export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);
/** Octets from the header on that the checksum covers; 0: all, 1 to 7: broken. */
export const coverage = (bytes: Uint8Array, at: number): number => u16(bytes, at + 4);
/** 0 is not allowed: UDP-Lite always has one. */
export const storedChecksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM_AT);
