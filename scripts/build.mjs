// Bundles the programs and the library into dist/. Chevrotain takes long to import unbundled, and Node 20 cannot
// run TypeScript, so `npm ci` (through "prepare") leaves a built program behind.
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const entries = {
  index: 'index.ts',
  'testing/index': 'testing/index.ts',
  'bin/sekisho': 'bin/sekisho.ts',
  'tun/worker': 'tun/worker.ts',
  'control/engine': 'control/engine.ts',
};
const entryPoints = Object.fromEntries(
  Object.entries(entries)
    .filter(([, source]) => existsSync(join(root, source)))
    .map(([out, source]) => [out, join(root, source)]),
);

if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });
if (Object.keys(entryPoints).length > 0) {
  await build({
    entryPoints,
    outdir: join(root, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'linked',
    external: ['koffi'],
    logLevel: 'warning',
    // commander is CommonJS inside; an ESM bundle needs a require for it.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}
