// What a nat rule asks for: addresses and ports to choose from, and how. Whether a tuple is among them, and which address of several
// a flow gets. Source: net/netfilter/nf_nat_core.c nf_in_range(), find_best_ips_proto()

import { type Address, wire } from '../../packet/address.ts';
import { u32 } from '../../packet/bytes.ts';
import { jhash2, reciprocalScale } from '../../packet/jhash.ts';
import {
  type Family,
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Tuple } from '../table/tuple.ts';

/** Which end of a packet is rewritten. */
export const SOURCE = 0;
export const DESTINATION = 1;
export type Manip = typeof SOURCE | typeof DESTINATION;

export interface NatRange {
  /** Words of the lowest and the highest address, as Tuple has them. Left out: the address stays. */
  readonly addresses?: readonly [low: Int32Array, high: Int32Array];
  /** Ports, or ICMP ids. Left out: the port stays while it is free. */
  readonly ports?: readonly [low: number, high: number];
  /** Port that becomes the first one of `ports`, those behind it the next ones: a shifted range. */
  readonly base?: number;
  /** --random or --random-fully: the port is drawn, not kept. They have been the same since 5.0. */
  readonly random?: boolean;
  /** The same address of several for the same client, whomever it speaks to. */
  readonly persistent?: boolean;
}

/** An address as Tuple has them: four words, IPv4 in the first. */
export function addressWords(address: Address, family: Family): Int32Array {
  const octets = wire(address, family);
  const words = new Int32Array(4);
  for (let at = 0; at < octets.length; at += 4) words[at >> 2] = u32(octets, at);
  return words;
}

export const isIcmp = (protocol: number): boolean => protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;

/** Protocols with two ports (GRE: keys). The others have nothing to choose; DCCP is one of them while nobody tracks it. */
export const hasPorts = ({ protocol, keys }: Tuple): boolean =>
  protocol === IPPROTO_TCP ||
  protocol === IPPROTO_UDP ||
  protocol === IPPROTO_UDPLITE ||
  protocol === IPPROTO_SCTP ||
  protocol === IPPROTO_GRE ||
  (protocol === IPPROTO_DCCP && keys !== 0);

/** Whether the key that `manip` would change is the high half of Tuple.keys. An ICMP id belongs to both directions and is always there. */
const isHighHalf = (protocol: number, manip: Manip): boolean => manip === SOURCE || isIcmp(protocol);

/** The port, key or id of the end that `manip` rewrites. */
export const keyOf = ({ keys, protocol }: Tuple, manip: Manip): number =>
  isHighHalf(protocol, manip) ? keys >>> 16 : keys & 0xffff;

/** Tuple.keys with that key in it. The caller sets Tuple.inverse. */
export const withKey = ({ keys, protocol }: Tuple, manip: Manip, key: number): number =>
  isHighHalf(protocol, manip) ? (key << 16) | (keys & 0xffff) : (keys & ~0xffff) | key;

export function isPortInRange(tuple: Tuple, manip: Manip, [low, high]: readonly [number, number]): boolean {
  if (!hasPorts(tuple) && !isIcmp(tuple.protocol)) return true;
  const key = keyOf(tuple, manip);
  return low <= key && key <= high;
}

/** Whether the source of `tuple` is one that the range would give. */
export function isSourceInRange(tuple: Tuple, range: NatRange): boolean {
  if (range.addresses && !isBetween(tuple.words, range.addresses)) return false;
  return !range.ports || isPortInRange(tuple, SOURCE, range.ports);
}

function isBetween(words: Int32Array, [low, high]: readonly [Int32Array, Int32Array]): boolean {
  return compare(words, low) >= 0 && compare(words, high) <= 0;
}

/** As big-endian numbers, unsigned. */
function compare(words: Int32Array, other: Int32Array): number {
  for (let word = 0; word < 4; word++) {
    if (words[word] !== other[word]) return words[word] >>> 0 < other[word] >>> 0 ? -1 : 1;
  }
  return 0;
}

/** Addresses of a tuple as the machine that the kernel hashes on has them, little endian: source in 0-3, destination in 4-7. */
const reversed = new Int32Array(8);

/**
 * Puts an address of the range into the source or destination of `tuple`: by a hash of both ends, so that a client keeps its address towards
 * a server. With several words (IPv6) each is spread over its own part of the range as long as the words before are those of the highest
 * address, and over all values behind.
 */
export function chooseAddress(tuple: Tuple, manip: Manip, range: NatRange, zone: number): void {
  if (!range.addresses) return;
  const [low, high] = range.addresses;
  const { words } = tuple;
  const at = manip === SOURCE ? 0 : 4;
  if (compare(low, high) === 0) {
    for (let word = 0; word < 4; word++) words[at + word] = low[word];
    return;
  }
  const last = tuple.family === 4 ? 0 : 3;
  for (let word = 0; word < 8; word++) reversed[word] = swap32(words[word]);
  const seed = range.persistent ? 0 : reversed[4 + last] ^ zone;
  let hash = jhash2(reversed, 0, 4, seed);
  let anything = false;
  for (let word = 0; word <= last; word++) {
    const from = anything ? 0 : low[word];
    const count = anything ? 0xffffffff : (high[word] - low[word] + 1) >>> 0;
    const chosen = (from + reciprocalScale(hash, count)) | 0;
    words[at + word] = chosen;
    if (chosen !== high[word]) anything = true;
    // Of the tuple as it is now: for a destination, the word that was just chosen.
    if (!range.persistent) hash = (hash ^ swap32(words[4 + word])) >>> 0;
  }
}

const swap32 = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
