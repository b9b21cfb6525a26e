// Who may write to a state directory: tools under its lock while no daemon serves it, the daemon while one does.

import { ensureDirectory, type StatePaths } from '../paths.ts';
import { Lock } from './lock.ts';

/** How long a call of a tool may keep a daemon from starting or ending. */
const LOCK_WAIT_MS = 10_000;

/** The lock that a daemon holds for as long as it lives. Undefined: held by another daemon. What forbids it says what to do. */
export function lockState(paths: StatePaths): Lock | undefined {
  try {
    ensureDirectory(paths);
    return Lock.try(paths.daemonLock);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `${message}. A daemon writes to its state directory, ${paths.directory}: make that possible, or name another with --state-dir, SEKISHO_STATE_DIR or "state:"`,
    );
  }
}

/** The lock of the files. Rejects where that is not to be had within ten seconds. */
export async function stateLock({ lock: path }: StatePaths): Promise<Lock> {
  const lock = await Lock.within(path, LOCK_WAIT_MS);
  if (!lock) throw new Error(`${path}: held by another program for more than ${LOCK_WAIT_MS / 1000} s`);
  return lock;
}
