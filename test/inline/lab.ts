// Two hosts that only the program under test joins: a client and a server namespace, each with one end of it as its only way out.
//
//   [client: tunA 10.77.0.1, fd77::1]  <- two TUN devices, held by the forwarder in this namespace ->  [server: tunB 10.77.0.2, fd77::2]

import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { libc } from '../../tun/libc.ts';
import { inNamespace, openNamespace } from '../../tun/namespace.ts';
import { withNetlink } from '../../tun/netlink.ts';

export type Host = 'client' | 'server';

export const ADDRESS = {
  client: { v4: '10.77.0.1', v6: 'fd77::1' },
  server: { v4: '10.77.0.2', v6: 'fd77::2' },
} as const;

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

let labs = 0;

export class Lab {
  private readonly names: Record<Host, string>;
  private readonly children: ChildProcess[] = [];

  constructor() {
    const stem = `sekisho-${process.pid}-${++labs}`;
    this.names = { client: `${stem}-c`, server: `${stem}-s` };
    for (const host of ['client', 'server'] as const) {
      must(spawnSync('ip', ['netns', 'add', this.names[host]], { encoding: 'utf8' }));
      inNamespace(this.names[host], () =>
        withNetlink((netlink) => netlink.setLink(netlink.linkIndex('lo'), { up: true })),
      );
      // Nothing but what a test sends is to be on the wire.
      this.must(host, [
        'sysctl',
        '-qw',
        'net.ipv6.conf.default.accept_dad=0',
        'net.ipv6.conf.default.router_solicitations=0',
      ]);
    }
  }

  namespace(host: Host): string {
    return this.names[host];
  }

  /** Makes `device`, which stands in this thread's namespace, the host's one way out. */
  adopt(host: Host, device: string, mtu = 1500): void {
    const target = openNamespace(this.names[host]);
    try {
      withNetlink((netlink) => netlink.setLink(netlink.linkIndex(device), { namespace: target }));
    } finally {
      libc().close(target);
    }
    const { v4, v6 } = ADDRESS[host];
    inNamespace(this.names[host], () =>
      withNetlink((netlink) => {
        const index = netlink.linkIndex(device);
        netlink.setLink(index, { multicast: false, mtu });
        netlink.setLink(index, { up: true });
        netlink.addAddress(index, `${v4}/24`);
        netlink.addAddress(index, `${v6}/64`);
        netlink.addRoute(index, '0.0.0.0/0');
        netlink.addRoute(index, '::/0');
      }),
    );
  }

  /** Runs a program on a host until it ends. For what takes long and needs this thread meanwhile, start() it. */
  run(host: Host, argv: readonly string[], timeout = 120_000): SpawnSyncReturns<string> {
    return spawnSync('ip', ['netns', 'exec', this.names[host], ...argv], { encoding: 'utf8', timeout });
  }

  /** Runs a program and waits for its end without blocking this thread. */
  async finish(host: Host, argv: readonly string[]): Promise<Ran> {
    const child = this.start(host, argv);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { status, stdout, stderr };
  }

  start(host: Host, argv: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.names[host], ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    return child;
  }

  /** Waits until as many sockets as are meant listen on a port of the host. */
  async listening(host: Host, port: number, { udp = false, sockets = 1 } = {}): Promise<void> {
    for (let tries = 0; tries < 2_000; tries++) {
      const found = this.run(host, ['ss', udp ? '-Hlun' : '-Hltn', `sport = :${port}`]).stdout;
      if (found.split('\n').length > sockets) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nothing listens on port ${port} of the ${host}`);
  }

  private must(host: Host, argv: readonly string[]): void {
    must(this.run(host, argv));
  }

  close(): void {
    for (const child of this.children) if (child.exitCode === null) child.kill('SIGKILL');
    for (const name of Object.values(this.names)) spawnSync('ip', ['netns', 'delete', name]);
  }
}

function must(done: SpawnSyncReturns<string>): void {
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${done.stderr.trim()} (${done.status})`);
}
