// Matches that ask the host, beside the kernel: what the kernel has of its own (sockets, processes, accounts, estimators) is told to ours as
// facts. The counters of the rules, the packets that come out and the log lines must be the same.

import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { icmp, icmp6, ip4, ip6, type Layer, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Result, Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import { beside, unlike } from './beside.ts';
import { compareResults } from './compare.ts';
import { probe, probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const fingerprints = fileURLToPath(new URL('../data/pf.os', import.meta.url));

const from = (packet: Uint8Array): Step => ({ in: 'A', hex: toHex(packet) });
const counters: Step = { counters: true };
const mangle = (...rules: readonly string[]): string =>
  `*mangle\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

/** A client inside, the router towards it, and a server far away. */
const AT: Record<Family, { client: string; router: string; server: string }> = {
  4: { client: '10.0.1.2', router: '10.0.1.1', server: '10.9.9.9' },
  6: { client: 'fd00:a::2', router: 'fd00:a::1', server: '2001:db8::9' },
};
const packet = (src: string, dst: string, layer: Layer): Uint8Array =>
  src.includes(':') ? ip6({ src, dst }, layer) : ip4({ src, dst }, layer);
const rulesOf = (family: Family, rules: string): Pick<Scenario, 'v4rules' | 'v6rules'> =>
  family === 4 ? { v4rules: rules } : { v6rules: rules };

const FAMILIES = [4, 6] as const;
const machine = probeTwin();
const programs = probe('nfacct', 'nfnl_osf');
const reason = { missing: machine.missing || programs.missing };

describe.skipIf(!ready('matches that ask the host, beside the kernel', reason))('host matches', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  /** `setup` runs beside the kernel alone. */
  async function same(scenario: Scenario, setup: Scenario['setup'] = scenario.setup): Promise<void> {
    const stdout = ({ steps }: Result): string[] => steps.map((step) => step.stdout ?? '');
    const compare = (kernel: Result, ours: Result): string[] => [
      ...compareResults(kernel, ours, scenario),
      ...unlike(stdout(kernel), stdout(ours)),
    ];
    expect(await beside(twin, scenario, { setup, compare })).toEqual([]);
  }

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

  test.each(FAMILIES)('socket in IPv%i: listening, and bound to any address', async (family) => {
    const { client, router } = AT[family];
    const [any, at] = family === 4 ? ['0.0.0.0', router] : ['::', `[${router}]`];
    const listen = `const s = require('net'); s.createServer().listen(80, '${router}'); s.createServer().listen({ port: 81, host: '${any}', ipv6Only: true });`;
    const to = (dport: number, flags = 'A') => from(packet(client, router, tcp({ sport: 5, dport, flags })));
    const quoted = packet(router, client, tcp({ sport: 80, dport: 5, flags: 'A' }));
    const error = (type: number) =>
      from(
        packet(
          client,
          router,
          family === 4 ? icmp({ type, code: 1, data: quoted }) : icmp6({ type, code: 1, data: quoted }),
        ),
      );
    const rules = mangle(
      'PREROUTING -m socket',
      'PREROUTING -m socket --nowildcard',
      'PREROUTING -m socket --transparent --nowildcard',
      'PREROUTING -j DROP',
    );
    // 0A is a socket that listens; columns of /proc/net/tcp.
    const listens = (port: string): string => `grep -qE '^ *[0-9]+: \\S+:${port} \\S+ 0A' /proc/net/tcp /proc/net/tcp6`;
    const pid = join(tmpdir(), `sekisho-listening-${process.pid}`);
    const before = `kill -9 $(cat ${pid} 2> /dev/null) 2> /dev/null`;
    const server = `${before}; ${process.execPath} -e "${listen}" > /dev/null 2>&1 & echo $! > ${pid}`;
    await same(
      {
        host: {
          sockets: [
            { protocol: 'tcp', local: `${at}:80` },
            { protocol: 'tcp', local: `${family === 4 ? any : '[::]'}:81` },
          ],
        },
        ...rulesOf(family, rules),
        steps: [
          ...[to(80, 'S'), to(81, 'S'), to(82, 'S'), to(80, 'A')],
          from(packet(client, router, udp({ sport: 5, dport: 80 }))),
          ...(family === 4 ? [error(3), error(8)] : [error(1), error(128)]),
          counters,
        ],
      },
      [['sh', '-c', `${server}; until ${listens('0050')} && ${listens('0051')}; do sleep 0.02; done`]],
    ).finally(() => process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL'));
    rmSync(pid);
  });

  test.each(FAMILIES)('cgroup in IPv%i: packets of a process', async (family) => {
    const { client, router } = AT[family];
    const rules = mangle(
      'OUTPUT -m cgroup --path /',
      'OUTPUT -m cgroup ! --path /',
      'OUTPUT -m cgroup --cgroup 0',
      'OUTPUT -m cgroup ! --cgroup 0',
    );
    await same({
      ...rulesOf(family, rules),
      steps: [{ local: toHex(packet(router, client, udp())) }, counters],
    });
  });

  test.each(FAMILIES)('rateest in IPv%i: after one interval of an estimator', async (family) => {
    const { client, server } = AT[family];
    const icmps = family === 4 ? 'icmp' : 'icmpv6';
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
      ].map((options) => `PREROUTING -p ${icmps} -m rateest ${options}`),
    );
    const burst = Array.from({ length: 40 }, (_one, index) =>
      from(packet(client, server, udp({ sport: 5, dport: index < 10 ? 7 : 8, data: 12 }))),
    );
    await same({
      ...rulesOf(family, rules),
      steps: [
        ...burst,
        { sleep_ms: 1_400 },
        from(packet(client, server, family === 4 ? icmp({ type: 8, code: 0 }) : icmp6({ type: 128, code: 0 }))),
        counters,
      ],
    });
  });

  test.each(FAMILIES)('devgroup in IPv%i: groups that the host has put its devices into', async (family) => {
    const { client, router, server } = AT[family];
    await same(
      {
        host: { deviceGroups: { tunA: 0x105, tunB: 2 } },
        ...rulesOf(
          family,
          mangle(
            'FORWARD -m devgroup --src-group 0x105 --dst-group 2',
            'FORWARD -m devgroup --src-group 5/0xff',
            'FORWARD -m devgroup ! --src-group 5',
            'FORWARD -m devgroup --dst-group default',
            'INPUT -m devgroup --src-group 0x105',
          ),
        ),
        steps: [from(packet(client, server, udp())), from(packet(client, router, udp())), counters],
      },
      [
        ['ip', 'link', 'set', 'tunA', 'group', '261'],
        ['ip', 'link', 'set', 'tunB', 'group', '2'],
      ],
    );
  });

  test('realm: of the routes to the destination and to the source', async () => {
    const sent = (src: string, dst: string): Step => from(ip4({ src, dst }, udp()));
    await same(
      {
        host: { realms: { '10.9.0.0/16': 5, '10.1.0.0/16': 3 } },
        v4rules: mangle(
          'FORWARD -m realm --realm 5',
          'FORWARD -m realm --realm 5/0xffff',
          'FORWARD -m realm --realm 0x30005',
          'FORWARD -m realm --realm 0x30000/0xffff0000',
          'FORWARD -m realm ! --realm 0',
        ),
        steps: [
          sent('10.0.1.2', '10.9.9.9'),
          sent('10.1.1.2', '10.9.9.9'),
          sent('10.1.1.2', '10.8.9.9'),
          sent('10.0.1.2', '10.8.9.9'),
          counters,
        ],
      },
      [
        ['ip', 'route', 'add', '10.9.0.0/16', 'dev', 'tunB', 'realm', '5'],
        ['ip', 'route', 'replace', '10.1.0.0/16', 'dev', 'tunA', 'realm', '3'],
      ],
    );
  });

  test.each(FAMILIES)('owner in IPv%i: the process that sends, and packets of nobody', async (family) => {
    const { client, router, server } = AT[family];
    const own = (options: string): string => `OUTPUT -m owner ${options}`;
    await same({
      ...rulesOf(
        family,
        mangle(
          ...['--uid-owner 0', '! --uid-owner 0', '--uid-owner 1-9', '--gid-owner 0', '--socket-exists'].map(own),
          ...['! --socket-exists', '! --gid-owner 5-9'].map(own),
          'POSTROUTING -m owner ! --uid-owner 7',
        ),
      ),
      steps: [{ local: toHex(packet(router, client, udp())) }, from(packet(client, server, udp())), counters],
    });
  });

  test.each(FAMILIES)('policy in IPv%i: nothing is protected', async (family) => {
    const { client, server } = AT[family];
    await same({
      ...rulesOf(
        family,
        mangle(
          'PREROUTING -m policy --dir in --pol none',
          'PREROUTING -m policy --dir in --pol ipsec',
          'PREROUTING -m policy --dir in --strict ! --proto esp',
          'POSTROUTING -m policy --dir out --pol none',
          'POSTROUTING -m policy --dir out ! --reqid 1',
        ),
      ),
      steps: [from(packet(client, server, tcp({ sport: 5, dport: 80, flags: 'S' }))), counters],
    });
  });
});
