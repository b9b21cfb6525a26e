// The systemd unit, looked through by systemd itself.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'sekisho-unit-'));
const unit = join(folder, 'sekisho.service');
const text = readFileSync(join(import.meta.dirname, '../../examples/systemd/sekisho.service'), 'utf8');
// Where it is installed to, there is nothing on this machine.
writeFileSync(unit, text.replaceAll('/usr/local/bin/sekisho', '/bin/true'));
afterAll(() => rmSync(folder, { recursive: true }));

const analyze = (...words: string[]) => spawnSync('systemd-analyze', [...words, unit], { encoding: 'utf8' });

describe.skipIf(!ready('the systemd unit', probe('systemd-analyze')))('the systemd unit', () => {
  test('has no word that systemd does not know or would pass over', () => {
    expect(analyze('verify', '--man=no')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  // 10 is a service without any bounds. What is left is what it is for: devices, namespaces, sockets, code made while it runs.
  test('leaves an exposure of at most 3.5', () => {
    const { status, stdout } = analyze('security', '--offline=true', '--threshold=35', '--no-pager');
    expect(stdout).toMatch(/Overall exposure level for sekisho\.service: [0-3]\.\d/);
    expect(status).toBe(0);
  });

  test('asks for what it is told: readiness, the watchdog, a reload that may fail', () => {
    expect(text).toMatch(/^Type=notify$/m);
    expect(text).toMatch(/^WatchdogSec=/m);
    expect(text).toMatch(/^ExecReload=.* reload$/m);
    expect(text).toContain('Documentation=man:sekisho(8)');
  });
});
