// The data plane's thread, as the rest of the program holds it.
//
// The thread (serving.ts) sits in poll(2) or handles packets; its event loop never turns. So it looks for requests itself, between two
// turns (receiveMessageOnPort, when a shared flag says that there is one), and whoever posts one writes to an eventfd that is polled
// beside the devices: a request is taken within one batch of packets, an idle thread wakes at once. Answers and events are posted
// back and arrive as ordinary messages; events that nobody has taken yet are bounded, beyond that they are counted and forgotten.
//
// Its end: told to stop, or by an error, or because it no longer turns (watch()). In every case its devices are closed before onDeath() or
// stop() tell of it: by itself where it still could, else from here.

import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable, Worker } from 'node:worker_threads';
import type { Packet } from '../packet/packet.ts';
import { type Device, DeviceCounters, type DeviceCounts } from './device.ts';
import { libc } from './libc.ts';
import type { TunOptions } from './linux.ts';
import type { Decider } from './loop.ts';
import { Waker } from './os.ts';

/** What the thread runs: an engine made for these devices. */
export interface Engine extends Decider {
  /** A request from outside; the value, or the error thrown, goes back. Runs between two batches: be short. */
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
  /** To DataPlane's `onEvent`: log lines, connection events. */
  emit(event: unknown): void;
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
} as const;

/** Events that may wait for the other side: a second's worth of a flood. */
export const MOST_EVENTS = 16_384;

/** What the thread is started with. */
export interface Start {
  dataPlane: true;
  devices: readonly (DeviceSpec & { memory: SharedArrayBuffer })[];
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

export type Request = { id: number; request: unknown } | { stop: true };
export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: string }
  | { events: readonly unknown[] }
  | { lastWords: unknown }
  | { ready: true; descriptors: readonly number[] };

export interface DataPlaneOptions {
  /** Program of the thread: a module that calls serveDataPlane(), such as tun/worker.ts. */
  program: string | URL;
  devices: readonly DeviceSpec[];
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

/** The handle that the rest of the program holds. */
export class DataPlane {
  readonly counters: readonly DeviceCounters[];
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly waker = new Waker();
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(SHARED).length));
  private readonly pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly ended: Promise<void>;
  private nextId = 1;
  private stopping = false;
  private descriptors: readonly number[] = [];
  private cause: Error | undefined;
  private lastWords: unknown;
  private lastTurn = -1;

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
    this.counters = options.devices.map(() => new DeviceCounters());
    const start: Start = {
      dataPlane: true,
      devices: options.devices.map((device, index) => ({
        ...device,
        memory: this.counters[index].cells.buffer as unknown as SharedArrayBuffer,
      })),
      namespace: options.namespace,
      engine: options.engine,
      options: options.options,
      waker: this.waker.descriptor,
      shared: this.shared.buffer as SharedArrayBuffer,
      port: port2,
    };
    this.worker = new Worker(options.program, { workerData: start, transferList: [port2] });
    this.port.on('message', (answer: Answer) => this.answered(answer, options));
    this.worker.on('error', (error: Error) => {
      this.cause ??= error;
    });
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        this.drain(options);
        this.closeDevices();
        this.died(this.cause ?? new Error(`the data plane ended with code ${code}`), options);
        this.port.close();
        this.waker.close();
        resolve();
      });
    });
  }

  private answered(answer: Answer, options: DataPlaneOptions): void {
    if ('events' in answer) {
      Atomics.sub(this.shared, SHARED.EVENTS, answer.events.length);
      for (const event of answer.events) options.onEvent?.(event);
    } else if ('lastWords' in answer) this.lastWords = answer.lastWords;
    else {
      if ('ready' in answer) this.descriptors = answer.descriptors;
      const id = 'ready' in answer ? 0 : answer.id;
      const waiting = this.pending.get(id);
      this.pending.delete(id);
      if ('error' in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve('value' in answer ? answer.value : undefined);
    }
  }

  /** What the thread posted just before its end. */
  private drain(options: DataPlaneOptions): void {
    for (let got = receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port)) {
      this.answered(got.message as Answer, options);
    }
  }

  /** A thread that ran out of memory, or was ended, leaves its descriptors open: they are the process's. */
  private closeDevices(): void {
    if (Atomics.exchange(this.shared, SHARED.CLOSED, 1) === 1) return;
    for (const descriptor of this.descriptors) libc().close(descriptor);
  }

  private died(error: Error, options: DataPlaneOptions): void {
    const starting = this.pending.has(0);
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    if (!this.stopping && !starting) options.onDeath?.(error, this.lastWords);
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
    this.waker.wake();
  }

  /** Counts per device, read from shared memory: asks nobody. */
  deviceCounts(): DeviceCounts[] {
    return this.counters.map((counters) => counters.toJSON());
  }

  /** Events that the thread has not told because too many were waiting here. */
  get eventsLost(): number {
    return Atomics.load(this.shared, SHARED.LOST);
  }

  /**
   * To be called every few seconds, farther apart than the longest turn takes: a thread that has not turned since the last call hangs, and
   * is ended. False then; onDeath() follows.
   */
  watch(): boolean {
    const turn = Atomics.load(this.shared, SHARED.TURNS);
    const alive = turn !== this.lastTurn;
    this.lastTurn = turn;
    if (alive || this.stopping) return true;
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
