// The kernel's figures beside ours: octets of slab memory for a connection, and what tracking adds to a packet. Two TUN devices in a namespace of
// their own, packets written by one process; each figure is a difference, with tracking and with NOTRACK.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ip, udp } from '../../packet/build.ts';
import { libc } from '../../tun/libc.ts';
import { openTun } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';

const COUNT = 200_000;

const SET_UP = `ip link set lo up; ip addr add 10.0.0.1/8 dev tunA; ip link set tunA up; ip addr add 11.0.0.1/8 dev tunB; ip link set tunB up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tunA.rp_filter=0`;

const rules = (raw: string): string =>
  `*raw\n${raw}COMMIT\n*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -j ACCEPT\nCOMMIT\n`;

/** Kilobytes. */
const slab = (): number => Number(/^Slab:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);

const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/** Why not, where it cannot be measured. */
export async function kernelFigures(): Promise<string> {
  if (process.getuid?.() !== 0) return 'the kernel: left out, needs root';
  try {
    enterNewNamespace();
    const [inside, outside] = ['tunA', 'tunB'].map((name) => openTun({ name, offloads: false }));
    execFileSync('sh', ['-c', SET_UP]);
    const octets = ip(4, { src: '10.0.0.2', dst: '11.0.0.2' }, udp({ sport: 1_024, dport: 80, data: 18, checksum: 0 }));
    /** Milliseconds for so many packets, each with another source if `fresh`. */
    const send = (fresh: boolean): number => {
      const from = spent();
      for (let index = 0; index < COUNT; index++) {
        if (fresh) renumber(octets, index);
        libc().write(inside.descriptor, octets, octets.length);
      }
      return spent() - from;
    };
    const load = (raw: string): void => {
      spawnSync('iptables-legacy-restore', { input: rules(raw) });
    };
    load('-A PREROUTING -j NOTRACK\n');
    send(true);
    const bare = send(true);
    const bareSame = send(false);
    load('');
    const before = slab();
    const tracked = send(true);
    const perConnection = ((slab() - before) * 1_024) / COUNT;
    const same = send(false);
    inside.close();
    outside.close();
    const ns = (ms: number): string => `${((ms * 1e6) / COUNT).toFixed(0)} ns`;
    return [
      `the kernel, ${COUNT} UDP connections: ${perConnection.toFixed(0)} octets of slab each (the hash table not counted)`,
      `the kernel: born ${ns(tracked - bare)}, met ${ns(same - bareSame)} more than a packet with NOTRACK (${ns(bareSame)} with the device)`,
    ].join('\n');
  } catch (error) {
    return `the kernel: left out, ${(error as Error).message}`;
  }
}

/** Another source address, and the header's sum to it. */
function renumber(octets: Uint8Array, index: number): void {
  octets[13] = index >>> 16;
  octets[14] = index >>> 8;
  octets[15] = index;
  octets[10] = 0;
  octets[11] = 0;
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (octets[at] << 8) | octets[at + 1];
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  octets[10] = sum >>> 8;
  octets[11] = sum & 0xff;
}
