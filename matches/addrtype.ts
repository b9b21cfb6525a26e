import { defineMatch, type PlaceContext, type Predicate } from '../engine/extension.ts';
import type { Routes, RouteType } from '../engine/services.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { type Address, addressAt, formatAddress } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { choicesOf, type NamedBits, parseNames, printNames } from './shared/name-lists.ts';
import { words } from './shared/text.ts';

// RTN_ numbers as bits; include/uapi/linux/netfilter/xt_addrtype.h.
const TYPES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const satisfies readonly RouteType[];
const bit = (type: (typeof TYPES)[number]): number => 1 << TYPES.indexOf(type);
const NAMES: NamedBits = TYPES.map((type) => [type, bit(type)]);
/** Types that IPv6 routes do not have here; a rule with one is refused. */
const ONLY_4: readonly RouteType[] = ['BROADCAST', 'BLACKHOLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE'];

const typeList = {
  words: 1 as const,
  metavar: 'type[,type...]',
  choices: choicesOf(NAMES),
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    parseNames(
      word,
      NAMES,
      { bad: (rest, last) => (last ? `addrtype: bad type "${rest}"` : `addrtype: bad type \`${rest}'`) },
      scope,
    ),
  print: (bits: number): string => printNames(bits, NAMES),
};

interface Asked {
  readonly types: number;
  readonly inverted: boolean;
}

interface Checked {
  readonly source: Asked | undefined;
  readonly destination: Asked | undefined;
  /** Only as seen from the device that the packet came in or goes out by. */
  readonly device: 'in' | 'out' | undefined;
}

export const addrtype = defineMatch({
  name: 'addrtype',
  families: [4, 6],
  summary: 'Kind of the source or destination address, as the routing tables have it.',
  supplied: 'Inline: the addresses and routes that the router is given; a bridge has none of its own.',
  kernel: 'net/netfilter/xt_addrtype.c addrtype_mt_v1()',
  placement: { refuses: misplaced },
  effect: 'pure',
  options: {
    'src-type': own(typeList, { help: 'source is of one of these types', invert: true }),
    'dst-type': own(typeList, { help: 'destination is of one of these types', invert: true }),
    'limit-iface-in': flag({ help: 'as seen from the input device only', excludes: ['limit-iface-out'] }),
    'limit-iface-out': flag({ help: 'as seen from the output device only', excludes: ['limit-iface-in'] }),
  },
  check(given, scope): Checked {
    const source = given['src-type'];
    const destination = given['dst-type'];
    if (!source && !destination) scope.fail('addrtype: you must specify --src-type or --dst-type');
    return {
      source: source && { types: source.value, inverted: source.inverted },
      destination: destination && { types: destination.value, inverted: destination.inverted },
      device: given['limit-iface-in'] ? 'in' : given['limit-iface-out'] ? 'out' : undefined,
    };
  },
  save: ({ source, destination, device }) =>
    words(
      source && `${source.inverted ? '! ' : ''}--src-type ${printNames(source.types, NAMES)}`,
      destination && `${destination.inverted ? '! ' : ''}--dst-type ${printNames(destination.types, NAMES)}`,
      device && `--limit-iface-${device}`,
    ),
  list: ({ source, destination, device }) =>
    words(
      'ADDRTYPE match',
      source && `src-type ${source.inverted ? '!' : ''}${printNames(source.types, NAMES)}`,
      destination && `dst-type ${destination.inverted ? '!' : ''}${printNames(destination.types, NAMES)}`,
      device && `limit-${device}`,
    ),
  compile({ source, destination, device }, { family, services }) {
    const from =
      source && typed(source, family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT, device, family, services.routes);
    const to =
      destination &&
      typed(destination, family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT, device, family, services.routes);
    if (from && to) return (pkt) => from(pkt) && to(pkt);
    return (from ?? to)!;
  },
  saw(_checked, pkt, { routes }) {
    if (pkt.family === 0) return '';
    const [source, destination] =
      pkt.family === 4 ? [ipv4.SOURCE_AT, ipv4.DESTINATION_AT] : [ipv6.SOURCE_AT, ipv6.DESTINATION_AT];
    return `source ${seen(pkt, source, routes)} destination ${seen(pkt, destination, routes)}`;
  },
});

