// What may happen to the devices of a daemon, and to the daemon, while packets pass: after it they pass again, and what was lost meanwhile is
// counted or said.

import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../control/socket/status.ts';
import { PROGRAM } from '../bin/program.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { IO_METHODS } from './io-method.ts';
import { ADDRESS } from './lab.ts';
import { type Running, Site } from './running.ts';
import { ROUTED } from './translations.ts';

const may = ready('devices under a daemon', probe('ip', 'ping', 'python3', 'sysctl'));
const WAYS = IO_METHODS.flatMap((io) => ['1', '2'].map((queues) => [io, queues] as const));

describe.skipIf(!may).each(WAYS)('%s, queues: %s', (io, queues) => {
  let site: Site;
  let daemon: Running;
  beforeAll(async () => {
    site = new Site();
    daemon = await site.start('--io', io, '--queues', queues);
  });
  afterAll(() => site.close());

  const v4 = ADDRESS.server.v4;
  const device = (): string => site.deviceName('server');
  const onServer = (...words: string[]): void => {
    expect(site.lab.run('server', ['ip', 'link', ...words])).toMatchObject({ status: 0, stderr: '' });
  };
  const status = (): Status => JSON.parse(site.sekisho('status --json').stdout) as Status;
  const drops = (): Record<string, number> => status().devices[device()]?.drops ?? {};
  const came = (): number => status().devices[site.deviceName('client')]?.receivedPackets ?? 0;
  const addressAgain = (): void => {
    // It goes with a device that is taken down; in a namespace of its own nobody gives it back.
    site.lab.run('server', ['ip', 'address', 'replace', `${ADDRESS.server.v6}/64`, 'dev', device(), 'nodad']);
  };

  test('a device goes down and up again', async () => {
    onServer('set', device(), 'down');
    expect(await site.lonelyPings(5, v4)).toBe(0);
    expect(drops()).toEqual({ down: 5 });
    onServer('set', device(), 'up');
    expect(await site.pings(5, v4)).toBe(5);
  });

  test('packets by the thousand for a device that is down: each is counted, as received and as dropped', async () => {
    onServer('set', device(), 'down');
    const before = { came: came(), down: drops().down ?? 0 };
    // Of a flood the client's own kernel drops what it cannot hand over in time: on some machines nearly all.
    await until(async () => {
      await site.lab.finish('client', ['python3', '-c', FLOOD, v4, '20000']);
      return came() - before.came > 5_000;
    });
    await until(() => (drops().down ?? 0) - before.down === came() - before.came);
    onServer('set', device(), 'up');
    expect(await site.pings(5, v4)).toBe(5);
  });

  test('the length of packets changes on one side: what is longer is dropped from then on, as by a bridge', async () => {
    const long = 'longer than the MTU of the port';
    const lost = (): number => status().drops.find(({ reason }) => reason === long)?.packets ?? 0;
    const sendLong = (): Promise<unknown> => site.lab.finish('client', ['python3', '-c', FLOOD, v4, '1', '1400']);
    await sendLong();
    expect(lost()).toBe(0);
    onServer('set', device(), 'mtu', '1300');
    // The daemon looks once a second.
    await until(async () => {
      await sendLong();
      return lost() > 0;
    });
    expect(await site.pings(5, v4)).toBe(5);
    onServer('set', device(), 'mtu', '1500');
  });

  test('the carrier is lost and comes back', async () => {
    onServer('set', device(), 'carrier', 'off');
    // The kernel stops sending within a second. net/core/link_watch.c
    await until(async () => (await site.lonelyPings(1, v4)) === 0);
    onServer('set', device(), 'carrier', 'on');
    expect(await site.pings(5, v4)).toBe(5);
  });

  test('a device gets another name: packets pass by it, and rules know it by the one it was made with', async () => {
    site.sekisho(`iptables -A FORWARD -o ${device()} -p icmp`);
    onServer('set', device(), 'down', 'name', 'another');
    onServer('set', 'another', 'up');
    expect(await site.pings(5, v4)).toBe(5);
    expect(site.sekisho('iptables -nvxL FORWARD').stdout).toMatch(/^ +5 /m);
    onServer('set', 'another', 'down', 'name', device());
    onServer('set', device(), 'up');
    addressAgain();
  });

  test('the program is stopped and goes on: packets wait for it', async () => {
    daemon.signal('SIGSTOP');
    const pings = site.pings(20, v4);
    await new Promise((resolve) => setTimeout(resolve, 300));
    daemon.signal('SIGCONT');
    expect(await pings).toBe(20);
  });

  test('a device is deleted: it is made again', async () => {
    onServer('delete', device());
    await daemon.says('the data plane runs again (restart 1)');
    expect(daemon.said).toContain(`device ${device()} was deleted`);
    expect(await site.pings(5)).toBe(5);
  });
});

describe.skipIf(!may)('one way', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  test('a router tells who sends too much, with the MTU that was set by hand', async () => {
    await site
      .spawn(
        ...[PROGRAM, 'run', ...ROUTED.mode],
        ...['--inside', site.device('client') + ROUTED.client],
        ...['--outside', site.device('server') + ROUTED.server],
      )
      .serves();
    const ask = (address: string): string =>
      site.lab.run('client', ['ping', '-c', '1', '-W', '1', '-M', 'do', '-s', '1400', address]).stdout;
    const both = [ADDRESS.server.v4, ADDRESS.server.v6];
    for (const address of both) expect(ask(address)).toContain('1 received');
    site.lab.run('server', ['ip', 'link', 'set', site.deviceName('server'), 'mtu', '1300']);
    for (const address of both) await until(() => /mtu ?= ?1300/.test(ask(address)));
  });

  test('a device is deleted, and somebody else takes its name: once that one is gone, packets pass again', async () => {
    const daemon = await site.start();
    const name = site.deviceName('server');
    const onServer = (...words: string[]): unknown => site.lab.run('server', ['ip', 'link', ...words]);
    onServer('delete', name);
    onServer('add', 'name', name, 'type', 'bridge');
    await daemon.says('File exists');
    expect(site.linked('client')).toBe(false);
    onServer('delete', name);
    await daemon.says('the data plane runs again (restart 1)');
    expect(await site.pings(5)).toBe(5);
  });
});

describe.skipIf(!may)('a namespace is removed with the device in it', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  test('the daemon ends, and says why', async () => {
    const programs = ['faulty-run', 'faulty-thread', 'faulty-engine'].map((name) =>
      bundleProgram(`test/inline/${name}.ts`),
    );
    const daemon = site.spawn(...programs, site.device('client'), site.device('server'), '3');
    await daemon.serves();
    spawnSync('ip', ['netns', 'delete', site.lab.namespace('server')]);
    expect(await daemon.end()).toBe(1);
    expect(daemon.said).toMatch(new RegExp(`device ${site.deviceName('server')} was deleted[\\s\\S]*gone: `));
    expect(site.linked('client')).toBe(false);
  });
});

async function until(claim: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await claim()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come true: ${claim}`);
}

/** ADDRESS COUNT [OCTETS]: datagrams of so many octets, as fast as they go. */
const FLOOD = `
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])):
    sock.sendto(bytes(int(sys.argv[3]) if len(sys.argv) > 3 else 18), (sys.argv[1], 9))
`;
