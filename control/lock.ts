// The lock of a state directory: flock(2) on a file in it, as iptables locks /run/xtables.lock. The kernel lets go of it when
// its holder dies, however it dies, so there are no stale locks to break.

import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** How often a waiting call looks again. The real tool waits inside flock(); here a time limit must work as well. */
const RETRY_MS = 20;

let flock: ((fd: number, operation: number) => number) | undefined;

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

export interface LockWait {
  /** Milliseconds to wait for another holder; Infinity for `-w` alone; 0 for none. */
  waitMs: number;
}

/** Takes the lock, runs `work`, lets go. Returns undefined when another holder did not let go in time. */
export function withLock<T>(path: string, { waitMs }: LockWait, work: () => T): { result: T } | undefined {
  flock ??= koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  const fd = openSync(path, 'a', 0o600);
  try {
    const until = performance.now() + waitMs;
    while (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      if (performance.now() >= until) return undefined;
      pause(RETRY_MS);
    }
    return { result: work() };
  } finally {
    closeSync(fd);
  }
}
