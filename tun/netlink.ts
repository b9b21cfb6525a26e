// Just enough rtnetlink to set a device up without starting `ip`: links, addresses, routes; and the one nfnetlink request that
// empties the kernel's connection table. A request takes some 20 us where a program takes 2 ms.
//
//   struct nlmsghdr: | length u32 | type u16 | flags u16 | sequence u32 | port u32 |   then the body and attributes, all in host
//   struct nlattr:   | length u16 | type u16 | value, padded to 4 |                   order (little endian wherever we run).
//
// Addresses are text as people write them: "10.0.1.1/24", "fd00::/64 via fe80::1".

import { ADDRESS_LENGTH, type Address, parseAddress, wire } from '../packet/address.ts';
import { concat } from '../packet/bytes.ts';
import type { Family } from '../packet/numbers.ts';
import { libc, must, O_CLOEXEC, SystemError } from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;

const NLM_F_REQUEST = 0x001;
const NLM_F_ACK = 0x004;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const IFLA_MTU = 4;
const IFLA_IFNAME = 3;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const IFF_UP = 0x1;
const IFF_MULTICAST = 0x1000;

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;

export interface LinkChange {
  up?: boolean;
  multicast?: boolean;
  mtu?: number;
  /** A namespace descriptor (openNamespace()) to move it to. */
  namespace?: number;
  name?: string;
}

/** What the kernel has of a device. */
export interface Link {
  /** Octets. */
  readonly mtu: number;
  /** What `ip link set group` put it into; 0 (default) at first. */
  readonly group: number;
}

/** A netlink socket of the namespace that the thread is in while it is made. */
export class Netlink {
  private readonly socket: number;
  private readonly answer = new Uint8Array(65_536);
  private sequence = 0;

