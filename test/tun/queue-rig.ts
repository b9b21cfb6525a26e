// Devices behind lanes, with this thread on both sides of them: what a thread of a queue would read and write is an array.

import {
  EngineEnd,
  GAP,
  LARGEST,
  laneMemory,
  nextOffset,
  PAGE_LENGTH,
  PAGE_PACKETS,
  QueueEnd,
} from '../../tun/lane.ts';
import type { Offloads } from '../../tun/offload-device.ts';
import { RingDevice, Rings } from '../../tun/ring-device.ts';

export interface Sent {
  readonly device: number;
  readonly octets: Uint8Array;
}

export class QueueRig {
  readonly devices: readonly RingDevice[];
  /** Lanes whose threads were to be woken. */
  readonly woken: number[] = [];
  private readonly ends: readonly (readonly QueueEnd[])[];

  /** `start`: what the cursors of the lanes begin at. */
  constructor(queues: number, offloads?: Offloads, start = 0) {
    const memory = Array.from({ length: queues }, () => [laneMemory(start), laneMemory(start)]);
    this.ends = memory.map((lanes) => lanes.map((lane) => new QueueEnd(lane)));
    const engine = memory.map((lanes) => lanes.map((lane) => new EngineEnd(lane)));
    const rings = new Rings(engine.flat(), (lane) => this.woken.push(lane));
    this.devices = ['tunA', 'tunB'].map(
      (name, number) =>
        new RingDevice({ name, number, mtu: 1500, offloads, lanes: engine.map((lanes) => lanes[number]), rings }),
    );
  }

  /** What one batch of reads brings to a queue; false: no page is free, and nothing was read. As many as fit are taken from `packets`. */
  bring(queue: number, device: number, packets: Uint8Array[]): boolean {
    const end = this.ends[queue][device];
    const { page } = end;
    if (page < 0) return false;
    let at = 0;
    let count = 0;
    for (; count < PAGE_PACKETS && packets.length > 0 && at + LARGEST + GAP <= PAGE_LENGTH; count++) {
      const octets = packets.shift() as Uint8Array;
      end.bytes.set(octets, page * PAGE_LENGTH + at);
      end.packets[page].set([at, octets.length], 2 * count);
      this.devices[device].counters.received(octets.length);
      at = nextOffset(at, octets.length);
    }
    end.fill(count);
    return true;
  }

  /** What the thread of a queue writes now, in order. */
  take(queue: number): Sent[] {
    const sent: Sent[] = [];
    for (const end of this.ends[queue]) {
      end.send((device, first, count) => {
        for (let pair = 2 * first; pair < 2 * (first + count); pair += 2) {
          const [at, length] = end.leaving.subarray(pair, pair + 2);
          this.devices[device].counters.sent(length);
          sent.push({ device, octets: end.bytes.slice(at, at + length) });
        }
      });
    }
    return sent;
  }
}
