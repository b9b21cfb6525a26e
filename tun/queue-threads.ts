// The threads of the queues, as the main thread holds them: their memory, their start, their end.

import { Worker } from 'node:worker_threads';
import { DeviceCounters, type DeviceCounts } from './device.ts';
import { laneMemory } from './lane.ts';
import { Waker } from './os.ts';
import { Pulse } from './pulse.ts';
import { QUEUE, type QueueMemory, type QueueReady, type QueueStart } from './queue.ts';
import { closeRing, type RingRemains } from './uring.ts';

export interface QueueCounts extends DeviceCounts {
  /** How often packets were left in the kernel's queue because the engine had not done with those before. */
  held: number;
}

/** Milliseconds that a thread may take to write what is left, when it is told to end. */
const LAST_TURN = 2_000;

export class QueueThreads {
  /** For the engine's side. */
  readonly memory: readonly QueueMemory[];
  private readonly queues: readonly Queue[];

  /** `onFailure`: one of them ended without having been told to. */
  constructor(count: number, devices: number, onFailure: (error: Error) => void) {
    this.queues = Array.from({ length: count }, (_, number) => new Queue(number, devices, onFailure));
    this.memory = this.queues.map(({ memory }) => memory);
  }

  /** Resolves when all of them read. `start`: what the thread of each queue is told beside its memory. */
  async start(program: string | URL, start: (queue: number) => Omit<QueueStart, keyof QueueMemory | 'queue'>) {
    await Promise.all(this.queues.map((queue) => queue.start(program, start(queue.number))));
  }

  /** Of each queue, what that device counted. */
  counts(device: number): QueueCounts[] {
    return this.queues.map((queue) => queue.counts(device));
  }

  /** To be called as often as DataPlane.watch(). The error of one that hangs, which is ended. */
  watch(): Error | undefined {
    for (const queue of this.queues) {
      if (queue.turns()) continue;
      void queue.terminate();
      return new Error(`the thread of queue ${queue.number} hung`);
    }
    return undefined;
  }

  /** Resolves when none of them touches a descriptor any more; what the engine had decided before has been written. */
  async stop(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.stop()));
  }
}

class Queue {
  readonly number: number;
  readonly memory: QueueMemory;
  private readonly waker = new Waker();
  private readonly cells: Int32Array;
  private readonly counters: readonly DeviceCounters[];
  private readonly onFailure: (error: Error) => void;
  private worker: Worker | undefined;
  private ring: RingRemains | undefined;
  private ended = Promise.resolve();
  private stopping = false;
  private readonly pulse: Pulse;

  constructor(number: number, devices: number, onFailure: (error: Error) => void) {
    this.number = number;
    this.onFailure = onFailure;
    const cells = new SharedArrayBuffer(4 * (QUEUE.HELD + devices));
    this.cells = new Int32Array(cells);
    this.pulse = new Pulse(this.cells, QUEUE.TURNS);
    this.counters = Array.from({ length: devices }, () => new DeviceCounters());
    this.memory = {
      cells,
      lanes: this.counters.map(() => laneMemory()),
      counters: this.counters.map((counters) => counters.cells.buffer as SharedArrayBuffer),
      waker: this.waker.descriptor,
    };
  }

  async start(program: string | URL, start: Omit<QueueStart, keyof QueueMemory | 'queue'>): Promise<void> {
    const workerData: QueueStart = { ...start, ...this.memory, queue: this.number };
    const worker = new Worker(program, { workerData });
    this.worker = worker;
    worker.on('error', (error: Error) => this.failed(error));
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.closeRing();
        this.failed(new Error(`the thread of queue ${this.number} ended with code ${code}`));
        resolve();
      });
    });
    // Or never: then the data plane ends, and with it whoever waits.
    await new Promise<void>((resolve) => {
      worker.once('message', ({ ring }: QueueReady) => {
        this.ring = ring;
        resolve();
      });
    });
  }

  /** It holds the devices, and is the process's, as they are. */
  private closeRing(): void {
    if (Atomics.exchange(this.cells, QUEUE.CLOSED, 1) === 0 && this.ring !== undefined) closeRing(this.ring);
  }

  private failed(error: Error): void {
    if (this.stopping) return;
    this.stopping = true;
    this.onFailure(error);
  }

  counts(device: number): QueueCounts {
    return { ...this.counters[device].toJSON(), held: Atomics.load(this.cells, QUEUE.HELD + device) };
  }

  /** One look, as Pulse has it. */
  turns(): boolean {
    return this.pulse.beats() || this.worker === undefined;
  }

  async terminate(): Promise<void> {
    this.stopping = true;
    await this.worker?.terminate();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    Atomics.store(this.cells, QUEUE.STOP, 1);
    this.waker.wake();
    const late = setTimeout(() => void this.terminate(), LAST_TURN);
    await this.ended;
    clearTimeout(late);
    this.waker.close();
  }
}
