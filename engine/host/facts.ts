// What rules may ask of the host around the firewall, told as plain data: by a configuration, a scenario or a test. A firewall between two
// TUN devices has no sockets, no IPsec, no devices' groups of its own; whoever runs it knows of them, or they are as if there were none.

import type { Connections } from '../../conntrack/tracker.ts';
import { type Address, addressAt, parseAddress } from '../../packet/address.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_COMP,
  IPPROTO_ESP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../packet/numbers.ts';
import type { Packet, SecurityAssociation } from '../../packet/packet.ts';
import { portsOffset } from '../../packet/ports.ts';
import type { Services, VirtualConnection } from '../services.ts';
import type { AccountSpec } from './accounts.ts';
import { parseFingerprints } from './fingerprints.ts';
import { holds, type Prefix, PrefixTable, prefixFrom } from './prefixes.ts';
import { type SocketSpec, Sockets } from './sockets.ts';

/** Everything may be left out. Plain data, so that it travels between threads and stands in a configuration. */
export interface HostFacts {
  /** Sockets of the host: -m socket, TPROXY, -m cgroup on INPUT. */
  readonly sockets?: readonly SocketSpec[];
  /** What IPsec protects: -m policy. */
  readonly ipsec?: readonly IpsecFlow[];
  /** Services that IPVS balances: -m ipvs. */
  readonly ipvs?: readonly VirtualService[];
  /** Accounts with their quotas; those that rules name are made without: -m nfacct. */
  readonly accounts?: readonly AccountSpec[];
  /** The text of pf.os: -m osf. */
  readonly fingerprints?: string;
  /** Groups of devices, by name: -m devgroup. */
  readonly deviceGroups?: Readonly<Record<string, number>>;
  /** Realms of routes, by prefix: -m realm. */
  readonly realms?: Readonly<Record<string, number>>;
}

export interface IpsecTransform {
  readonly proto: 'ah' | 'esp' | 'ipcomp';
  readonly mode: 'transport' | 'tunnel';
  readonly spi?: number;
  readonly reqid?: number;
  /** Ends of a tunnel. */
  readonly source?: string;
  readonly destination?: string;
}

/** Packets from `source` to `destination` (prefixes; any where left out) come in, or go out, protected by these, the innermost first. */
export interface IpsecFlow {
  readonly direction: 'in' | 'out';
  readonly source?: string;
  readonly destination?: string;
  readonly transforms: readonly IpsecTransform[];
}

export interface VirtualService {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly address: string;
  readonly port: number;
  /** As ipvsadm's -g, -i and -m; MASQ where left out. */
  readonly method?: 'GATE' | 'IPIP' | 'MASQ';
  /** Port of the service whose connections control these, as 21 does those of 20. */
  readonly control?: number;
}

const PROTOCOLS = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP } as const;
const TRANSFORMS = { ah: IPPROTO_AH, esp: IPPROTO_ESP, ipcomp: IPPROTO_COMP } as const;
const UNSPECIFIED = new Uint8Array(16);

type Answered = 'sockets' | 'transparentSocket' | 'ipsec' | 'ipvs' | 'deviceGroup' | 'realm' | 'fingerprints';
export type HostServices = Required<Pick<Services, Answered>>;

/** Facts of the host, read: the services that answer from them. */
export interface KnownHost {
  readonly facts: HostFacts;
  readonly services: HostServices;
}

/** Throws a RangeError that says what cannot be read. `connections`: of the tracker that packets went through. */
export function readFacts(facts: HostFacts, connections?: Connections): KnownHost {
  const sockets = new Sockets(facts.sockets ?? []);
  const flows = (facts.ipsec ?? []).map(readFlow);
  const balanced = (facts.ipvs ?? []).map(readService);
  const realms = new PrefixTable(Object.entries(facts.realms ?? {}));
  const fingerprints = parseFingerprints(facts.fingerprints ?? '');
  const groups = new Map(Object.entries(facts.deviceGroups ?? {}));
  return {
    facts,
    services: {
      sockets,
      transparentSocket: (pkt, address, port) => takes(sockets, pkt, address, port),
      ipsec: (pkt, direction) => flows.find((flow) => flow.direction === direction && protects(flow, pkt))?.transforms,
      ipvs: (pkt) => (balanced.length === 0 ? undefined : balanced.find((service) => isOf(service, pkt, connections))),
      deviceGroup: (device) => groups.get(device) ?? 0,
      realm: (pkt) => realmsOf(pkt, realms),
      fingerprints: () => fingerprints,
    },
  };
}

