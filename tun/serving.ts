// The data plane's thread, from inside (data-plane.ts has the other side and the whole picture).

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  type Answer,
  type DeviceSpec,
  type Engine,
  type EngineFactory,
  MOST_EVENTS,
  type Request,
  SHARED,
  type Start,
} from './data-plane.ts';
import { type Device, DeviceCounters } from './device.ts';
import { openTun, Poller } from './linux.ts';
import { ForwardingLoop } from './loop.ts';
import { enterNamespace } from './namespace.ts';
import { withNetlink } from './netlink.ts';
import { Waker } from './os.ts';

/** Milliseconds. A request ends the wait through the eventfd; this is for the case that one got lost. */
const LONGEST_WAIT = 1_000;

type Post = (answer: Answer) => void;

/** Runs in the thread until it is told to stop. `data` is the thread's workerData. */
export async function serveDataPlane(data: unknown, createEngine: EngineFactory): Promise<void> {
  const start = data as Start;
  const shared = new Int32Array(start.shared);
  const post: Post = (answer) => start.port.postMessage(answer);
  if (start.namespace !== undefined) enterNamespace(start.namespace);
  const devices: Device[] = [];
  try {
    for (const device of start.devices) devices.push(openDevice(device));
    await serve(start, devices, shared, post, createEngine);
  } finally {
    for (const device of devices) device.close();
    Atomics.store(shared, SHARED.CLOSED, 1);
  }
  start.port.close();
}

async function serve(
  start: Start,
  devices: readonly Device[],
  shared: Int32Array,
  post: Post,
  createEngine: EngineFactory,
): Promise<void> {
  const waker = new Waker(start.waker);
  const outbox = new Outbox(shared, post);
  const engine = await createEngine({
    devices,
    options: start.options,
    transmit: (device, pkt) => devices[device].write(pkt),
    emit: (event) => outbox.add(event),
  });
  const poller = new Poller([...devices.map((device) => device.descriptor), start.waker]);
  const loop = new ForwardingLoop(devices, engine, {
    wait: (timeoutMs) => poller.wait(timeoutMs),
    clock: () => performance.now(),
  });
  post({ ready: true, descriptors: devices.map(({ descriptor }) => descriptor) });
  for (let running = true; running; outbox.flush()) {
    try {
      loop.turn(LONGEST_WAIT);
    } catch (error) {
      outbox.flush();
      sayLastWords(engine, post);
      throw error;
    }
    Atomics.add(shared, SHARED.TURNS, 1);
    if (Atomics.exchange(shared, SHARED.BELL, 0) === 0) continue;
    waker.clear();
    running = serveRequests(start.port, engine, (answer) => {
      // What a request has caused is told before its answer.
      outbox.flush();
      post(answer);
    });
  }
  engine.close?.();
}

function sayLastWords(engine: Engine, post: Post): void {
  try {
    post({ lastWords: engine.lastWords?.() });
  } catch {
    // What is broken need not have any.
  }
}

/** Events of one turn, posted together. Beyond what the other side may leave waiting they are counted and forgotten. */
class Outbox {
  private readonly shared: Int32Array;
  private readonly post: Post;
  private events: unknown[] = [];

  constructor(shared: Int32Array, post: Post) {
    this.shared = shared;
    this.post = post;
  }

  add(event: unknown): void {
    if (Atomics.load(this.shared, SHARED.EVENTS) >= MOST_EVENTS) {
      Atomics.add(this.shared, SHARED.LOST, 1);
      return;
    }
    Atomics.add(this.shared, SHARED.EVENTS, 1);
    this.events.push(event);
  }

  flush(): void {
    if (this.events.length === 0) return;
    this.post({ events: this.events });
    this.events = [];
  }
}

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
