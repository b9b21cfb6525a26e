// Where a machine's rules and its daemon are.

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '../packet/numbers.ts';

export interface StatePaths {
  readonly directory: string;
  readonly socket: string;
  /** Held by whoever reads rules to change them. */
  readonly lock: string;
  /** Held by the daemon as long as it lives. */
  readonly daemonLock: string;
  rules(family: Family): string;
  /** The text of `ipset save`. */
  readonly sets: string;
  /** Snapshot of a daemon's connections. */
  readonly connections: string;
}

/** SEKISHO_STATE_DIR, else /var/lib/sekisho for root, else the XDG state directory of the user. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SEKISHO_STATE_DIR) return env.SEKISHO_STATE_DIR;
  if (process.getuid?.() === 0) return '/var/lib/sekisho';
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'sekisho');
}

/** `SEKISHO_SOCKET` names another control socket than the one in the state directory. */
export function statePaths(directory = stateDirectory(), env: NodeJS.ProcessEnv = process.env): StatePaths {
  return {
    directory,
    socket: env.SEKISHO_SOCKET || join(directory, 'control.sock'),
    lock: join(directory, 'lock'),
    daemonLock: join(directory, 'daemon.lock'),
    rules: (family) => join(directory, `rules.v${family}`),
    sets: join(directory, 'ipsets'),
    connections: join(directory, 'connections'),
  };
}

/** Edits of a file of rules since it was written (rule-journal.ts). */
export const journalOf = (rules: string): string => `${rules}.journal`;

/** Makes the directory if it is not there; only its owner may look inside. */
export function ensureDirectory(paths: StatePaths): void {
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
}
