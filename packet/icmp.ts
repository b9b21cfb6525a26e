// ICMP, RFC 792. Once fits() is true, no other function here reads out of bounds.
//   at+0   at+1   at+2       at+4
//   | type | code | checksum | by type: id, sequence; gateway; 0, MTU; pointer | data or the quoted packet ...

import { u16, u32 } from './bytes.ts';

export const LENGTH = 8; // octets, before data or the quoted packet
export const CHECKSUM_AT = 2;
export const ID_AT = 4;
export const SEQUENCE_AT = 6;

/** Whether all 8 octets of the header are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const type = (bytes: Uint8Array, at: number): number => bytes[at];
export const code = (bytes: Uint8Array, at: number): number => bytes[at + 1];
/** Of echo, timestamp, information and address mask. */
export const id = (bytes: Uint8Array, at: number): number => u16(bytes, at + ID_AT);
export const sequence = (bytes: Uint8Array, at: number): number => u16(bytes, at + SEQUENCE_AT);
/** Next-hop MTU of "fragmentation needed", RFC 1191. */
export const mtu = (bytes: Uint8Array, at: number): number => u16(bytes, at + 6);
/** Octet of the quoted packet that "parameter problem" is about. */
export const pointer = (bytes: Uint8Array, at: number): number => bytes[at + 4];
/** Gateway of a redirect as a 32-bit value. */
export const gateway = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);

// include/uapi/linux/icmp.h
export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_ROUTERADVERT = 9; // RFC 1256
export const ICMP_ROUTERSOLICIT = 10;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_INFO_REQUEST = 15;
export const ICMP_INFO_REPLY = 16;
export const ICMP_ADDRESS = 17;
export const ICMP_ADDRESSREPLY = 18;
export const NR_ICMP_TYPES = 18;
export const ICMP_EXT_ECHO = 42; // RFC 8335
export const ICMP_EXT_ECHOREPLY = 43;

// Codes of ICMP_DEST_UNREACH.
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_SR_FAILED = 5;
export const ICMP_NET_UNKNOWN = 6;
export const ICMP_HOST_UNKNOWN = 7;
export const ICMP_HOST_ISOLATED = 8;
export const ICMP_NET_ANO = 9;
export const ICMP_HOST_ANO = 10;
export const ICMP_NET_UNR_TOS = 11;
export const ICMP_HOST_UNR_TOS = 12;
export const ICMP_PKT_FILTERED = 13;
export const ICMP_PREC_VIOLATION = 14;
export const ICMP_PREC_CUTOFF = 15;

// Codes of ICMP_REDIRECT and ICMP_TIME_EXCEEDED.
export const ICMP_REDIR_NET = 0;
export const ICMP_REDIR_HOST = 1;
export const ICMP_REDIR_NETTOS = 2;
export const ICMP_REDIR_HOSTTOS = 3;
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;

/** Errors quote the packet that they are about, from `at + LENGTH` on; nothing answers them. net/netfilter/nf_conntrack_proto_icmp.c. */
export const isError = (type: number): boolean =>
  type === ICMP_DEST_UNREACH ||
  type === ICMP_SOURCE_QUENCH ||
  type === ICMP_REDIRECT ||
  type === ICMP_TIME_EXCEEDED ||
  type === ICMP_PARAMETERPROB;
