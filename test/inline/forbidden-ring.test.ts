// Where the system forbids io_uring, as containers do: packets go by calls, and why is said. The filter is seccomp's, set by Python for the
// program that it then becomes.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bundleProgram, probe, ready } from '../kernel/support.ts';

const may = ready('a system that forbids io_uring', probe('python3'));

/** seccomp(2): io_uring_setup, 425 on every architecture, is answered with EPERM. */
const FORBID = `
import ctypes, os, struct, sys
code = struct.pack('HBBI' * 4, 0x20, 0, 0, 0, 0x15, 0, 1, 425, 0x06, 0, 0, 0x00050001, 0x06, 0, 0, 0x7fff0000)
memory = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxQ', 4, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
`;

const started = (...wanted: string[]): string => {
  const words = ['tun/worker.ts', 'test/inline/bare-engine.ts'].map((source) => bundleProgram(source));
  const program = [process.execPath, bundleProgram('test/inline/io-of-plane.ts'), ...words, ...wanted];
  return spawnSync('unshare', ['-n', 'python3', '-c', FORBID, ...program], { encoding: 'utf8' }).stdout.trim();
};

test.skipIf(!may)('packets go by calls, and why is said', () => {
  expect(JSON.parse(started())).toEqual({ method: 'calls', why: 'io_uring_setup: Operation not permitted' });
});

test.skipIf(!may)('who asked for calls is told no reason', () => {
  expect(JSON.parse(started('calls'))).toEqual({ method: 'calls' });
});

test.skipIf(!may)('who asked for io_uring is told that it cannot be', () => {
  expect(started('io_uring')).toBe('io_uring_setup: Operation not permitted');
});
