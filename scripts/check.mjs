// Everything that needs no root and no kernel: types, lint (with the ladder of imports), the agreement of modules, tests and
// documentation, and the pure tests. A few minutes at most.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json']],
  ['lint, format, ladder', 'node_modules/@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']],
  ['build', 'scripts/build.mjs', []],
  ['docs agreement', 'scripts/docs-agree.mjs', []],
  ['docs/extensions.md', 'scripts/extensions-doc.mjs', ['--check']],
  ['docs/api.md', 'scripts/api-doc.mjs', ['--check']],
  ['pure tests', 'node_modules/vitest/vitest.mjs', ['run', '--project', 'pure']],
];
const quick = process.argv.includes('--quick');

for (const [name, script, args] of quick ? steps.slice(0, -1) : steps) {
  console.log(`== ${name}`);
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check failed: ${name}`);
    process.exit(status ?? 1);
  }
}
