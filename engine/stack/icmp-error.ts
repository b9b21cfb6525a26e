// ICMP and ICMPv6 errors about a packet, as the kernel's router and host make them: whom they come from, how much they quote, and
// when nothing may be sent at all. net/ipv4/icmp.c __icmp_send(), net/ipv6/icmp.c icmp6_send()
//
// Not here: rate limits (limiter.ts), and what a sender checks beforehand (REJECT verifies checksums, for one).

import { type Address, addressAt } from '../../packet/address.ts';
import { icmp, icmp6, ip4, ip6 } from '../../packet/build.ts';
import { u16 } from '../../packet/bytes.ts';
import { ICMP_ECHO } from '../../packet/icmp.ts';
import { ICMPV6_PARAMPROB, ICMPV6_PKT_TOOBIG } from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_AH, IPPROTO_FRAGMENT, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_NONE } from '../../packet/numbers.ts';
import { isExtensionHeader, type Packet } from '../../packet/packet.ts';
import type { Random } from '../services.ts';
import { echoOptions, type OptionContext } from './options4.ts';
import { isLinkLocal6, isMulticast, isUnspecified6, LOOPBACK } from './routes.ts';

export interface ErrorContext extends OptionContext {
  readonly random: Random;
}

/** Type, code, and the second word: MTU, pointer (IPv4: in its first octet), or 0. */
export interface IcmpError {
  readonly type: number;
  readonly code: number;
  readonly rest?: number;
}

const TTL = 64; // net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit
const LONGEST4 = 576; // RFC 1812 4.3.2.3
const INTERNETWORK_CONTROL = 0xc0; // RFC 1812 4.3.2.5: the precedence of errors
const TOS_BITS = 0x1e; // RT_TOS(): what stays of the packet's own

/** The error about `pkt` as a whole packet; undefined when none may be sent or nobody would get it. */
export const icmpError = (pkt: Packet, error: IcmpError, context: ErrorContext): Uint8Array | undefined =>
  pkt.family === 4 ? icmpError4(pkt, error, context) : icmpError6(pkt, error, context);

// --- IPv4 -------------------------------------------------------------------------------------------------------------

function icmpError4(pkt: Packet, { type, code, rest = 0 }: IcmpError, context: ErrorContext): Uint8Array | undefined {
  if (!deserves4(pkt, context)) return undefined;
  const { bytes, l3, end } = pkt;
  const dst = addressAt(bytes, l3 + ipv4.SOURCE_AT, 4);
  const src = errorSource4(pkt, context);
  const way = context.routes.lookup(dst, 4);
  const options = src && echoOptions(pkt, src, context);
  if (!src || !way || !options) return undefined;
  const room = Math.min(LONGEST4, context.routes.mtu(way.device)) - ipv4.MIN_LENGTH - options.length - 8;
  if (room <= ipv4.MIN_LENGTH) return undefined;
  const data = bytes.subarray(l3, Math.min(end, l3 + room));
  const tos = INTERNETWORK_CONTROL | (ipv4.tos(bytes, l3) & TOS_BITS);
  return ip4({ src, dst, ttl: TTL, tos, id: context.random() & 0xffff, options }, icmp({ type, code, rest, data }));
}

/** RFC 1122 3.2.2: never about a later fragment, about what was sent to many, or about another error. */
function deserves4(
  { bytes, l3, l4, end, fragmentOffset, packetType, protocol }: Packet,
  context: ErrorContext,
): boolean {
  if (fragmentOffset !== 0 || packetType !== 0) return false;
  const destination = context.routes.type(addressAt(bytes, l3 + ipv4.DESTINATION_AT, 4), 4);
  if (destination === 'BROADCAST' || destination === 'MULTICAST') return false;
  return protocol !== IPPROTO_ICMP || (l4 < end && isQuery4(bytes[l4]));
}

/** icmp_pointers[]: types above 18 count as errors. */
const isQuery4 = (type: number): boolean => type === 0 || type === ICMP_ECHO || (type >= 13 && type <= 18);

/**
 * Whom an IPv4 answer about `pkt` comes from: the one addressed, if that is us, else our address on the way back.
 * Also what its options record (net/ipv4/fib_frontend.c fib_compute_spec_dst()).
 */