function seen(pkt: Packet, at: number, routes: Routes): string {
  const family = pkt.family as Family;
  const address = addressAt(pkt.bytes, pkt.l3 + at, family);
  return `${formatAddress(address, family)} ${routes.type(address, family)}`;
}

/** addrtype_mt_checkentry_v1() */
function misplaced({ source, destination, device }: Checked, { family, hooks }: PlaceContext): string | undefined {
  if (device === 'out' && hooks.some((hook) => hook === 'PREROUTING' || hook === 'INPUT')) {
    return 'output interface limitation not valid in PREROUTING and INPUT';
  }
  if (device === 'in' && hooks.some((hook) => hook === 'POSTROUTING' || hook === 'OUTPUT')) {
    return 'input interface limitation not valid in POSTROUTING and OUTPUT';
  }
  if (family === 4) return undefined;
  const types = (source?.types ?? 0) | (destination?.types ?? 0);
  const wrong = TYPES.find((type) => ONLY_4.includes(type) && types & bit(type));
  return wrong && `ipv6 ${wrong} matching not supported`;
}

function typed(
  { types, inverted }: Asked,
  offset: number,
  device: 'in' | 'out' | undefined,
  family: Family,
  routes: Routes,
): Predicate {
  const matches = family === 4 ? match4 : match6;
  // One address object for all packets: the routes read it and do not keep it.
  const address: Address = new Uint8Array(16);
  if (family === 4) address[10] = address[11] = 0xff;
  const first = family === 4 ? 12 : 0;
  return (pkt) => {
    const at = pkt.l3 + offset - first;
    for (let octet = first; octet < 16; octet++) address[octet] = pkt.bytes[at + octet];
    const by = device === undefined ? undefined : device === 'in' ? pkt.inDevice : pkt.outDevice;
    return matches(types, address, by, routes) !== inverted;
  };
}

const match4 = (types: number, address: Address, device: string | undefined, routes: Routes): boolean =>
  (types & bit(routes.type(address, 4, device) as (typeof TYPES)[number])) !== 0;

const ROUTED = bit('LOCAL') | bit('ANYCAST') | bit('UNREACHABLE');

/**
 * match_type6(): UNSPEC, UNICAST and MULTICAST are told by the address alone and must all hold; only the other types ask the routes.
 */
function match6(types: number, address: Address, device: string | undefined, routes: Routes): boolean {
  const scope = addressClass6(address);
  if (types & bit('MULTICAST') && scope !== 'MULTICAST') return false;
  if (types & bit('UNICAST') && scope !== 'UNICAST') return false;
  if (types & bit('UNSPEC') && scope !== 'UNSPEC') return false;
  if ((types & ROUTED) === 0) return true;
  const type = scope === 'UNSPEC' ? unspecifiedType(routes, address) : routes.type(address, 6, device);
  return (types & ROUTED & bit(type as (typeof TYPES)[number])) !== 0;
}

/** `::` is the network of the default route, and where that is on-link its subnet-router anycast address. */
function unspecifiedType(routes: Routes, address: Address): RouteType {
  const route = routes.lookup(address, 6);
  if (!route) return 'UNREACHABLE';
  return route.via === undefined ? 'ANYCAST' : 'UNICAST';
}

/** include/net/ipv6.h ipv6_addr_type(); a mapped address (::ffff:0:0/96) is of none of these kinds. */
function addressClass6(address: Address): 'UNSPEC' | 'UNICAST' | 'MULTICAST' | undefined {
  if (address[0] === 0xff) return 'MULTICAST';
  let zeros = 0;
  while (zeros < 16 && address[zeros] === 0) zeros++;
  if (zeros === 16) return 'UNSPEC';
  return zeros === 10 && address[10] === 0xff && address[11] === 0xff ? undefined : 'UNICAST';
}
