// The demo command: what it needs is installed first where that is possible; the program itself finds out what it can do.
import { spawnSync } from 'node:child_process';
import { ensureSystem } from './system.mjs';

ensureSystem(['ip', 'ping', 'curl']);
const { status } = spawnSync(process.execPath, ['dist/bin/sekisho.cjs', 'demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
