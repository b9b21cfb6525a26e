// The Linux TUN under the suite of all devices, read and written by calls and by a ring. Its far end is a second, plain TUN; the kernel forwards between the two, finishes
// checksums and cuts super-packets on the way, as it would for a real peer. Forwarding takes one from the hop limit: the far end
// puts it back.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH, type Device } from '../../tun/device.ts';
import type { IoMethod } from '../../tun/io-method.ts';
import { openTun, Poller } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { withNetlink } from '../../tun/netlink.ts';
import { Waker } from '../../tun/os.ts';
import { openRing } from '../../tun/uring-ports.ts';
import { UringDevices } from '../../tun/uring-tun.ts';
import { Wrapper } from '../../tun/wrapper.ts';
import { probe, ready } from '../kernel/support.ts';
import { type Bench, deviceSuite } from '../tun/suite.ts';
import { IO_METHODS } from './io-method.ts';

interface Opened {
  readonly device: Device;
  /** What stands before each reading, and after each writing. */
  turn(): void;
  close(): void;
}

const OPEN: Record<IoMethod, (offloads: boolean) => Opened> = {
  calls(offloads) {
    const device = openTun({ name: 'tunA', offloads });
    return { device, turn: () => {}, close: () => device.close() };
  },
  io_uring(offloads) {
    const waker = new Waker();
    const all = new UringDevices(openRing(2), waker.descriptor);
    const device = all.open({ name: 'tunA', offloads });
    const close = (): void => {
      all.close();
      waker.close();
    };
    return { device: new Turning(device, () => all.wait(0)), turn: () => all.wait(0), close };
  },
};

/** Looks before each reading whether something came. */
class Turning extends Wrapper {
  private readonly turn: () => void;

  constructor(inner: Device, turn: () => void) {
    super(inner);
    this.turn = turn;
  }

  override read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    this.turn();
    return this.inner.read(into, now, limit, each);
  }
}

function linuxBench(method: IoMethod, offloads: boolean): Bench {
  enterNewNamespace();
  for (const name of ['accept_dad', 'dad_transmits', 'router_solicitations'])
    writeSysctl(`ipv6.conf.default.${name}`, 0);
  writeSysctl('ipv6.conf.default.addr_gen_mode', 1);
  const { device, turn, close } = OPEN[method](offloads);
  const far = openTun({ name: 'tunB', offloads: false });
  const spare = new Packet(BUFFER_LENGTH);
  withNetlink((netlink) => {
    const [a, b] = ['tunA', 'tunB'].map((name) => netlink.linkIndex(name));
    for (const index of [a, b]) netlink.setLink(index, { multicast: false });
    for (const family of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding']) writeSysctl(family, 1);
    for (const index of [a, b]) netlink.setLink(index, { up: true });
    netlink.addRoute(b, '10.9.0.3/32');
    netlink.addRoute(b, 'fd00::3/128');
    netlink.addRoute(a, '10.9.0.2/32');
    netlink.addRoute(a, 'fd00::2/128');
  });
  return {
    device,
    far: {
      send: (octets) => far.write(Packet.of(aged(octets.slice(), 1))),
      receive: () => {
        const all: Uint8Array[] = [];
        turn();
        far.readRaw(spare, (bytes, from, to) => all.push(aged(bytes.slice(from, to), 1)));
        return all;
      },
    },
    takeDown:
      method === 'calls'
        ? () => withNetlink((netlink) => netlink.setLink(netlink.linkIndex('tunA'), { up: false }))
        : undefined,
    close: () => {
      close();
      far.close();
    },
  };
}

function aged(octets: Uint8Array, by: number): Uint8Array {
  if (octets[0] >>> 4 === 4) ipv4.setTtl(octets, 0, ipv4.ttl(octets, 0) + by);
  else octets[ipv6.HOP_LIMIT_AT] += by;
  return octets;
}

function writeSysctl(name: string, value: number): void {
  writeFileSync(`/proc/sys/net/${name.replaceAll('.', '/')}`, `${value}\n`);
}

if (ready('Linux TUN device', probe())) {
  for (const method of IO_METHODS) {
    deviceSuite(`Linux TUN with offloads, ${method}`, () => linuxBench(method, true));
    deviceSuite(`Linux TUN without offloads, ${method}`, () => linuxBench(method, false));
  }

  test('poll tells which device has something to read', () => {
    const bench = linuxBench('calls', true);
    const poller = new Poller([bench.device.descriptor]);
    expect(poller.wait(0)).toBe(0);
    bench.close();
  });

  test('a name that is taken says so', () => {
    enterNewNamespace();
    const first = openTun({ name: 'tunX' });
    expect(() => openTun({ name: 'tunX' })).toThrow('TUN device tunX: Device or resource busy');
    first.close();
  });

  test('a persistent device can be attached to again', () => {
    enterNewNamespace();
    const first = openTun({ name: 'tunP' });
    first.persist(true);
    first.close();
    expect(readFileSync('/proc/thread-self/net/dev', 'utf8')).toContain('tunP');
    openTun({ name: 'tunP' }).close();
  });
} else test.skip('Linux TUN device', () => {});
