// The programs beside the kernel, run in this thread's network namespace.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { libc } from '../../tun/libc.ts';
import { KernelUnavailable } from './unavailable.ts';

// A lock file of our own: other users of the xtables lock never make us wait, nor we them.
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  XTABLES_LOCKFILE: join(tmpdir(), `sekisho-backend-${process.pid}.lock`),
  LC_ALL: 'C',
  TZ: 'UTC',
  PATH: `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`,
});

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(argv: readonly string[], input = ''): Ran {
  const [name, ...args] = argv;
  const done = spawnSync(name, args, { input, encoding: 'utf8', env: environment(), maxBuffer: 1 << 28 });
  if (done.error) throw done.error;
  return { status: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
}

/** The same, and an Error with what it says when it fails. */
export function must(argv: readonly string[], input = ''): string {
  const { status, stdout, stderr } = run(argv, input);
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

const NEEDED: Readonly<Record<string, string>> = {
  'iptables-legacy-restore': 'package iptables',
  'ip6tables-legacy-restore': 'package iptables',
  nft: 'package nftables: it keeps the ports of the router silent',
};

/** Throws KernelUnavailable with everything that is missing. */
export function checkMachine(): void {
  const missing: string[] = [];
  if (process.platform !== 'linux') missing.push('Linux');
  else {
    if (process.getuid?.() !== 0) missing.push('root');
    else if (!mayUse('/dev/net/tun', constants.R_OK | constants.W_OK)) missing.push('/dev/net/tun');
    for (const [name, why] of Object.entries(NEEDED)) if (!onPath(name)) missing.push(`${name} (${why})`);
    try {
      libc();
    } catch (error) {
      missing.push((error as Error).message);
    }
  }
  if (missing.length > 0) throw new KernelUnavailable(`SEKISHO_BACKEND=kernel needs ${missing.join(', ')}`);
}

const onPath = (name: string): boolean =>
  (environment().PATH ?? '').split(delimiter).some((folder) => mayUse(join(folder, name), constants.X_OK));

function mayUse(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
