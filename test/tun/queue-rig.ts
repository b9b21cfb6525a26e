// Devices behind lanes, with this thread on both sides of them: what a thread of a queue would read and write is an array.

import { EngineEnd, laneMemory, QueueEnd, SLOTS, slotAt } from '../../tun/lane.ts';
import { LaneDevice, Lanes } from '../../tun/lane-device.ts';
import type { Offloads } from '../../tun/offload-device.ts';

export interface Sent {
  readonly device: number;
  readonly octets: Uint8Array;
}

export class QueueRig {
  readonly devices: readonly LaneDevice[];
  /** Lanes whose threads were to be woken. */
  readonly woken: number[] = [];
  private readonly ends: readonly (readonly { end: QueueEnd; free: number[] }[])[];

  /** `start`: what the cursors of the lanes begin at. */
  constructor(queues: number, offloads?: Offloads, start = 0) {
    const memory = Array.from({ length: queues }, () => [laneMemory(start), laneMemory(start)]);
    this.ends = memory.map((lanes) =>
      lanes.map((lane) => ({ end: new QueueEnd(lane), free: Array.from({ length: SLOTS }, (_, slot) => slot) })),
    );
    const engine = memory.map((lanes) => lanes.map((lane) => new EngineEnd(lane)));
    const all = new Lanes(engine.flat(), (lane) => this.woken.push(lane));
    this.devices = ['tunA', 'tunB'].map(
      (name, number) =>
        new LaneDevice({ name, number, mtu: 1500, offloads, lanes: engine.map((lanes) => lanes[number]), all }),
    );
  }

  /** One batch of reads by a queue: as many of `packets` as there are free slots for are taken from it. Returns how many. */
  bring(queue: number, device: number, packets: Uint8Array[]): number {
    const { end, free } = this.ends[queue][device];
    let count = 0;
    for (; free.length > 0 && packets.length > 0; count++) {
      const octets = packets.shift() as Uint8Array;
      const at = slotAt(free.pop() as number, this.devices[device].headerLength);
      end.bytes.set(octets, at);
      end.arrived(at, octets.length);
      this.devices[device].counters.received(octets.length);
    }
    end.show();
    return count;
  }

  /** What the thread of a queue writes now, in order. */
  take(queue: number): Sent[] {
    const sent: Sent[] = [];
    for (const { end, free } of this.ends[queue]) {
      end.send((device, first, count) => {
        for (let pair = 2 * first; pair < 2 * (first + count); pair += 2) {
          const [at, length] = end.leaving.subarray(pair, pair + 2);
          this.devices[device].counters.sent(length);
          sent.push({ device, octets: end.bytes.slice(at, at + length) });
        }
      });
      end.done((slot) => free.push(slot));
    }
    return sent;
  }
}
