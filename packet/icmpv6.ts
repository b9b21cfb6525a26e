// ICMPv6, RFC 4443; neighbour discovery, RFC 4861; multicast listener discovery, RFC 2710 and 3810.
// Once fits() is true, the accessors of the common header do not read out of bounds; the messages have their own checks.
//   at+0   at+1   at+2       at+4
//   | type | code | checksum | by type: id, sequence; MTU; pointer; flags | data, quoted packet, or target and options ...

import { u16, u32 } from './bytes.ts';

export const LENGTH = 8; // octets
export const CHECKSUM_AT = 2;
export const ID_AT = 4;
export const SEQUENCE_AT = 6;

/** Whether all 8 octets of the header are there. */
export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const type = (bytes: Uint8Array, at: number): number => bytes[at];
export const code = (bytes: Uint8Array, at: number): number => bytes[at + 1];
/** Of echo request and reply. */
export const id = (bytes: Uint8Array, at: number): number => u16(bytes, at + ID_AT);
export const sequence = (bytes: Uint8Array, at: number): number => u16(bytes, at + SEQUENCE_AT);
/** Of packet too big. */
export const mtu = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);
/** Octet of the quoted packet that parameter problem is about. */
export const pointer = (bytes: Uint8Array, at: number): number => u32(bytes, at + 4);

// include/uapi/linux/icmpv6.h, include/net/ndisc.h
export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_PARAMPROB = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_MGM_QUERY = 130;
export const ICMPV6_MGM_REPORT = 131;
export const ICMPV6_MGM_REDUCTION = 132;
export const NDISC_ROUTER_SOLICITATION = 133;
export const NDISC_ROUTER_ADVERTISEMENT = 134;
export const NDISC_NEIGHBOUR_SOLICITATION = 135;
export const NDISC_NEIGHBOUR_ADVERTISEMENT = 136;
export const NDISC_REDIRECT = 137;
export const ICMPV6_NI_QUERY = 139;
export const ICMPV6_NI_REPLY = 140;
export const ICMPV6_MLD2_REPORT = 143;
export const ICMPV6_DHAAD_REQUEST = 144;
export const ICMPV6_DHAAD_REPLY = 145;
export const ICMPV6_MOBILE_PREFIX_SOL = 146;
export const ICMPV6_MOBILE_PREFIX_ADV = 147;
export const ICMPV6_MRDISC_ADV = 151;
export const ICMPV6_MRDISC_SOL = 152;
export const ICMPV6_EXT_ECHO_REQUEST = 160;
export const ICMPV6_EXT_ECHO_REPLY = 161;

// Codes of ICMPV6_DEST_UNREACH.
export const ICMPV6_NOROUTE = 0;
export const ICMPV6_ADM_PROHIBITED = 1;
export const ICMPV6_NOT_NEIGHBOUR = 2;
export const ICMPV6_ADDR_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;
export const ICMPV6_POLICY_FAIL = 5;
export const ICMPV6_REJECT_ROUTE = 6;

// Codes of ICMPV6_TIME_EXCEED and ICMPV6_PARAMPROB.
export const ICMPV6_EXC_HOPLIMIT = 0;
export const ICMPV6_EXC_FRAGTIME = 1;
export const ICMPV6_HDR_FIELD = 0;
export const ICMPV6_UNK_NEXTHDR = 1;
export const ICMPV6_UNK_OPTION = 2;
export const ICMPV6_HDR_INCOMP = 3;

/** Types below 128 are errors (RFC 4443 2.1): they quote the packet that they are about from `at + LENGTH` on, and nothing answers them. */
export const isError = (type: number): boolean => type < 128;
