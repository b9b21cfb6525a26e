// Runs benches, which are written in TypeScript:
//
//   node test/bench/run.mjs                      all of them, one after the other
//   node test/bench/run.mjs NAME [ARGUMENT...]   one, with its own arguments (each file says which)
//   --quick                                      less of everything: to see that it runs, and the rough ratios
//   --keep [--into FOLDER]                       the figures as a file in test/bench/results (or FOLDER), for compare.ts
//   --help                                       this; behind a NAME: what it measures, and its arguments
//
// No figure is worth much while something else runs on the machine: say `uptime` first.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** In this order by `npm run bench`; the arguments of a quick run. */
const BENCHES = {
  decide: ['--shapes', 'acl,fw', '--families', '6', '--counts', '10,1000,10000'],
  flow: [],
  costs: [],
  track: ['100000'],
  load: ['--shapes', 'acl', '--counts', '5000', '--runs', '3'],
  reload: ['--shapes', 'acl', '--counts', '5000', '--edits', '5'],
  start: ['500', '5'],
  latency: ['--rounds', '1', '--asks', '500'],
  queues: ['--queues', '1,2', '--seconds', '1', '--rounds', '1'],
  inline: ['--seconds', '1', '--rounds', '1'],
};

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
process.env.SEKISHO_ROOT = root;

const words = process.argv.slice(2);
const flag = (name) => words.includes(name) && words.splice(words.indexOf(name), 1).length > 0;
const quick = flag('--quick');
const into = words.includes('--into') ? words.splice(words.indexOf('--into'), 2)[1] : join(here, 'results');
if (flag('--keep')) process.env.SEKISHO_BENCH_KEEP = resolve(into);
const help = flag('--help') || flag('-h');
const [name, ...args] = words;

if (help || (name !== undefined && !existsSync(fileOf(name)))) usage(name);
else if (name === undefined) all();
else await one(name, quick ? [...(BENCHES[name] ?? []), ...args] : args);

function fileOf(bench) {
  return join(here, `${bench}.ts`);
}

/** What stands in front of a program. */
function headOf(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .slice(
      0,
      lines.findIndex((line) => !line.startsWith('//')),
    )
    .map((line) => line.slice(3))
    .join('\n');
}

function usage(bench) {
  const known = bench === undefined || existsSync(fileOf(bench));
  if (!known) {
    console.error(`there is no bench "${bench}": ${Object.keys(BENCHES).join(', ')}`);
    process.exitCode = 2;
  } else if (bench === undefined) {
    console.log(`${headOf(fileURLToPath(import.meta.url))}\n\nBenches: ${Object.keys(BENCHES).join(', ')}`);
  } else console.log(headOf(fileOf(bench)));
}

/** Each in a process of its own: what one leaves behind is not the next one's. */
function all() {
  const [{ model }] = cpus();
  console.log(
    `${cpus().length} x ${model}, Linux ${release()}, Node ${process.versions.node}, load ${loadavg()[0].toFixed(1)}`,
  );
  const failed = [];
  for (const bench of Object.keys(BENCHES)) {
    console.log(`\n== ${bench}`);
    const argv = [fileURLToPath(import.meta.url), bench, ...(quick ? ['--quick'] : [])];
    const { status } = spawnSync(process.execPath, argv, { stdio: 'inherit' });
    if (status !== 0) failed.push(bench);
  }
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
}

async function one(bench, argv) {
  const outfile = join(root, `node_modules/.cache/sekisho/bench-${bench}-${process.pid}.mjs`);
  await build({
    entryPoints: [fileOf(bench)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi', 'esbuild'],
    logLevel: 'warning',
  });
  process.argv = [process.argv[0], outfile, ...argv];
  try {
    await import(outfile);
  } finally {
    rmSync(outfile, { force: true });
  }
}
