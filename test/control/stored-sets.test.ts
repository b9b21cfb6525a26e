import { readFileSync, utimesSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ipsetOnStored } from '../../control/stored/stored-sets.ts';
import { State } from './state.ts';

let state: State;
beforeEach(() => {
  state = new State();
});
afterEach(() => state.close());

async function ipset(line: string, stdin?: string): Promise<string> {
  const elsewhere = async () => ({ stdout: '', stderr: 'elsewhere\n', exitCode: 0 });
  const answer = await ipsetOnStored(state.paths, { argv: line.split(' '), stdin }, async () => false, elsewhere);
  return `${answer.exitCode} ${answer.stdout}${answer.stderr}`;
}

test('sets last from call to call, and are there for rules', async () => {
  expect(await ipset('create a hash:ip family inet6')).toBe('0 ');
  expect(await ipset('add a fd00::1')).toBe('0 ');
  expect(await ipset('test a fd00::1')).toBe('0 Warning: fd00::1 is in set a.\n');
  expect(await state.says('ip6tables -A INPUT -m set --match-set a src')).toBe('');
  expect(await state.says('iptables -A INPUT -m set --match-set a src')).toContain(
    'The protocol family of set a is IPv6',
  );
  expect(await state.says('ip6tables -A INPUT -m set --match-set b src')).toContain("Set b doesn't exist.");
  expect(await state.says('ip6tables -S INPUT')).toContain('-A INPUT -m set --match-set a src\n');
});

test('a set that a stored rule names stays', async () => {
  await ipset('restore', 'create a hash:ip\ncreate b hash:ip\nadd b 10.0.0.1\n');
  await state.call('iptables -A INPUT -m set --match-set a src -j SET --add-set a dst');
  expect(await ipset('list a')).toContain('References: 2\n');
  expect(await ipset('destroy a')).toContain('in use by a kernel component');
  expect(await ipset('rename a c')).toContain('in use by another system');
  expect(await ipset('swap a b')).toBe('0 ');
  expect(await ipset('test a 10.0.0.1')).toContain('is in set a');
  await state.call('iptables -F');
  expect(await ipset('destroy')).toBe('0 ');
  expect(await ipset('list')).toBe('0 ');
});

test('timeouts go on by the age of the file', async () => {
  await ipset('create a hash:ip timeout 100');
  await ipset('add a 10.0.0.1');
  const past = Date.now() / 1000 - 60;
  utimesSync(state.paths.sets, past, past);
  expect(await ipset('list a')).toMatch(/10\.0\.0\.1 timeout (3\d|40)\n/);
  utimesSync(state.paths.sets, past - 60, past - 60);
  expect(await ipset('list a')).toContain('Number of entries: 0\n');
});

test('reading changes nothing, and what cannot be read back is left', async () => {
  await ipset('create a hash:ip');
  const text = readFileSync(state.paths.sets, 'utf8');
  await ipset('save');
  await ipset('add a nonsense,1');
  expect(readFileSync(state.paths.sets, 'utf8')).toBe(text);
});
