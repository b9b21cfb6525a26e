// Neighbour discovery messages inside ICMPv6, RFC 4861 4. Once fits() is true for the type, the accessors of that message do not read out of bounds.
//   router solicitation:     | type code checksum | reserved(4) | options ...
//   router advertisement:    | type code checksum | hopLimit flags lifetime(2) | reachable(4) | retransmit(4) | options ...
//   neighbour solicitation:  | type code checksum | reserved(4) | target(16) | options ...
//   neighbour advertisement: | type code checksum | R S O reserved | target(16) | options ...
//   redirect:                | type code checksum | reserved(4) | target(16) | destination(16) | options ...
//   option: | type | length in units of 8 octets, these two included | data ... |

import { u16, u32 } from './bytes.ts';
import {
  NDISC_NEIGHBOUR_ADVERTISEMENT,
  NDISC_NEIGHBOUR_SOLICITATION,
  NDISC_REDIRECT,
  NDISC_ROUTER_ADVERTISEMENT,
  NDISC_ROUTER_SOLICITATION,
} from './icmpv6.ts';

export const isNeighbourDiscovery = (type: number): boolean =>
  type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT;

/** Octets before the options; 0 for a type that is none of these messages. */
export function fixedLength(type: number): number {
  switch (type) {
    case NDISC_ROUTER_SOLICITATION:
      return 8;
    case NDISC_ROUTER_ADVERTISEMENT:
      return 16;
    case NDISC_NEIGHBOUR_SOLICITATION:
    case NDISC_NEIGHBOUR_ADVERTISEMENT:
      return 24;
    case NDISC_REDIRECT:
      return 40;
    default:
      return 0;
  }
}

/** Whether the message at `at` is one of neighbour discovery with all its fixed octets there. */
export const fits = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + 8 <= end && isNeighbourDiscovery(bytes[at]) && at + fixedLength(bytes[at]) <= end;

/** Of neighbour solicitation, advertisement and redirect: 16 octets. */
export const TARGET_AT = 8;
/** Of a redirect: 16 octets. */
export const REDIRECT_DESTINATION_AT = 24;

// Neighbour advertisement, in the octet at +4.
export const NA_ROUTER = 0x80;
export const NA_SOLICITED = 0x40;
export const NA_OVERRIDE = 0x20;
export const advertisementFlags = (bytes: Uint8Array, at: number): number => bytes[at + 4];

// Router advertisement.
export const RA_MANAGED = 0x80;
export const RA_OTHER = 0x40;
export const routerHopLimit = (bytes: Uint8Array, at: number): number => bytes[at + 4];
export const routerFlags = (bytes: Uint8Array, at: number): number => bytes[at + 5];
/** Seconds. */
export const routerLifetime = (bytes: Uint8Array, at: number): number => u16(bytes, at + 6);
/** Milliseconds. */
export const reachableTime = (bytes: Uint8Array, at: number): number => u32(bytes, at + 8);
export const retransmitTimer = (bytes: Uint8Array, at: number): number => u32(bytes, at + 12);

// include/net/ndisc.h
export const ND_OPT_SOURCE_LL_ADDR = 1;
export const ND_OPT_TARGET_LL_ADDR = 2;
export const ND_OPT_PREFIX_INFO = 3;
export const ND_OPT_REDIRECT_HDR = 4;
export const ND_OPT_MTU = 5;
export const ND_OPT_NONCE = 14;
export const ND_OPT_ROUTE_INFO = 24;
export const ND_OPT_RDNSS = 25;
export const ND_OPT_DNSSL = 31;

export const optionType = (bytes: Uint8Array, option: number): number => bytes[option];
/** Octets. */
export const optionLength = (bytes: Uint8Array, option: number): number => bytes[option + 1] << 3;

/**
 * The first option, or -1 at the end or at one of length 0 or beyond `end` (RFC 4861 4.6: such a message is discarded whole, see
 * `optionsRight`). Walk: `for (let o = firstOption(b, at, end); o >= 0; o = nextOption(b, o, end))`.
 */
export const firstOption = (bytes: Uint8Array, at: number, end: number): number =>
  optionAt(bytes, at + fixedLength(bytes[at]), end);

export const nextOption = (bytes: Uint8Array, option: number, end: number): number =>
  optionAt(bytes, option + optionLength(bytes, option), end);

const optionAt = (bytes: Uint8Array, here: number, end: number): number =>
  here + 2 <= end && bytes[here + 1] !== 0 && here + optionLength(bytes, here) <= end ? here : -1;

/** Whether the options fill the message exactly. Source: net/ipv6/ndisc.c ndisc_parse_options(). */
export function optionsRight(bytes: Uint8Array, at: number, end: number): boolean {
  let past = at + fixedLength(bytes[at]);
  for (let here = firstOption(bytes, at, end); here >= 0; here = nextOption(bytes, here, end)) {
    past = here + optionLength(bytes, here);
  }
  return past === end;
}
