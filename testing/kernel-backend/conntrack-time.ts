// Time for the kernel's connections: what they have left of their timeouts is made less, and those that have nothing left are deleted.
// Over ctnetlink: a dump of the table, and for each entry an update of its timeout, or its deletion.
// Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h; net/netfilter/nf_conntrack_netlink.c ctnetlink_change_timeout().

import { concat } from '../../packet/bytes.ts';
import { libc, must, O_CLOEXEC } from '../../tun/libc.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const CTNETLINK = 1 << 8;
const CT_NEW = 0;
const CT_GET = 1;
const CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TIMEOUT = 7;
const CTA_ZONE = 18;
const TYPE_MASK = 0x3fff; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const AF_INET = 2;
const AF_INET6 = 10;
const HEADER = 16;
const NFGENMSG = 4;

interface Entry {
  readonly domain: number;
  /** Whole attributes, as they came. */
  readonly names: readonly Uint8Array[];
  readonly seconds: number;
}

/** In this thread's namespace, as if so many seconds had passed. */
export function ageConnections(seconds: number): void {
  const socket = must(libc().socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, NETLINK_NETFILTER), 'netlink');
  try {
    for (const domain of [AF_INET, AF_INET6]) {
      for (const entry of dump(socket, domain)) {
        if (entry.seconds <= seconds) ask(socket, CT_DELETE, entry, []);
        else ask(socket, CT_NEW, entry, [attribute(CTA_TIMEOUT, bigEndian(entry.seconds - seconds))]);
      }
    }
  } finally {
    libc().close(socket);
  }
}

function dump(socket: number, domain: number): Entry[] {
  send(socket, CT_GET, NLM_F_REQUEST | NLM_F_DUMP, domain, []);
  const entries: Entry[] = [];
  const buffer = new Uint8Array(1 << 17);
  for (;;) {
    const length = must(libc().recv(socket, buffer, buffer.length, 0), 'connection table');
    const view = new DataView(buffer.buffer, 0, length);
    for (let at = 0; at + HEADER <= length; ) {
      const size = view.getUint32(at, true);
      const type = view.getUint16(at + 4, true);
      if (type === NLMSG_DONE) return entries;
      if (type === NLMSG_ERROR) throw new Error(`connection table: error ${-view.getInt32(at + HEADER, true)}`);
      entries.push(entryOf(buffer.slice(at + HEADER, at + size)));
      at += (size + 3) & ~3;
    }
  }
}

function entryOf(body: Uint8Array): Entry {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const names: Uint8Array[] = [];
  let seconds = 0;
  for (let at = NFGENMSG; at + 4 <= body.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    const type = view.getUint16(at + 2, true) & TYPE_MASK;
    if (type === CTA_TUPLE_ORIG || type === CTA_ZONE) names.push(body.slice(at, at + ((length + 3) & ~3)));
    if (type === CTA_TIMEOUT) seconds = view.getUint32(at + 4, false);
    at += (length + 3) & ~3;
  }
  return { domain: body[0], names, seconds };
}

/** An entry may have gone since the dump: then there is nothing left to do. */
function ask(socket: number, type: number, { domain, names }: Entry, more: readonly Uint8Array[]): void {
  send(socket, type, NLM_F_REQUEST | NLM_F_ACK, domain, [...names, ...more]);
  must(libc().recv(socket, new Uint8Array(8_192), 8_192, 0), 'connection table');
}

function send(socket: number, type: number, flags: number, domain: number, attributes: readonly Uint8Array[]): void {
  const body = concat(Uint8Array.of(domain, 0, 0, 0), ...attributes);
  const message = new Uint8Array(HEADER + body.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, CTNETLINK | type, true);
  view.setUint16(6, flags, true);
  message.set(body, HEADER);
  must(libc().send(socket, message, message.length, 0), 'connection table');
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array(4 + value.length);
  new DataView(octets.buffer).setUint16(0, octets.length, true);
  new DataView(octets.buffer).setUint16(2, type, true);
  octets.set(value, 4);
  return octets;
}

function bigEndian(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value);
  return octets;
}
