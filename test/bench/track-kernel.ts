// The kernel's figures beside ours, of one kind of connection: octets of slab memory, and what tracking adds to a packet. Two TUN devices in a
// namespace of its own, packets written by one process; each time is a difference, with tracking and with NOTRACK, in one run.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gre, icmp, icmp6, ip, type Layer, sctp, tcp, udp } from '../../packet/build.ts';
import { libc } from '../../tun/libc.ts';
import { openTun } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { median, spentNs } from './results.ts';

type Family = 4 | 6;

/** Octets of its hash table, which it has from the start. */
export function kernelTable(): number | undefined {
  try {
    return 8 * Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_buckets', 'utf8'));
  } catch {
    return undefined;
  }
}

/** Octets and nanoseconds, each of one connection or packet. */
export interface KernelFigures {
  /** Of slab memory; the hash table is not counted. */
  readonly slab: number;
  readonly born: number;
  readonly hot: number;
  readonly random: number;
  /** By `conntrack -F`. */
  readonly end: number;
}

/** As many as the kernel takes without its limit being moved, which is one of the whole machine. */
const MOST = 200_000;
const HOT = 1_024;
const ROUNDS = 3;
/** Sources below are the devices' own. */
const FIRST_SOURCE = 256;

const TIMEOUTS = [
  ...['udp', 'icmp', 'icmpv6', 'gre'].map((name) => `${name}_timeout`),
  'tcp_timeout_syn_sent',
  'sctp_timeout_cookie_wait',
];
const SET_UP = `ip link set lo up
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tunA.rp_filter=0
ip link set tunA up; ip link set tunB up
ip addr add 10.0.0.1/8 dev tunA; ip addr add 11.0.0.1/8 dev tunB
ip addr add fd00:a::1/32 dev tunA nodad; ip addr add fd00:b::1/32 dev tunB nodad`;
// Known once a rule has asked for tracking.
const SETTINGS = `sysctl -qw net.netfilter.nf_conntrack_checksum=0 ${TIMEOUTS.map((name) => `net.netfilter.nf_conntrack_${name}=600`).join(' ')}`;

/** The first packet of a connection. */
const syn = (): Layer => tcp({ sport: 1_024, dport: 80, flags: 'S' });
const FIRST: Readonly<Record<string, (family: Family) => Layer>> = {
  tcp: syn,
  nat: syn,
  counted: syn,
  udp: () => udp({ sport: 1_024, dport: 80, data: 18 }),
  sctp: () => sctp({ sport: 1_024, dport: 80 }),
  icmp: (family) => (family === 4 ? icmp({ id: 7 }) : icmp6({ id: 7 })),
  gre: () => gre({}),
};

function rules(kind: string, family: Family, raw: string): string {
  const outside = family === 4 ? '11.1.0.0-11.1.255.255' : 'fd00:b::1:0-fd00:b::1:ffff';
  const nat = kind === 'nat' ? `*nat\n-A POSTROUTING -o tunB -j SNAT --to-source ${outside}\nCOMMIT\n` : '';
  return `*raw\n${raw}COMMIT\n${nat}*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -j ACCEPT\nCOMMIT\n`;
}

function load(kind: string, family: Family, raw = ''): void {
  const { status, stderr } = spawnSync(family === 4 ? 'iptables-legacy-restore' : 'ip6tables-legacy-restore', {
    input: rules(kind, family, raw),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.trim());
}

/** Kilobytes. */
const slab = (): number => Number(/^Slab:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
const tracked = (): number => Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

/** Enters a namespace that ends with the process. Throws an Error that says why it cannot be measured. */
export async function kernelFigures(family: Family, kind: string, most: number): Promise<KernelFigures> {
  if (process.getuid?.() !== 0) throw new Error('needs root');
  const count = Math.min(most, MOST);
  enterNewNamespace();
  const [inside] = ['tunA', 'tunB'].map((name) => openTun({ name, offloads: false }));
  execFileSync('sh', ['-c', SET_UP]);
  load(kind, family);
  const set =
    kind === 'counted' ? '; sysctl -qw net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1' : '';
  execFileSync('sh', ['-c', SETTINGS + set]);
  const [src, dst] = family === 4 ? ['10.0.0.2', '11.0.0.2'] : ['fd00:a::2', 'fd00:b::2'];
  const octets = ip(family, { src, dst }, FIRST[kind](family));
  const send = (packets: number, pick: (index: number) => number): number => {
    const from = spentNs();
    for (let index = 0; index < packets; index++) {
      renumber(octets, family, FIRST_SOURCE + pick(index));
      libc().write(inside.descriptor, octets, octets.length);
    }
    return (spentNs() - from) / packets;
  };
  // Scattered, and each once: a multiplier that has no factor in common with any count.
  const scattered = (index: number): number => (index * 7_919) % count;
  const hot = (index: number): number => index % HOT;

  load(kind, family, '-A PREROUTING -j NOTRACK\n');
  send(count, scattered);
  const unborn = send(count, (index) => index);
  load(kind, family);
  await sleep(300);
  const before = slab();
  const born = send(count, (index) => index) - unborn;
  if (tracked() < count) throw new Error(`${tracked()} connections of ${count}`);
  const perConnection = ((slab() - before) * 1_024) / count;

  const differences = { hot: [] as number[], random: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    load(kind, family, '-A PREROUTING -j NOTRACK\n');
    const bare = [send(count >> 1, hot), send(count >> 1, scattered)];
    load(kind, family);
    differences.hot.push(send(count >> 1, hot) - bare[0]);
    differences.random.push(send(count >> 1, scattered) - bare[1]);
  }
  const figures = { slab: perConnection, born, hot: median(differences.hot), random: median(differences.random) };
  return { ...figures, end: flush(tracked()) };
}

/** Nanoseconds of the processor that the end of each connection takes. */
function flush(count: number): number {
  const { stderr } = spawnSync('bash', ['-c', 'TIMEFORMAT="spent %U %S"; time conntrack -F'], { encoding: 'utf8' });
  const [, user, system] = /spent (\S+) (\S+)/.exec(stderr) ?? [];
  return ((Number(user) + Number(system)) * 1e9) / count;
}

/** Another source address; IPv4: and the header's sum to it. */
function renumber(octets: Uint8Array, family: Family, index: number): void {
  const at = family === 4 ? 13 : 21;
  octets[at] = index >>> 16;
  octets[at + 1] = index >>> 8;
  octets[at + 2] = index;
  if (family === 6) return;
  octets[10] = 0;
  octets[11] = 0;
  let sum = 0;
  for (let word = 0; word < 20; word += 2) sum += (octets[word] << 8) | octets[word + 1];
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  octets[10] = sum >>> 8;
  octets[11] = sum & 0xff;
}
