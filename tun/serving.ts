// The data plane's thread, from inside (data-plane.ts has the other side and the whole picture).

import { type Answer, type Engine, type EngineFactory, MOST_EVENTS, SHARED, type Start } from './data-plane.ts';
import { Desk, SLICE_MS } from './desk.ts';
import { type Holding, holdAlone, holdQueues, type Sleep } from './holding.ts';
import { ForwardingLoop } from './loop.ts';
import { enterNamespace } from './namespace.ts';
import { Waker } from './os.ts';

/** Milliseconds. A request ends the wait through the eventfd; this is for the case that one got lost. */
const LONGEST_WAIT = 1_000;

type Post = (answer: Answer) => void;

/** Runs in the thread until it is told to stop. `data` is the thread's workerData. */
export async function serveDataPlane(data: unknown, createEngine: EngineFactory): Promise<void> {
  const start = data as Start;
  const shared = new Int32Array(start.shared);
  if (start.namespace !== undefined) enterNamespace(start.namespace);
  const sleep: Sleep = { waker: start.waker, cells: shared, called: SHARED.BELL, sleeps: SHARED.SLEEPS };
  const holding = start.queues
    ? holdQueues(start.devices, sleep, start.queues, start.io)
    : holdAlone(start.devices, sleep, start.io);
  const plane = new Serving(start, shared, holding);
  try {
    await plane.run(createEngine);
  } finally {
    // Threads of queues may be at work on the descriptors: the main thread ends those first.
    if (!start.queues || !plane.ready) {
      holding.close();
      Atomics.store(shared, SHARED.CLOSED, 1);
    }
  }
  start.port.close();
}

class Serving {
  /** The other side knows of the devices. */
  ready = false;
  private readonly start: Start;
  private readonly shared: Int32Array;
  private readonly holding: Holding;
  private readonly outbox: Outbox;
  private readonly post: Post = (answer) => this.start.port.postMessage(answer);

  constructor(start: Start, shared: Int32Array, holding: Holding) {
    this.start = start;
    this.shared = shared;
    this.holding = holding;
    this.outbox = new Outbox(shared, this.post);
  }

  async run(createEngine: EngineFactory): Promise<void> {
    const { holding, outbox } = this;
    const engine = await createEngine({
      devices: holding.devices,
      options: this.start.options,
      transmit: (device, pkt) => holding.devices[device].write(pkt),
      emit: (event) => outbox.add(event),
    });
    // Taken once: as a global of Node it is behind a getter.
    const { performance: clock } = globalThis;
    const loop = new ForwardingLoop(holding.devices, engine, {
      wait: (timeoutMs) => holding.wait(timeoutMs),
      clock: () => clock.now(),
      looksByReading: holding.looksByReading,
      busyPollMs: (this.start.busyPollUs ?? 0) / 1_000,
    });
    this.ready = true;
    this.post({ ready: true, descriptors: holding.descriptors, io: holding.io, ring: holding.ring });
    try {
      this.turn(loop, engine);
    } catch (error) {
      outbox.flush();
      sayLastWords(engine, this.post);
      throw error;
    }
    engine.close?.();
  }

  private turn(loop: ForwardingLoop, engine: Engine): void {
    const waker = new Waker(this.start.waker);
    const desk = new Desk(this.start.port, engine, (answer) => {
      // What a request has caused is told before its answer.
      this.outbox.flush();
      this.post(answer);
    });
    for (let running = true; running; this.outbox.flush()) {
      if (desk.busy) this.passPackets(loop);
      else loop.turn(LONGEST_WAIT);
      Atomics.add(this.shared, SHARED.TURNS, 1);
      if (Atomics.exchange(this.shared, SHARED.BELL, 0) === 1) {
        waker.clear();
        desk.ring();
      }
      if (desk.busy) running = desk.serve();
    }
  }

  /**
   * Before a slice of the desk: turns until no packet comes, so that what was decided is sent by the look that finds none, or until packets have had
   * as long as the desk gets. Under a load that fills batches, half of the time is theirs.
   */
  private passPackets(loop: ForwardingLoop): void {
    const until = performance.now() + SLICE_MS;
    while (loop.turn(0) > 0 && performance.now() < until);
  }
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

  add(event: unknown): boolean {
    if (Atomics.load(this.shared, SHARED.EVENTS) >= MOST_EVENTS) {
      Atomics.add(this.shared, SHARED.LOST, 1);
      return false;
    }
    Atomics.add(this.shared, SHARED.EVENTS, 1);
    this.events.push(event);
    return true;
  }

  flush(): void {
    if (this.events.length === 0) return;
    this.post({ events: this.events });
    this.events = [];
  }
}
