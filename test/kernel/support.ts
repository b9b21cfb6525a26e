// What this machine allows. The kernel and inline tiers need root, TUN devices and the real tools; without them they pass, having
// said in one line what was left out and why.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

export interface Machine {
  /** Empty when everything that was asked for is there; else why not, in words. */
  missing: string;
}

// A bundled bench stands elsewhere, and is told.
const ROOT = process.env.SEKISHO_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));

/** Whether programs are on the path and namespaces and TUN devices can be made. */
export function probe(...programs: string[]): Machine {
  const missing: string[] = [];
  if (process.platform !== 'linux') missing.push('Linux');
  else if (process.getuid?.() !== 0) missing.push('root');
  else if (!mayUse('/dev/net/tun')) missing.push('/dev/net/tun');
  else if (spawnSync('unshare', ['-n', 'true']).status !== 0) missing.push('leave to make network namespaces');
  for (const program of programs) if (!findProgram(program)) missing.push(program);
  return { missing: missing.length === 0 ? '' : `needs ${missing.join(', ')}` };
}

/** What the kernel twin needs. */
export const probeTwin = (): Machine =>
  probe('iptables-legacy-restore', 'ip6tables-legacy-restore', 'iptables-legacy-save', 'ip6tables-legacy-save');

/** Says on the terminal what a test file leaves out; returns whether it may run. For `describe.skipIf(!ready(...))`. */
export function ready(what: string, machine: Machine): boolean {
  if (machine.missing !== '') console.warn(`left out: ${what}: ${machine.missing}`);
  return machine.missing === '';
}

/**
 * What real tools are started with: a lock file of their own. Who holds the usual one, in whatever namespace, would make them wait, or give up
 * where they are not told to.
 */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  XTABLES_LOCKFILE: join(tmpdir(), `sekisho-xtables-${process.pid}.lock`),
});

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => mayUse(path, constants.X_OK));
}

function mayUse(path: string, mode = constants.R_OK | constants.W_OK): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/**
 * Bundles a TypeScript program into JavaScript that this Node can start as a process or a worker; returns its path. Node 20 does
 * not run TypeScript, and the test runner transforms only what it loads itself.
 */
export function bundleProgram(source: string): string {
  const folder = join(ROOT, 'node_modules/.cache/sekisho');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, source.replaceAll('/', '-').replace(/\.ts$/, '.mjs'));
  const { outputFiles } = buildSync({
    entryPoints: [join(ROOT, source)],
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'inline',
    external: ['koffi'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  // Put in place whole: another test process may be about to start the same program.
  writeFileSync(`${outfile}.${process.pid}`, outputFiles[0].contents);
  renameSync(`${outfile}.${process.pid}`, outfile);
  return outfile;
}
