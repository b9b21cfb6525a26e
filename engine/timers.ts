// Timers on the injected clock: what extensions want to happen without a packet. Few of them run, so they stand in a map and the
// earliest time beside it.

import type { Timers } from './services.ts';

interface Timer {
  at: number;
  run: (now: number) => void;
}

export class TimerMap implements Timers {
  now = 0;
  private readonly timers = new Map<unknown, Timer>();
  /** None is due before; it may be too early, after one was moved. */
  private earliest = Number.POSITIVE_INFINITY;

  start(key: unknown, at: number, run: (now: number) => void): void {
    const timer = this.timers.get(key);
    if (timer) {
      timer.at = at;
      timer.run = run;
    } else {
      this.timers.set(key, { at, run });
    }
    if (at < this.earliest) this.earliest = at;
  }

  running(key: unknown): boolean {
    return this.timers.has(key);
  }

  stop(key: unknown): void {
    this.timers.delete(key);
  }

  /** Runs what is due, the earliest first; each is told the time that it was due at. */
  advance(now: number): void {
    while (this.earliest <= now) this.runEarliest();
    if (now > this.now) this.now = now;
  }

  private runEarliest(): void {
    let next = Number.POSITIVE_INFINITY;
    let first: [key: unknown, timer: Timer] | undefined;
    for (const [key, timer] of this.timers) {
      if (!first || timer.at < first[1].at) {
        if (first) next = first[1].at;
        first = [key, timer];
      } else if (timer.at < next) next = timer.at;
    }
    // The earliest may have been moved: then it is looked for again.
    if (first && first[1].at <= this.earliest) {
      this.timers.delete(first[0]);
      this.now = first[1].at;
      this.earliest = next;
      first[1].run(first[1].at);
    } else {
      this.earliest = first ? first[1].at : Number.POSITIVE_INFINITY;
    }
  }
}
