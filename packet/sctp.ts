// SCTP common header and chunks, RFC 9260 3. Once fits() is true, the accessors of the common header do not read out of bounds.
//   at+0         at+2              at+4              at+8
//   | sourcePort | destinationPort | verificationTag | checksum (CRC-32C, least significant octet first) | chunks ...
//   chunk: | type | flags | length(2), these four octets included, padding not | value ... | padding to 4 |

import { u16, u32 } from './bytes.ts';

export const LENGTH = 12; // octets, without chunks
export const CHECKSUM_AT = 8;
export const CHUNK_LENGTH = 4; // octets of a chunk's own header

/** Whether all 12 octets of the common header are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at);
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2);
export const verificationTag = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);

// include/linux/sctp.h enum sctp_cid
export const SCTP_CID_DATA = 0;
export const SCTP_CID_INIT = 1;
export const SCTP_CID_INIT_ACK = 2;
export const SCTP_CID_SACK = 3;
export const SCTP_CID_HEARTBEAT = 4;
export const SCTP_CID_HEARTBEAT_ACK = 5;
export const SCTP_CID_ABORT = 6;
export const SCTP_CID_SHUTDOWN = 7;
export const SCTP_CID_SHUTDOWN_ACK = 8;
export const SCTP_CID_ERROR = 9;
export const SCTP_CID_COOKIE_ECHO = 10;
export const SCTP_CID_COOKIE_ACK = 11;
export const SCTP_CID_ECN_ECNE = 12;
export const SCTP_CID_ECN_CWR = 13;
export const SCTP_CID_SHUTDOWN_COMPLETE = 14;
export const SCTP_CID_AUTH = 15;
export const SCTP_CID_I_DATA = 64;
export const SCTP_CID_ASCONF_ACK = 0x80;
export const SCTP_CID_RECONF = 0x82;
export const SCTP_CID_PAD = 0x84;
export const SCTP_CID_FWD_TSN = 0xc0;
export const SCTP_CID_ASCONF = 0xc1;
export const SCTP_CID_I_FWD_TSN = 0xc2;

/** The T bit of ABORT and SHUTDOWN COMPLETE: the tag is the peer's own, sent back. */
export const SCTP_CHUNK_FLAG_T = 1;

export const chunkType = (bytes: Uint8Array, chunk: number): number => bytes[chunk];
export const chunkFlags = (bytes: Uint8Array, chunk: number): number => bytes[chunk + 1];
/** The chunk's header included; 0 is broken, and the walk ends there. */
export const chunkLength = (bytes: Uint8Array, chunk: number): number => u16(bytes, chunk + 2);
/** Initiate tag of INIT and INIT ACK; needs 8 octets of the chunk. */
export const initTag = (bytes: Uint8Array, chunk: number): number => u32(bytes, chunk + 4);

/**
 * The first chunk whose own four octets are there, or -1; its value may be cut short. Walk: `for (let c = firstChunk(b, at, end);
 * c >= 0; c = nextChunk(b, c, end))`. Source: net/netfilter/nf_conntrack_proto_sctp.c for_each_sctp_chunk().
 */
export const firstChunk = (bytes: Uint8Array, at: number, end: number): number =>
  fits(bytes, at, end) ? chunkAt(at + LENGTH, end) : -1;

/** A length of 0 would stand still: -1. The caller that must tell this from the end asks chunkLength(). */
export function nextChunk(bytes: Uint8Array, chunk: number, end: number): number {
  const length = chunkLength(bytes, chunk);
  return length === 0 ? -1 : chunkAt(chunk + ((length + 3) & ~3), end);
}

const chunkAt = (at: number, end: number): number => (at + CHUNK_LENGTH <= end ? at : -1);
