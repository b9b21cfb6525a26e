// What may happen to the devices of a daemon, and to the daemon, while packets pass: after it they pass again, and what was lost meanwhile is
// counted or said.

import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../control/daemon.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { IO_METHODS } from './io-method.ts';
import { ADDRESS } from './lab.ts';
import { type Running, Site } from './running.ts';

const may = ready('devices under a daemon', probe('ip', 'python3', 'sysctl'));
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
  const drops = (): Record<string, number> =>
    (JSON.parse(site.sekisho('status --json').stdout) as Status).devices[device()]?.drops ?? {};

  test('a device goes down and up again', async () => {
    onServer('set', device(), 'down');
    expect(await site.lonelyPings(5, v4)).toBe(0);
    expect(drops()).toEqual({ down: 5 });
    onServer('set', device(), 'up');
    expect(await site.pings(5, v4)).toBe(5);
  });

  test('the length of packets changes on one side', async () => {
    onServer('set', device(), 'mtu', '1300');
    expect(await site.pings(5, v4)).toBe(5);
    onServer('set', device(), 'mtu', '1500');
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
