// The test library with the real kernel as its second backend: the examples hold on both, and a difference is shown with both walks.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import '../../testing/vitest.ts';
import { firewall, fragments, icmp, KernelDifference, NotOnKernel, tcp, udp } from '../../testing/index.ts';
import { hurried } from '../../testing/kernel-backend/time.ts';
import { parseSuite } from '../../testing/suite/suite.ts';
import { runSuite } from '../../testing/suite/suite-run.ts';
import { askedAgain } from './beside.ts';
import { probe, ready } from './support.ts';

const EXAMPLES = ['home-router', 'web-server', 'ipv6-border', 'kubernetes-node'];
const root = new URL('../..', import.meta.url).pathname;
const [A, B] = ['10.0.1.2', '192.0.2.9'];
const filter = (...rules: string[]): string =>
  `*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const ESTABLISHED = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const OUT = '-A FORWARD -i inside -j ACCEPT';

describe.skipIf(!ready('the kernel backend', probe('iptables-legacy-restore', 'ip6tables-legacy-restore', 'nft')))(
  'SEKISHO_BACKEND=kernel',
  () => {
    beforeAll(() => {
      process.env.SEKISHO_BACKEND = 'kernel';
    });
    afterAll(() => {
      delete process.env.SEKISHO_BACKEND;
    });
    const wall = (v4: string) => firewall({ v4 });

    // Limits of the examples fill up by the kernel's clock, which does not stop for a busy machine: then it is asked again.
    test.each(EXAMPLES)('examples/%s, the table', async (name) => {
      const file = `${root}examples/${name}/test.yaml`;
      const failures = await askedAgain(file, async () => {
        const { rows } = runSuite(parseSuite(readFileSync(file, 'utf8'), file));
        return rows.flatMap(({ failure, line }) => (failure === undefined ? [] : [`${line}: ${failure}`]));
      });
      expect(failures).toEqual([]);
    });

    test('the examples in TypeScript', async () => {
      const failures = await askedAgain('the examples in TypeScript', async () => {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [
            'node_modules/vitest/vitest.mjs',
            'run',
            '--project',
            'pure',
            ...EXAMPLES.map((name) => `examples/${name}/`),
          ],
          { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
        );
        return status === 0 ? [] : `${stdout}\n${stderr}`.split('\n');
      });
      expect(failures).toEqual([]);
    });

    test('the own namespace is that of before', () => {
      const own = readFileSync('/proc/thread-self/net/dev', 'utf8');
      wall(filter(OUT)).send(tcp(A, B));
      expect(readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').length).toBe(own.split('\n').length);
    });

    test('a difference fails where it is seen, with both walks', () => {
      const fw = wall(filter(ESTABLISHED, '-A FORWARD -m conntrack --ctstate INVALID -j DROP', OUT));
      // Only ours is told, so that the two are not the same.
      fw.core.setSysctl('net.netfilter.nf_conntrack_tcp_loose', 0);
      let said = '';
      try {
        fw.send(tcp(A, B, { flags: 'A' }));
      } catch (error) {
        expect(error).toBeInstanceOf(KernelDifference);
        said = (error as Error).message;
      }
      expect(said).toContain(
        'the kernel does something else with this packet:\n  out outside: missing, the kernel sent: IP 10.0.1.2.1024 >',
      );
      expect(said).toContain('here:\nIP 10.0.1.2.1024 > 192.0.2.9.80: Flags [.]');
      expect(said).toContain('  dropped: filter FORWARD rule 2');
      expect(said).toMatch(
        /in the kernel:\n(.*\n)* {2}filter FORWARD rule 3\n {2}leaves by outside: IP 10\.0\.1\.2\.1024/,
      );
    });

    test('counters and connections are compared at the end', () => {
      const fw = wall(filter(ESTABLISHED, OUT));
      fw.flow(tcp(A, B, { dport: 443 })).connect();
      fw.check();
      fw.core.zero(4, 'filter', 'FORWARD');
      expect(() => fw.check()).toThrow(/the kernel counted or tracked something else:\n {2}v4 counter: kernel \[2:/);
      fw.reset().check();
    });

    test('fragments, log lines, sets and rules that change', () => {
      const fw = firewall({
        v4: filter(
          '-A FORWARD -m set --match-set bad dst -j DROP',
          '-A FORWARD -j LOG --log-prefix "seen: "',
          ESTABLISHED,
          OUT,
        ),
        sets: 'create bad hash:ip\nadd bad 192.0.2.66\n',
      });
      expect(fw.send(udp(A, '192.0.2.66'))).toBeDropped();
      expect(fw.sendAll(fragments(udp(A, B, { data: 64 }), 40))[1]).toBeLoggedWith('seen: IN=inside');
      fw.ipset('add bad 192.0.2.9');
      expect(fw.send(udp(A, B, { sport: 9 }))).toBeDropped();
      fw.iptables('-D FORWARD 1');
      expect(fw.send(udp(A, B, { sport: 9 }))).toBeAccepted();
      fw.check();
    });

    test('time: short spans are slept through, connections age, limits fill up', () => {
      const fw = wall(
        filter(
          ESTABLISHED,
          // Slow: what the kernel's clock gives back between two packets is nothing.
          '-A FORWARD -p icmp -m limit --limit 1/sec --limit-burst 2 -j ACCEPT',
          '-A FORWARD -i inside -p udp -j ACCEPT',
        ),
      );
      const flow = fw.flow(udp(A, B));
      flow.connect();
      for (const id of [1, 2]) expect(fw.send(icmp(A, B, { id }))).toBeAccepted();
      expect(fw.send(icmp(A, B, { id: 3 }))).toBeDropped();
      fw.advance('10m');
      expect(flow.reply(1)).toBeDropped();
      expect(fw.send(icmp(A, B, { id: 4 }))).toBeAccepted();
      fw.check();
    });

    test('what cannot be done there says so', () => {
      const fw = wall(filter('-A FORWARD -m recent --set -j ACCEPT'));
      expect(() => fw.send(udp(A, B), { mark: 7 })).toThrow(NotOnKernel);
      expect(() => fw.send(udp(A, B), { mac: '02:00:00:00:00:01' })).toThrow('TUN devices have no MAC addresses');
      expect(() => fw.advance('1h')).toThrow('3600 s cannot pass at once in the kernel: -A FORWARD -m recent');
      expect(() => firewall({ v4: filter(), mode: 'bridge' })).toThrow('it has no bridge');
      expect(() => firewall({ v4: filter(), date: '2026-01-01' })).toThrow(NotOnKernel);
    });
  },
);

test('spans on a kernel', () => {
  expect(hurried(300, [])).toBe(320);
  expect(hurried(0, [])).toBe(0);
  expect(hurried(86_400_000, ['-A INPUT -j ACCEPT'])).toBe(0);
  expect(hurried(86_400_000, ['-A INPUT -m limit --limit 5/sec -j ACCEPT', '-A INPUT -m limit --limit 10/sec'])).toBe(
    1_020,
  );
  expect(() => hurried(86_400_000, ['-A INPUT -m limit --limit 3/min --limit-burst 10 -j LOG'])).toThrow(
    '--limit 3/min',
  );
});
