// Addresses and routes of the router: which address is ours, where the others are.
//
// An interface address brings three routes: itself (local), its network (connected), and the network's broadcast (IPv4) or its
// subnet-router anycast address (IPv6). The list is sorted by prefix length, so the first that fits is the longest. Addresses of
// packets are compared in place, word by word.

import { type Address, parseAddress, prefixMask, wire } from '../../packet/address.ts';
import { i32, putU32, u32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { viewOf } from '../../packet/view.ts';
import type { RouteType } from '../services.ts';
import type { RouteTable, Topology } from './types.ts';

export interface Route {
  readonly family: Family;
  /** As many octets as the family's addresses have, zero behind the prefix. */
  readonly network: Uint8Array;
  /** Prefix length in the family's own bits. */
  readonly length: number;
  readonly type: 'LOCAL' | 'BROADCAST' | 'ANYCAST' | 'UNICAST';
  readonly device: string;
  readonly via: Address | undefined;
}

/** Routes with the longest prefix first; of each, four words of network and mask to compare with (IPv4 uses the first). */
interface Sorted {
  readonly list: readonly Route[];
  readonly words: Int32Array;
  readonly masks: Int32Array;
}

/**
 * The answers to addresses that were asked for last, in a place each by a hash of theirs: the packets of a flow ask for the same ones. The
 * routes never change, so an answer stays right.
 */
class Recent {
  /** Four words of address by place; IPv4 has one. */
  readonly words = new Int32Array(4 * PLACES);
  readonly answers: (Route | undefined)[];

  /** `nowhere`: the answer to the address 0, which every place has at first. */
  constructor(nowhere: Route | undefined) {
    this.answers = new Array<Route | undefined>(PLACES).fill(nowhere);
  }
}

const PLACES = 256;
const placeOf = (w0: number, w1: number, w2: number, w3: number): number =>
  Math.imul(w0 ^ Math.imul(w1, 3) ^ Math.imul(w2, 5) ^ w3, 0x9e37_79b1) >>> 24;

/** An address of an interface, with the length of its network. */
interface Own {
  readonly family: Family;
  readonly address: Address;
  readonly length: number;
  readonly device: string;
}

export const LOOPBACK = 'lo';
const LOOPBACK_MTU = 65_536;

/** The router of the scenarios: 10.0.1.1 and fd00:a::1 on tunA, 10.0.2.1 and fd00:b::1 on tunB, everything unknown behind B. */
export const DEFAULT_TOPOLOGY: Topology = {
  tunA: { addresses: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'], mtu: 1500 },
  tunB: { addresses: ['10.0.2.1/24', 'fd00:b::1/64'], routes: ['0.0.0.0/0', '::/0'], mtu: 1500 },
};

/** Throws RangeError for an address or prefix that is none. */
export function createRoutes(topology: Topology): RouteTable {
  return new Table(topology);
}

/** The address of an on-link network itself is everybody's who routes for it. include/net/ip6_route.h ipv6_anycast_destination() */
const isSubnetRouter = ({ type, via, length, network }: Route, address: Address): boolean =>
  type === 'UNICAST' && via === undefined && length < 127 && network.every((octet, index) => octet === address[index]);

class Table implements RouteTable {
  readonly devices: readonly string[];
  private readonly mtus: Record<string, number>;
  /** Of all devices but the loopback: what is no longer is too long for none. */
  leastMtu: number;
  private readonly routes: Record<Family, Sorted>;
  private readonly recent: Record<Family, Recent>;
  /** Interface addresses in the order given. */
  private readonly own: Record<Family, readonly Own[]>;
  private readonly answers = new Map<Route, { device: string; via: Address | undefined }>();

  constructor(topology: Topology) {
    this.devices = Object.keys(topology);
    this.mtus = { [LOOPBACK]: LOOPBACK_MTU };
    for (const device of this.devices) this.mtus[device] = topology[device].mtu;
    const all = [...loopbackRoutes(), ...this.devices.flatMap((device) => deviceRoutes(device, topology[device]))];
    for (const route of all) {
      const device = route.type === 'LOCAL' || route.type === 'ANYCAST' ? LOOPBACK : route.device;
      this.answers.set(route, { device, via: route.via });
    }
    this.leastMtu = this.least();
    this.routes = { 4: sorted(all, 4), 6: sorted(all, 6) };
    this.recent = { 4: new Recent(this.search(4, 0, 0, 0, 0)), 6: new Recent(this.search(6, 0, 0, 0, 0)) };
    const own = this.devices.flatMap((device) =>
      topology[device].addresses.map((text) => ({ ...parsePrefix(text), device })),
    );
    this.own = { 4: own.filter(({ family }) => family === 4), 6: own.filter(({ family }) => family === 6) };
  }

  find(bytes: Uint8Array, at: number, family: Family, only?: string): Route | undefined {
    const view = viewOf(bytes);
    const w0 = view.getInt32(at);
    const w1 = family === 6 ? view.getInt32(at + 4) : 0;
    const w2 = family === 6 ? view.getInt32(at + 8) : 0;
    const w3 = family === 6 ? view.getInt32(at + 12) : 0;
    return this.answer(family, w0, w1, w2, w3, only);
  }

  /** The same for an address by itself: a view of it would be made for this once. */
  private findAddress(address: Address, family: Family, only?: string): Route | undefined {
    if (family === 4) return this.answer(4, i32(address, 12), 0, 0, 0, only);
    return this.answer(6, i32(address, 0), i32(address, 4), i32(address, 8), i32(address, 12), only);
  }

  private answer(family: Family, w0: number, w1: number, w2: number, w3: number, only?: string): Route | undefined {
    if (only !== undefined) return this.search(family, w0, w1, w2, w3, only);
    const { words, answers } = this.recent[family];
    const place = placeOf(w0, w1, w2, w3);
    const word = 4 * place;
    if (words[word] !== w0 || words[word + 1] !== w1 || words[word + 2] !== w2 || words[word + 3] !== w3) {
      answers[place] = this.search(family, w0, w1, w2, w3);
      words[word] = w0;
      words[word + 1] = w1;
      words[word + 2] = w2;
      words[word + 3] = w3;
    }
    return answers[place];
  }

  private search(family: Family, w0: number, w1: number, w2: number, w3: number, only?: string): Route | undefined {
    const { list, words, masks } = this.routes[family];
    for (let index = 0, word = 0; index < list.length; index++, word += 4) {
      if (((w0 ^ words[word]) & masks[word]) !== 0) continue;
      const rest =
        ((w1 ^ words[word + 1]) & masks[word + 1]) |
        ((w2 ^ words[word + 2]) & masks[word + 2]) |
        ((w3 ^ words[word + 3]) & masks[word + 3]);
      if (rest === 0 && (only === undefined || list[index].device === only)) return list[index];
    }
    return undefined;
  }

  isLocal(bytes: Uint8Array, at: number, family: Family): boolean {
    return this.find(bytes, at, family)?.type === 'LOCAL';
  }

  lookup(address: Address, family: Family): { device: string; via: Address | undefined } | undefined {
    const route = this.findAddress(address, family);
    return route && this.answers.get(route);
  }

  /**
   * IPv4: from the local table alone, the rest is unicast (net/ipv4/fib_frontend.c __inet_dev_addr_type()).
   * IPv6: by form, then by a route lookup (net/netfilter/xt_addrtype.c match_lookup_rt6()).
   */
  type(address: Address, family: Family, device?: string): RouteType {
    const at = family === 4 ? 12 : 0;
    if (isMulticast(address, at, family)) return 'MULTICAST';
    const value = u32(address, 12);
    if (family === 4 && (value === 0 || value === 0xffffffff)) return 'BROADCAST';
    if (family === 6 && isUnspecified6(address, 0)) return 'UNSPEC';
    const route = this.findAddress(address, family, device);
    if (!route) return family === 4 ? 'UNICAST' : 'UNREACHABLE';
    return family === 6 && isSubnetRouter(route, address) ? 'ANYCAST' : route.type;
  }

  /**
   * The address on `device` whose network `towards` is in, else (IPv4) the first one, (IPv6) the one that shares the longest prefix;
   * one of another device when it has none. net/ipv4/devinet.c inet_select_addr(), net/ipv6/addrconf.c ipv6_dev_get_saddr()
   */
  sourceFor(device: string, family: Family, towards: Address): Address | undefined {
    const own = this.own[family];
    // RFC 6724 5 rule 1, whatever the device; IPv4 only when it goes to ourselves.
    if ((family === 6 || device === LOOPBACK) && this.findAddress(towards, family)?.type === 'LOCAL') return towards;
    const here = own.filter((candidate) => candidate.device === device);
    return family === 4 ? pick4(here.length > 0 ? here : own, towards) : pick6(here.length > 0 ? here : own, towards);
  }

  addressesOf(device: string, family: Family): readonly Address[] {
    const addresses = this.own[family].filter((own) => own.device === device).map(({ address }) => address);
    if (family === 4) return addresses;
    // The kernel puts a new one in front of those of its scope. net/ipv6/addrconf.c ipv6_link_dev_addr()
    return addresses.reverse().sort((a, b) => Number(isLinkLocal6(a, 0)) - Number(isLinkLocal6(b, 0)));
  }

  mtu(device: string): number {
    return this.mtus[device] ?? 0;
  }

  setMtu(device: string, mtu: number): void {
    if (!this.devices.includes(device)) return;
    this.mtus[device] = mtu;
    this.leastMtu = this.least();
  }

  private least(): number {
    return Math.min(...this.devices.map((device) => this.mtus[device]));
  }

  broadcastMask(device: string, word: number): number {
    for (const own of this.own[4]) {
      // RFC 3021: a network of two has no broadcast address.
      if (own.device !== device || own.length > 30) continue;
      const mask = own.length === 0 ? 0 : -1 << (32 - own.length);
      if ((u32(own.address, 12) | ~mask) === (word | 0)) return mask;
    }
    return 0;
  }

  /** net/netfilter/nf_conntrack_h323_main.c callforward_do_filter() */
  isSameWay(one: Int32Array, other: Int32Array, family: Family): boolean {
    const [first, second] = [this.hopTo(one, family), this.hopTo(other, family)];
    if (!first || !second || first.device !== second.device) return false;
    return first.neighbour.every((octet, index) => octet === second.neighbour[index]);
  }

  private hopTo(words: Int32Array, family: Family): { device: string; neighbour: Address } | undefined {
    const octets = new Uint8Array(16);
    for (let word = 0; word < 4; word++) putU32(octets, family === 4 ? 12 : 4 * word, words[family === 4 ? 0 : word]);
    const found = this.lookup(octets, family);
    return found && { device: found.device, neighbour: found.via ?? octets };
  }
}

function pick4(candidates: readonly Own[], towards: Address): Address | undefined {
  const value = u32(towards, 12);
  const near = candidates.find(({ address, length }) => {
    return length === 0 || (u32(address, 12) ^ value) >>> (32 - length) === 0;
  });
  return (near ?? candidates[0])?.address;
}

function pick6(candidates: readonly Own[], towards: Address): Address | undefined {
  let best: Address | undefined;
  let most = -1;
  for (const { address } of candidates) {
    const common = commonPrefix(address, towards);
    if (common <= most) continue;
    best = address;
    most = common;
  }
  return best;
}

/** Leading bits that two addresses share; RFC 6724 5 rule 8. */
function commonPrefix(one: Address, other: Address): number {
  for (let octet = 0; octet < 16; octet++) {
    const differ = one[octet] ^ other[octet];
    if (differ !== 0) return octet * 8 + Math.clz32(differ) - 24;
  }
  return 128;
}

// --- From text --------------------------------------------------------------------------------------------------------

function deviceRoutes(device: string, { addresses, routes }: Topology[string]): Route[] {
  return [
    ...addresses.flatMap((text) => addressRoutes(device, text)),
    ...routes.map((text) => {
      const [prefix, via] = text.split(' via ');
      const { family, address, length } = parsePrefix(prefix);
      const next = via === undefined ? undefined : parseAddress(via.trim(), family);
      if (via !== undefined && !next) throw new RangeError(`route "${text}": "${via}" is no IPv${family} address`);
      return route(family, address, length, 'UNICAST', device, next);
    }),
  ];
}

function addressRoutes(device: string, text: string): Route[] {
  const { family, address, length } = parsePrefix(text);
  const bits = family === 4 ? 32 : 128;
  const list = [route(family, address, bits, 'LOCAL', device), route(family, address, length, 'UNICAST', device)];
  // The broadcast of a /31 or /32 does not exist (RFC 3021); an anycast address is of networks with room for one.
  if (family === 4 && length < 31) list.push(route(4, broadcastOf(address, length), 32, 'BROADCAST', device));
  if (family === 6 && length < 127) list.push(route(6, masked(address, 6, length), 128, 'ANYCAST', device));
  return list;
}

function loopbackRoutes(): Route[] {
  const four = parsePrefix('127.0.0.0/8');
  const six = parsePrefix('::1/128');
  return [
    route(4, parseAddress('127.255.255.255', 4)!, 32, 'BROADCAST', LOOPBACK),
    route(4, four.address, 8, 'LOCAL', LOOPBACK),
    route(6, six.address, 128, 'LOCAL', LOOPBACK),
  ];
}

function route(
  family: Family,
  address: Address,
  length: number,
  type: Route['type'],
  device: string,
  via?: Address,
): Route {
  return {
    family,
    network: wire(masked(address, family, length), family),
    length,
    type,
    device,
    via,
  };
}

function parsePrefix(text: string): { family: Family; address: Address; length: number } {
  const [part, lengthText] = text.trim().split('/');
  const family: Family = part.includes(':') ? 6 : 4;
  const address = parseAddress(part, family);
  const most = family === 4 ? 32 : 128;
  const length = lengthText === undefined ? most : /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1;
  if (!address || length < 0 || length > most) throw new RangeError(`"${text}" is no address with prefix length`);
  return { family, address, length };
}

function masked(address: Address, family: Family, length: number): Address {
  const mask = prefixMask(length, family);
  return address.map((octet, index) => octet & mask[index]);
}

function broadcastOf(address: Address, length: number): Address {
  const mask = prefixMask(length, 4);
  return address.map((octet, index) => octet | (~mask[index] & 0xff));
}

/** Longest prefix first; of the same length, local ones before the rest, then in the order given. */
function sorted(all: readonly Route[], family: Family): Sorted {
  const rank = ({ length, type }: Route) => length * 2 + (type === 'UNICAST' ? 0 : 1);
  const list = all.filter((route) => route.family === family).sort((a, b) => rank(b) - rank(a));
  const words = new Int32Array(list.length * 4);
  const masks = new Int32Array(list.length * 4);
  list.forEach(({ network, length }, index) => {
    for (let at = 0; at < network.length; at += 4) {
      const ones = Math.max(0, Math.min(32, length - 8 * at));
      words[index * 4 + at / 4] = i32(network, at);
      masks[index * 4 + at / 4] = ones === 0 ? 0 : -1 << (32 - ones);
    }
  });
  return { list, words, masks };
}

// --- Kinds of addresses, in place -------------------------------------------------------------------------------------

export const isMulticast = (bytes: Uint8Array, at: number, family: Family): boolean =>
  family === 4 ? bytes[at] >>> 4 === 14 : bytes[at] === 0xff;

export const isUnspecified6 = (bytes: Uint8Array, at: number): boolean =>
  (u32(bytes, at) | u32(bytes, at + 4) | u32(bytes, at + 8) | u32(bytes, at + 12)) === 0;

export const isLoopback6 = (bytes: Uint8Array, at: number): boolean =>
  (u32(bytes, at) | u32(bytes, at + 4) | u32(bytes, at + 8)) === 0 && u32(bytes, at + 12) === 1;

export const isLinkLocal6 = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0x80;
