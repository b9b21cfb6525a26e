// New rules on trial: what stands afterwards, what was said, and the exit code.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ran, sekisho } from './program.ts';

const RULES = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 23 -j DROP\nCOMMIT\n';

let folder = '';
const at = (name: string): string => join(folder, name);
const call = (words: string, input = ''): Ran =>
  sekisho(words.split(' '), { input, env: { SEKISHO_STATE_DIR: at('state') } });
const rules = (): string => call('ip6tables -S INPUT').stdout;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-apply-'));
  writeFileSync(at('new'), RULES);
  call('ip6tables -A INPUT -s 2001:db8::1 -j DROP');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const OLD = '-P INPUT ACCEPT\n-A INPUT -s 2001:db8::1/128 -j DROP\n';
const NEW = '-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 23 -j DROP\n';

describe('ip6tables-apply', () => {
  it('keeps what was confirmed, and writes it', () => {
    const { code, stdout } = call(`ip6tables-apply -w ${at('kept')} ${at('new')}`, 'y');
    expect({ code, rules: rules() }).toEqual({ code: 0, rules: NEW });
    expect(stdout).toContain('Can you establish NEW connections to the machine? (y/N)');
    expect(readFileSync(at('kept'), 'utf8')).toContain('-A INPUT -p tcp -m tcp --dport 23 -j DROP\n');
  });

  it.each([
    ['no', 'n', 60, 'No affirmative response!'],
    ['no answer', '', 1, 'Timeout!'],
  ])('brings the old rules back after %s', (_what, input, seconds, said) => {
    const { code, stdout } = call(`ip6tables-apply -t ${seconds} ${at('new')}`, input);
    expect({ code, rules: rules() }).toEqual({ code: 255, rules: OLD });
    expect(stdout).toContain(said);
    expect(stdout).toContain('Reverting to old iptables rules... done.');
  });

  it('changes nothing when the file is refused', () => {
    writeFileSync(at('new'), RULES.replace('DROP', 'DRIP'));
    const { code, stderr } = call(`ip6tables-apply ${at('new')}`, 'y');
    expect({ code, rules: rules() }).toEqual({ code: 5, rules: OLD });
    expect(stderr).toContain('DRIP');
  });

  it('brings the old rules back when the command fails half way', () => {
    writeFileSync(at('run'), `#!/bin/sh\nexec false\n`);
    chmodSync(at('run'), 0o755);
    const { code } = call(`ip6tables-apply -c ${at('run')}`, 'y');
    expect({ code, rules: rules() }).toEqual({ code: 7, rules: OLD });
  });

  it.each([
    ['-t x', 1, 'timeout must be a positive number'],
    ['/nonexistent', 2, 'rulesfile not readable: /nonexistent'],
    ['-c /nonexistent', 6, 'runcmd not executable: /nonexistent'],
    ['--foo', 1, "unrecognized option '--foo'"],
  ])('refuses %s', (words, code, said) => {
    const ran = call(`ip6tables-apply ${words}`, 'y');
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(said);
  });
});
