// Runs a bench that is written in TypeScript: node test/bench/run.mjs NAME [arguments of the bench]
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [name, ...args] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const outfile = join(root, `node_modules/.cache/sekisho/bench-${name}-${process.pid}.mjs`);
await build({
  entryPoints: [join(here, `${name}.ts`)],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: ['koffi', 'esbuild'],
  logLevel: 'warning',
});
process.env.SEKISHO_ROOT = root;
process.argv = [process.argv[0], outfile, ...args];
try {
  await import(outfile);
} finally {
  rmSync(outfile, { force: true });
}
