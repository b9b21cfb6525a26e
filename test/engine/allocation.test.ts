// A packet of an established flow leaves nothing behind for the garbage collector: counted, through the whole pipeline, in a process of its own,
// for code that has also served other tests may be kept in a form that allocates.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bundleProgram } from '../kernel/support.ts';

interface Count {
  readonly setup: string;
  readonly mode: string;
  readonly family: number;
  readonly perPacket: number;
  readonly left: number;
  readonly sent: number;
}

test('bridge and router, both families: filter alone, 1,000 rules in the way, with NAT and mangle', () => {
  const program = bundleProgram('test/engine/count-allocations.ts');
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const counts: Count[] = JSON.parse(stdout);
  expect(counts).toHaveLength(12);
  expect(counts.filter(({ perPacket }) => perPacket >= 1)).toEqual([]);
  // All of them came through.
  expect(counts.filter(({ left, sent }) => left !== sent)).toEqual([]);
});
