// An arrangement of threads (model.ts) under load, packet by packet, on a clock of its own: the same seed gives the same figures.
//
// Packets come in trains of one flow, trains at random times. Each is hashed to a lane, waits in the kernel's queue of its lane (TUN keeps 500 and
// drops what is more), and passes the threads of its path. A thread does what came back from the engine before it reads more, as
// tun/queue.ts does, and reads no more than may be on their way. A thread that slept takes a moment to begin.

import type { Dice } from '../rulesets.ts';
import type { Arrangement, Shares } from './model.ts';

export interface Load {
  /** Packets a second. */
  readonly rate: number;
  readonly packets: number;
  readonly shares: Shares;
  /** Lane of each flow. */
  readonly chosen: readonly number[];
}

export interface Outcome {
  /** Share of the packets that found the kernel's queue full. */
  readonly lost: number;
  /** Microseconds from arrival to the end of the write, of half and of 99 in 100 of the packets that passed. */
  readonly median: number;
  readonly late: number;
}

/** TUN_READQ_SIZE of drivers/net/tun.c. */
const ROOM = 500;
/** Packets of a train on average, and nanoseconds between two of them: a window of TCP at 10 Gbit/s. */
const TRAIN = 8;
const GAP_NS = 100;
/** Nanoseconds until a thread that sleeps in the kernel goes on once there is something: assumed, after idle round trips (bench:latency). */
const WAKE_NS = 10_000;

class Fifo {
  private readonly all: number[] = [];
  private first = 0;

  get length(): number {
    return this.all.length - this.first;
  }

  push(packet: number): void {
    this.all.push(packet);
  }

  shift(): number {
    return this.all[this.first++];
  }
}

class Thread {
  /** Of the thread, and of the lane that it reads. */
  readonly number: number;
  /** Of its own lane, from the kernel. */
  readonly arrived = new Fifo();
  /** Handed over by another thread. */
  readonly handed = new Fifo();
  /** What it works on, -1: nothing; and until when. */
  packet = -1;
  until = Number.POSITIVE_INFINITY;

  constructor(number: number) {
    this.number = number;
  }
}

export function simulate(arrangement: Arrangement, load: Load, dice: Dice): Outcome {
  return new Simulation(arrangement, load, dice).run();
}

class Simulation {
  private readonly window: number;
  /** By lane. */
  private readonly paths: readonly ReturnType<Arrangement['path']>[];
  private readonly load: Load;
  private readonly dice: Dice;
  private readonly threads: readonly Thread[];
  private readonly flying: number[];
  /** By packet. */
  private readonly lane: Uint8Array;
  private readonly stage: Uint8Array;
  private readonly arrival: Float64Array;
  private readonly took: number[] = [];
  private lost = 0;

  constructor(arrangement: Arrangement, load: Load, dice: Dice) {
    this.window = arrangement.window;
    this.paths = Array.from({ length: arrangement.lanes }, (_, lane) => arrangement.path(lane));
    this.load = load;
    this.dice = dice;
    this.threads = Array.from({ length: arrangement.threads }, (_, number) => new Thread(number));
    this.flying = new Array(arrangement.lanes).fill(0);
    this.lane = new Uint8Array(load.packets);
    this.stage = new Uint8Array(load.packets);
    this.arrival = new Float64Array(load.packets);
  }

  run(): Outcome {
    this.schedule();
    const { packets } = this.load;
    for (let next = 0; ; ) {
      const thread = this.earliest();
      const arrival = next < packets ? this.arrival[next] : Number.POSITIVE_INFINITY;
      if (arrival === Number.POSITIVE_INFINITY && thread.until === Number.POSITIVE_INFINITY) break;
      if (arrival <= thread.until) this.arrive(next++);
      else this.finish(thread);
    }
    const took = this.took.sort((a, b) => a - b);
    const at = (share: number): number => took[Math.floor(share * (took.length - 1))] / 1e3;
    return { lost: this.lost / packets, median: at(0.5), late: at(0.99) };
  }

  /** When each packet comes, and in which lane. */
  private schedule(): void {
    const { rate, packets, shares, chosen } = this.load;
    const upTo = new Float64Array(shares.length);
    shares.reduce((sum, share, flow) => (upTo[flow] = sum + share), 0);
    const between = (TRAIN * 1e9) / rate - TRAIN * GAP_NS;
    for (let packet = 0, now = 0; packet < packets; ) {
      now += -Math.log(1 - this.unit()) * between;
      const lane = chosen[indexAbove(upTo, this.unit())];
      for (
        let left = 1 + this.dice.next(2 * TRAIN - 1);
        left > 0 && packet < packets;
        left--, packet++, now += GAP_NS
      ) {
        this.arrival[packet] = now;
        this.lane[packet] = lane;
      }
    }
  }

  /** 0 to 1, without 1. */
  private unit(): number {
    return this.dice.next(2 ** 30) / 2 ** 30;
  }

  private earliest(): Thread {
    let found = this.threads[0];
    for (const thread of this.threads) if (thread.until < found.until) found = thread;
    return found;
  }

  private step(packet: number): readonly [thread: number, ns: number] | undefined {
    return this.paths[this.lane[packet]][this.stage[packet]];
  }

  private arrive(packet: number): void {
    const thread = this.threads[this.lane[packet]];
    if (thread.arrived.length >= ROOM) this.lost++;
    else {
      thread.arrived.push(packet);
      this.begin(thread, this.arrival[packet], WAKE_NS);
    }
  }

  /** Takes up the next thing to do, unless it works already. */
  private begin(thread: Thread, now: number, wake: number): void {
    if (thread.packet >= 0) return;
    if (thread.handed.length > 0) thread.packet = thread.handed.shift();
    else if (thread.arrived.length > 0 && this.flying[thread.number] < this.window) thread.packet = this.read(thread);
    else return;
    thread.until = now + wake + this.step(thread.packet)![1];
  }

  private read(thread: Thread): number {
    this.flying[thread.number]++;
    return thread.arrived.shift();
  }

  private finish(thread: Thread): void {
    const { packet, until: now } = thread;
    thread.packet = -1;
    thread.until = Number.POSITIVE_INFINITY;
    this.stage[packet]++;
    const next = this.step(packet);
    if (next) {
      this.threads[next[0]].handed.push(packet);
      this.begin(this.threads[next[0]], now, WAKE_NS);
    } else {
      this.flying[this.lane[packet]]--;
      this.took.push(now - this.arrival[packet]);
    }
    this.begin(thread, now, 0);
  }
}

/** The first index whose value is above `wanted`; the last one when none is. */
function indexAbove(values: Float64Array, wanted: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
