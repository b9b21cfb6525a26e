// Everything at once: TCP streams and floods of both families, fragments of many sizes, connections that talk, rules of kube-proxy's shape
// restored again and again, connections listed, deleted and flushed, and the daemon killed and started again in the middle, with what it had
// saved. Connections go on, nothing is lost that nobody counted, and memory and descriptors are what they were.
//
// SEKISHO_STORM_SECONDS says how long, SEKISHO_TEST_QUEUES with how many queues.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '../../control/socket/client.ts';
import type { ToolName } from '../../control/socket/protocol.ts';
import type { Status } from '../../control/socket/status.ts';
import { saveText } from '../bench/rulesets.ts';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS, type Host } from './lab.ts';
import { type Running, Site } from './running.ts';

const SECONDS = Number(process.env.SEKISHO_STORM_SECONDS ?? 14);
/** Between two kills, about. */
const LIFE = Math.max(7, SECONDS / 8);
const LIVES = Math.round(SECONDS / LIFE);
/** MiB. Some 220 with one queue, when all has been as large as it gets and garbage waits to be collected; 260 with three. */
const MOST_MEMORY = 400;
/** Descriptors of clients that are being answered. */
const MOST_CLIENTS = 8;
const RULES = 1_000;
const TALKERS = join(import.meta.dirname, 'talkers.py');
const FLOWS = join(import.meta.dirname, 'many-flows.py');
const CONNECTIONS = 20;
const { v4, v6 } = ADDRESS.server;

const may = ready('everything at once', probe('ip', 'ss', 'sysctl', 'python3', 'iperf3'));

interface Sample {
  /** MiB. */
  readonly memory: number;
  readonly descriptors: number;
}

const sampleOf = ({ pid }: Running): Sample => ({
  memory: Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
});

describe.skipIf(!may)('a storm', () => {
  let site: Site;
  let children: ChildProcess[];
  beforeEach(() => {
    site = new Site();
    children = [];
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await site.close();
  });

  const config = (): string => {
    const device = (host: Host): string =>
      `  ${site.deviceName(host)}: {netns: ${site.lab.namespace(host)}, host: [${ADDRESS[host].v4}/24, '${ADDRESS[host].v6}/64']}`;
    const queues = `queues: ${process.env.SEKISHO_TEST_QUEUES ?? 1}`;
    writeFileSync(
      site.file('fw.yaml'),
      `state: state\nsave-every: 1s\n${queues}\ndevices:\n${device('client')}\n${device('server')}\n`,
    );
    return site.file('fw.yaml');
  };

  const restore = (program: ToolName, stdin: string): Promise<unknown> =>
    ask(site.socket, { op: 'tool', program, argv: [], stdin }).then((answer) =>
      expect(answer).toMatchObject({ exitCode: 0, stderr: '' }),
    );
  const connections = (words: string): void => {
    // 1: there was none to delete.
    expect([0, 1]).toContain(site.sekisho(`conntrack ${words}`).status);
  };

  /** Packets that the hosts' own queues had no room for, because we did not come to read them. */
  const overrun = (): number =>
    (['client', 'server'] as const).reduce((sum, host) => {
      const { stdout } = site.lab.run(host, ['ip', '-json', '-stats', 'link', 'show', 'dev', site.deviceName(host)]);
      return sum + (JSON.parse(stdout) as { stats64: { tx: { dropped: number } } }[])[0].stats64.tx.dropped;
    }, 0);

  const shape = { 4: saveText('kube', 4, RULES), 6: saveText('kube', 6, RULES) };
  const filter = '*filter\n:FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\nCOMMIT\n';

  /** One life of the daemon, in which it is busied; what it was like all the time. */
  async function live(daemon: Running, number: number): Promise<Sample[]> {
    const until = performance.now() + LIFE * 1_000;
    const [one, other] = number % 2 ? [v4, v6] : [v6, v4];
    const before = overrun();
    const pings = site.pings(100, one);
    const echoes = Promise.all(
      [3_000, 9_000, 20_000].map((size) =>
        site.lab.finish('client', ['python3', FLOWS, 'udp', other, '7100', '3', '20', `${size}`]),
      ),
    );
    const samples: Sample[] = [];
    for (let round = 0; performance.now() < until; round++) {
      await Promise.all([restore('iptables-restore', shape[4]), restore('ip6tables-restore', shape[6] + filter)]);
      connections(['-L', '-L -o extended', '-D -p udp', '-F', '-S', '-C'][round % 6]);
      samples.push(sampleOf(daemon));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const answered = [await pings];
    for (const { stdout } of await echoes)
      answered.push(...(JSON.parse(stdout) as { seen: number[] }[]).map(({ seen }) => seen.length));
    // What was not read in time is counted by the host whose queue it waited in.
    if (overrun() === before) expect(answered).toEqual([100, ...Array(9).fill(20)]);
    const { dataPlane } = (await ask(site.socket, { op: 'status' })) as Status;
    expect(dataPlane).toMatchObject({ state: 'running', restarts: 0 });
    expect(daemon.said).not.toMatch(/ended|failed|could not|Error/);
    return samples;
  }

  test(
    `of ${SECONDS} s`,
    async () => {
      const path = config();
      const start = async (): Promise<Running> => {
        const daemon = site.spawn(PROGRAM, 'run', '--config', path);
        await daemon.serves();
        return daemon;
      };
      let daemon = await start();
      await restore('iptables-restore', filter);
      const onServer = (...argv: string[]): ChildProcess => site.lab.start('server', argv);
      const onClient = (...argv: string[]): ChildProcess => site.lab.start('client', argv);
      onServer('python3', TALKERS, 'serve', '7000');
      onServer('python3', FLOWS, 'serve', '7100');
      for (const port of [5201, 5202, 5203]) onServer('iperf3', '-s', '-p', `${port}`);
      for (const port of [7000, 7100, 5201, 5202, 5203]) await site.lab.listening('server', port);
      onClient('iperf3', '-c', v4, '-t', '9999', '-b', '200M', '-p', '5201');
      onClient('iperf3', '-c', v6, '-t', '9999', '-b', '200M', '-P', '2', '-p', '5202');
      onClient('iperf3', '-c', v6, '-t', '9999', '-u', '-l', '64', '-b', '2M', '-p', '5203');
      const talk = ['python3', TALKERS, 'talk', '7000', `${CONNECTIONS}`, '0.05', v4, v6];
      const talker = spawn('ip', ['netns', 'exec', site.lab.namespace('client'), ...talk], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(talker);
      let said = '';
      talker.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const talked = once(talker, 'close');

      const lives = [await live(daemon, 0)];
      while (lives.length < LIVES) {
        await daemon.end('SIGKILL');
        daemon = await start();
        expect(daemon.said).toMatch(/\d+ connections of \d+ s ago go on/);
        lives.push(await live(daemon, lives.length));
      }
      talker.stdin.end();
      expect(await talked).toEqual([0, null]);
      expect(said).toMatch(new RegExp(`^${CONNECTIONS} connections, \\d+ lines$`, 'm'));
      for (const samples of lives) {
        const memory = Math.max(...samples.map((sample) => sample.memory));
        const descriptors = samples.map((sample) => sample.descriptors);
        console.log(`storm: ${samples.length} restores, at most ${memory} MiB, descriptors ${descriptors.join(' ')}`);
        expect(memory).toBeLessThan(MOST_MEMORY);
        expect(Math.max(...descriptors) - Math.min(...descriptors)).toBeLessThan(MOST_CLIENTS);
      }
      expect(await daemon.end('SIGTERM')).toBe(0);
    },
    (SECONDS * 2 + 120) * 1_000,
  );
});
