// The built program, as a user starts it. `npm test` builds it first; by hand: npm run build.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const PROGRAM = fileURLToPath(new URL('../../dist/bin/sekisho.cjs', import.meta.url));
if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: npm run build`);

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Start {
  readonly input?: string | Buffer;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

const answered = ({ status, stdout, stderr }: SpawnSyncReturns<string>): Ran => ({ code: status, stdout, stderr });

/** Any program. */
export const ran = (program: string, words: readonly string[], env: Record<string, string>): Ran =>
  answered(spawnSync(program, words, { encoding: 'utf8', env: { ...process.env, ...env } }));

export function sekisho(words: readonly string[], { input = '', env = {}, cwd }: Start = {}): Ran {
  const options = { input, cwd, encoding: 'utf8' as const, env: { ...process.env, ...env } };
  return answered(spawnSync(process.execPath, [PROGRAM, ...words], options));
}

/** A pipeline in which `sekisho` is the program. */
export function shell(script: string, env: Record<string, string> = {}): Ran {
  const line = `sekisho() { "${process.execPath}" "${PROGRAM}" "$@"; }\n${script}`;
  return answered(spawnSync('sh', ['-c', line], { encoding: 'utf8', env: { ...process.env, ...env } }));
}
