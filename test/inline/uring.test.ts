// Devices behind a ring: what is theirs alone. That they keep what all devices keep is linux-device.test.ts, programs through them forward.test.ts.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ip6, tcp, udp } from '../../packet/build.ts';
import { GSO_TCP6, Packet } from '../../packet/packet.ts';
import { DataPlane } from '../../tun/data-plane.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { type LinuxTun, openTun } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { withNetlink } from '../../tun/netlink.ts';
import { Waker } from '../../tun/os.ts';
import { Uring } from '../../tun/uring.ts';
import { openRing } from '../../tun/uring-ports.ts';
import { UringDevices, type UringTun } from '../../tun/uring-tun.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { unfinished } from '../tun/suite.ts';
import { IO_METHODS } from './io-method.ts';

const may = ready('devices behind a ring', probe('ip')) && IO_METHODS.includes('io_uring');

/** What the far end sends goes to fd00::2, behind our device; what we send to fd00::3. The kernel forwards. */
const payloadOf = (number: number): string => `packet ${number}`;
const inward = (number: number): Uint8Array =>
  ip6({ src: 'fd00::3', dst: 'fd00::2', hopLimit: 64 }, udp({ sport: 1, dport: 2, data: payloadOf(number) }));
const outward = (number: number): Uint8Array =>
  ip6({ src: 'fd00::2', dst: 'fd00::3', hopLimit: 64 }, udp({ sport: 1, dport: 2, data: payloadOf(number) }));
const numberOf = (octets: Uint8Array): number => Number(new TextDecoder().decode(octets.subarray(48)).split(' ')[1]);
/** What the kernel itself has to say, of neighbours and listeners, is not ours. */
const isOurs = (octets: Uint8Array): boolean => octets[6] === 17;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe.skipIf(!may)('devices behind a ring', () => {
  let all: UringDevices;
  let device: UringTun;
  let far: LinuxTun;
  let waker: Waker;
  const into = new Packet(BUFFER_LENGTH);

  beforeEach(() => {
    enterNewNamespace();
    for (const [name, value] of [
      ['default/accept_dad', 0],
      ['default/router_solicitations', 0],
      ['default/addr_gen_mode', 1],
      ['all/forwarding', 1],
    ])
      writeFileSync(`/proc/sys/net/ipv6/conf/${name}`, `${value}\n`);
    waker = new Waker();
    all = new UringDevices(openRing(2), waker.descriptor);
    device = all.open({ name: 'tunA' });
    far = openTun({ name: 'tunB', offloads: false });
    withNetlink((netlink) => {
      const [a, b] = ['tunA', 'tunB'].map((name) => netlink.linkIndex(name));
      for (const index of [a, b]) netlink.setLink(index, { multicast: false });
      for (const index of [a, b]) netlink.setLink(index, { up: true });
      netlink.addRoute(b, 'fd00::3/128');
      netlink.addRoute(a, 'fd00::2/128');
    });
  });
  afterEach(() => {
    all.close();
    far.close();
    waker.close();
  });

  const readAll = (each: (pkt: Packet) => void = () => {}): number[] => {
    const numbers: number[] = [];
    for (let quiet = 0; quiet < 3; ) {
      all.wait(0);
      const count = device.read(into, 0, 64, (pkt) => {
        if (!isOurs(pkt.view())) return;
        numbers.push(numberOf(pkt.view()));
        each(pkt);
      });
      quiet = count === 0 ? quiet + 1 : 0;
    }
    return numbers;
  };
  const arrived = (): number[] => {
    const found: number[] = [];
    far.readRaw(into, (bytes, from, to) => {
      const octets = bytes.subarray(from, to);
      if (isOurs(octets)) found.push(numberOf(octets));
    });
    return found;
  };

  test('more packets than it has slots come in, in order', () => {
    all.wait(0);
    for (const number of upTo(200)) far.write(Packet.of(inward(number)));
    expect(readAll()).toEqual(upTo(200));
  });

  test('more packets than a ring has requests go out, in order', () => {
    for (const number of upTo(400)) device.write(Packet.of(outward(number)));
    all.wait(0);
    expect(arrived()).toEqual(upTo(400));
  });

  test('more octets than there is room for copies go out', () => {
    const data = Uint8Array.from({ length: 60_000 }, (_, index) => index);
    for (let count = 0; count < 20; count++) {
      const pkt = unfinished(ip6({ src: 'fd00::2', dst: 'fd00::3' }, tcp({ flags: 'A', data })), 16);
      pkt.gsoSize = 1_000;
      pkt.gsoType = GSO_TCP6;
      device.write(pkt);
    }
    all.wait(0);
    expect(device.counters.toJSON()).toMatchObject({ sentPackets: 20, drops: {} });
  });

  test('a packet that leaves twice leaves as it was each time', () => {
    far.write(Packet.of(inward(7)));
    readAll((pkt) => {
      pkt.bytes.set(outward(7), pkt.l3);
      device.write(pkt);
      pkt.checksumTrusted = true;
      device.write(pkt);
    });
    all.wait(0);
    expect(arrived()).toEqual([7, 7]);
  });

  test('what is not taken is counted once it is known, and the rest as sent', () => {
    device.write(Packet.of(outward(0)));
    all.wait(0);
    withNetlink((netlink) => netlink.setLink(netlink.linkIndex('tunA'), { up: false }));
    device.write(Packet.of(outward(1)));
    device.write(Packet.of(outward(2)));
    all.wait(0);
    expect(device.counters.toJSON()).toMatchObject({ sentPackets: 1, drops: { down: 2 } });
  });

  test('more failures than a ring has room for are all counted', () => {
    withNetlink((netlink) => netlink.setLink(netlink.linkIndex('tunA'), { up: false }));
    for (const number of upTo(5_000)) device.write(Packet.of(outward(number)));
    all.wait(0);
    expect(device.counters.toJSON()).toMatchObject({ sentPackets: 0, drops: { down: 5_000 } });
  });

  test('a device that is deleted ends the turns, and is named', () => {
    all.wait(0);
    spawnSync('ip', ['link', 'delete', 'tunA']);
    expect(() => readAll()).toThrow('device tunA was deleted');
  });

  test('a call ends a wait, and the next one', () => {
    for (let count = 0; count < 3; count++) {
      waker.wake();
      all.wait(-1);
      waker.clear();
    }
  });

  test('its name is free as soon as it is closed', () => {
    all.close();
    openTun({ name: 'tunA' }).close();
    all = new UringDevices(openRing(2), waker.descriptor);
  });

  test('a ring that the system refuses says what it said', () => {
    expect(() => new Uring(0, 0)).toThrow('io_uring_setup: Invalid argument');
  });
});

describe.skipIf(!may).each(IO_METHODS)('a data plane that hangs, %s', (io) => {
  test('its devices are gone when that is told', async () => {
    enterNewNamespace();
    const start = (onDeath: () => void): Promise<DataPlane> =>
      DataPlane.start({
        program: bundleProgram('tun/worker.ts'),
        engine: bundleProgram('test/inline/bare-engine.ts'),
        devices: [{ name: 'tunA' }, { name: 'tunB' }],
        io,
        onDeath,
      });
    const died = new Promise<void>((resolve) => {
      void start(resolve).then((plane) => {
        plane.request('hang').catch(() => {});
        const looking = setInterval(() => plane.watch() || clearInterval(looking), 100);
      });
    });
    await died;
    const next = await start(() => {});
    expect(next.io?.method).toBe(io);
    await next.stop();
  });
});
