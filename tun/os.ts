// Small things that Linux offers and Node does not: who is at the other end of a Unix socket, telling systemd that we are ready,
// packets from a raw socket, and a way to wake a thread that sits in poll(2).

import { u16, u32 } from '../packet/bytes.ts';
import { EAGAIN, ENOTSOCK, libc, must, O_CLOEXEC, O_NONBLOCK, SystemError } from './libc.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_BROADCAST = 6;
const SO_PEERCRED = 17;
const IPPROTO_RAW = 255;
const EFD_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 4;
const PIPE_BUF = 4_096;

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Process, user and group that connected to the Unix stream socket `descriptor`, as they were at that moment. unix(7) SO_PEERCRED. */
export function peerCredentials(descriptor: number): PeerCredentials {
  const credentials = new Int32Array(3); // struct ucred
  const length = Uint32Array.of(12);
  must(libc().getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, length), 'SO_PEERCRED');
  const [pid, uid, gid] = credentials;
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/** struct sockaddr_un of a path; with @ in front: a name in the abstract namespace, to which no final NUL belongs. */
function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const abstract = path.startsWith('@');
  const address = new Uint8Array(2 + name.length + (abstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (abstract) address[2] = 0;
  return address;
}

/** A Unix datagram socket towards one path. Nothing is waited for, and nothing throws: who listens may come and go. */
export class DatagramSender {
  private readonly address: Uint8Array;
  private readonly socket: number;

  constructor(path: string) {
    this.address = unixAddress(path);
    this.socket = libc().socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, 0);
  }

  /** False: nobody listens, or its queue is full. */
  send(text: string): boolean {
    const octets = new TextEncoder().encode(text);
    const { address } = this;
    return libc().sendto(this.socket, octets, octets.length, MSG_NOSIGNAL, address, address.length) === octets.length;
  }

  close(): void {
    libc().close(this.socket);
  }
}

/**
 * Tells the service manager, sd_notify(3): "READY=1", "STOPPING=1", "STATUS=...", several lines if wanted. False where nobody asked
 * to be told ($NOTIFY_SOCKET is not set) or nobody listens.
 */
export function notifyServiceManager(state: string, path = process.env.NOTIFY_SOCKET): boolean {
  if (!path) return false;
  const sender = new DatagramSender(path);
  const sent = sender.send(state);
  sender.close();
  return sent;
}

/**
 * Writes what can be written at once to a pipe, terminal, socket or file that others may have open as well, and that must not be made
 * non-blocking for them. Returns the octets that were taken, 0 when it is full. Throws what the system says.
 */
export function writeAtOnce(descriptor: number, octets: Uint8Array): number {
  const calls = libc();
  const sent = calls.send(descriptor, octets, octets.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  if (calls.errno() === EAGAIN) return 0;
  if (calls.errno() !== ENOTSOCK) throw new SystemError('log');
  // struct pollfd. What poll(2) calls writable takes a page at least: pipe(7), PIPE_BUF.
  const ready = Int32Array.of(descriptor, POLLOUT);
  if (calls.poll(ready, 1, 0) <= 0) return 0;
  return must(calls.write(descriptor, octets, Math.min(octets.length, PIPE_BUF)), 'log');
}

/** Sends a whole IP packet as the machine itself, through OUTPUT, to the destination that stands in its header. raw(7). */
export function sendRaw(octets: Uint8Array): void {
  const is4 = octets[0] >>> 4 === 4;
  const address = is4 ? socketAddress4(octets, 16) : socketAddress6(octets, 24);
  const socket = must(libc().socket(is4 ? AF_INET : AF_INET6, SOCK_RAW | O_CLOEXEC, IPPROTO_RAW), 'raw socket');
  try {
    // To all hosts of a link, too.
    if (is4) must(libc().setsockopt(socket, SOL_SOCKET, SO_BROADCAST, Int32Array.of(1), 4), 'raw socket');
    must(libc().sendto(socket, octets, octets.length, 0, address, address.length), 'raw socket');
  } finally {
    libc().close(socket);
  }
}

/** struct sockaddr_in of the address at `at`; no port. */
function socketAddress4(octets: Uint8Array, at: number): Uint8Array {
  const address = new Uint8Array(16);
  new DataView(address.buffer).setUint16(0, AF_INET, true);
  new DataView(address.buffer).setUint32(4, u32(octets, at));
  return address;
}

/** struct sockaddr_in6 */
function socketAddress6(octets: Uint8Array, at: number): Uint8Array {
  const address = new Uint8Array(28);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET6, true);
  for (let word = 0; word < 16; word += 2) view.setUint16(8 + word, u16(octets, at + word));
  return address;
}

/** eventfd(2): put `descriptor` beside those of the devices in a Poller; wake() from any thread of the process ends its wait. */
export class Waker {
  readonly descriptor: number;
  private readonly one = BigUint64Array.of(1n);
  private readonly count = new BigUint64Array(1);

  constructor(descriptor = must(libc().eventfd(0, EFD_NONBLOCK | O_CLOEXEC), 'eventfd')) {
    this.descriptor = descriptor;
  }

  wake(): void {
    libc().write(this.descriptor, this.one, 8);
  }

  /** Forgets the calls of wake() so far. */
  clear(): void {
    libc().read(this.descriptor, this.count, 8);
  }

  close(): void {
    libc().close(this.descriptor);
  }
}