const sourceOf = ({ bytes, l3, family }: Packet): Address =>
  addressAt(bytes, l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family as Family);
const destinationOf = ({ bytes, l3, family }: Packet): Address =>
  addressAt(bytes, l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT), family as Family);
const portAt = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** TPROXY: the socket of the packet's own connection, or one that listens where the rule says. nf_tproxy_get_sock_v4() */
function takes(sockets: Sockets, pkt: Packet, address: Address, port: number): boolean {
  const query = {
    family: pkt.family as Family,
    protocol: pkt.protocol,
    source: sourceOf(pkt),
    sourcePort: portAt(pkt.bytes, pkt.l4),
    destination: destinationOf(pkt),
    destinationPort: portAt(pkt.bytes, pkt.l4 + 2),
    device: pkt.inDevice,
  };
  const found =
    sockets.established(query) ?? sockets.listening({ ...query, destination: address, destinationPort: port });
  return found?.transparent ?? false;
}

// --- IPsec ----------------------------------------------------------------------------------------------------------------

interface Flow {
  readonly direction: 'in' | 'out';
  readonly source: Prefix | undefined;
  readonly destination: Prefix | undefined;
  readonly transforms: readonly SecurityAssociation[];
}

function readFlow({ direction, source, destination, transforms }: IpsecFlow): Flow {
  const prefix = (text: string | undefined): Prefix | undefined => (text === undefined ? undefined : prefixFrom(text));
  return {
    direction,
    source: prefix(source),
    destination: prefix(destination),
    transforms: associations(transforms),
  };
}

/** As a packet carries them (Packet.ipsec). */
export const associations = (transforms: readonly IpsecTransform[]): readonly SecurityAssociation[] =>
  transforms.map(({ proto, mode, spi = 0, reqid = 0, source, destination }) => ({
    protocol: TRANSFORMS[proto],
    mode,
    spi,
    reqid,
    source: end(source),
    destination: end(destination),
  }));

const end = (text: string | undefined): Address => (text === undefined ? UNSPECIFIED : prefixFrom(text).address);

const protects = ({ source, destination }: Flow, pkt: Packet): boolean =>
  (!source || holds(source, pkt.family as Family, sourceOf(pkt))) &&
  (!destination || holds(destination, pkt.family as Family, destinationOf(pkt)));

// --- IPVS -----------------------------------------------------------------------------------------------------------------

interface Balanced extends VirtualConnection {
  readonly family: Family;
}

function readService({ protocol, address, port, method = 'MASQ', control }: VirtualService): Balanced {
  const family: Family = address.includes(':') ? 6 : 4;
  const read = parseAddress(address, family);
  if (!read) throw new RangeError(`"${address}" is no address of a virtual service`);
  return { family, protocol: PROTOCOLS[protocol], address: read, port, method, control };
}

/** By the connection's first packet, where it is tracked; else by either end of the packet. */
function isOf({ family, protocol, address, port }: Balanced, pkt: Packet, connections?: Connections): boolean {
  if (pkt.family !== family || pkt.protocol !== protocol) return false;
  const id = pkt.connection;
  if (id >= 0 && connections) {
    if (connections.destinationKey(id, 0) !== port) return false;
    return address.every((octet, at) => connections.destinationOctet(id, 0, at) === octet);
  }
  if (pkt.l4 + 4 > pkt.end || portsOffset(pkt.protocol) < 0) return false;
  const same = (other: Address): boolean => other.every((octet, at) => octet === address[at]);
  if (portAt(pkt.bytes, pkt.l4 + 2) === port && same(destinationOf(pkt))) return true;
  return portAt(pkt.bytes, pkt.l4) === port && same(sourceOf(pkt));
}

// --- Realms ---------------------------------------------------------------------------------------------------------------

/** The source's in the upper half, the destination's in the lower one. */
function realmsOf(pkt: Packet, realms: PrefixTable<number>): number {
  if (realms.size === 0 || pkt.family === 0) return 0;
  const from = realms.find(pkt.family, sourceOf(pkt)) ?? 0;
  const to = realms.find(pkt.family, destinationOf(pkt)) ?? 0;
  return ((from << 16) | (to & 0xffff)) >>> 0;
}
