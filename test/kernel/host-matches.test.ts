// Matches that ask the host, beside the kernel: what the kernel has of its own (sockets, processes, accounts, estimators) is told to ours as
// facts. The counters of the rules, the packets that come out and the log lines must be the same.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { icmp, ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { play } from '../../testing/scenario.ts';
import type { Scenario, Step } from '../../testing/scenario-format.ts';
import { compareResults } from './compare.ts';
import { probe, probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const fingerprints = fileURLToPath(new URL('../data/pf.os', import.meta.url));

const from = (packet: Uint8Array): Step => ({ in: 'A', hex: toHex(packet) });
const counters: Step = { counters: true };
const mangle = (...rules: readonly string[]): string =>
  `*mangle\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

const machine = probeTwin();
const programs = probe('nfacct', 'nfnl_osf', 'timeout');
const reason = { missing: machine.missing || programs.missing };

describe.skipIf(!ready('matches that ask the host, beside the kernel', reason))('host matches', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  /** `setup` runs beside the kernel alone. */
  async function same(scenario: Scenario, setup: Scenario['setup'] = scenario.setup): Promise<void> {
    const kernel = await twin.run({ ...scenario, setup });
    expect(compareResults(kernel, play(scenario), scenario)).toEqual([]);
    for (const [index, step] of kernel.steps.entries()) {
      if (step.stdout !== undefined) expect(play(scenario).steps[index].stdout).toBe(step.stdout);
    }
  }

  const flow = (sport: number, layer: { flags?: string } = { flags: 'S' }) => tcp({ sport, dport: 80, ...layer });

  test('connlabel: labels are set, seen in both directions, and have no room in older connections', async () => {
    const there = (sport: number) => from(ip4({ src: '10.0.1.2', dst: '10.9.9.9' }, udp({ sport, dport: 53 })));
    const back = (dport: number): Step => ({
      in: 'B',
      hex: toHex(ip4({ src: '10.9.9.9', dst: '10.0.1.2' }, udp({ sport: 53, dport }))),
    });
    const rules = mangle(
      'FORWARD -m connlabel --label 3',
      'FORWARD -m connlabel ! --label 3',
      'FORWARD -p udp --sport 1000 -m connlabel --label 3 --set',
      'FORWARD -p udp --sport 2000 -m connlabel ! --label 127 --set',
      'FORWARD -p udp --sport 53 -m connlabel --label 127',
    );
    await same({
      force_ct: true,
      steps: [
        there(1000),
        { rules: { v4: rules } },
        ...[there(1000), back(1000), there(2000), back(2000), there(1001), back(1001)],
        { flush_ct: true },
        ...[there(1000), there(1000), back(1000), there(2000), back(2000)],
        counters,
      ],
    });
  });

  test('nfacct: counted for both families, quotas, resets', async () => {
    const v4 = ip4({ src: '10.0.1.2', dst: '10.9.9.9' }, udp({ data: 12 }));
    const v6 = ip6({ src: 'fd00:a::2', dst: '2001:db8::1' }, udp({ data: 12 }));
    const rules = mangle(
      'FORWARD -m nfacct --nfacct-name all',
      'FORWARD -m nfacct --nfacct-name some -j MARK --set-mark 1',
      'FORWARD -m nfacct --nfacct-name octets -j MARK --set-mark 2',
    );
    const list = (...words: string[]): Step => ({ exec: ['nfacct', 'list', ...words] });
    await same({
      setup: [
        ['nfacct', 'add', 'all'],
        ['nfacct', 'add', 'some', 'packet', '3'],
        ['nfacct', 'add', 'octets', 'byte', '200'],
      ],
      v4rules: rules,
      v6rules: rules,
      steps: [
        ...[from(v4), list(), from(v6), list(), from(v4), list(), from(v6), list(), from(v4), list(), counters],
        ...[list('reset'), from(v4), list(), { exec: ['nfacct', 'get', 'some'] }, counters],
        ...[{ exec: ['nfacct', 'delete', 'all'] }, list()],
      ],
    });
  });

  test('osf: what it logs', async () => {
    const syn = (window: number, ttl: number) =>
      ip4(
        { src: '10.0.1.2', dst: '10.9.9.9', ttl },
        tcp({ sport: 1, dport: 2, flags: 'S', window, options: { mss: 1460 } }),
      );
    for (const level of [0, 1, 2]) {
      await same(
        {
          host: { fingerprints: readFileSync(fingerprints, 'utf8') },
          log: true,
          v4rules: mangle(`PREROUTING -p tcp -m osf --genre Any --ttl 2 --log ${level}`),
          steps: [from(syn(1000, 64)), from(syn(1000, 30)), from(syn(999, 64)), counters],
        },
        [['nfnl_osf', '-f', fingerprints]],
      );
    }
  });

  test('socket: listening, bound to any address, connected', async () => {
    const listen =
      "const s = require('net'); s.createServer().listen(80, '10.0.1.1'); s.createServer().listen(81, '0.0.0.0');";
    const to = (dport: number, flags = 'A') =>
      from(ip4({ src: '10.0.1.2', dst: '10.0.1.1' }, tcp({ sport: 5, dport, flags })));
    const quoted = ip4({ src: '10.0.1.1', dst: '10.0.1.2' }, tcp({ sport: 80, dport: 5, flags: 'A' }));
    await same(
      {
        host: {
          sockets: [
            { protocol: 'tcp', local: '10.0.1.1:80' },
            { protocol: 'tcp', local: '0.0.0.0:81' },
          ],
        },
        v4rules: mangle(
          'PREROUTING -m socket',
          'PREROUTING -m socket --nowildcard',
          'PREROUTING -m socket --transparent --nowildcard',
          'PREROUTING -j DROP',
        ),
        steps: [
          { sleep_ms: 600 },
          ...[to(80, 'S'), to(81, 'S'), to(82, 'S'), to(80, 'A')],
          from(ip4({ src: '10.0.1.2', dst: '10.0.1.1' }, udp({ sport: 5, dport: 80 }))),
          from(ip4({ src: '10.0.1.2', dst: '10.0.1.1' }, icmp({ type: 3, code: 1, data: quoted }))),
          from(ip4({ src: '10.0.1.2', dst: '10.0.1.1' }, icmp({ type: 8, code: 0, data: quoted }))),
          counters,
        ],
      },
      [['sh', '-c', `timeout 10 ${process.execPath} -e "${listen}" > /dev/null 2>&1 &`]],
    );
  });

  test('cgroup: packets of a process, and those of the kernel itself', async () => {
    const rules = mangle(
      'OUTPUT -m cgroup --path /',
      'OUTPUT -m cgroup ! --path /',
      'OUTPUT -m cgroup --cgroup 0',
      'OUTPUT -m cgroup ! --cgroup 0',
    );
    await same({
      v4rules: rules,
      steps: [{ local: toHex(ip4({ src: '10.0.1.1', dst: '10.0.1.2' }, udp())) }, counters],
    });
  });

  test('rateest: after one interval of an estimator', async () => {
    const rules = mangle(
      'PREROUTING -p udp -j RATEEST --rateest-name r1 --rateest-interval 1s --rateest-ewmalog 2s',
      'PREROUTING -p udp --dport 7 -j RATEEST --rateest-name r2 --rateest-interval 1s --rateest-ewmalog 2s',
      ...[
        '--rateest r1 --rateest-gt --rateest-pps 15',
        '--rateest r1 --rateest-gt --rateest-pps 25',
        '--rateest r1 ! --rateest-lt --rateest-pps 15',
        '--rateest r1 --rateest-gt --rateest-bps 4800bit',
        '--rateest r1 --rateest-lt --rateest-bps 8kbit',
        '--rateest r1 --rateest-lt --rateest-bps 8kbit --rateest-pps 15',
        '--rateest1 r1 --rateest-gt --rateest2 r2 --rateest-pps',
        '--rateest1 r1 --rateest-lt --rateest2 r2 --rateest-pps',
        '--rateest2 r2 --rateest1 r1 --rateest-eq --rateest-bps',
        '--rateest-delta --rateest r1 --rateest-pps1 100 --rateest-gt --rateest-pps2 60',
        '--rateest-delta --rateest r1 --rateest-pps1 5 --rateest-eq --rateest-pps2 0',
        '--rateest-delta --rateest1 r1 --rateest-pps1 100 --rateest-lt --rateest2 r2 --rateest-pps2 100',
      ].map((options) => `PREROUTING -p icmp -m rateest ${options}`),
    );
    const burst = Array.from({ length: 40 }, (_one, index) =>
      from(ip4({ src: '10.0.1.2', dst: '10.9.9.9' }, udp({ sport: 5, dport: index < 10 ? 7 : 8, data: 12 }))),
    );
    await same({
      v4rules: rules,
      steps: [
        ...burst,
        { sleep_ms: 1_400 },
        from(ip4({ src: '10.0.1.2', dst: '10.9.9.9' }, icmp({ type: 8, code: 0 }))),
        counters,
      ],
    });
  });

  test('policy: nothing is protected', async () => {
    await same({
      v4rules: mangle(
        'PREROUTING -m policy --dir in --pol none',
        'PREROUTING -m policy --dir in --pol ipsec',
        'PREROUTING -m policy --dir in --strict ! --proto esp',
        'POSTROUTING -m policy --dir out --pol none',
        'POSTROUTING -m policy --dir out ! --reqid 1',
      ),
      steps: [from(ip4({ src: '10.0.1.2', dst: '10.9.9.9' }, flow(5))), counters],
    });
  });
});
