// A device as the engine sees it while other threads read and write it: packets come out of lanes (lane.ts), one a queue, and what is written
// goes into the lane of the packet that is being decided about, so that it leaves by the queue that it came in by. That lane's thread does the
// system calls; all that is in a header is done here.

import { Packet } from '../packet/packet.ts';
import { copyPacket, type DeviceCounters } from './device.ts';
import type { EngineEnd } from './lane.ts';
import { OffloadDevice, type Offloads } from './offload-device.ts';

/** What the devices of an engine have in common. */
export class Lanes {
  /** Lane of the packet that is being decided about; between two packets (a timer ran out) any one. */
  lane: EngineEnd;
  /** That packet, as long as it lies in its lane and has not left. */
  inPlace: Packet | undefined = undefined;
  /** A packet in the room for copies. */
  readonly copy = new Packet(0);
  private readonly all: readonly EngineEnd[];
  /** Wakes the thread of a lane, if it sleeps. */
  private readonly wake: (lane: number) => void;

  constructor(all: readonly EngineEnd[], wake: (lane: number) => void) {
    this.all = all;
    this.lane = all[0];
    this.wake = wake;
  }

  /** Whether a packet waits in any lane. */
  get waits(): boolean {
    for (let index = 0; index < this.all.length; index++) if (this.all[index].waits) return true;
    return false;
  }

  publish(): void {
    for (let index = 0; index < this.all.length; index++) if (this.all[index].publish()) this.wake(index);
  }
}

export interface LaneDeviceOptions {
  readonly name: string;
  /** Its number among the devices. */
  readonly number: number;
  readonly mtu: number;
  readonly offloads: Offloads | undefined;
  /** Of what comes in by each of its queues. */
  readonly lanes: readonly EngineEnd[];
  readonly all: Lanes;
  /** What this side counts: drops. Threads of queues have their own. */
  readonly counters?: DeviceCounters;
}

export class LaneDevice extends OffloadDevice {
  readonly descriptor = -1;
  private readonly number: number;
  private readonly lanes: readonly EngineEnd[];
  private readonly all: Lanes;
  /** The lane that is read first the next time. */
  private first = 0;

  constructor(options: LaneDeviceOptions) {
    super(options, options.offloads);
    this.number = options.number;
    this.lanes = options.lanes;
    this.all = options.all;
  }

  read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    const { lanes } = this;
    let count = 0;
    for (let tries = 0; tries < lanes.length && count < limit; tries++) {
      count += this.readLane(lanes[this.first], into, now, limit - count, each);
      this.first = (this.first + 1) % lanes.length;
    }
    if (count > 0) this.all.publish();
    return count;
  }

  private readLane(lane: EngineEnd, into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    const { all } = this;
    let count = 0;
    all.lane = lane;
    for (; count < limit && lane.next(); count++) {
      this.take(lane, into, now);
      all.inPlace = into;
      each(into);
    }
    all.inPlace = undefined;
    return count;
  }

  private take({ bytes, at, end, room }: EngineEnd, into: Packet, now: number): void {
    into.bytes = bytes;
    this.load(into, at, end, now);
    into.room = room;
  }

  protected override send(pkt: Packet): boolean {
    const { all } = this;
    if (pkt !== all.inPlace || pkt.bytes !== all.lane.bytes) return this.sendCopy(pkt);
    all.inPlace = undefined;
    this.push(pkt);
    return true;
  }

  private sendCopy(pkt: Packet): boolean {
    const { lane, copy } = this.all;
    const at = lane.copyTo(this.headerLength + pkt.length);
    if (at < 0) return this.counters.dropped('ring full');
    copy.bytes = lane.bytes;
    copyPacket(pkt, copy, at + this.headerLength);
    this.push(copy);
    return true;
  }

  private push(pkt: Packet): void {
    const at = this.putHeader(pkt);
    this.all.lane.push(this.number, at, pkt.end - at);
  }

  flush(): void {
    this.all.publish();
  }

  close(): void {}
}
