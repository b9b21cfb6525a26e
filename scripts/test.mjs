// The test command: all tiers that this machine can run, and a line on what it cannot.
// Ends with "N passed, N failed" and exits accordingly.

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureOptional, ensureSystem } from './system.mjs';

// Some tests start the programs as a user does.
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const reasons = ensureSystem();
ensureOptional();
const tiers = reasons.length === 0 ? ['pure', 'kernel', 'inline'] : ['pure'];
const report = join(tmpdir(), `sekisho-test-${process.pid}.json`);
const { status } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...tiers.flatMap((tier) => ['--project', tier]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);

let passed = 0;
let failed = 0;
let skipped = 0;
try {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed = result.numPassedTests;
  failed = result.numFailedTests;
  skipped = result.numPendingTests + result.numTodoTests;
  // A file that does not even load counts as a failure though no test of it failed.
  if (status !== 0 && failed === 0) failed = Math.max(1, result.numFailedTestSuites);
} catch {
  failed = 1;
}
rmSync(report, { force: true });

if (tiers.length === 1) {
  console.log(`\nLeft out: the kernel and inline tiers (${reasons.join('; ')}).`);
}
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 && status === 0 && passed > 0 ? 0 : 1);
