// A queue read and written in batches: one system call a turn (uring-ports.ts).

import { DeviceCounters, SLOT_LENGTH } from './device.ts';
import { type QueueEnd, SLOTS, slotAt } from './lane.ts';
import { libc } from './libc.ts';
import type { Carrier, QueueStart } from './queue.ts';
import type { RingRemains } from './uring.ts';
import { openRing, type UringPort, UringPorts } from './uring-ports.ts';

type WriteRun = (device: number, first: number, count: number) => void;

export class RingCarrier implements Carrier {
  readonly ring: RingRemains;
  private readonly all: UringPorts;
  private readonly ends: readonly QueueEnd[];
  private readonly ports: readonly UringPort[];
  /** By lane. */
  private readonly writeRuns: readonly WriteRun[];
  private readonly giveBacks: readonly ((slot: number) => void)[];

  constructor(start: QueueStart, ends: readonly QueueEnd[]) {
    const ring = openRing(start.ports.length);
    this.ring = { descriptor: ring.descriptor, mappings: ring.mappings };
    this.all = new UringPorts(ring, start.waker);
    this.ends = ends;
    const addresses = ends.map(({ bytes }) => libc().addressOf(bytes));
    this.ports = start.ports.map(({ name, descriptor, headerLength }, device) =>
      this.all.add({
        name,
        descriptor,
        headerLength,
        counters: new DeviceCounters(start.counters[device]),
        slots: { count: SLOTS, address: addresses[device] + slotAt(0, headerLength), stride: SLOT_LENGTH },
        arrived: (slot, length) => ends[device].arrived(slotAt(slot, headerLength), length),
      }),
    );
    this.writeRuns = ends.map(({ leaving }, lane) => this.writing(addresses[lane], leaving));
    this.giveBacks = this.ports.map((port) => (slot) => port.give(slot));
  }

  private writing(address: number, leaving: Int32Array): WriteRun {
    return (device, first, count) => {
      const port = this.ports[device];
      for (let pair = 2 * first; pair < 2 * (first + count); pair += 2)
        port.write(address + leaving[pair], leaving[pair + 1]);
    };
  }

  turn(timeoutMs: number): number {
    const { ends, all } = this;
    for (let lane = 0; lane < ends.length; lane++) ends[lane].send(this.writeRuns[lane]);
    all.wait(timeoutMs);
    let done = 0;
    for (let lane = 0; lane < ends.length; lane++) done += ends[lane].done(this.giveBacks[lane]);
    return done;
  }

  full(device: number): boolean {
    return this.ports[device].full;
  }

  close(): void {
    this.all.close();
  }
}
