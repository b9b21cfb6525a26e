// A Unix datagram socket that a test listens on, as systemd and the system's log do. Node has none.

import { EAGAIN, libc, must, O_CLOEXEC, O_NONBLOCK } from '../../tun/libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

export class Datagrams {
  readonly received: string[] = [];
  private readonly socket: number;
  private readonly timer: NodeJS.Timeout;

  constructor(path: string) {
    const name = new TextEncoder().encode(path);
    const address = new Uint8Array(2 + name.length + 1);
    address[0] = AF_UNIX;
    address.set(name, 2);
    this.socket = must(libc().socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, 0), 'socket');
    must(libc().bind(this.socket, address, address.length), path);
    this.timer = setInterval(() => this.read(), 5);
  }

  private read(): void {
    const octets = new Uint8Array(65_536);
    for (;;) {
      const length = libc().recv(this.socket, octets, octets.length, 0);
      if (length < 0 && libc().errno() === EAGAIN) return;
      this.received.push(new TextDecoder().decode(octets.subarray(0, must(length, 'recv'))));
    }
  }

  /** Resolves with the first datagram, from number `from` on, that has the text in it. */
  async has(text: string, from = 0): Promise<string> {
    for (;;) {
      const found = this.received.slice(from).find((datagram) => datagram.includes(text));
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    clearInterval(this.timer);
    libc().close(this.socket);
  }
}
