// The lock of a state directory: flock(2) on a file in it, as iptables locks /run/xtables.lock. The kernel lets go of it when
// its holder dies, however it dies, so there are no stale locks to break.

import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import koffi from 'koffi';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** How often a waiting call looks again. The real tool waits inside flock(); here a time limit and other work must go on as well. */
const RETRY_MS = 20;

let flock: ((fd: number, operation: number) => number) | undefined;

/** A lock that is held, until release() or the end of the process. */
export class Lock {
  private readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Undefined when another holds it. Throws what the system says when the file cannot be opened. */
  static try(path: string): Lock | undefined {
    flock ??= koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
    const fd = openSync(path, 'a', 0o600);
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) return new Lock(fd);
    closeSync(fd);
    return undefined;
  }

  /** Looks again for `waitMs` milliseconds (Infinity: for ever) before it gives up. */
  static async within(path: string, waitMs: number): Promise<Lock | undefined> {
    const until = performance.now() + waitMs;
    for (;;) {
      const lock = Lock.try(path);
      if (lock || performance.now() >= until) return lock;
      await pause(RETRY_MS);
    }
  }

  release(): void {
    closeSync(this.fd);
  }
}