  constructor(protocol: number = NETLINK_ROUTE) {
    this.socket = must(libc().socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, protocol), 'netlink');
  }

  /** The number of the device, 0 when there is none of that name in this thread's namespace. */
  linkIndex(name: string): number {
    return libc().if_nametoindex(name);
  }

  setLink(index: number, change: LinkChange): void {
    let flags = 0;
    let mask = 0;
    for (const [wanted, bit] of [
      [change.up, IFF_UP],
      [change.multicast, IFF_MULTICAST],
    ] as const) {
      if (wanted === undefined) continue;
      mask |= bit;
      if (wanted) flags |= bit;
    }
    const attributes: Uint8Array[] = [];
    if (change.mtu !== undefined) attributes.push(attribute(IFLA_MTU, int32(change.mtu)));
    if (change.name !== undefined)
      attributes.push(attribute(IFLA_IFNAME, new TextEncoder().encode(`${change.name}\0`)));
    if (change.namespace !== undefined) attributes.push(attribute(IFLA_NET_NS_FD, int32(change.namespace)));
    this.request(RTM_NEWLINK, 0, concat(linkHeader(index, flags, mask), ...attributes), `device ${index}`);
  }

  link(index: number): Link {
    const answer = this.request(RTM_GETLINK, 0, linkHeader(index, 0, 0), `device ${index}`, RTM_NEWLINK);
    const value = (type: number, what: string): number => {
      const found = findAttribute(answer, 32, type);
      if (found < 0) throw new Error(`device ${index} tells no ${what}`);
      return int32At(answer, found);
    };
    return { mtu: value(IFLA_MTU, 'MTU'), group: value(IFLA_GROUP, 'group') >>> 0 };
  }

  /** "10.0.1.1/24". IPv6 addresses are usable at once, without duplicate address detection; see isLocal(). */
  addAddress(index: number, text: string): void {
    const { family, address, length } = parsePrefix(text);
    const octets = wire(address, family);
    const header = Uint8Array.of(domain(family), length, 0, 0);
    const body: Uint8Array[] = [header, int32(index), attribute(IFA_LOCAL, octets), attribute(IFA_ADDRESS, octets)];
    if (family === 6) body.push(attribute(IFA_FLAGS, int32(IFA_F_NODAD)));
    this.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, concat(...body), text);
  }

  /** "10.1.0.0/16", "::/0 via fd00::1": through the device `index`. */
  addRoute(index: number, text: string): void {
    const [prefix, gateway] = text.split(/\s+via\s+/);
    const { family, address, length } = parsePrefix(prefix);
    const scope = gateway === undefined && family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    const header = [domain(family), length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0, 0, 0, 0];
    const body: Uint8Array[] = [Uint8Array.from(header)];
    if (length > 0) body.push(attribute(RTA_DST, wire(address, family)));
    if (gateway !== undefined) body.push(attribute(RTA_GATEWAY, wire(parsePrefix(gateway).address, family)));
    body.push(attribute(RTA_OIF, int32(index)));
    this.request(RTM_NEWROUTE, NLM_F_CREATE, concat(...body), text);
  }

  /**
   * Whether the kernel takes packets to this address for its own. For IPv6 a kernel worker makes it so some time after the
   * address was added, even without duplicate address detection.
   */
  isLocal(text: string): boolean {
    const { family, address } = parsePrefix(text);
    const octets = wire(address, family);
    const header = Uint8Array.of(domain(family), octets.length * 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    try {
      const answer = this.request(RTM_GETROUTE, 0, concat(header, attribute(RTA_DST, octets)), text, RTM_NEWROUTE);
      return answer[16 + 7] === RTN_LOCAL;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  /** Empties the kernel's connection table of this namespace. For a socket of flushConnections(). */
  deleteConnections(family: Family): void {
    const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
    this.request(type, 0, Uint8Array.of(domain(family), 0, 0, 0), 'connection table');
  }

  /** Sends one request and returns the message that answers it: of type `wanted`, or the acknowledgement. */
  private request(type: number, flags: number, body: Uint8Array, about: string, wanted?: number): Uint8Array {
    const sequence = ++this.sequence;
    // With an ACK asked for, a query gets two answers; so it is asked for only where nothing else comes.
    const message = concat(header(type, flags | NLM_F_REQUEST | (wanted ? 0 : NLM_F_ACK), sequence, body.length), body);
    must(libc().send(this.socket, message, message.length, 0), `netlink, ${about}`);
    for (;;) {
      const length = must(libc().recv(this.socket, this.answer, this.answer.length, 0), `netlink, ${about}`);
      const answer = this.answer.subarray(0, length);
      if (int32At(answer, 8) !== sequence) continue; // of an earlier request that failed midway
      const kind = answer[4] | (answer[5] << 8);
      if (kind === NLMSG_ERROR) {
        const errno = -int32At(answer, 16);
        if (errno !== 0) throw new SystemError(`netlink, ${about}`, errno);
        return answer;
      }
      if (kind === wanted) return answer;
    }
  }

  close(): void {
    libc().close(this.socket);
  }
}

/** Empties the kernel's connection table, both families, in this thread's namespace. */
export function flushConnections(): void {
  const netlink = new Netlink(NETLINK_NETFILTER);
  try {
    for (const family of [4, 6] as const) netlink.deleteConnections(family);
  } finally {
    netlink.close();
  }
}

/** Runs `work` with a netlink socket of this thread's namespace. */
export function withNetlink<T>(work: (netlink: Netlink) => T): T {
  const netlink = new Netlink();
  try {
    return work(netlink);
  } finally {
    netlink.close();
  }
}

const domain = (family: Family): number => (family === 4 ? AF_INET : AF_INET6);

const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

const int32At = (bytes: Uint8Array, at: number): number =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

function header(type: number, flags: number, sequence: number, bodyLength: number): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  view.setUint32(0, 16 + bodyLength, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  return octets;
}

/** struct ifinfomsg */
const linkHeader = (index: number, flags: number, mask: number): Uint8Array =>
  concat(Uint8Array.of(0, 0, 0, 0), int32(index), int32(flags), int32(mask));

function attribute(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array((4 + value.length + 3) & ~3);
  new DataView(octets.buffer).setUint16(0, 4 + value.length, true);
  new DataView(octets.buffer).setUint16(2, type, true);
  octets.set(value, 4);
  return octets;
}

/** Offset of the value of the first attribute of `type`, attributes beginning at `from`; -1: not there. */
function findAttribute(message: Uint8Array, from: number, type: number): number {
  for (let at = from; at + 4 <= message.length; ) {
    const length = message[at] | (message[at + 1] << 8);
    if (length < 4) return -1;
    if ((message[at + 2] | (message[at + 3] << 8)) === type) return at + 4;
    at += (length + 3) & ~3;
  }
  return -1;
}

/** An address with or without "/length". */
export function parsePrefix(text: string): { family: Family; address: Address; length: number } {
  const [written, lengthText] = text.split('/');
  const family: Family = written.includes(':') ? 6 : 4;
  const address = parseAddress(written, family);
  const longest = ADDRESS_LENGTH[family] * 8;
  const length = lengthText === undefined ? longest : Number(lengthText);
  if (!address || !Number.isInteger(length) || length < 0 || length > longest) {
    throw new RangeError(`"${text}" is no address or prefix`);
  }
  return { family, address, length };
}