export function errorSource4({ bytes, l3, inDevice }: Packet, { routes }: OptionContext): Address | undefined {
  const addressed = addressAt(bytes, l3 + ipv4.DESTINATION_AT, 4);
  if (routes.type(addressed, 4) === 'LOCAL') return addressed;
  const back = addressAt(bytes, l3 + ipv4.SOURCE_AT, 4);
  return routes.sourceFor(routes.lookup(back, 4)?.device ?? inDevice, 4, back);
}

// --- IPv6 -------------------------------------------------------------------------------------------------------------

function icmpError6(pkt: Packet, error: IcmpError, context: ErrorContext): Uint8Array | undefined {
  const { bytes, l3, end } = pkt;
  if (!deserves6(pkt, error, context)) return undefined;
  const dst = addressAt(bytes, l3 + ipv6.SOURCE_AT, 6);
  const src = errorSource6(pkt, context);
  if (!src || !reachable6(pkt, dst, context)) return undefined;
  const data = bytes.subarray(l3, Math.min(end, l3 + ipv6.MIN_MTU - ipv6.LENGTH - 8));
  // Differs: the flow label is 0; the kernel hashes one with a key of its own (net.ipv6.auto_flowlabels).
  return ip6({ src, dst, hopLimit: TTL }, icmp6({ type: error.type, code: error.code, rest: error.rest ?? 0, data }));
}

/** RFC 4443 2.4 (e). */
function deserves6(pkt: Packet, error: IcmpError, { routes }: ErrorContext): boolean {
  const { bytes, l3, packetType } = pkt;
  const toMany = isMulticast(bytes, l3 + ipv6.DESTINATION_AT, 6) || packetType !== 0;
  if (toMany && error.type !== ICMPV6_PKT_TOOBIG && !isOptionProblem(pkt, error)) return false;
  if (isUnspecified6(bytes, l3 + ipv6.SOURCE_AT) || isMulticast(bytes, l3 + ipv6.SOURCE_AT, 6)) return false;
  if (routes.type(addressAt(bytes, l3 + ipv6.SOURCE_AT, 6), 6) === 'ANYCAST') return false;
  return !isIcmpError6(pkt);
}

/** Code 2 about an option whose type asks for an answer even to multicast (the two high bits 10). opt_unrec() */
const isOptionProblem = ({ bytes, l3 }: Packet, { type, code, rest = 0 }: IcmpError): boolean =>
  type === ICMPV6_PARAMPROB && code === 2 && (bytes[l3 + rest] & 0xc0) === 0x80;

/**
 * An error, or an ICMPv6 message whose type is missing; of a fragment the type may be in another piece, and then it counts as none.
 * is_ineligible()
 */
function isIcmpError6({ bytes, l3, end }: Packet): boolean {
  let next = ipv6.nextHeader(bytes, l3);
  let at = l3 + ipv6.LENGTH;
  let fragment = false;
  while (isExtensionHeader(next)) {
    if (next === IPPROTO_NONE || at + 2 > end) return false;
    let length = (bytes[at + 1] + 1) << 3;
    if (next === IPPROTO_FRAGMENT) {
      const field = at + 4 <= end ? u16(bytes, at + 2) : 0xfff8;
      if ((field & 0xfff8) !== 0) return false;
      fragment = field !== 0;
      length = 8;
    } else if (next === IPPROTO_AH) length = (bytes[at + 1] + 2) << 2;
    next = bytes[at];
    at += length;
  }
  if (next !== IPPROTO_ICMPV6) return false;
  return at >= end ? !fragment : bytes[at] < 0x80;
}

/** The one addressed, if that is us (an anycast address too), else our address on the device that the packet came in by. */
function errorSource6({ bytes, l3, inDevice }: Packet, { routes }: ErrorContext): Address | undefined {
  const addressed = addressAt(bytes, l3 + ipv6.DESTINATION_AT, 6);
  const type = routes.type(addressed, 6);
  if (type === 'LOCAL' || type === 'ANYCAST') return addressed;
  const back = addressAt(bytes, l3 + ipv6.SOURCE_AT, 6);
  const device = inDevice === '' ? (routes.lookup(back, 6)?.device ?? LOOPBACK) : inDevice;
  return routes.sourceFor(device, 6, back);
}

function reachable6({ bytes, l3, inDevice }: Packet, dst: Address, { routes }: ErrorContext): boolean {
  return isLinkLocal6(bytes, l3 + ipv6.SOURCE_AT)
    ? routes.type(dst, 6, inDevice) !== 'UNREACHABLE'
    : routes.lookup(dst, 6) !== undefined;
}
