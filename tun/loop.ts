// The forwarding loop: reads from every device in turn, hands each packet to whoever decides, lets time pass for it. Knows no rule.
//
// One turn: wait for packets, read up to `batch` from each device, then tick the timers, then flush. Where waiting is a system call beside the
// reads, the turn after one that found packets only looks: under load there is something to read anyway.
// Whoever decides sends by itself, in its own order, while receive() runs; the packet is the loop's and reused right after.

import { Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, type Device } from './device.ts';

export interface Decider {
  /** `pkt` came in by the device of that number; it is parsed, and `pkt.now` is set. Must not throw for any octets. */
  receive(device: number, pkt: Packet): void;
  /** Time has passed. Returns the milliseconds until it should be told again at the latest, which may be Infinity. */
  advance(now: number): number;
}

export interface LoopOptions {
  /** Begins a turn: waits until a device may be readable, at most so many milliseconds (-1: for ever; 0: only looks). */
  wait(timeoutMs: number): void;
  /** Monotonic milliseconds. */
  clock(): number;
  /** Whether a read finds out at once that there is nothing, so that a wait is worth its call only after that. */
  looksByReading?: boolean;
  /** For how long it goes on looking after a packet, before it really waits. 0 unless said otherwise. */
  busyPollMs?: number;
  /** Packets read from one device before the next has its turn. 64: few enough to keep the buffers in cache. */
  batch?: number;
}

export class ForwardingLoop {
  private readonly devices: readonly Device[];
  private readonly decider: Decider;
  private readonly options: LoopOptions;
  private readonly batch: number;
  private readonly busyPollMs: number;
  private readonly packet = new Packet(BUFFER_LENGTH);
  /** One callback per device, made once. */
  private readonly receivers: readonly ((pkt: Packet) => void)[];
  private busy = false;
  private busyUntil = 0;
  private nextTick = 0;

  constructor(devices: readonly Device[], decider: Decider, options: LoopOptions) {
    this.devices = devices;
    this.decider = decider;
    this.options = options;
    this.batch = options.batch ?? 64;
    this.busyPollMs = options.busyPollMs ?? 0;
    this.receivers = devices.map((_, index) => (pkt: Packet) => decider.receive(index, pkt));
  }

  /** One turn; waits at most `longest` milliseconds for something to do. Returns how many packets came. */
  turn(longest: number): number {
    this.options.wait(this.busy ? 0 : this.waitFor(longest));
    const now = this.options.clock();
    let count = 0;
    for (let index = 0; index < this.devices.length; index++) {
      count += this.devices[index].read(this.packet, now, this.batch, this.receivers[index]);
    }
    if (now >= this.nextTick) this.nextTick = now + this.decider.advance(now);
    for (const device of this.devices) device.flush(now);
    if (count > 0) this.busyUntil = now + this.busyPollMs;
    this.busy = now < this.busyUntil || (count > 0 && this.options.looksByReading === true);
    return count;
  }

  private waitFor(longest: number): number {
    const left = this.nextTick - this.options.clock();
    if (left <= 0) return 0;
    return Math.ceil(Math.min(left, longest));
  }
}
