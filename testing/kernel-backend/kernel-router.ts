// The real kernel as a router between TUN devices, in a network namespace of its own that goes away with it. Packets are written to a device
// and all that they cause is read back before the call returns: a write to a TUN device runs receive, hooks, forwarding and transmission.
// The thread is in the namespace only while something there needs it to be.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Topology } from '../../engine/stack/index.ts';
import { toHex } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { libc, must as mustCall, SystemError } from '../../tun/libc.ts';
import { type LinuxTun, openTun } from '../../tun/linux.ts';
import { enterNewNamespace, openNamespace } from '../../tun/namespace.ts';
import { type Netlink, withNetlink } from '../../tun/netlink.ts';
import { sendRaw } from '../../tun/os.ts';
import type { CtEntry } from '../scenario/scenario-format.ts';
import { ageConnections } from './conntrack-time.ts';
import { parseCtDump } from './ct-dump.ts';
import { KernelLog, type LogLine } from './kernel-log.ts';
import { must, type Ran, run } from './programs.ts';
import { EARLY, LATE } from './quiet-router.ts';
import { KernelUnavailable } from './unavailable.ts';

const CLONE_NEWNET = 0x4000_0000;

/**
 * Every TCP and UDP port of the router is open and silent, as in memory: what passed INPUT ends here, behind all tables. Made before rules
 * turn tracking on, so that the connection is confirmed before it: of two hooks of one priority the later one comes first. Redirects of
 * IPv6, which no setting turns off, end before anybody sees them: our router sends none.
 */
const SILENT_PORTS = `table inet sekisho {
 chain silent {
  type filter hook input priority 2147483647;
  meta l4proto { tcp, udp } drop;
 }
 chain redirects {
  type filter hook output priority -2147483648;
  icmpv6 type nd-redirect drop;
 }
}
`;

export interface KernelPacket {
  readonly out: string;
  readonly hex: string;
}

export class KernelRouter {
  private readonly devices = new Map<string, LinuxTun>();
  private readonly namespace: number;
  private readonly packet = new Packet(BUFFER_LENGTH);
  private log: KernelLog | undefined = undefined;

  constructor(topology: Topology) {
    const home = openNamespace('/proc/thread-self/ns/net');
    try {
      enterNewNamespace();
    } catch (cause) {
      libc().close(home);
      throw new KernelUnavailable('SEKISHO_BACKEND=kernel needs leave to make network namespaces', { cause });
    }
    this.namespace = openNamespace('/proc/thread-self/ns/net');
    try {
      this.build(topology);
    } finally {
      mustCall(libc().setns(home, CLONE_NEWNET), 'the way back to the own network namespace');
      libc().close(home);
    }
  }

  private build(topology: Topology): void {
    for (const [name, value] of Object.entries(EARLY)) {
      try {
        writeSysctl(name, value);
      } catch {
        // An older kernel lacks some, or has them for the whole machine only.
      }
    }
    for (const name of Object.keys(topology)) this.devices.set(name, openTun({ name, offloads: false }));
    withNetlink((netlink) => bringUp(netlink, topology));
    must(['nft', '-f', '-'], SILENT_PORTS);
    this.drain();
  }

  /** Runs `work` with the thread in the namespace. */
  private inside<T>(work: () => T): T {
    const home = openNamespace('/proc/thread-self/ns/net');
    mustCall(libc().setns(this.namespace, CLONE_NEWNET), 'the network namespace of the test');
    try {
      return work();
    } finally {
      const back = libc().setns(home, CLONE_NEWNET);
      libc().close(home);
      mustCall(back, 'the way back to the own network namespace');
    }
  }

  // --- Packets --------------------------------------------------------------------------------------------------------

  /** What the packet caused, device by device. What is no IP at all the device does not take. */
  inject(device: string, octets: Uint8Array): KernelPacket[] {
    const descriptor = this.devices.get(device)?.descriptor ?? -1;
    libc().write(descriptor, octets, octets.length);
    return this.drain();
  }

  /** From a raw socket of the router's own; a drop in OUTPUT is an error of the call, and no news. */
  sendLocal(octets: Uint8Array): KernelPacket[] {
    return this.inside(() => {
      try {
        sendRaw(octets);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
      }
      return this.drain();
    });
  }

  drain(): KernelPacket[] {
    const emitted: KernelPacket[] = [];
    for (const [out, device] of this.devices) {
      device.readRaw(this.packet, (bytes, from, to) => emitted.push({ out, hex: toHex(bytes, from, to) }));
    }
    return emitted;
  }

  // --- Rules and state ------------------------------------------------------------------------------------------------

  /** Canonical save text of one family. */
  restore(family: 4 | 6, text: string): void {
    if (text === '') return;
    this.inside(() => must([`${family === 4 ? 'iptables' : 'ip6tables'}-legacy-restore`], text));
  }

  /** Save text with counters. */
  save(family: 4 | 6): string {
    return this.inside(() => must([`${family === 4 ? 'iptables' : 'ip6tables'}-legacy-save`, '-c']));
  }

  command(argv: readonly string[], input?: string): Ran {
    return this.inside(() => run(argv, input));
  }

  setSysctl(name: string, value: string | number): void {
    this.inside(() => writeSysctl(name, value));
  }

  connections(): CtEntry[] {
    return this.inside(() => {
      try {
        return parseCtDump(readFileSync('/proc/thread-self/net/nf_conntrack', 'utf8'));
      } catch {
        return []; // Nothing has asked for connections yet.
      }
    });
  }

  /** Makes connections older. */
  age(seconds: number): void {
    if (seconds >= 1) this.inside(() => ageConnections(Math.floor(seconds)));
  }

  sleep(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }

  // --- Log -------------------------------------------------------------------------------------------------------------

  listen(): void {
    this.log ??= new KernelLog();
    this.log.start();
  }

  logged(): LogLine[] {
    return this.log?.read([...this.devices.keys()]) ?? [];
  }

  /** The log of the machine is free for another. */
  unlisten(): void {
    this.log?.stop();
  }

  close(): void {
    this.log?.close();
    for (const device of this.devices.values()) {
      // It dies with its namespace, in a worker of the kernel; close() alone would wait for that here.
      device.persist(true);
      device.close();
    }
    this.devices.clear();
    libc().close(this.namespace);
  }
}

function bringUp(netlink: Netlink, topology: Topology): void {
  const places = Object.entries(topology).map(([name, place]) => ({ index: netlink.linkIndex(name), ...place }));
  netlink.setLink(netlink.linkIndex('lo'), { up: true });
  for (const { index, mtu } of places) netlink.setLink(index, { multicast: false, mtu });
  for (const [name, value] of Object.entries(LATE)) writeSysctl(name, value);
  for (const { index, addresses } of places) {
    netlink.setLink(index, { up: true });
    for (const address of addresses) netlink.addAddress(index, address);
  }
  for (const { index, routes } of places) for (const route of routes) netlink.addRoute(index, route);
  // Without this wait a busy machine now and then forwards what is meant for the router itself.
  for (const { addresses } of places) for (const address of addresses) waitUntilLocal(netlink, address);
}

function waitUntilLocal(netlink: Netlink, address: string): void {
  const until = performance.now() + 5_000;
  const [text] = address.split('/');
  while (!netlink.isLocal(text) && !/^fe80:/i.test(text)) {
    if (performance.now() > until) throw new Error(`${text} does not become local`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.2);
  }
}

function writeSysctl(name: string, value: string | number): void {
  writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`);
}
