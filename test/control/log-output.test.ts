// Where log lines go, and what becomes of those that nobody takes.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLog, StreamLog } from '../../control/watch/log-output.ts';
import { syslogLine } from '../../control/watch/syslog.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform !== 'linux')('a log', () => {
  test('in a file has the time in front of each line, and goes on in a new one when the old was moved', () => {
    const path = join(folder, 'packets.log');
    const log = openLog({ to: { file: path }, level: 4, facility: 'kern' });
    log.packet(4, 'IN=a OUT=b');
    log.packet(5, 'IN=notice');
    log.say('hello');
    expect(readFileSync(path, 'utf8')).toMatch(/^\S+Z IN=a OUT=b\n\S+Z sekisho: hello\n$/);
    renameSync(path, `${path}.1`);
    log.reopen();
    log.packet(0, 'IN=c');
    log.close();
    expect(readFileSync(path, 'utf8')).toMatch(/^\S+Z IN=c\n$/);
  });

  test('that cannot be opened is told, and one that cannot be opened again goes on', () => {
    expect(() => openLog({ to: { file: join(folder, 'no/where') }, level: 7, facility: 'kern' })).toThrow('no/where');
    const path = join(folder, 'log');
    const log = openLog({ to: { file: path }, level: 7, facility: 'kern' });
    renameSync(folder, `${folder}-moved`);
    expect(() => log.reopen()).toThrow();
    log.say('still');
    log.close();
    expect(readFileSync(join(`${folder}-moved`, 'log'), 'utf8')).toContain('still');
    renameSync(`${folder}-moved`, folder);
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk loses lines, counts them, and nothing else', () => {
    const log = openLog({ to: { file: '/dev/full' }, level: 7, facility: 'kern' });
    for (let line = 0; line < 5; line++) log.packet(4, 'IN=a');
    expect(log.lost).toBe(5);
    log.close();
  });

  test('into a pipe that nobody reads is bounded; what is read comes in order, and then how much was lost', async () => {
    const path = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const log = new StreamLog(undefined, writer);
    const line = 'x'.repeat(200);
    for (let number = 0; number < 20_000; number++) log.packet(4, `${number} ${line}`);
    expect(log.lost).toBeGreaterThan(10_000);
    let text = '';
    const octets = Buffer.alloc(65_536);
    while (!text.includes('are lost')) {
      try {
        for (let length = 1; length > 0; ) text += octets.subarray(0, (length = readSync(reader, octets))).toString();
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const lines = text.trimEnd().split('\n');
    expect(lines.pop()).toBe(`sekisho: ${log.lost} log lines are lost: whoever reads the log was too slow`);
    expect(lines).toHaveLength(20_000 - log.lost);
    expect(lines.every((each, number) => each === `<4>${number} ${line}`)).toBe(true);
    log.close();
    closeSync(writer);
    closeSync(reader);
  });

  test('of the system is as syslog(3) writes it', () => {
    const date = new Date(2026, 2, 4, 5, 6, 7);
    expect(syslogLine('kern', 4, 'sekisho[1]', 'IN=a', date)).toBe('<4>Mar  4 05:06:07 sekisho[1]: IN=a');
    expect(syslogLine('local7', 7, 'x', 'y', date)).toBe('<191>Mar  4 05:06:07 x: y');
  });
});
