// The daemon with several queues: the kernel spreads connections over them, and rules, connections and translations are those of one machine
// all the same.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../control/socket/status.ts';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = (what: string, ...programs: string[]): boolean =>
  ready(what, probe('ip', 'ss', 'sysctl', 'python3', ...programs));
const FLOWS = join(import.meta.dirname, 'many-flows.py');
const QUEUES = 3;
const PORT = 7_000;
const TRANSLATED = '10.77.0.9';
const FAMILIES = [
  [4, ADDRESS.server.v4],
  [6, ADDRESS.server.v6],
] as const;

interface Flow {
  /** Numbers of the datagrams that came back, in order. */
  seen: number[];
  /** That the server saw it come from. */
  ports: number[];
  refused: number;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe.skipIf(!may('the daemon with several queues'))('several queues', () => {
  let site: Site;
  beforeAll(async () => {
    site = new Site();
    await site.start('--queues', `${QUEUES}`);
    site.lab.start('server', ['python3', FLOWS, 'serve', `${PORT}`]);
    await site.lab.listening('server', PORT);
  });
  afterAll(() => site.close());

  /** From here on, for new connections: those before are forgotten. */
  const load = (family: 4 | 6, text: string): void => {
    site.sekisho('conntrack -F');
    const tool = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    expect(site.sekisho(tool, text)).toMatchObject({ status: 0, stderr: '' });
  };
  const filter = (family: 4 | 6, ...rules: string[]): void =>
    load(family, `*nat\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n${rules.join('\n')}\nCOMMIT\n`);
  const told = async <T>(...words: (string | number)[]): Promise<T> => {
    const { stdout, stderr } = await site.lab.finish('client', ['python3', FLOWS, ...words.map(String)]);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as T;
  };
  const udp = (address: string, flows: number, each: number, size: number, port = PORT): Promise<Flow[]> =>
    told('udp', address, port, flows, each, size);
  const tcp = (address: string, count: number, port = PORT): Promise<string[]> => told('tcp', address, port, count);
  const tally = (words: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    return counts;
  };
  const status = (): Status => JSON.parse(site.sekisho('status --json').stdout) as Status;

  const stateful = (): string[] => [
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    `-A FORWARD -i ${site.deviceName('client')} -m conntrack --ctstate NEW -j ACCEPT`,
  ];

  test.each(FAMILIES)('IPv%i: 60 flows use all queues, each comes back whole and in order', async (family, address) => {
    filter(family, ...stateful());
    const flows = await udp(address, 60, 40, 40);
    expect(flows.map(({ seen }) => seen)).toEqual(Array(60).fill(upTo(40)));
    for (const host of ['client', 'server'] as const) {
      const counts = status().devices[site.deviceName(host)];
      const queues = counts?.queues ?? [];
      expect(queues.map(({ receivedPackets }) => receivedPackets > 50)).toEqual(Array(QUEUES).fill(true));
      expect(queues.reduce((sum, { receivedPackets }) => sum + receivedPackets, 0)).toBe(counts?.receivedPackets);
    }
  });

  test.each(FAMILIES)(
    'IPv%i: datagrams of 4,000 octets, in fragments both ways, are tracked',
    async (family, address) => {
      filter(
        family,
        '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
        `-A FORWARD -p udp --dport ${PORT} -m length --length 4000:4100 -m conntrack --ctstate NEW -j ACCEPT`,
      );
      const flows = await udp(address, 12, 10, 4_000);
      expect(flows.map(({ seen }) => [...seen].sort((a, b) => a - b))).toEqual(Array(12).fill(upTo(10)));
    },
  );

  test('a rule counts packets of all queues: every fourth of 40 new flows is dropped', async () => {
    filter(
      4,
      '-A FORWARD -m conntrack --ctstate NEW -m statistic --mode nth --every 4 --packet 0 -j DROP',
      ...stateful(),
    );
    const flows = await udp(ADDRESS.server.v4, 40, 1, 40);
    expect(flows.filter(({ seen }) => seen.length === 1).length).toBe(30);
  });

  test('connlimit: of 40 connections at once ten are let in, the others are answered with a reset', async () => {
    filter(
      4,
      '-A FORWARD -p tcp --syn -m connlimit --connlimit-above 10 --connlimit-mask 0 -j REJECT --reject-with tcp-reset',
      ...stateful(),
    );
    expect(tally(await tcp(ADDRESS.server.v4, 40))).toEqual({ open: 10, refused: 30 });
  });

  test('quota: so many octets pass, by whatever queue', async () => {
    const octets = 28 + 100;
    filter(
      4,
      `-A FORWARD -p udp --dport ${PORT} -m quota --quota ${25 * octets} -j ACCEPT`,
      '-A FORWARD -p udp --sport 7000 -j ACCEPT',
    );
    const flows = await udp(ADDRESS.server.v4, 40, 1, 100);
    expect(flows.filter(({ seen }) => seen.length === 1).length).toBe(25);
  });

  test('source NAT: 64 flows share 64 ports of one address, and each is answered', async () => {
    load(
      4,
      `*nat\n-A POSTROUTING -o ${site.deviceName('server')} -p udp -j SNAT --to-source ${TRANSLATED}:40000-40063\nCOMMIT\n` +
        `*filter\n:FORWARD DROP [0:0]\n${stateful().join('\n')}\nCOMMIT\n`,
    );
    const flows = await udp(ADDRESS.server.v4, 64, 20, 40);
    expect(flows.map(({ seen }) => seen)).toEqual(Array(64).fill(upTo(20)));
    expect(flows.flatMap(({ ports }) => ports).sort()).toEqual(upTo(64).map((port) => 40_000 + port));
  });

  test.each(['none', 'source'])(
    'ICMP errors belong to the flow that they are about; translation: %s',
    async (translation) => {
      const nat =
        translation === 'none'
          ? ''
          : `-A POSTROUTING -o ${site.deviceName('server')} -j SNAT --to-source ${TRANSLATED}\n`;
      const related = '-A FORWARD -p icmp -m conntrack --ctstate RELATED -j ACCEPT';
      const out = `-A FORWARD -i ${site.deviceName('client')} -p udp -j ACCEPT`;
      load(4, `*nat\n${nat}COMMIT\n*filter\n:FORWARD DROP [0:0]\n${related}\n${out}\nCOMMIT\n`);
      site.lab.run('server', ['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0']);
      const flows = await udp(ADDRESS.server.v4, 20, 1, 40, 7_999);
      expect(flows.map(({ refused }) => refused)).toEqual(Array(20).fill(1));
    },
  );

  test.skipIf(!may('FTP over several queues', 'vsftpd', 'curl')).each([
    ['passive', []],
    ['active', ['--ftp-port', '-', '--disable-eprt']],
  ])('FTP with source NAT, %s: the helper expects the data connection, which comes by any queue', async (_, words) => {
    serveFiles();
    await site.lab.listening('server', 21);
    const nat = `-A POSTROUTING -o ${site.deviceName('server')} -j SNAT --to-source ${TRANSLATED}`;
    load(
      4,
      `*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n*nat\n${nat}\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n` +
        '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -j ACCEPT\n' +
        '-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n',
    );
    // Several: each with a data connection of its own port.
    const fetched = await Promise.all(
      upTo(4).map(() =>
        site.lab.finish('client', ['curl', '-sS', '-m', '15', ...words, `ftp://${ADDRESS.server.v4}/file`]),
      ),
    );
    expect(fetched.map(({ status, stderr, stdout }) => [status, stderr, stdout.length])).toEqual(
      Array(4).fill([0, '', 300_000]),
    );
    load(4, '*raw\nCOMMIT\n*nat\nCOMMIT\n');
  });

  let serving = false;
  function serveFiles(): void {
    if (serving) return;
    serving = true;
    const directory = site.file('served');
    mkdirSync(directory);
    mkdirSync(site.file('empty'));
    writeFileSync(`${directory}/file`, 'x'.repeat(300_000));
    writeFileSync(
      site.file('vsftpd.conf'),
      `listen=YES\nbackground=NO\nanonymous_enable=YES\nno_anon_password=YES\nanon_root=${directory}\nconnect_from_port_20=YES\n` +
        `secure_chroot_dir=${site.file('empty')}\nseccomp_sandbox=NO\nxferlog_enable=NO\n`,
    );
    site.lab.start('server', ['vsftpd', site.file('vsftpd.conf')]);
  }

  test('rules edited under traffic: nothing is lost', async () => {
    filter(6, '-A FORWARD -p icmpv6 -j ACCEPT', ...stateful());
    const pings = site.pings(60);
    for (const port of upTo(5)) site.sekisho(`ip6tables -I FORWARD -p tcp --dport ${port} -j DROP`);
    expect(await pings).toBe(60);
  });

  test.skipIf(!may('a flood over several queues', 'iperf3'))(
    'a flood: what is too much is lost, what is in between is bounded, and then all is well',
    async () => {
      filter(4, '-A FORWARD -j ACCEPT');
      /** Packets from the client to the server: read, and written, dropped by rules, or not taken by the device. */
      const counts = () => {
        const { devices, drops } = status();
        const [inside, outside] = [site.deviceName('client'), site.deviceName('server')].map((name) => devices[name]);
        const refused = Object.values(outside?.drops ?? {}).reduce((sum, count) => sum + count, 0);
        const dropped = drops.reduce((sum, { packets }) => sum + packets, 0);
        return { read: inside?.receivedPackets ?? 0, done: (outside?.sentPackets ?? 0) + refused + dropped };
      };
      // One that was read is soon done: until then it is under way.
      const underWay = () => Object.values(counts()).reduce((read, done) => read - done);
      const atRest = async (): Promise<number> => {
        for (let [earlier, same] = [underWay(), 0]; ; ) {
          const now = underWay();
          same = now === earlier ? same + 1 : 0;
          if (same === 3) return now;
          earlier = now;
        }
      };
      const restBefore = await atRest();
      const before = counts();
      const server = site.lab.finish('server', ['iperf3', '-s', '-1']);
      await site.lab.listening('server', 5201);
      const flood = ['iperf3', '-c', ADDRESS.server.v4, '-u', '-b', '0', '-l', '18', '-P', '4', '-t', '1'];
      expect((await site.lab.finish('client', flood)).status).toBe(0);
      await server;
      expect(counts().read - before.read).toBeGreaterThan(10_000);
      expect(await atRest()).toBe(restBefore);
      expect(await site.pings(20, ADDRESS.server.v4)).toBe(20);
    },
  );

  test('metrics and top have the queues', async () => {
    expect(site.sekisho('metrics').stdout).toContain(
      `sekisho_queue_receive_packets_total{device="${site.deviceName('client')}",queue="${QUEUES - 1}"}`,
    );
    expect(site.sekisho('top --once --interval 0.5').stdout).toMatch(
      new RegExp(`DEVICE QUEUE\n(.*\n)*.* ${site.deviceName('server')} ${QUEUES - 1}\n`),
    );
  });
});

describe.skipIf(!may('devices that are there'))('a device that is there', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  test.each([
    ['made for several queues', ['multi_queue'], ['--queues', '2'], ''],
    ['made for one queue', [], ['--queues', '2'], 'none made for several queues (multi_queue)'],
    ['made for several queues, of which one is wanted', ['multi_queue'], ['--queues', '1'], 'none made for one queue'],
  ])('%s', async (_, flags, words, complaint) => {
    const name = site.deviceName('client');
    expect(spawnSync('ip', ['tuntap', 'add', 'dev', name, 'mode', 'tun', ...flags]).status).toBe(0);
    const daemon = site.run(...words);
    if (complaint === '') {
      await daemon.serves();
      expect(await site.pings(5)).toBe(5);
    } else {
      expect(await daemon.end()).toBe(1);
      expect(daemon.said).toContain(complaint);
      spawnSync('ip', ['link', 'delete', name]);
    }
  });

  test('a number of queues that cannot be is refused', async () => {
    const daemon = site.run('--queues', 'many');
    expect(await daemon.end()).toBe(2);
    expect(daemon.said).toContain('--queues many: a number from 1 to 64');
  });
});
