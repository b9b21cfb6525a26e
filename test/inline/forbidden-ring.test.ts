// Where the system forbids io_uring, as containers do, or has no memory to lock for it: packets go by calls, and why is said. Python sets the
// filter or the limit for the program that it then becomes.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { Site } from './running.ts';

const may = ready('a system that forbids io_uring', probe('python3', 'ip'));

const BECOME = 'os.execv(sys.argv[1], sys.argv[1:])\n';

/** seccomp(2): the system call of that number is answered with EPERM. Those of io_uring have the same on every architecture. */
const forbid = (call: number): string => `
import ctypes, os, struct, sys
code = struct.pack('HBBI' * 4, 0x20, 0, 0, 0, 0x15, 0, 1, ${call}, 0x06, 0, 0, 0x00050001, 0x06, 0, 0, 0x7fff0000)
memory = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxQ', 4, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
${BECOME}`;

/** So many KiB may be locked, and nobody is above that: CAP_IPC_LOCK is gone. */
const lock = (kib: number): string => `
import ctypes, os, resource, sys
assert ctypes.CDLL(None).prctl(24, 14, 0, 0, 0) == 0
resource.setrlimit(resource.RLIMIT_MEMLOCK, (${kib} << 10, ${kib} << 10))
${BECOME}`;

const [SETUP, ENTER] = [425, 426];

const started = (first: string, ...wanted: string[]): string => {
  const words = ['tun/worker.ts', 'test/inline/bare-engine.ts'].map((source) => bundleProgram(source));
  const program = [process.execPath, bundleProgram('test/inline/io-of-plane.ts'), ...words, ...wanted];
  return spawnSync('unshare', ['-n', 'python3', '-c', first, ...program], { encoding: 'utf8' }).stdout.trim();
};

test.skipIf(!may).each([
  ['forbids it', forbid(SETUP), 'io_uring_setup: Operation not permitted'],
  ['forbids one of its calls', forbid(ENTER), 'io_uring_enter: Operation not permitted'],
  ['lets nothing be locked', lock(0), 'io_uring_setup: Cannot allocate memory'],
])('a system that %s: packets go by calls, and why is said', (_, first, why) => {
  expect(JSON.parse(started(first))).toEqual({ method: 'calls', why });
});

test.skipIf(!may).each(['1', '3'])('whatever may be locked, it starts, queues: %s', (queues) => {
  const methods = [16, 32, 36, 40, 44, 64, 128, 1_024].map((kib) => {
    const { method, why } = JSON.parse(started(lock(kib), '', queues));
    return method === 'calls' ? why.split(': ').at(-1) : method;
  });
  expect(methods[0]).toBe('Cannot allocate memory');
  expect(methods.at(-1)).toBe('io_uring');
  expect(new Set(methods).size).toBe(2);
});

test.skipIf(!may)('who asked for calls is told no reason', () => {
  expect(JSON.parse(started(forbid(SETUP), 'calls'))).toEqual({ method: 'calls' });
});

test.skipIf(!may)('who asked for io_uring is told that it cannot be', () => {
  expect(started(forbid(SETUP), 'io_uring')).toBe('io_uring_setup: Operation not permitted');
});

test.skipIf(!may)('status says it of a daemon', async () => {
  const site = new Site();
  try {
    site.launcher = ['python3', '-c', forbid(SETUP)];
    await site.start();
    expect(site.sekisho('status').stdout).toContain('by a system call each: io_uring_setup: Operation not permitted');
    expect(await site.pings(3)).toBe(3);
  } finally {
    await site.close();
  }
});
