// Which connections a command means. What the real tool leaves to the kernel (mark, status, family of a dump) and what it compares itself
// comes to the same here.

import { IPPROTO_SCTP } from '../../packet/numbers.ts';
import { type Flow, type FlowTuple, isIcmp } from '../flow.ts';
import { icmpCode, icmpType, translationOf } from '../text/names.ts';
import type { Command, Network, Side } from './command.ts';

/** A flow is compared with the whole template once one of these is given; a timeout counts only then. */
export const COMPARED = [
  'protonum',
  'src',
  'dst',
  'reply-src',
  'reply-dst',
  'mark',
  'secmark',
  'status',
  'id',
  'zone',
  'orig-zone',
  'reply-zone',
];

/** For -L, -D, -E and -G. Differs: for -D the real tool forgets which bits of the status count: -D -u UNREPLIED deletes all. */
export function matches(flow: Flow, command: Command): boolean {
  const { given, family, mark, status, labels } = command;
  if (family !== undefined && flow.family !== family) return false;
  if (!isTranslated(flow, command)) return false;
  if (given.has('mark') && (flow.mark & mark.mask) >>> 0 !== mark.value) return false;
  if (given.has('status') && (flow.status & status.mask) !== status.value) return false;
  if (!hasLabels(flow, labels.match) || !isInNetworks(flow, command)) return false;
  return !COMPARED.some((name) => given.has(name)) || isLike(flow, command);
}

/** For -U: what is to be set is no condition. */
export function isMeant(flow: Flow, command: Command): boolean {
  const { family, labels, id } = command;
  if (family !== undefined && flow.family !== family) return false;
  if (!isTranslated(flow, command) || !hasLabels(flow, labels.match) || !isInNetworks(flow, command)) return false;
  if (id !== undefined && flow.id !== id) return false;
  return hasProtocol(flow, command) && hasOriginal(flow, command) && hasEnds(flow.reply, command.reply);
}

/** nfct_cmp() over everything that the template has. */
function isLike(flow: Flow, command: Command): boolean {
  const { zone, zoneOrig, zoneReply, id, timeout, state, tags } = command;
  const both = flow.zoneOrig === flow.zoneReply;
  if (!hasProtocol(flow, command) || !hasOriginal(flow, command) || !hasEnds(flow.reply, command.reply)) return false;
  if (zone !== undefined && zone !== (both ? flow.zoneOrig : 0)) return false;
  if (zoneOrig !== undefined && zoneOrig !== (both ? 0 : flow.zoneOrig)) return false;
  if (zoneReply !== undefined && zoneReply !== (both ? 0 : flow.zoneReply)) return false;
  if (id !== undefined && id !== flow.id) return false;
  if (timeout !== undefined && timeout !== Math.floor((flow.timeout ?? 0) / 1_000)) return false;
  if (state !== undefined && state !== flow.state) return false;
  return flow.protocol !== IPPROTO_SCTP || hasTags(flow, tags);
}

const hasProtocol = (flow: Flow, { protocol }: Command): boolean =>
  protocol === undefined || flow.protocol === protocol;

const hasTags = ({ tags }: Flow, wanted: Command['tags']): boolean =>
  (wanted.orig === undefined || wanted.orig === tags?.[0]) &&
  (wanted.reply === undefined || wanted.reply === tags?.[1]);

function hasOriginal(flow: Flow, command: Command): boolean {
  const { orig, networks, icmp } = command;
  if (!networks.src && !hasAddress(flow.orig.src, orig.src.address, command.mask.src.address)) return false;
  if (!networks.dst && !hasAddress(flow.orig.dst, orig.dst.address, command.mask.dst.address)) return false;
  if (isIcmp(flow.protocol)) {
    if (icmp.type !== undefined && icmp.type !== icmpType(flow.orig)) return false;
    if (icmp.code !== undefined && icmp.code !== icmpCode(flow.orig)) return false;
    return icmp.id === undefined || icmp.id === flow.orig.srcKey;
  }
  return hasKeys(flow.orig, orig);
}

const hasEnds = (tuple: FlowTuple, side: Side): boolean =>
  hasAddress(tuple.src, side.src.address) && hasAddress(tuple.dst, side.dst.address) && hasKeys(tuple, side);

const hasKeys = (tuple: FlowTuple, { src, dst }: Side): boolean =>
  (src.key === undefined || src.key === tuple.srcKey) && (dst.key === undefined || dst.key === tuple.dstKey);

function hasAddress(is: Uint8Array, wanted: Uint8Array | undefined, mask?: Uint8Array): boolean {
  if (!wanted) return true;
  for (let octet = 0; octet < 16; octet++) if ((is[octet] ^ wanted[octet]) & (mask?.[octet] ?? 0xff)) return false;
  return true;
}

function isInNetworks({ orig }: Flow, { networks }: Command): boolean {
  const inside = (address: Uint8Array, network: Network | undefined): boolean =>
    !network || hasAddress(address, network.address, network.mask);
  return inside(orig.src, networks.src) && inside(orig.dst, networks.dst);
}

const hasLabels = ({ labels }: Flow, wanted: readonly number[]): boolean =>
  wanted.every((bit) => ((labels?.[bit >>> 5] ?? 0) >>> (bit & 31)) & 1);

/** -n, -g, -j, with or without an address. */
function isTranslated(flow: Flow, { given, family, sourceNat, destinationNat }: Command): boolean {
  const any = given.has('any-nat');
  const [source, destination] = [any || given.has('src-nat'), any || given.has('dst-nat')];
  if (!source && !destination) return true;
  const is = translationOf(flow);
  // The real tool looks at IPv4 addresses only: one of IPv6 says no more than the option alone.
  const [from, to] =
    family === 6 ? [{ port: sourceNat.port }, { port: destinationNat.port }] : [sourceNat, destinationNat];
  const isSource = source && isTo(from, is.sourceAddress, is.sourcePort, flow.reply.dst, flow.reply.dstKey);
  const isDestination =
    destination && isTo(to, is.destinationAddress, is.destinationPort, flow.reply.src, flow.reply.srcKey);
  if (any) return isSource || isDestination;
  return isSource === source && isDestination === destination;
}

/** An address, a port, or any translation at all. */
function isTo(
  wanted: { address?: Uint8Array; port?: number },
  hasAddressNat: boolean,
  hasPortNat: boolean,
  address: Uint8Array,
  port: number,
): boolean {
  const portFits = wanted.port === undefined || (hasPortNat && wanted.port === port);
  if (wanted.address) return hasAddressNat && hasAddress(address, wanted.address) && portFits;
  return wanted.port === undefined ? hasAddressNat || hasPortNat : portFits;
}
