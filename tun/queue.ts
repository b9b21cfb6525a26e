// The thread of one queue, the same of each device: reads what comes in into lanes (lane.ts) for the engine, and writes what the engine has
// decided is to leave, by a system call for each packet (queue-calls.ts) or in batches (queue-ring.ts). It opens no device and closes none,
// looks into no packet, and is told to end by a cell.

import { parentPort } from 'node:worker_threads';
import { type LaneMemory, QueueEnd } from './lane.ts';
import type { RingRemains } from './uring.ts';

/** Cells that the thread of a queue shares with the others, of 32 bits. */
export const QUEUE = {
  /** 1 while it sleeps: whoever has something for it wakes it. */
  SLEEPS: 0,
  /** 1: it is to end, once it has written what is there to write. */
  STOP: 1,
  /** Goes on with every turn: it lives. */
  TURNS: 2,
  /** 1: it has ended, and closed what it opened. */
  CLOSED: 3,
  /** From here on, by device: how often it left packets in the kernel's queue, because the engine had not done with those before. */
  HELD: 4,
} as const;

/** What it shares with the engine's thread and the main one. */
export interface QueueMemory {
  /** An Int32 for each of QUEUE, the last for each device. */
  readonly cells: SharedArrayBuffer;
  /** By the device that packets come in by. */
  readonly lanes: readonly LaneMemory[];
  /** By device: memory of DeviceCounters. */
  readonly counters: readonly SharedArrayBuffer[];
  /** An eventfd that ends its wait. */
  readonly waker: number;
}

export interface QueueStart extends QueueMemory {
  readonly queue: number;
  /** By device: its name, the descriptor of this queue, and the length of what stands in front of each packet. */
  readonly ports: readonly { readonly name: string; readonly descriptor: number; readonly headerLength: number }[];
  /** Whether it reads and writes through a ring; the descriptors are non-blocking if not. */
  readonly ring: boolean;
  /** For how long it goes on looking when there was something to do, before it sleeps. */
  readonly busyPollUs: number;
  /** Cells, and the one of them that is 1 while the engine sleeps. */
  readonly engine: SharedArrayBuffer;
  readonly engineSleeps: number;
}

/** What it tells when it is about to read. */
export interface QueueReady {
  /** What is to be closed for it when it ends without having done so. */
  readonly ring: RingRemains | undefined;
}

/** How packets get from the devices into the lanes, and back. */
export interface Carrier {
  readonly ring?: RingRemains;
  /**
   * Writes what is to leave and reads what comes in, as far as there are slots; waits for that or a call at most so many milliseconds, 0: not
   * at all. Returns how much there was to do. What came in is not shown yet.
   */
  turn(timeoutMs: number): number;
  /** Whether nothing can be read from that device, because no slot is free. */
  full(device: number): boolean;
  close(): void;
}

/** Ends the sleep of a thread that waits for cell `at` to change from 1. */
export function endSleep(cells: Int32Array, at: number): void {
  if (Atomics.load(cells, at) === 1 && Atomics.exchange(cells, at, 0) === 1) Atomics.notify(cells, at);
}

/** Milliseconds. Whoever has something wakes the thread; this is for the case that a call got lost, and shows that it lives. */
const LONGEST_WAIT = 1_000;

/** Runs until told to stop. */
export function serveQueue(start: QueueStart, carry: (start: QueueStart, ends: readonly QueueEnd[]) => Carrier): void {
  const ends = start.lanes.map((lane) => new QueueEnd(lane));
  const carrier = carry(start, ends);
  parentPort?.postMessage({ ring: carrier.ring } satisfies QueueReady);
  new QueueThread(start, ends, carrier).run();
  carrier.close();
  Atomics.store(new Int32Array(start.cells), QUEUE.CLOSED, 1);
}

class QueueThread {
  private readonly cells: Int32Array;
  private readonly engine: Int32Array;
  private readonly engineSleeps: number;
  private readonly ends: readonly QueueEnd[];
  private readonly carrier: Carrier;
  private readonly busyPollMs: number;

  constructor({ cells, engine, engineSleeps, busyPollUs }: QueueStart, ends: readonly QueueEnd[], carrier: Carrier) {
    this.cells = new Int32Array(cells);
    this.engine = new Int32Array(engine);
    this.engineSleeps = engineSleeps;
    this.ends = ends;
    this.carrier = carrier;
    this.busyPollMs = busyPollUs / 1_000;
  }

  run(): void {
    for (let busyUntil = 0; ; ) {
      const stop = Atomics.load(this.cells, QUEUE.STOP) === 1;
      const idle = this.turn(0) === 0;
      if (stop && idle) return;
      if (this.busyPollMs > 0) {
        const now = performance.now();
        if (!idle) busyUntil = now + this.busyPollMs;
        else if (now < busyUntil) continue;
      }
      if (idle) this.sleep();
    }
  }

  /** Returns how much there was to do. */
  private turn(timeoutMs: number): number {
    const done = this.carrier.turn(timeoutMs);
    let shown = 0;
    for (const end of this.ends) if (end.show()) shown++;
    if (shown > 0) endSleep(this.engine, this.engineSleeps);
    Atomics.add(this.cells, QUEUE.TURNS, 1);
    return done + shown;
  }

  private sleep(): void {
    const { cells, ends } = this;
    Atomics.store(cells, QUEUE.SLEEPS, 1);
    if (!ends.some(({ waits }) => waits) && Atomics.load(cells, QUEUE.STOP) === 0) {
      for (let device = 0; device < ends.length; device++)
        if (this.carrier.full(device)) Atomics.add(cells, QUEUE.HELD + device, 1);
      this.turn(LONGEST_WAIT);
    }
    Atomics.store(cells, QUEUE.SLEEPS, 0);
  }
}
