import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lock } from '../../control/stored/lock.ts';
import { bundleProgram } from '../kernel/support.ts';
import { State } from './state.ts';

let state: State;
let holder: ChildProcess | undefined;
beforeEach(() => {
  state = new State();
});
afterEach(() => {
  holder?.kill('SIGKILL');
  holder = undefined;
  state.close();
});

async function hold(): Promise<ChildProcess> {
  holder = spawn(process.execPath, [bundleProgram('test/control/lock-holder.ts'), state.paths.lock], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [text] = await once(holder.stdout!, 'data');
  expect(String(text)).toBe('held\n');
  return holder;
}

describe('the lock', () => {
  test('is one process’s at a time', async () => {
    await hold();
    expect(Lock.try(state.paths.lock)).toBeUndefined();
    expect(await Lock.within(state.paths.lock, 50)).toBeUndefined();
  });

  test('goes to who waits when it is let go', async () => {
    const other = await hold();
    const lock = Lock.within(state.paths.lock, Number.POSITIVE_INFINITY);
    other.stdin?.end();
    expect(await lock).toBeInstanceOf(Lock);
    (await lock)?.release();
  });

  test('of a holder that was killed is free', async () => {
    const other = await hold();
    const lock = Lock.within(state.paths.lock, Number.POSITIVE_INFINITY);
    other.kill('SIGKILL');
    (await lock)?.release();
  });
});

describe('a call while another holds the lock', () => {
  test('gives up when -w has passed, and changes nothing', async () => {
    await hold();
    const expected = {
      stdout: '',
      stderr: `Can't lock ${state.paths.lock}: Resource temporarily unavailable\nAnother app is currently holding the xtables lock. Stopped waiting after 1s.\n`,
      exitCode: 4,
    };
    const calls = [
      state.call('ip6tables -w 1 -P INPUT DROP'),
      state.call('ip6tables -A INPUT -w 1 -j DROP'),
      state.call('ip6tables-restore --wait=1', '*filter\nCOMMIT\n'),
    ];
    expect(await Promise.all(calls)).toEqual([expected, expected, expected]);
    expect(await state.says('ip6tables-save')).toBe('');
  });

  // iptables 1.8.9 blocks in flock() then; it is -w N that limits it.
  test('waits for it without -w', async () => {
    const other = await hold();
    const call = state.call('ip6tables -P INPUT DROP');
    other.stdin?.end();
    expect(await call).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(await state.says('ip6tables -S INPUT')).toBe('-P INPUT DROP\n');
  });

  test('is told at once when it is wrong in itself', async () => {
    await hold();
    expect((await state.call('ip6tables -A INPUT --foo')).exitCode).toBe(2);
  });

  test('lists without waiting', async () => {
    await state.call('ip6tables -N web');
    await hold();
    expect(await state.says('ip6tables -S web')).toBe('-N web\n');
    expect((await state.call('ip6tables-save')).exitCode).toBe(0);
  });
});

test('calls at once lose nothing of each other', async () => {
  await Promise.all(Array.from({ length: 12 }, (_, index) => state.call(`ip6tables -N chain${index}`)));
  expect((await state.says('ip6tables -S')).match(/^-N chain\d+$/gm)).toHaveLength(12);
});
