// What can go wrong around the daemon and the tools: death in the middle, disks that are full or not to be written, files that hold
// nonsense, clients without manners, clocks that jump. What was acknowledged is there, nothing is let in, and the message says what to do.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '../../control/socket/client.ts';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import { Site } from './running.ts';

const may = ready('faults around the daemon', probe('ip', 'python3', 'mount', 'umount'));

describe.skipIf(!may)('faults', () => {
  let site: Site;
  let mounted: string[];
  beforeEach(() => {
    site = new Site();
    mounted = [];
  });
  afterEach(async () => {
    await site.close(() => {
      for (const path of mounted) spawnSync('umount', ['-l', path]);
    });
  });

  const stored = (): string => readFileSync(site.file('state/rules.v6'), 'utf8');
  /** A disk of that size in place of the state directory. */
  const smallDisk = (size: string): void => {
    const path = site.file('state');
    mkdirSync(path, { mode: 0o700 });
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path]).status).toBe(0);
    mounted.push(path);
  };
  /** From here on nobody may write there: another mount over it, for what is open for writing keeps its own from that. */
  const forbidWriting = (): void => {
    const path = site.file('state');
    expect(spawnSync('mount', ['--bind', path, path]).status).toBe(0);
    mounted.push(path);
    expect(spawnSync('mount', ['-o', 'remount,bind,ro', path]).status).toBe(0);
  };
  const allowWriting = (): void => {
    expect(spawnSync('umount', ['-l', mounted.pop() as string]).status).toBe(0);
  };

  /** A whole rule set that is told from others by its port. */
  const rulesOf = (port: number, count = 3_000): string =>
    `*filter\n${Array.from({ length: count }, (_, index) => `-A FORWARD -s fd00::${index.toString(16)} -p tcp --dport ${port}\n`).join('')}COMMIT\n`;
  /** Which one is there, whole; undefined when it is none. */
  const portOf = (text: string): number | undefined => {
    const ports = new Set(text.match(/--dport \d+/g));
    const [port] = ports;
    const whole = ports.size === 1 && text.match(/--dport/g)?.length === 3_000 && text.includes('\nCOMMIT\n');
    return whole ? Number(port.slice('--dport '.length)) : undefined;
  };
  const restoring = (port: number): ChildProcess => {
    const child = spawn(process.execPath, [PROGRAM, 'ip6tables-restore'], {
      env: site.env,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(rulesOf(port));
    return child;
  };

  test('kill -9 of the daemon in the middle of restores and of their writing: the rules are old or new, and what was told is there', async () => {
    let told = 1;
    const first = await site.start();
    expect(site.sekisho('ip6tables-restore', rulesOf(told)).status).toBe(0);
    await first.end('SIGKILL');
    let killedBefore = 0;
    for (let round = 2; round <= 6; round++) {
      const daemon = await site.start();
      expect(portOf(site.sekisho('ip6tables-save').stdout)).toBe(told);
      const client = restoring(round);
      const over = once(client, 'close') as Promise<[number | null]>;
      // Somewhere in the start of the client, the parsing, the engine's answer, the writing.
      await new Promise((resolve) => setTimeout(resolve, 60 + 120 * (round - 2)));
      await daemon.end('SIGKILL');
      const [code] = await over;
      if (code === 0) told = round;
      else killedBefore++;
      const found = portOf(stored());
      expect([told, round]).toContain(found);
      told = found as number;
    }
    expect(killedBefore).toBeGreaterThan(0);
    const last = await site.start();
    expect(portOf(site.sekisho('ip6tables-save').stdout)).toBe(told);
    expect(await last.end('SIGTERM')).toBe(0);
  });

  test('kill -9 of the daemon in the middle of edits of a long save file: what was told is there', async () => {
    const told: number[] = [];
    let port = 1000;
    let journals = 0;
    const edit = async (): Promise<void> => {
      const argv = [PROGRAM, 'ip6tables', '-A', 'FORWARD', '-p', 'udp', '--dport', `${++port}`];
      const [code] = await once(spawn(process.execPath, argv, { env: site.env, stdio: 'ignore' }), 'close');
      if (code === 0) told.push(port);
    };
    const ports = (): number[] =>
      [...site.sekisho('ip6tables -S FORWARD').stdout.matchAll(/-p udp .*--dport (\d+)/g)].map(([, one]) =>
        Number(one),
      );
    expect(site.sekisho('ip6tables-restore', rulesOf(80)).status).toBe(0);
    for (let round = 0; round < 4; round++) {
      const daemon = await site.start();
      expect(ports()).toEqual(expect.arrayContaining(told));
      await edit();
      const next = edit();
      await new Promise((resolve) => setTimeout(resolve, 40 + 60 * round));
      await daemon.end('SIGKILL');
      const journal = site.file('state/rules.v6.journal');
      if (existsSync(journal) && readFileSync(journal, 'utf8').includes('COMMIT')) journals++;
      await next;
      // By the tools alone, edits of the journal included; one that was not told may be there, too.
      expect(ports()).toEqual(expect.arrayContaining(told));
      if (round % 2 === 0) await edit();
    }
    expect(journals).toBeGreaterThan(0);
    await site.start();
    expect(ports()).toEqual(expect.arrayContaining(told));
    expect(told.length).toBeGreaterThanOrEqual(6);
  });

  test('kill -9 of a tool that writes by itself: the same', async () => {
    let told = 1;
    expect(site.sekisho('ip6tables-restore', rulesOf(told)).status).toBe(0);
    for (let round = 2; round <= 6; round++) {
      const tool = restoring(round);
      const over = once(tool, 'close') as Promise<[number | null]>;
      await new Promise((resolve) => setTimeout(resolve, 150 + 120 * (round - 2)));
      tool.kill('SIGKILL');
      const [code] = await over;
      if (code === 0) told = round;
      const found = portOf(stored());
      expect([told, round]).toContain(found);
      told = found as number;
      // The lock died with its holder.
      expect(site.sekisho('ip6tables -w 1 -S').status).toBe(0);
    }
  });

  test('a full disk: the tool says so and ends with 4; the rules that were stored stay whole, and there is no way in', async () => {
    smallDisk('128k');
    expect(site.sekisho('ip6tables -P FORWARD DROP').status).toBe(0);
    const before = stored();
    const alone = site.sekisho('ip6tables-restore', rulesOf(7));
    expect(alone.status).toBe(4);
    expect(alone.stderr).toMatch(/ENOSPC|No space left/i);
    expect(stored()).toBe(before);

    await site.start();
    const served = site.sekisho('ip6tables-restore', rulesOf(7));
    expect(served.status).toBe(4);
    expect(served.stderr).toMatch(/(ENOSPC|No space left)[\s\S]*in force, but not stored/i);
    expect(stored().replace(/\[.*?\]/g, '')).toBe(before.replace(/\[.*?\]/g, ''));
    expect(site.sekisho('ip6tables-save').stdout).toContain('--dport 7');
    // Less fits again, and is stored.
    expect(site.sekisho('ip6tables -F FORWARD')).toMatchObject({ status: 0, stderr: '' });
    expect(stored()).toContain(':FORWARD DROP');
    expect(await site.lonelyPings(2)).toBe(0);
  });

  test('a state directory that cannot be written: nothing is acknowledged, what is there goes on', async () => {
    expect(site.sekisho('ip6tables -A FORWARD -p tcp').status).toBe(0);
    const daemon = await site.start();
    forbidWriting();
    const refused = site.sekisho('ip6tables -A FORWARD -p udp');
    expect(refused.status).toBe(4);
    expect(refused.stderr).toMatch(/EROFS|read-only/i);
    expect(await site.pings(2)).toBe(2);
    await daemon.end('SIGKILL');
    const alone = site.sekisho('ip6tables -A FORWARD -p udp');
    expect(alone.status).toBe(4);
    expect(alone.stderr).toMatch(/EROFS|read-only/i);
    // To read is enough to list.
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('-p tcp');
    const none = site.run();
    expect(await none.end()).toBe(1);
    expect(none.said).toMatch(/not started: (EROFS|.*read-only).*name another with --state-dir/i);
    expect([site.linked('client'), site.linked('server')]).toEqual([false, false]);
    allowWriting();
    await site.start();
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('-p tcp');
  });

  test.each([
    ['rules.v6', '*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n', /rules\.v6:[\s\S]*NOWHERE/],
    ['rules.v4', '\0\0\0\0not rules', /rules\.v4:/],
    ['ipsets', 'create x nothing:such\n', /ipsets:[\s\S]*nothing:such/],
  ])('nonsense in %s: not started, the file is left as it is, nothing passes', async (name, text, complaint) => {
    mkdirSync(site.file('state'), { mode: 0o700 });
    writeFileSync(site.file(`state/${name}`), text);
    const daemon = site.run();
    expect(await daemon.end()).toBe(2);
    expect(daemon.said).toMatch(complaint);
    expect(readFileSync(site.file(`state/${name}`), 'utf8')).toBe(text);
    expect([site.linked('client'), site.linked('server')]).toEqual([false, false]);
  });

  test('nonsense in the stored connections: the daemon starts without them, says so, and keeps the file', async () => {
    mkdirSync(site.file('state'), { mode: 0o700 });
    writeFileSync(site.file('state/connections'), 'these were connections');
    const daemon = await site.start();
    await daemon.says('connections');
    expect(await site.pings(2)).toBe(2);
  });

  test('restores at once, with and without a daemon: each is whole, the last one stands', async () => {
    const atOnce = async (): Promise<void> => {
      const codes = await Promise.all(
        [11, 12, 13, 14].map(async (port) => {
          const [code] = (await once(restoring(port), 'close')) as [number];
          return code;
        }),
      );
      expect(codes).toEqual([0, 0, 0, 0]);
      expect([11, 12, 13, 14]).toContain(portOf(stored()));
    };
    await atOnce();
    const daemon = await site.start();
    await atOnce();
    const served = portOf(site.sekisho('ip6tables-save').stdout);
    expect(served).toBe(portOf(stored()));
    await daemon.end('SIGKILL');
    expect(portOf(site.sekisho('ip6tables-save').stdout)).toBe(served);
  });

  test('10,000 connections to the socket, some with half a request: packets pass, and who asks is answered', async () => {
    await site.start();
    const pings = site.pings(150);
    const sockets: Socket[] = [];
    let refused = 0;
    for (let wave = 0; wave < 20; wave++) {
      for (let index = 0; index < 500; index++) {
        const socket = createConnection(site.socket).on('error', () => {
          refused++;
        });
        if (index % 2) socket.write('{"op":"tool","program":"ip6tables","argv":["-F');
        sockets.push(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(await ask(site.socket, { op: 'tool', program: 'ip6tables', argv: ['-S', 'FORWARD'] })).toMatchObject({
        exitCode: 0,
      });
    }
    expect(site.sekisho('status').status).toBe(0);
    expect(await pings).toBe(150);
    for (const socket of sockets) socket.destroy();
    expect(site.sekisho('status').status).toBe(0);
    expect(refused).toBeLessThan(10_000);
  });

  test('junk of every shape on the socket: an answer or the end of the connection, and nothing else happens', async () => {
    await site.start();
    site.sekisho('ip6tables -A FORWARD -p tcp');
    const junk = [
      '\n\n\n',
      '\0\u{fffd}\n',
      `${'['.repeat(200_000)}\n`,
      `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}\n`,
      '{"op":"stop","op":"status"}\n',
      '{"__proto__":{"op":"stop"}}\n',
      '{"op":"tool","program":"ip6tables","argv":["-F"],"argv":[{}]}\n',
      '{"op":"tool","program":"ip6tables-restore","argv":["-n"],"stdin":"*filter\\n-F\\n"}\n',
      '{"op":"overview","wish":{"lines":1e9}}\n',
      '{"op":"overview","wish":[[]]}\n',
      '{"op":"watch","filter":{"address":"x"}}\n',
      '{"op":"conntrack"}\n',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      `{"op":"tool","program":"ip6tables","argv":${JSON.stringify(Array(50_000).fill('-F'))}}\n`,
    ];
    for (const text of junk) {
      const socket = createConnection(site.socket).on('error', () => {});
      socket.end(text);
      socket.resume();
      await once(socket, 'close');
    }
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toBe('-P FORWARD ACCEPT\n-A FORWARD -p tcp\n');
    expect(await site.pings(2)).toBe(2);
  });

  test('a clock that was set back or forth between two lives: rules are there, and elements of sets have the time they had', async () => {
    site.sekisho('ipset create short hash:ip timeout 1000');
    site.sekisho('ipset add short 192.0.2.1');
    site.sekisho('ip6tables -A FORWARD -p tcp');
    const moved = async (ms: number): Promise<string> => {
      const then = new Date(Date.now() + ms);
      for (const name of ['ipsets', 'rules.v6']) utimesSync(site.file(`state/${name}`), then, then);
      const daemon = await site.start();
      const { stdout } = site.sekisho('ipset list short');
      expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('-p tcp');
      expect(await site.pings(1)).toBe(1);
      await daemon.end('SIGKILL');
      return stdout;
    };
    // Written in what is now the future: no time has passed. Ten years ago: all of it.
    expect(await moved(10 * 365 * 86_400_000)).toMatch(/192\.0\.2\.1 timeout (9\d\d|1000)/);
    expect(await moved(-10 * 365 * 86_400_000)).not.toContain('192.0.2.1');
  });

  test('a lock file that is not ours to open is named', async () => {
    mkdirSync(site.file('state'), { mode: 0o700 });
    mkdirSync(site.file('state/lock'));
    const { status, stderr } = site.sekisho('ip6tables -A FORWARD -p tcp');
    expect(status).toBe(4);
    expect(stderr).toContain(site.file('state/lock'));
    chmodSync(site.file('state'), 0o700);
    expect(existsSync(site.file('state/rules.v6'))).toBe(false);
  });
});
