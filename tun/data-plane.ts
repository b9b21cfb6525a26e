// The data plane's thread and the line to it.
//
// The thread sits in poll(2) or handles packets; its event loop never turns. So it looks for requests itself, between two turns
// (receiveMessageOnPort, when a shared flag says that there is one), and whoever posts one writes to an eventfd that is polled
// beside the devices: a request is taken within one batch of packets, an idle thread wakes at once. Answers and events are posted
// back and arrive as ordinary messages.

import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable, Worker } from 'node:worker_threads';
import type { Packet } from '../packet/packet.ts';
import { type Device, DeviceCounters, type DeviceCounts } from './device.ts';
import { openTun, Poller, type TunOptions } from './linux.ts';
import { type Decider, ForwardingLoop } from './loop.ts';
import { enterNamespace } from './namespace.ts';
import { withNetlink } from './netlink.ts';
import { Waker } from './os.ts';

/** What the thread runs: an engine made for these devices. */
export interface Engine extends Decider {
  /** A request from outside; the value, or the error thrown, goes back. Runs between two batches: be short. */
  handle(request: unknown): unknown;
  close?(): void;
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

interface Start {
  dataPlane: true;
  devices: readonly (DeviceSpec & { memory: SharedArrayBuffer })[];
  /** Namespace that the thread moves to before it opens the devices. */
  namespace?: string;
  /** Module whose `createEngine` is the factory (tun/worker.ts). */
  engine?: string;
  options: unknown;
  waker: number;
  /** One Int32: 1 while requests may be waiting. */
  bell: SharedArrayBuffer;
  port: MessagePort;
}

type Request = { id: number; request: unknown } | { stop: true };
type Answer = { id: number; value: unknown } | { id: number; error: string } | { event: unknown } | { ready: true };

export interface DataPlaneOptions {
  /** Program of the thread: a module that calls serveDataPlane(), such as tun/worker.ts. */
  program: string | URL;
  devices: readonly DeviceSpec[];
  namespace?: string;
  engine?: string;
  options?: unknown;
  onEvent?(event: unknown): void;
  /** The thread ended without having been told to: an error in it. Its devices are gone, so nothing passes any more. */
  onDeath?(error: Error): void;
}

/** The handle that the rest of the program holds. */
export class DataPlane {
  readonly counters: readonly DeviceCounters[];
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly waker = new Waker();
  private readonly bell = new Int32Array(new SharedArrayBuffer(4));
  private readonly pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly ended: Promise<void>;
  private nextId = 1;
  private stopping = false;

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
      bell: this.bell.buffer as SharedArrayBuffer,
      port: port2,
    };
    this.worker = new Worker(options.program, { workerData: start, transferList: [port2] });
    this.port.on('message', (answer: Answer) => this.answered(answer, options));
    this.worker.on('error', (error: Error) => this.died(error, options));
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        this.died(new Error(`the data plane ended with code ${code}`), options);
        this.port.close();
        this.waker.close();
        resolve();
      });
    });
  }

  private answered(answer: Answer, options: DataPlaneOptions): void {
    if ('event' in answer) options.onEvent?.(answer.event);
    else {
      const id = 'ready' in answer ? 0 : answer.id;
      const waiting = this.pending.get(id);
      this.pending.delete(id);
      if ('error' in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve('value' in answer ? answer.value : undefined);
    }
  }

  private died(error: Error, options: DataPlaneOptions): void {
    const starting = this.pending.has(0);
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    if (!this.stopping && !starting) options.onDeath?.(error);
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
    Atomics.store(this.bell, 0, 1);
    this.waker.wake();
  }

  /** Counts per device, read from shared memory: asks nobody. */
  deviceCounts(): DeviceCounts[] {
    return this.counters.map((counters) => counters.toJSON());
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

/** Runs in the thread until it is told to stop. `data` is the thread's workerData. */
export async function serveDataPlane(data: unknown, createEngine: EngineFactory): Promise<void> {
  const start = data as Start;
  const { port } = start;
  const post = (answer: Answer) => port.postMessage(answer);
  if (start.namespace !== undefined) enterNamespace(start.namespace);
  const devices = start.devices.map(openDevice);
  const waker = new Waker(start.waker);
  const engine = await createEngine({
    devices,
    options: start.options,
    transmit: (device, pkt) => devices[device].write(pkt),
    emit: (event) => post({ event }),
  });
  const poller = new Poller([...devices.map((device) => device.descriptor), start.waker]);
  const loop = new ForwardingLoop(devices, engine, {
    wait: (timeoutMs) => poller.wait(timeoutMs),
    clock: () => performance.now(),
  });
  post({ ready: true });
  const bell = new Int32Array(start.bell);
  for (let running = true; running; ) {
    loop.turn(LONGEST_WAIT);
    if (Atomics.exchange(bell, 0, 0) === 0) continue;
    waker.clear();
    running = serveRequests(port, engine, post);
  }
  engine.close?.();
  for (const device of devices) device.close();
  port.close();
}

/** Milliseconds. A request ends the wait through the eventfd; this is for the case that one got lost. */
const LONGEST_WAIT = 1_000;

function openDevice(spec: DeviceSpec & { memory: SharedArrayBuffer }): Device {
  const device = openTun({ ...spec, counters: new DeviceCounters(spec.memory) });
  withNetlink((netlink) => {
    const index = netlink.linkIndex(spec.name);
    if (spec.mtu !== undefined || spec.up !== false) netlink.setLink(index, { mtu: spec.mtu, up: spec.up !== false });
    device.mtu = netlink.mtu(index);
  });
  return device;
}

/** Answers what has come in; false: told to stop. */
function serveRequests(port: MessagePort, engine: Engine, post: (answer: Answer) => void): boolean {
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
    const message = got.message as Request;
    if ('stop' in message) return false;
    post(answerTo(engine, message));
  }
  return true;
}

function answerTo(engine: Engine, { id, request }: { id: number; request: unknown }): Answer {
  try {
    return { id, value: engine.handle(request) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
