// The data plane's thread, as the rest of the program holds it.
//
// The thread (serving.ts) sits in poll(2) or handles packets; its event loop never turns. So it looks for requests itself, between two
// turns (receiveMessageOnPort, when a shared flag says that there is one), and whoever posts one writes to an eventfd that is polled
// beside the devices: a request is taken within one batch of packets, an idle thread wakes at once. Answers and events are posted
// back and arrive as ordinary messages; events that nobody has taken yet are bounded, beyond that they are counted and forgotten.
//
// With several queues (docs/decisions/queues.md) each has a thread of its own that reads and writes (queue.ts), and this one only decides about what
// lies in memory that it shares with them (lane.ts). It sleeps on a cell of that memory instead of in poll(2).
//
// Its end: told to stop, or by an error, or because it no longer turns (watch()). In every case its devices are closed before onDeath() or
// stop() tell of it: by itself where it still could, else from here. When one of the threads fails, all of them end.

import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable, Worker } from 'node:worker_threads';
import type { Packet } from '../packet/packet.ts';
import { type Device, DeviceCounters, type DeviceCounts, sumOfCounts } from './device.ts';
import type { CountedDevice, Io } from './holding.ts';
import type { IoMethod } from './io-method.ts';
import { libc } from './libc.ts';
import type { TunOptions } from './linux.ts';
import type { Decider } from './loop.ts';
import { Waker } from './os.ts';
import { Pulse } from './pulse.ts';
import { endSleep, type QueueMemory } from './queue.ts';
import { type QueueCounts, QueueThreads } from './queue-threads.ts';
import { closeRing, type RingRemains } from './uring.ts';
import { VNET_LENGTH } from './vnet-header.ts';

/** What the thread runs: an engine made for these devices. */
export interface Engine extends Decider {
  /**
   * A request from outside; the value, or the error thrown, goes back. Runs between two batches: be short. What takes longer returns the rest of it
   * in steps (desk.ts): its end is the answer, and packets pass in between.
   */
  handle(request: unknown): unknown;
  close?(): void;
  /** Asked when receive() or advance() threw, to save what can be: goes to DataPlane's onDeath(). May throw. */
  lastWords?(): unknown;
}

export interface EngineHost {
  readonly devices: readonly Pick<Device, 'name' | 'mtu'>[];
  /** As given to DataPlane.start(). */
  readonly options: unknown;
  /** Sends by the device of that number; false: dropped and counted there. */
  transmit(device: number, pkt: Packet): boolean;
  /** To DataPlane's `onEvent`: log lines, connection events. False: too many are waiting there, and it was forgotten. */
  emit(event: unknown): boolean;
}

export type EngineFactory = (host: EngineHost) => Engine | Promise<Engine>;

export interface DeviceSpec extends Omit<TunOptions, 'counters'> {
  /** Bring it up in the thread's namespace; true unless it is going to be moved to another. */
  up?: boolean;
}

/** Cells that both sides see, of 32 bits. */
export const SHARED = {
  /** 1 while requests may be waiting. */
  BELL: 0,
  /** Events posted and not taken yet. */
  EVENTS: 1,
  /** Events forgotten because too many were waiting. */
  LOST: 2,
  /** Goes on with every turn: the thread lives. */
  TURNS: 3,
  /** 1: the devices are closed. */
  CLOSED: 4,
  /** With several queues: 1 while the thread sleeps. */
  SLEEPS: 5,
} as const;

/** Events that may wait for the other side: a second's worth of a flood. */
export const MOST_EVENTS = 16_384;

/**
 * Of the thread's heap. When it is full, what of it still lives is copied, and packets wait: of V8's own 48 that takes up to 17 ms while a restore
 * makes thousands of rules that all live. Packets leave nothing in it.
 */
const YOUNG_MB = 6;

/** What the thread is started with. */
export interface Start {
  dataPlane: true;
  devices: readonly CountedDevice[];
  /** Undefined: one queue, which the thread reads itself. */
  queues?: readonly QueueMemory[];
  io?: IoMethod;
  busyPollUs?: number;
  /** Namespace that the thread moves to before it opens the devices. */
  namespace?: string;
  /** Module whose `createEngine` is the factory (tun/worker.ts). */
  engine?: string;
  options: unknown;
  waker: number;
  /** An Int32 for each of SHARED. */
  shared: SharedArrayBuffer;
  port: MessagePort;
}

