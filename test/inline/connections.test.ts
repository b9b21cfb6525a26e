// The daemon restarted under traffic, behind rules that let nothing through but what began with a SYN that they saw: connections, and the
// addresses that they were given, go on.

import type { ChildProcess } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { type Running, Site } from './running.ts';

const may = ready('the daemon restarted under traffic', probe('ip', 'iperf3', 'ss', 'sysctl'));
const IDLE = join(import.meta.dirname, 'idle.mjs');
const COUNT = 1_000;
/** A connection that was held up comes back to its pace in as long again. */
const PATIENCE = { timeout: 120_000, interval: 100 };
const TRANSLATED = '10.77.0.9';

const RULES = `*nat
-A POSTROUTING -s ${ADDRESS.client.v4}/32 -j SNAT --to-source ${TRANSLATED}
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -s ${ADDRESS.client.v4}/32 -p tcp --syn -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

/** The built program under another build's name: what one build keeps for itself is not for the other. */
function olderBuild(folder: string): string {
  const root = join(import.meta.dirname, '../..');
  const [, id] = /"([0-9a-f]{16})"/.exec(readFileSync(PROGRAM, 'utf8')) ?? [];
  const copied = (file: string): boolean => !/library-|\.map$|programs\.cjs\./.test(file);
  for (const part of ['package.json', 'dist/bin', 'dist/chunks', 'dist/control', 'dist/tun'])
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: copied });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const part of ['dist/bin', 'dist/chunks', 'dist/control'])
    for (const name of readdirSync(join(folder, part))) {
      const path = join(folder, part, name);
      if (statSync(path).isFile())
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll(id, id.replace(/./g, '0')));
    }
  return join(folder, 'dist/bin/sekisho.cjs');
}

class Talker {
  private readonly child: ChildProcess;
  private said = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
  }

  async says(pattern: RegExp): Promise<string> {
    for (let tries = 0; tries < 2_000; tries++) {
      const found = pattern.exec(this.said);
      if (found) return found[1];
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`not said within 100 s: ${pattern}, but "${this.said}"`);
  }

  /** How many connections were answered. */
  async speak(): Promise<number> {
    this.said = '';
    this.child.kill('SIGUSR2');
    return Number(await this.says(/(\d+) answered/));
  }
}

describe.skipIf(!may)('a restart of the daemon', () => {
  let site: Site;
  let config: string;
  beforeEach(() => {
    site = new Site();
    config = site.file('sekisho.yaml');
    const { client, server } = { client: site.device('client'), server: site.device('server') };
    const device = (words: string, host: 'client' | 'server') =>
      `  ${words.split(',')[0]}: {netns: ${site.lab.namespace(host)}, host: [${ADDRESS[host].v4}/24, "${ADDRESS[host].v6}/64"]}\n`;
    writeFileSync(site.file('rules.v4'), RULES);
    writeFileSync(
      config,
      `state: state\ndevices:\n${device(client, 'client')}${device(server, 'server')}rules: [rules.v4]\n` +
        'sysctls: {net.netfilter.nf_conntrack_tcp_loose: 0}\nsave-every: 1s\n',
    );
  });
  afterEach(() => site.close());

  async function start(program = PROGRAM): Promise<Running> {
    const running = site.spawn(program, 'run', '--config', config);
    await running.serves();
    return running;
  }

  async function talk(): Promise<Talker> {
    const { lab } = site;
    lab.start('server', [process.execPath, IDLE, 'serve', ADDRESS.server.v4, '7000']);
    await lab.listening('server', 7_000);
    const talker = new Talker(
      lab.start('client', [process.execPath, IDLE, 'open', ADDRESS.server.v4, '7000', `${COUNT}`]),
    );
    expect(await talker.says(/(\d+) open/)).toBe(`${COUNT}`);
    return talker;
  }

  const saved = () => site.file('state/connections');
  const peers = () =>
    site.lab.run('server', ['ss', '-Htn', 'sport = :7000']).stdout.match(new RegExp(TRANSLATED, 'g'))?.length;

  /** Octets of the transfer that the server has acknowledged; 0 when its connection is gone. */
  const transferred = (): number => {
    const { stdout } = site.lab.run('client', ['ss', '-Htin', 'dport = :5201']);
    return Math.max(0, ...Array.from(stdout.matchAll(/bytes_acked:(\d+)/g), ([, octets]) => Number(octets)));
  };

  test.each([
    ['told to end', () => PROGRAM],
    ['replaced by a newer build', () => olderBuild(site.file('older'))],
  ])('%s: a transfer and 1,000 idle connections go on, translated as before', async (_, program) => {
    const first = await start(program());
    const talker = await talk();
    expect(peers()).toBe(COUNT);
    site.lab.start('server', ['iperf3', '-s', '-1']);
    await site.lab.listening('server', 5_201);
    site.lab.start('client', ['iperf3', '-c', ADDRESS.server.v4, '-t', '600']);
    await expect.poll(transferred, PATIENCE).toBeGreaterThan(1_000_000);

    expect(await first.end('SIGTERM')).toBe(0);
    expect(statSync(saved()).size).toBeGreaterThan(COUNT * 60);
    const second = await start();
    const before = transferred();
    expect(second.said).toMatch(/1,?00\d connections of \d+ s ago go on/);

    expect(await talker.speak()).toBe(COUNT);
    expect(peers()).toBe(COUNT);
    await expect.poll(transferred, PATIENCE).toBeGreaterThan(before + 1_000_000);
  });

  test('its files are gone or others, as in an upgrade: a daemon that runs does all that it did', async () => {
    const older = olderBuild(site.file('older'));
    await start(older);
    rmSync(site.file('older'), { recursive: true });
    const done = { status: 0, stderr: '' };
    expect(
      site.sekisho('iptables-restore -n', '*mangle\n-A FORWARD -p tcp --dport 7 -j ACCEPT\nCOMMIT\n'),
    ).toMatchObject(done);
    expect(site.sekisho('ip6tables -A FORWARD -p udp -m limit --limit 5/s -j LOG')).toMatchObject(done);
    expect(site.sekisho('iptables -A FORWARD --nonsense').status).toBe(2);
    expect(site.sekisho('ipset create friends hash:ip')).toMatchObject(done);
    expect(site.sekisho('conntrack -L').status).toBe(0);
    expect(site.sekisho('reload')).toMatchObject(done);
    for (const words of ['status', 'metrics', 'top --once --interval 0.5', 'connections', 'recent', 'iptables-save'])
      expect(site.sekisho(words)).toMatchObject(done);
    expect(site.sekisho('stop').status).toBe(0);
  });

  test('killed: what is older than the interval goes on; without a snapshot nothing does', async () => {
    const first = await start();
    const talker = await talk();
    const before = statSync(saved(), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    for (let round = 0, last = before; round < 2; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { mtimeMs } = statSync(saved(), { throwIfNoEntry: false }) ?? { mtimeMs: last };
      if (mtimeMs !== last) round++;
      last = mtimeMs;
    }
    expect(await first.end('SIGKILL')).toBeNull();
    const second = await start();
    expect(await talker.speak()).toBe(COUNT);

    await second.end('SIGKILL');
    writeFileSync(saved(), readFileSync(saved()).subarray(0, 1_000));
    const third = await start();
    expect(third.said).toContain('cut short');
    expect(third.said).toContain('connections.refused');
    expect(await talker.speak()).toBe(0);
  });
});
