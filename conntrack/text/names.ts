// Names that texts have for numbers: protocols, their states, status bits.

import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Flow, FlowTuple } from '../flow.ts';
import { dccp } from '../l4/dccp.ts';
import { sctp } from '../l4/sctp.ts';
import { tcp } from '../l4/tcp.ts';
import {
  IPS_ASSURED,
  IPS_DST_NAT_DONE,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_OFFLOAD,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT_DONE,
} from '../status.ts';

/** Protocols that libnetfilter_conntrack calls by name; all others are "unknown" to it. */
export const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [IPPROTO_ICMP, 'icmp'],
  [IPPROTO_TCP, 'tcp'],
  [IPPROTO_UDP, 'udp'],
  [IPPROTO_DCCP, 'dccp'],
  [IPPROTO_GRE, 'gre'],
  [IPPROTO_ICMPV6, 'icmpv6'],
  [IPPROTO_SCTP, 'sctp'],
  [IPPROTO_UDPLITE, 'udplite'],
]);

export const protocolName = (protocol: number): string => PROTOCOL_NAMES.get(protocol) ?? 'unknown';

/** By protocol: names by state. */
export const STATES: ReadonlyMap<number, readonly string[]> = new Map([
  [IPPROTO_TCP, tcp.states as readonly string[]],
  [IPPROTO_SCTP, sctp.states as readonly string[]],
  [IPPROTO_DCCP, dccp.states as readonly string[]],
]);

export const stateName = ({ protocol, state }: Pick<Flow, 'protocol' | 'state'>): string | undefined =>
  state === undefined ? undefined : STATES.get(protocol)?.[state];

/** Those that the tool has a name for, in its order. */
export const STATUS_NAMES: readonly (readonly [name: string, bit: number])[] = [
  ['ASSURED', IPS_ASSURED],
  ['SEEN_REPLY', IPS_SEEN_REPLY],
  ['UNSET', 0],
  ['FIXED_TIMEOUT', IPS_FIXED_TIMEOUT],
  ['EXPECTED', IPS_EXPECTED],
  ['OFFLOAD', IPS_OFFLOAD],
  // Bit 15 in the kernel; nothing here is offloaded to hardware.
  ['HW_OFFLOAD', 1 << 15],
];

const sameAddress = (one: Uint8Array, other: Uint8Array): boolean =>
  one.every((octet, index) => octet === other[index]);

/** Whether the source address, the source port and so on is translated, as libnetfilter_conntrack's NFCT_GOPT_IS_ tell it. */
export interface Translation {
  sourceAddress: boolean;
  sourcePort: boolean;
  destinationAddress: boolean;
  destinationPort: boolean;
}

export function translationOf({ status, orig, reply }: Flow): Translation {
  const [source, destination] = [(status & IPS_SRC_NAT_DONE) !== 0, (status & IPS_DST_NAT_DONE) !== 0];
  return {
    sourceAddress: source && !sameAddress(reply.dst, orig.src),
    sourcePort: source && reply.dstKey !== orig.srcKey,
    destinationAddress: destination && !sameAddress(reply.src, orig.dst),
    destinationPort: destination && reply.srcKey !== orig.dstKey,
  };
}

/** Of a tuple of ICMP or ICMPv6. */
export const icmpType = ({ dstKey }: FlowTuple): number => dstKey >>> 8;
export const icmpCode = ({ dstKey }: FlowTuple): number => dstKey & 0xff;

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

/** A moment taken apart by somebody who knows the time zone. */
export interface Moment {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  /** 0 is Sunday. */
  weekday: number;
  hour: number;
  minute: number;
  second: number;
}

/** Takes milliseconds since 1970 apart. */
export type Clock = (epochMs: number) => Moment;

/** asctime(3), without its newline. */
export const asctime = ({ year, month, day, weekday, hour, minute, second }: Moment): string =>
  `${DAYS[weekday]} ${MONTHS[month - 1]} ${String(day).padStart(2)} ${two(hour)}:${two(minute)}:${two(second)} ${year}`;
