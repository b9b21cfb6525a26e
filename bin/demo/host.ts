// The two hosts of the demonstration: a network namespace each, joined by nothing but the engine.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { inNamespace } from '../../tun/namespace.ts';
import { withNetlink } from '../../tun/netlink.ts';
import type { Order, Report } from './peer.ts';

export class Host {
  readonly namespace: string;
  private readonly peer: ChildProcess;
  private readonly waiting: ((report: Report) => void)[] = [];

  /** Makes the namespace and a program in it that does what it is told. */
  constructor(namespace: string) {
    this.namespace = namespace;
    const made = spawnSync('ip', ['netns', 'add', namespace], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`ip netns add ${namespace}: ${made.error?.message ?? made.stderr.trim()}`);
    inNamespace(namespace, () => {
      withNetlink((netlink) => netlink.setLink(netlink.linkIndex('lo'), { up: true }));
    });
    // Addresses are usable at once, without the second that duplicate address detection takes.
    this.run(['sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.router_solicitations=0']);
    this.peer = spawn('ip', ['netns', 'exec', namespace, process.execPath, process.argv[1], 'demo-peer'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.peer.stdout! }).on('line', (line) =>
      this.waiting.shift()?.(JSON.parse(line) as Report),
    );
  }

  /** What came of it, in a word or two; an error is said as one. */
  async tell(order: Order): Promise<string> {
    const report = await new Promise<Report>((resolve) => {
      this.waiting.push(resolve);
      this.peer.stdin?.write(`${JSON.stringify(order)}\n`);
    });
    return 'result' in report ? report.result : `error: ${report.error}`;
  }

  /** Runs a program on the host. */
  run(argv: readonly string[]): { status: number | null; stdout: string } {
    return spawnSync('ip', ['netns', 'exec', this.namespace, ...argv], { encoding: 'utf8', timeout: 5_000 });
  }

  close(): void {
    this.peer.kill('SIGKILL');
    spawnSync('ip', ['netns', 'delete', this.namespace]);
  }
}
