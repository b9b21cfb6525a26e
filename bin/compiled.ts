// The classic programs as V8 keeps them, compiled: scripts start them a thousand times, and compiling their text takes longer than what they do.
//
// The build makes one text of bin/programs.ts and all that it needs, with its digest in front. Beside it lies what V8 made of it in a
// rehearsal, one file for each version of V8, which begins with the same digest. A file that is not there, not of this text, or that V8 does
// not take (it looks at its version and its flags) is passed over: then V8 compiles the text, and nothing but time is lost.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { builtModule } from '../control/package-root.ts';
import { BUILD_ID } from '../control/stored/build-id.ts';

type Programs = typeof import('./programs.ts');
type Bundle = (require: NodeJS.Require, module: { exports: unknown }, filename: string) => void;

/** Octets of the comment in front: SHA-256 in hexadecimal digits. */
const LABEL = '/*'.length + 64 + '*/'.length;

export async function programs(): Promise<Programs> {
  // The sources themselves are running.
  if (BUILD_ID === '') return import('./programs.ts');
  const path = bundlePath();
  return programsOf(scriptOf(path, compiledBefore), path);
}

/** Compiles for the next starts by this Node; rejects with what the system says where the folder of the program cannot be written to. */
export async function compileAhead(): Promise<void> {
  const path = bundlePath();
  const script = scriptOf(path);
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-'));
  const beside = `${cacheOf(path)}.new.${process.pid}`;
  try {
    await programsOf(script, path).rehearse(folder);
    writeFileSync(beside, Buffer.concat([readFileSync(path).subarray(0, LABEL), script.createCachedData()]));
    renameSync(beside, cacheOf(path));
  } finally {
    rmSync(beside, { force: true });
    rmSync(folder, { recursive: true });
  }
}

const bundlePath = (): string => fileURLToPath(builtModule('bin/programs.cjs'));
const cacheOf = (path: string): string => `${path}.${process.versions.v8}-${process.arch}`;

/**
 * V8 optimises what has run through so many octets of bytecode: fifteen times as many as usual. A tool ends before what another thread optimises
 * meanwhile pays for itself, and most of it is thrown away when the next kind of rule comes by (docs/decisions/runtime.md). Undefined for
 * other versions of V8: they have no such flag, count calls instead, and gain nothing by waiting longer.
 */
export const PATIENCE = process.versions.v8.startsWith('11.') ? '--interrupt-budget=2000000' : undefined;

function scriptOf(path: string, compiled?: (path: string, label: string) => Buffer | undefined): Script {
  if (PATIENCE) setFlagsFromString(PATIENCE);
  // Octets are characters: the build leaves no others than ASCII in it.
  const text = readFileSync(path, 'latin1');
  const cachedData = compiled?.(path, text.slice(0, LABEL));
  return new Script(`(function (require, module, __filename) {${text}\n})`, { filename: path, cachedData });
}

function programsOf(script: Script, path: string): Programs {
  const module = { exports: {} };
  (script.runInThisContext() as Bundle)(createRequire(path), module, path);
  return module.exports as Programs;
}

function compiledBefore(path: string, label: string): Buffer | undefined {
  try {
    const kept = readFileSync(cacheOf(path));
    return kept.toString('latin1', 0, LABEL) === label ? kept.subarray(LABEL) : undefined;
  } catch {
    return undefined;
  }
}
