// The thread of one queue, the same of each device: reads what comes in into lanes (lane.ts) for the engine, and writes what the engine has
// decided is to leave. It opens and closes nothing, knows no header, and is told to end by a cell.

import { parentPort } from 'node:worker_threads';
import { BUFFER_LENGTH, DeviceCounters, HEADROOM } from './device.ts';
import { type LaneMemory, QueueEnd, SLOTS, slotAt } from './lane.ts';
import { type Libc, libc } from './libc.ts';
import { dropReason, Poller } from './linux.ts';
import { Waker } from './os.ts';

/** Cells that the thread of a queue shares with the others, of 32 bits. */
export const QUEUE = {
  /** 1 while it sleeps: whoever has something for it wakes it. */
  SLEEPS: 0,
  /** 1: it is to end, once it has written what is there to write. */
  STOP: 1,
  /** Goes on with every turn: it lives. */
  TURNS: 2,
  /** From here on, by device: how often it left packets in the kernel's queue, because the engine had not done with those before. */
  HELD: 3,
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
  /** By device: the descriptor of this queue, and the length of what stands in front of each packet. */
  readonly ports: readonly { readonly descriptor: number; readonly headerLength: number }[];
  /** Cells, and the one of them that is 1 while the engine sleeps. */
  readonly engine: SharedArrayBuffer;
  readonly engineSleeps: number;
}

/** Ends the sleep of a thread that waits for cell `at` to change from 1. */
export function endSleep(cells: Int32Array, at: number): void {
  if (Atomics.load(cells, at) === 1 && Atomics.exchange(cells, at, 0) === 1) Atomics.notify(cells, at);
}

/** Milliseconds. Whoever has something wakes the thread; this is for the case that a call got lost, and shows that it lives. */
const LONGEST_WAIT = 1_000;

/** Runs until told to stop. */
export function serveQueue(start: QueueStart): void {
  const thread = new QueueThread(start);
  parentPort?.postMessage('ready');
  thread.run();
}

class QueueThread {
  private readonly cells: Int32Array;
  private readonly engine: Int32Array;
  private readonly engineSleeps: number;
  private readonly waker: Waker;
  private readonly poller: Poller;
  private readonly ports: readonly Port[];
  private readonly ways: readonly Way[];

  constructor({ cells, lanes, counters, waker, ports, engine, engineSleeps }: QueueStart) {
    this.cells = new Int32Array(cells);
    this.engine = new Int32Array(engine);
    this.engineSleeps = engineSleeps;
    this.waker = new Waker(waker);
    this.poller = new Poller([...ports.map(({ descriptor }) => descriptor), waker]);
    this.ports = ports.map(
      ({ descriptor, headerLength }, index) =>
        new Port(libc(), descriptor, headerLength, new DeviceCounters(counters[index])),
    );
    this.ways = lanes.map((memory, device) => new Way(memory, this.ports[device], this.ports));
  }

  run(): void {
    for (;;) {
      const stop = Atomics.load(this.cells, QUEUE.STOP) === 1;
      const done = this.turn(stop);
      if (stop) return;
      if (done === 0) this.sleep();
    }
  }

  /** Returns how much there was to do. */
  private turn(stop: boolean): number {
    let done = 0;
    for (const way of this.ways) done += way.write();
    for (const way of this.ways) if (!stop) done += this.read(way);
    Atomics.add(this.cells, QUEUE.TURNS, 1);
    return done;
  }

  private read(way: Way): number {
    const count = way.read();
    if (way.end.show()) endSleep(this.engine, this.engineSleeps);
    return count;
  }

  private sleep(): void {
    const { cells, poller, ways } = this;
    Atomics.store(cells, QUEUE.SLEEPS, 1);
    if (!ways.some(({ end }) => end.waits) && Atomics.load(cells, QUEUE.STOP) === 0) {
      for (let device = 0; device < ways.length; device++) this.watch(device);
      poller.wait(LONGEST_WAIT);
      if (poller.ready(ways.length)) this.waker.clear();
    }
    Atomics.store(cells, QUEUE.SLEEPS, 0);
  }

  /** A device that may not be read now is not to wake us. */
  private watch(device: number): void {
    const { full } = this.ways[device];
    this.poller.watch(device, !full);
    if (full) Atomics.add(this.cells, QUEUE.HELD + device, 1);
  }
}

/** A lane from this side, with what its memory is called in system calls. */
class Way {
  readonly end: QueueEnd;
  private readonly address: number;
  private readonly port: Port;
  /** Slots to read into. The one freed last is taken first: it is in the cache. */
  private readonly free = Array.from({ length: SLOTS }, (_, slot) => slot);
  private readonly writeRun: (device: number, first: number, count: number) => void;
  private readonly giveBack = (slot: number): void => void this.free.push(slot);

  /** `port`: where what comes in by it is read. */
  constructor(memory: LaneMemory, port: Port, ports: readonly Port[]) {
    const end = new QueueEnd(memory);
    const address = libc().addressOf(end.bytes);
    this.end = end;
    this.address = address;
    this.port = port;
    this.writeRun = (device, first, count) => ports[device].write(address, end.leaving, first, count);
  }

  get full(): boolean {
    return this.free.length === 0;
  }

  /** Returns how much there was to do. */
  write(): number {
    this.end.send(this.writeRun);
    return this.end.done(this.giveBack);
  }

  /** Reads what waits, as far as there are slots. Returns how many packets. */
  read(): number {
    const { free, port, end, address } = this;
    let count = 0;
    for (; free.length > 0; count++) {
      const at = slotAt(free[free.length - 1], port.headerLength);
      const length = port.read(address + at);
      if (length === 0) break;
      end.arrived(at, length);
      free.pop();
    }
    return count;
  }
}

/** This queue of a device. */
class Port {
  readonly headerLength: number;
  private readonly libc: Libc;
  private readonly descriptor: number;
  private readonly counters: DeviceCounters;

  constructor(calls: Libc, descriptor: number, headerLength: number, counters: DeviceCounters) {
    this.libc = calls;
    this.descriptor = descriptor;
    this.headerLength = headerLength;
    this.counters = counters;
  }

  /** Reads a packet with its header; its octets, or 0: none waits, or the device was deleted. */
  read(address: number): number {
    const length = this.libc.read(this.descriptor, address, BUFFER_LENGTH - HEADROOM + this.headerLength);
    if (length <= this.headerLength) return 0;
    this.counters.received(length - this.headerLength);
    return length;
  }

  /** Writes the octets of lane `address` that the pairs of `leaving` from `first` on name. */
  write(address: number, leaving: Int32Array, first: number, count: number): void {
    for (let index = first; index < first + count; index++) {
      const length = leaving[2 * index + 1];
      if (this.libc.write(this.descriptor, address + leaving[2 * index], length) < 0)
        this.counters.dropped(dropReason(this.libc.errno()));
      else this.counters.sent(length - this.headerLength);
    }
  }
}
