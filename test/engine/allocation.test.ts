// A packet of an established flow leaves nothing behind for the garbage collector: counted, through the whole pipeline, in a process of its own,
// for code that has also served other tests may be kept in a form that allocates.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bundleProgram } from '../kernel/support.ts';

test.each([
  ['bridge', 4],
  ['bridge', 6],
  ['router', 4],
  ['router', 6],
] as const)('%s, IPv%d', (mode, family) => {
  const program = bundleProgram('test/engine/count-allocations.ts');
  const { stdout, stderr } = spawnSync(process.execPath, [program, mode, String(family)], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { perPacket, left, packets } = JSON.parse(stdout);
  expect(perPacket).toBeLessThan(1);
  expect(left).toBeGreaterThan(packets);
});
