// A daemon for a long time: connections that talk, new ones all the time, rules loaded again every second, random edits, people who look.
// SEKISHO_SOAK_SECONDS says how long (npm run soak: ten minutes), SEKISHO_SOAK_SEED which edits. Nothing may be lost, and memory must not
// go on growing.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '../../control/socket/client.ts';
import type { ToolAnswer, ToolName } from '../../control/socket/protocol.ts';
import type { Status } from '../../control/socket/status.ts';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const SECONDS = Number(process.env.SEKISHO_SOAK_SECONDS ?? 12);
const SEED = Number(process.env.SEKISHO_SOAK_SEED ?? 1);
const CONNECTIONS = 40;

/** Octets that resident memory at the end may be above what it was after the first third: garbage that waits to be collected. */
const GROWTH = 48 * 2 ** 20;

const may = ready('a soak', probe('ip', 'ss', 'ping', 'python3'));
const TALKERS = fileURLToPath(new URL('talkers.py', import.meta.url));

/** splitmix32: the same edits for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}

describe.skipIf(!may)('a soak', () => {
  let site: Site;
  let talker: ChildProcess | undefined;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(async () => {
    talker?.kill('SIGKILL');
    await site.close();
  });

  const random = randomOf(SEED);
  const asked = (program: ToolName, line: string, stdin?: string): Promise<ToolAnswer> =>
    ask(site.socket, { op: 'tool', program, argv: line.split(' ').filter(Boolean), stdin }) as Promise<ToolAnswer>;
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\S+)`, 'm').exec((await ask(site.socket, { op: 'metrics' })) as string)?.[1]);

  // The first two rules of FORWARD stay: what was let in once goes on. Others come and go behind them.
  const rulesText = (): string => {
    const more = Array.from({ length: random(60) }, () => `-A FORWARD ${randomRule()}`);
    const chains = Array.from({ length: random(5) }, (_, index) => `:C${index} - [0:0]`);
    return `*raw\n-A PREROUTING -p udp --dport ${random(60_000)} -j NOTRACK\nCOMMIT\n*filter\n:FORWARD DROP\n${chains.map((line) => `${line}\n`).join('')}-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n-A FORWARD -p tcp --dport 7000 -j ACCEPT\n${more.join('\n')}\n-A FORWARD -j ACCEPT\nCOMMIT\n`;
  };
  const randomRule = (): string => {
    const port = 10_000 + random(5_000);
    return [
      `-p tcp --dport ${port} -j DROP`,
      `-p udp --sport ${port}:${port + random(500)} -m limit --limit ${1 + random(50)}/s -j ACCEPT`,
      `-p udp --dport ${port} -j LOG --log-prefix "soak: "`,
      `-m comment --comment "rule ${port}"`,
      `-p tcp -m multiport --dports ${port},${port + 1} -m recent --name soak${random(4)} --set -j DROP`,
    ][random(5)];
  };

  const edits = [
    () =>
      asked(
        'ip6tables',
        `-I FORWARD ${3 + random(2)} ${randomRule()
          .replaceAll('"', '')
          .replace('soak: ', 'soak')
          .replace(/rule (\d)/, 'rule$1')}`,
      ),
    () => asked('iptables', `-A FORWARD -p tcp --dport ${10_000 + random(100)} -j DROP`),
    () => asked('ip6tables', '-D FORWARD 3'),
    () => asked('ip6tables', '-nvL'),
    () => asked('iptables-save', '-c'),
    () =>
      asked('ip6tables-restore', '-n', '*mangle\n-A PREROUTING -j MARK --set-mark 1\nCOMMIT\n*mangle\n-F\nCOMMIT\n'),
    () => asked('iptables-restore', '-n', '*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n'),
    () => ask(site.socket, { op: 'ipset', argv: ['create', `s${random(5)}`, 'hash:ip', '-exist'] }),
    () => ask(site.socket, { op: 'ipset', argv: ['destroy', `s${random(5)}`] }),
    () => ask(site.socket, { op: 'overview', wish: { lines: 50, sort: 'rate', filter: '' } }),
    () => ask(site.socket, { op: 'status' }),
  ];

  test(
    `of ${SECONDS} s, seed ${SEED}: no connection is lost, no packet, and memory does not grow`,
    async () => {
      const file = site.file('rules.save');
      writeFileSync(file, rulesText());
      const daemon = await site.start('--rules', file, '--log', site.file('log'));
      const server = site.lab.start('server', ['python3', TALKERS, 'serve', '7000']);
      await site.lab.listening('server', 7000);
      const { v4, v6 } = ADDRESS.server;
      const client = spawn(
        'ip',
        [
          'netns',
          'exec',
          site.lab.namespace('client'),
          'python3',
          TALKERS,
          'talk',
          '7000',
          `${CONNECTIONS}`,
          '0.05',
          v4,
          v6,
        ],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      talker = client;
      let said = '';
      client.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const talked = once(client, 'close');
      const churn = site.lab.start('client', ['python3', '-c', CHURN, v4, v6]);
      const pings = 50 * SECONDS;
      const answered = site.pings(pings);

      const memory: number[] = [];
      let edited = 0;
      const start = performance.now();
      for (let second = 0; second < SECONDS; second++) {
        writeFileSync(file, rulesText());
        await within('reload', ask(site.socket, { op: 'reload' }));
        while (performance.now() - start < (second + 1) * 1_000) {
          const which = random(edits.length);
          await within(`edit ${which}`, edits[which]());
          edited++;
          await new Promise((resolve) => setTimeout(resolve, 10 + random(40)));
        }
        memory.push(await within('metrics', metric('process_resident_memory_bytes')));
        if (second % 60 === 59) console.log(`soak: ${second + 1} s, ${edited} edits and looks, ${mib(memory[second])}`);
      }

      const received = await answered;
      churn.kill();
      client.stdin.end();
      expect(await talked).toEqual([0, null]);
      server.kill();
      const status = (await ask(site.socket, { op: 'status' })) as Status;
      const settled = memory.slice(Math.floor(memory.length / 3));
      const highest = (list: readonly number[]): number => Math.max(...list);
      const early = highest(memory.slice(0, Math.ceil(memory.length / 3)));
      const late = highest(settled.slice(Math.floor(settled.length / 2)));
      console.log(
        `soak: ${SECONDS} s, seed ${SEED}: ${edited} edits and looks, ${SECONDS} reloads, ${said.trim().split('\n').at(-1)}, ` +
          `${received} of ${pings} pings, memory ${mib(memory[0])} at first, ${mib(early)} at most in the first third, ${mib(late)} in the last`,
      );
      expect(said).toMatch(new RegExp(`^${CONNECTIONS} connections, \\d+ lines$`, 'm'));
      expect(received).toBe(pings);
      expect(status.dataPlane).toMatchObject({ state: 'running', restarts: 0 });
      expect(await daemon.end('SIGTERM')).toBe(0);
      expect(late - early).toBeLessThan(GROWTH);
    },
    (SECONDS + 120) * 1_000,
  );
});

const mib = (octets: number): string => `${Math.round(octets / 2 ** 20)} MiB`;

/** Half a minute for anything: the daemon still answers. */
async function within<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer to ${what}`)), 30_000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** New connections all the time, some 200 a second. */
const CHURN = `
import socket, sys, time
four, six = sys.argv[1:]
while True:
    for family, address in ((socket.AF_INET, four), (socket.AF_INET6, six)):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.sendto(b'x', (address, 9))
        s.close()
    time.sleep(0.01)
`;
