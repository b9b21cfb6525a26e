// Real programs through our loop: a client and a server that only it joins.

import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataPlane } from '../../tun/data-plane.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { IO_METHODS } from './io-method.ts';
import { ADDRESS, Lab } from './lab.ts';

const may = (what: string, ...programs: string[]) => ready(what, probe('ip', 'ss', 'sysctl', ...programs));

const ECHO = join(import.meta.dirname, 'echo.py');

const WAYS = IO_METHODS.flatMap((io) =>
  [
    { queues: 1, busyPollUs: 0 },
    { queues: 3, busyPollUs: 50 },
  ].map((way) => ({ ...way, io })),
);

describe.skipIf(!may('programs through the forwarding loop')).each(WAYS)(
  'through the bare forwarding loop, queues: $queues, $io, busy polling $busyPollUs us',
  ({ queues, io, busyPollUs }) => {
    let lab: Lab;
    let plane: DataPlane;
    const events: unknown[] = [];

    beforeAll(async () => {
      lab = new Lab();
      plane = await DataPlane.start({
        program: bundleProgram('tun/worker.ts'),
        engine: bundleProgram('test/inline/bare-engine.ts'),
        devices: [{ name: 'tunA' }, { name: 'tunB', mtu: 1400 }],
        queues,
        io,
        busyPollUs,
        options: 'hello',
        onEvent: (event) => events.push(event),
      });
      lab.adopt('client', 'tunA');
      lab.adopt('server', 'tunB');
    });
    afterAll(async () => {
      await plane?.stop();
      lab?.close();
    });

    test('the thread answers requests, fails them, sends events', async () => {
      expect(await plane.request('devices')).toEqual([
        { name: 'tunA', mtu: 1500 },
        { name: 'tunB', mtu: 1400 },
      ]);
      await expect(plane.request('fail')).rejects.toThrow('as asked');
      await plane.request('say');
      expect(events).toEqual([{ said: 'hello' }]);
    });

    test.skipIf(!may('ping', 'python3')).each([ADDRESS.server.v4, ADDRESS.server.v6])('ping %s', async (address) => {
      const { stdout } = await lab.finish('client', ['python3', ECHO, address, '5', '30']);
      expect(stdout).toBe('5\n');
    });

    test.skipIf(!may('ping', 'ping')).each([ADDRESS.server.v4, ADDRESS.server.v6])(
      'fragments of a large ping to %s',
      async (address) => {
        const { stdout } = await lab.finish('client', [
          'ping',
          '-c',
          '2',
          '-i',
          '0.05',
          '-w',
          '30',
          '-s',
          '6000',
          address,
        ]);
        expect(stdout).toContain('2 received');
      },
    );

    test.skipIf(!may('curl', 'curl')).each([
      ['IPv4', ADDRESS.server.v4],
      ['IPv6', `[${ADDRESS.server.v6}]`],
    ])('curl over %s fetches a megabyte', async (_, address) => {
      const serve = `require('http').createServer((q, r) => r.end('x'.repeat(1e6))).listen(8080, '::')`;
      const server = lab.start('server', [process.execPath, '-e', serve]);
      await lab.listening('server', 8080);
      const { stdout, status } = await lab.finish('client', ['curl', '-s', '-m', '60', `http://${address}:8080/`]);
      server.kill();
      // The next one listens on the same port.
      await once(server, 'exit');
      expect([status, stdout.length]).toEqual([0, 1_000_000]);
    });

    test.skipIf(!may('iperf3', 'iperf3')).each([
      ['TCP over IPv4', ADDRESS.server.v4, ['-P', '2']],
      ['TCP over IPv6', ADDRESS.server.v6, []],
      ['TCP over IPv6, the other way', ADDRESS.server.v6, ['-R']],
      ['UDP over IPv4', ADDRESS.server.v4, ['-u', '-b', '50M']],
    ])('iperf3 %s', async (_, address, args) => {
      const server = lab.finish('server', ['iperf3', '-s', '-1', '-p', '5201']);
      await lab.listening('server', 5201);
      const { status, stdout } = await lab.finish('client', ['iperf3', '-c', address, '-t', '1', '-J', ...args]);
      await server;
      expect(status).toBe(0);
      const { end } = JSON.parse(stdout) as { end: { sum_received?: { bytes: number }; sum: { bytes: number } } };
      expect((end.sum_received ?? end.sum).bytes).toBeGreaterThan(1_000_000);
    });

    test('the counts of both devices are there without asking the thread', async () => {
      expect(plane.deviceCounts()[0].receivedPackets).toBeGreaterThan(100);
      // A packet is counted where it came in before it is counted where it goes out.
      const underWay = (): number => {
        const [a, b] = plane.deviceCounts();
        return a.receivedPackets - b.sentPackets - (b.drops.down ?? 0);
      };
      await expect.poll(underWay, { timeout: 30_000 }).toBe(0);
    });
  },
);

test.skipIf(!may('data plane that cannot start'))('a data plane that cannot open its devices says why', async () => {
  const start = DataPlane.start({
    program: bundleProgram('tun/worker.ts'),
    engine: bundleProgram('test/inline/bare-engine.ts'),
    devices: [{ name: 'a-name-that-is-too-long' }],
  });
  await expect(start).rejects.toThrow('"a-name-that-is-too-long" is longer than 15 octets');
});
