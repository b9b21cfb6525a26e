// A queue read and written by a system call for each packet.

import { BUFFER_LENGTH, DeviceCounters, deviceGone, HEADROOM } from './device.ts';
import { type QueueEnd, SLOTS, slotAt } from './lane.ts';
import { libc } from './libc.ts';
import { dropReason, Poller } from './linux.ts';
import { Waker } from './os.ts';
import type { Carrier, QueueStart } from './queue.ts';

export class CallCarrier implements Carrier {
  private readonly ways: readonly Way[];
  private readonly poller: Poller;
  private readonly names: readonly string[];
  private readonly waker: Waker;

  constructor({ ports, counters, waker }: QueueStart, ends: readonly QueueEnd[]) {
    const all = ports.map((port, device) => new Port(port, new DeviceCounters(counters[device])));
    this.ways = ends.map((end, device) => new Way(end, all[device], all));
    this.poller = new Poller([...ports.map(({ descriptor }) => descriptor), waker]);
    this.waker = new Waker(waker);
    this.names = ports.map(({ name }) => name);
  }

  turn(timeoutMs: number): number {
    if (timeoutMs > 0) this.wait(timeoutMs);
    let done = 0;
    for (const way of this.ways) done += way.write();
    for (const way of this.ways) done += way.read();
    return done;
  }

  /** A device that may not be read is not to wake us. */
  private wait(timeoutMs: number): void {
    const { poller, ways } = this;
    for (let device = 0; device < ways.length; device++) poller.watch(device, !ways[device].full);
    if (poller.wait(timeoutMs) === 0) return;
    if (poller.ready(ways.length)) this.waker.clear();
    for (let device = 0; device < ways.length; device++) if (poller.gone(device)) throw deviceGone(this.names[device]);
  }

  full(device: number): boolean {
    return this.ways[device].full;
  }

  close(): void {}
}

/** A lane, with what its memory is called in system calls. */
class Way {
  private readonly end: QueueEnd;
  private readonly address: number;
  private readonly port: Port;
  /** Slots to read into. The one freed last is taken first: it is in the cache. */
  private readonly free = Array.from({ length: SLOTS }, (_, slot) => slot);
  private readonly writeRun: (device: number, first: number, count: number) => void;
  private readonly giveBack = (slot: number): void => void this.free.push(slot);

  /** `port`: where what comes in by it is read. */
  constructor(end: QueueEnd, port: Port, ports: readonly Port[]) {
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
  private readonly libc = libc();
  private readonly descriptor: number;
  private readonly counters: DeviceCounters;

  constructor({ descriptor, headerLength }: QueueStart['ports'][number], counters: DeviceCounters) {
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