export type Request = { id: number; request: unknown } | { stop: true } | { fail: string };
export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: string }
  | { events: readonly unknown[] }
  | { lastWords: unknown }
  | Ready;

/** `descriptors`: by device and queue. */
interface Ready {
  ready: true;
  descriptors: readonly (readonly number[])[];
  io: Io;
  ring?: RingRemains;
}

export interface DataPlaneOptions {
  /** Program of the thread: a module that calls serveDataPlane(), such as tun/worker.ts. */
  program: string | URL;
  devices: readonly DeviceSpec[];
  /** Queues of each device; 1 unless said otherwise. */
  queues?: number;
  /** How one queue is read and written; the best that this machine allows unless said otherwise. */
  io?: IoMethod;
  /** Microseconds for which the threads go on looking for packets when none come, before they sleep; 0 unless said otherwise. */
  busyPollUs?: number;
  namespace?: string;
  engine?: string;
  options?: unknown;
  onEvent?(event: unknown): void;
  /**
   * The thread ended without having been told to: an error in it. Its devices are gone, so nothing passes any more. `lastWords`: what its
   * engine could still say, undefined when it could not.
   */
  onDeath?(error: Error, lastWords: unknown): void;
}

/** Of a device, and, where it has several, of each of its queues. */
export interface CountsByQueue extends DeviceCounts {
  queues?: readonly QueueCounts[];
}

