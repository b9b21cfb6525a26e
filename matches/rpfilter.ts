import { defineMatch } from '../engine/extension.ts';
import type { Routes } from '../engine/services.ts';
import { flag } from '../grammar/values.ts';
import { type Address, addressAt } from '../packet/address.ts';
import { u32 } from '../packet/bytes.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { words } from './shared/text.ts';

const LOOPBACK = 'lo';
/** In save order. */
const FLAGS = ['loose', 'validmark', 'accept-local', 'invert'] as const;
type Flag = (typeof FLAGS)[number];

interface Checked {
  readonly flags: readonly Flag[];
}

export const rpfilter = defineMatch({
  name: 'rpfilter',
  families: [4, 6],
  summary: 'An answer to the packet would leave by the device that it came in by.',
  supplied: 'Inline: the routes that the router is given; in a bridge, which has none, nothing has a way back.',
  kernel: 'net/ipv4/netfilter/ipt_rpfilter.c rpfilter_mt(), net/ipv6/netfilter/ip6t_rpfilter.c',
  placement: { tables: ['raw', 'mangle'], hooks: ['PREROUTING'] },
  effect: 'pure',
  options: {
    loose: flag({ help: 'any device will do, as long as there is a route' }),
    validmark: flag({ help: 'the mark of the packet chooses among routes' }),
    'accept-local': flag({ help: 'a source address of this host is fine' }),
    invert: flag({ help: 'match what fails the check' }),
  },
  check: (given): Checked => ({ flags: FLAGS.filter((name) => given[name]) }),
  save: ({ flags }) => flags.map((name) => `--${name}`).join(' '),
  list: ({ flags }) => words('rpfilter', ...flags),
  compile({ flags }, { family, services: { routes } }) {
    const inverted = flags.includes('invert');
    const wish = { loose: flags.includes('loose'), local: flags.includes('accept-local') };
    // One address object for all packets: the routes read it and do not keep it.
    const source: Address = new Uint8Array(16);
    if (family === 4) source[10] = source[11] = 0xff;
    const passes = family === 4 ? passes4 : passes6;
    return (pkt) => (pkt.inDevice === LOOPBACK || passes(pkt, source, routes, wish)) !== inverted;
  },
  saw(_checked, pkt, { routes }) {
    if (pkt.family === 0) return '';
    const family = pkt.family as Family;
    const source = addressAt(pkt.bytes, pkt.l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family);
    return `in ${pkt.inDevice} back by ${routes.lookup(source, family)?.device ?? 'no route'}`;
  },
});

interface Wish {
  readonly loose: boolean;
  readonly local: boolean;
}

/** From 0.0.0.0/8 to everybody on the link passes: a host that asks for its address. */
function passes4(pkt: Packet, source: Address, routes: Routes, { loose, local }: Wish): boolean {
  copy(pkt, pkt.l3 + ipv4.SOURCE_AT, source, 12);
  if (source[12] === 0 && toTheLink(pkt.bytes, pkt.l3 + ipv4.DESTINATION_AT)) return true;
  // A lookup knows no classes of addresses: these go by the routes like any other.
  if (source[12] === 0 || source[12] >= 224) return backBy(pkt, source, 4, routes, loose);
  const type = routes.type(source, 4);
  // A local address has a device as well, the one that it is configured on.
  if (type === 'LOCAL') return local && (loose || routes.type(source, 4, pkt.inDevice) === 'LOCAL');
  return type === 'UNICAST' && backBy(pkt, source, 4, routes, loose);
}

/** The unspecified source passes: the forward path drops it. */
function passes6(pkt: Packet, source: Address, routes: Routes, { loose, local }: Wish): boolean {
  copy(pkt, pkt.l3 + ipv6.SOURCE_AT, source, 0);
  if (isUnspecified(source)) return true;
  const type = routes.type(source, 6);
  if (type === 'LOCAL') return local;
  return type === 'UNICAST' && backBy(pkt, source, 6, routes, loose);
}

/** The route back to the source. Routes here know no marks, so `validmark` changes nothing. */
function backBy(pkt: Packet, source: Address, family: Family, routes: Routes, loose: boolean): boolean {
  const route = routes.lookup(source, family);
  return route !== undefined && (loose || route.device === pkt.inDevice);
}

function copy(pkt: Packet, from: number, to: Address, first: number): void {
  for (let octet = first; octet < 16; octet++) to[octet] = pkt.bytes[from + octet - first];
}

/** 255.255.255.255 or 224.0.0.0/24. */
function toTheLink(bytes: Uint8Array, at: number): boolean {
  const address = u32(bytes, at);
  return address === 0xffff_ffff || address >>> 8 === 0xe0_0000;
}

function isUnspecified(address: Address): boolean {
  for (let octet = 0; octet < 16; octet++) if (address[octet] !== 0) return false;
  return true;
}
