// The data plane fails under traffic: nothing passes, and then everything is as before.

import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../control/socket/status.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { type Running, Site } from './running.ts';

const may = ready('a data plane that fails', probe('ip', 'python3'));

describe.skipIf(!may)('when the data plane fails', () => {
  let site: Site;
  let daemon: Running;
  let program: string;
  let threads: string;
  let engine: string;
  beforeAll(() => {
    program = bundleProgram('test/inline/faulty-run.ts');
    threads = bundleProgram('test/inline/faulty-thread.ts');
    engine = bundleProgram('test/inline/faulty-engine.ts');
  });
  beforeEach(async () => {
    site = new Site();
  });
  afterEach(() => site.close());

  const begin = async (...more: string[]): Promise<void> => {
    daemon = site.spawn(program, threads, engine, site.device('client'), site.device('server'), ...more);
    await daemon.serves();
  };
  const status = (): Status => JSON.parse(site.sekisho('status --json').stdout) as Status;
  /** One UDP packet with that text. */
  const tell = (text: string): unknown =>
    site.lab.run('client', [
      'python3',
      '-c',
      `import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'${text}', ('${ADDRESS.server.v4}', 9))`,
    ]);

  test.each([
    ['1', 'fall over', 'fell over, as told'],
    ['1', 'end at once', 'ended with code 3'],
    ['1', 'stand still', 'the data plane hung'],
    ['2', 'fall over', 'fell over, as told'],
    ['2', 'end at once', 'the data plane ended with code 3'],
    ['2', 'stand still', 'the data plane hung'],
    ['2', 'queue falls over', 'the queue fell over, as told'],
    ['2', 'queue ends', 'ended with code 3'],
    ['2', 'queue stands still', ' hung'],
  ])('queues: %s, %s: rules, counters and sets are there again, and traffic goes on', async (queues, fault, reason) => {
    await begin('8', queues);
    site.sekisho('ipset create friends hash:ip family inet6');
    site.sekisho(`ipset add friends ${ADDRESS.client.v6}`);
    site.sekisho('ip6tables -A FORWARD -m set --match-set friends src -p icmpv6 --icmpv6-type echo-request -j ACCEPT');
    site.sekisho('ip6tables -A FORWARD -p icmpv6 --icmpv6-type echo-request -j DROP');
    expect(await site.pings(5)).toBe(5);
    // Listed, and so known, whatever the data plane can say at its end.
    expect(site.sekisho('ip6tables -nvxL FORWARD 1').stdout).toMatch(/^ +5 +520 ACCEPT/);
    tell(fault);
    await daemon.says('the data plane runs again (restart 1)');
    expect(daemon.said).toContain(reason);
    expect(site.sekisho('ip6tables -nvxL FORWARD 1').stdout).toMatch(/^ +5 +520 ACCEPT/);
    expect(await site.pings(5)).toBe(5);
    expect(site.sekisho('ip6tables -nvxL FORWARD 1').stdout).toMatch(/^ +10 +1040 ACCEPT/);
    expect(status().devices[site.deviceName('client')]?.queues?.length ?? 1).toBe(Number(queues));
    expect(status().dataPlane).toMatchObject({
      state: 'running',
      restarts: 1,
      lastDeath: { reason: expect.stringContaining(reason) },
    });
    expect(site.sekisho('status').stdout).toContain(reason);
    expect(await daemon.end('SIGTERM')).toBe(0);
    expect([site.linked('client'), site.linked('server')]).toEqual([false, false]);
  });

  test('again and again, and rules can be edited meanwhile: whoever asks waits', async () => {
    await begin();
    for (let round = 1; round <= 4; round++) {
      tell('fall over');
      expect(site.sekisho(`ip6tables -A FORWARD -p tcp --dport ${round}`)).toMatchObject({ status: 0, stderr: '' });
      await daemon.says(`(restart ${round})`);
    }
    expect(site.sekisho('ip6tables -S FORWARD').stdout.match(/--dport \d/g)).toEqual(
      [1, 2, 3, 4].map((n) => `--dport ${n}`),
    );
    expect(await site.pings(3)).toBe(3);
  });

  test('a connection that it fails on is not given to it for ever', async () => {
    await begin();
    site.sekisho('ip6tables -A FORWARD -m conntrack --ctstate INVALID -j DROP');
    const script = "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('fd77::bad', 9))";
    site.lab.run('client', ['python3', '-c', script]);
    expect(site.sekisho('connections').stdout).toContain('fd77:0000:0000:0000:0000:0000:0000:0bad');
    tell('fall over');
    await daemon.says('(restart 1)');
    tell('anything');
    await daemon.says('(restart 2)');
    expect(daemon.said).toContain('poisoned');
    expect(await site.pings(5)).toBe(5);
    expect(site.sekisho('connections').stdout).not.toContain('0bad');
    expect(status().dataPlane.restarts).toBe(2);
  });

  test('the program on disk has become another: the daemon ends, and the next one goes on with what was there', async () => {
    const upgraded = site.file('engine.mjs');
    copyFileSync(engine, upgraded);
    const run = (): Running =>
      site.spawn(program, threads, upgraded, site.device('client'), site.device('server'), '8', '1');
    daemon = run();
    await daemon.serves();
    site.sekisho('ip6tables -A FORWARD -m conntrack --ctstate NEW -j ACCEPT');
    site.sekisho('conntrack -I -p udp -s fd77::1 -d fd77::2 --sport 9 --dport 53 -t 600');
    appendFileSync(upgraded, '// another one\n');
    tell('fall over');
    expect(await daemon.end()).toBe(1);
    expect(daemon.said).toContain('the program on disk is another one than this daemon');
    expect([site.linked('client'), site.linked('server')]).toEqual([false, false]);
    daemon = run();
    await daemon.serves();
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('--ctstate NEW');
    expect(site.sekisho('conntrack -L -p udp --sport 9').stdout).toContain('dport=53');
    expect(await site.pings(3)).toBe(3);
  });

  test('one that does not come to life again: the daemon ends, nothing passes, rules are kept', async () => {
    await begin('3');
    site.sekisho('ip6tables -A FORWARD -p tcp --dport 7');
    // Here, where it is made anew, its name is taken by a device that is no TUN.
    const [name] = site.device('client').split(',');
    spawnSync('ip', ['link', 'add', name, 'type', 'bridge']);
    tell('fall over');
    expect(await daemon.end()).toBe(1);
    spawnSync('ip', ['link', 'delete', name]);
    expect(daemon.said).toMatch(/next try in 0.04 s[\s\S]*gone: /);
    expect(site.linked('client')).toBe(false);
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('--dport 7');
  });
});
