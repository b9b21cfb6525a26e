// Bundles the programs and the library into dist/. Chevrotain takes long to import unbundled, and Node 20 cannot
// run TypeScript, so `npm ci` (through "prepare") leaves a built program behind.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const programs = ['bin/cli', 'bin/compiled', 'tun/worker', 'control/live/engine'];
const library = ['index', 'testing/index', 'testing/vitest', 'testing/assert', 'testing/arbitrary'];
const entryPoints = (names) => Object.fromEntries(names.map((name) => [name, join(root, `${name}.ts`)]));

/** A digest of every source: what one build keeps for itself (parsed rules), another build must not take. */
function buildId() {
  const digest = createHash('sha256');
  const rooms = ['packet', 'grammar', 'conntrack', 'engine', 'matches', 'targets', 'tun', 'control', 'testing', 'bin'];
  for (const room of rooms) {
    const files = readdirSync(join(root, room), { recursive: true }).filter((file) => file.endsWith('.ts'));
    for (const file of files.sort()) digest.update(`${room}/${file}\n`).update(readFileSync(join(root, room, file)));
  }
  return digest.digest('hex').slice(0, 16);
}

if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });

const common = {
  outdir: join(root, 'dist'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'linked',
  external: ['koffi', 'vitest', 'fast-check'],
  define: { SEKISHO_BUILD: JSON.stringify(buildId()) },
  logLevel: 'warning',
  // commander is CommonJS inside; an ESM bundle needs a require for it.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};
const commonjs = { ...common, format: 'cjs', splitting: false, outExtension: { '.js': '.cjs' }, banner: {} };

/** What starts quickest: CommonJS, in one piece (docs/decisions/runtime.md). `external`: modules that stay files of their own. */
const quick = (name, external = {}) => ({
  ...commonjs,
  entryPoints: entryPoints([name]),
  minify: true,
  // What runs from a Script has no import() of its own.
  supported: { 'dynamic-import': Object.keys(external).length > 0 },
  define: { ...common.define, 'import.meta.url': '__url' },
  banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
  plugins: [
    {
      name: 'files of their own',
      setup: ({ onResolve }) =>
        onResolve({ filter: /^\./ }, ({ path }) => external[path] && { path: external[path], external: true }),
    },
  ],
});

/** Puts the digest of a text in front of it: what V8 makes of it is marked with the same (bin/compiled.ts). */
function label(file) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, `/*${createHash('sha256').update(text).digest('hex')}*/${text}`);
}

// The tools are started a thousand times, and reading their text is a good part of it: they are made small. The library is read by people.
await build({ ...common, entryPoints: entryPoints(programs), chunkNames: 'chunks/program-[hash]', minify: true });
await build(quick('bin/sekisho', { './cli.ts': './cli.js', './programs.ts': './programs.cjs' }));
// The name that scripts may have from before there was a quicker start; a module costs a few milliseconds more.
writeFileSync(join(root, 'dist/bin/sekisho.js'), "#!/usr/bin/env node\nimport './sekisho.cjs';\n");
await build(quick('bin/programs'));
label(join(root, 'dist/bin/programs.cjs'));
const { compileAhead } = await import('../dist/bin/compiled.js');
await compileAhead();
await build({ ...common, entryPoints: entryPoints(library), chunkNames: 'chunks/library-[hash]' });
// jest cannot load modules: one bundle for require(), and a second name for it.
await build({ ...commonjs, entryPoints: { 'testing/index': join(root, 'testing/commonjs.ts') } });
writeFileSync(join(root, 'dist/testing/assert.cjs'), "module.exports = require('./index.cjs');\n");
// The manual pages come from the program's own words.
execFileSync(process.execPath, [join(root, 'dist/bin/sekisho.cjs'), 'man', '--write', join(root, 'dist/man')]);