/** The handle that the rest of the program holds. */
export class DataPlane {
  private readonly counters: readonly DeviceCounters[];
  private readonly options: DataPlaneOptions;
  private readonly threads: QueueThreads | undefined;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly waker = new Waker();
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(SHARED).length));
  private readonly pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly ended: Promise<void>;
  private nextId = 1;
  private stopping = false;
  private over = false;
  /** How packets are read and written; undefined until it is ready. */
  io: Io | undefined;
  private descriptors: readonly (readonly number[])[] = [];
  private ring: RingRemains | undefined;
  private cause: Error | undefined;
  private lastWords: unknown;
  private readonly pulse = new Pulse(this.shared, SHARED.TURNS);

  /** Starts the thread; resolves when its devices are open and packets flow, rejects with the reason when that fails. */
  static async start(options: DataPlaneOptions): Promise<DataPlane> {
    const plane = new DataPlane(options);
    await new Promise<void>((resolve, reject) => {
      plane.pending.set(0, { resolve: () => resolve(), reject });
    });
    return plane;
  }

  private constructor(options: DataPlaneOptions) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.options = options;
    const { queues = 1, devices } = options;
    if (queues > 1) this.threads = new QueueThreads(queues, devices.length, (error) => this.fail(error));
    this.counters = devices.map(() => new DeviceCounters());
    const start: Start = {
      dataPlane: true,
      devices: devices.map((device, index) => ({
        ...device,
        memory: this.counters[index].cells.buffer as SharedArrayBuffer,
      })),
      queues: this.threads?.memory,
      io: options.io,
      busyPollUs: options.busyPollUs,
      namespace: options.namespace,
      engine: options.engine,
      options: options.options,
      waker: this.waker.descriptor,
      shared: this.shared.buffer as SharedArrayBuffer,
      port: port2,
    };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.worker = new Worker(options.program, { workerData: start, transferList: [port2], resourceLimits });
    this.port.on('message', (answer: Answer) => this.answered(answer));
    this.worker.on('error', (error: Error) => {
      this.cause ??= error;
    });
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', (code) => void this.end(code).then(resolve));
    });
  }

  private async end(code: number): Promise<void> {
    this.over = true;
    await this.threads?.stop();
    this.drain();
    this.closeDevices();
    this.died(this.cause ?? new Error(`the data plane ended with code ${code}`));
    this.port.close();
    this.waker.close();
  }

  private answered(answer: Answer): void {
    if ('events' in answer) {
      Atomics.sub(this.shared, SHARED.EVENTS, answer.events.length);
      for (const event of answer.events) this.options.onEvent?.(event);
    } else if ('lastWords' in answer) this.lastWords = answer.lastWords;
    else if ('ready' in answer) void this.opened(answer);
    else this.settle(answer.id, answer);
  }

  private async opened({ descriptors, io, ring }: Ready): Promise<void> {
    this.descriptors = descriptors;
    this.ring = ring;
    this.io = io;
    if (this.over) return;
    const { program, devices } = this.options;
    await this.threads?.start(program, (queue) => ({
      ports: descriptors.map((ofDevice, index) => ({
        name: devices[index].name,
        descriptor: ofDevice[queue],
        headerLength: devices[index].offloads === false ? 0 : VNET_LENGTH,
      })),
      ring: io.method === 'io_uring',
      busyPollUs: this.options.busyPollUs ?? 0,
      engine: this.shared.buffer as SharedArrayBuffer,
      engineSleeps: SHARED.SLEEPS,
    }));
    this.settle(0, {});
  }

  private settle(id: number, answer: { value?: unknown; error?: string }): void {
    const waiting = this.pending.get(id);
    this.pending.delete(id);
    if (answer.error !== undefined) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.value);
  }

  /** What the thread posted just before its end. */
  private drain(): void {
    for (let got = receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port)) {
      this.answered(got.message as Answer);
    }
  }

  /** A thread that ran out of memory, or was ended, leaves its descriptors open: they are the process's. */
  private closeDevices(): void {
    if (Atomics.exchange(this.shared, SHARED.CLOSED, 1) === 1) return;
    // The ring holds the devices, too: first of all.
    if (this.ring !== undefined) closeRing(this.ring);
    for (const descriptor of this.descriptors.flat()) libc().close(descriptor);
  }

  /** Another thread of ours failed: the engine says its last words, and everything ends. */
  private fail(error: Error): void {
    if (this.stopping) return;
    this.cause ??= error;
    this.post({ fail: error.message });
  }

  private died(error: Error): void {
    const starting = this.pending.has(0);
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    if (!this.stopping && !starting) this.options.onDeath?.(error, this.lastWords);
    this.stopping = true;
  }

  /** Asks the engine; rejects with its error. `transfer`: buffers of `request` that are handed over instead of copied. */
  request(request: unknown, transfer: readonly Transferable[] = []): Promise<unknown> {
    if (this.stopping) return Promise.reject(new Error('the data plane is gone'));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.post({ id, request }, transfer);
    });
  }

  private post(request: Request, transfer: readonly Transferable[] = []): void {
    this.port.postMessage(request, transfer);
    Atomics.store(this.shared, SHARED.BELL, 1);
    if (this.threads) endSleep(this.shared, SHARED.SLEEPS);
    else this.waker.wake();
  }

  /** Counts per device, read from shared memory: asks nobody. */
  deviceCounts(): CountsByQueue[] {
    return this.counters.map((counters, device) => {
      const own = counters.toJSON();
      if (!this.threads) return own;
      const queues = this.threads.counts(device);
      return { ...sumOfCounts([own, ...queues]), queues };
    });
  }

  /** Events that the thread has not told because too many were waiting here. */
  get eventsLost(): number {
    return Atomics.load(this.shared, SHARED.LOST);
  }

  /**
   * To be called every few seconds: a thread that has not turned since the last call but one hangs, and is ended. Two calls are to be
   * farther apart than the longest turn takes. False then; onDeath() follows.
   */
  watch(): boolean {
    const alive = this.pulse.beats();
    if (this.stopping) return true;
    const hanging = this.threads?.watch();
    if (hanging) this.fail(hanging);
    if (alive) return hanging === undefined;
    this.cause = new Error('the data plane hung');
    void this.worker.terminate();
    return false;
  }

  /** Ends the thread after the batch at hand, and with it the devices. */
  async stop(): Promise<void> {
    if (!this.stopping) {
      this.stopping = true;
      this.post({ stop: true });
    }
    await this.ended;
  }
}
