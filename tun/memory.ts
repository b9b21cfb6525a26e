// A device in memory: two of them make a wire. What one writes the other reads, in order, with its offload fields. For tests, for
// `play`, and for the demo on a machine without root.

import { finishPartial } from '../packet/checksum.ts';
import { Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, copyPacket, type Device, DeviceCounters } from './device.ts';
import { segment } from './segment.ts';

export interface MemoryOptions {
  name: string;
  mtu?: number;
  /** Packets leave with unfinished checksums and as super-packets; else these are finished and cut. False unless said otherwise. */
  offloads?: boolean;
  /** Packets that may wait for the reader; further ones are dropped. */
  queueLength?: number;
}

/** The two ends of a wire. */
export function memoryPair(a: MemoryOptions, b: MemoryOptions): [MemoryDevice, MemoryDevice] {
  const ends: [MemoryDevice, MemoryDevice] = [new MemoryDevice(a), new MemoryDevice(b)];
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}

export class MemoryDevice implements Device {
  readonly name: string;
  readonly descriptor = -1;
  readonly counters = new DeviceCounters();
  mtu: number;
  /** A device that is down drops what is written to it, and nothing comes in. */
  up = true;
  /** The far end of the wire. */
  other: MemoryDevice | undefined;
  private readonly offloads: boolean;
  private readonly queueLength: number;
  private readonly waiting: Packet[] = [];
  private piece: Packet | undefined;

  constructor(options: MemoryOptions) {
    this.name = options.name;
    this.mtu = options.mtu ?? 1500;
    this.offloads = options.offloads ?? false;
    this.queueLength = options.queueLength ?? 1_000;
  }

  read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    let count = 0;
    for (; count < limit; count++) {
      const next = this.up ? this.waiting.shift() : undefined;
      if (!next) break;
      copyPacket(next, into);
      into.now = now;
      this.counters.received(into.length);
      each(into);
    }
    return count;
  }

  write(pkt: Packet): boolean {
    if (!this.up || !this.other) return this.counters.dropped('down');
    if (!this.offloads && pkt.gsoSize !== 0) return this.writeSegments(pkt);
    if (!this.offloads) finishPartial(pkt);
    if (pkt.length > 65_575) return this.counters.dropped('too long');
    if (this.other.waiting.length >= this.other.queueLength) return this.counters.dropped('full');
    const copy = new Packet(BUFFER_LENGTH);
    copyPacket(pkt, copy);
    this.other.waiting.push(copy);
    this.counters.sent(pkt.length);
    return true;
  }

  private writeSegments(pkt: Packet): boolean {
    this.piece ??= new Packet(BUFFER_LENGTH);
    let taken = true;
    const cut = segment(pkt, this.piece, (piece) => {
      taken = this.write(piece) && taken;
    });
    return cut ? taken : this.counters.dropped('refused');
  }

  flush(): void {}

  /** Both directions end: what waits is gone. */
  close(): void {
    this.up = false;
    this.waiting.length = 0;
  }

  /** Whether a read would give something. */
  get readable(): boolean {
    return this.up && this.waiting.length > 0;
  }

  /** Sends a packet to the far end. */
  send(octets: Uint8Array): boolean {
    return this.write(Packet.of(octets));
  }

  /** Everything that came from the far end, copied. */
  receive(): Uint8Array[] {
    const all: Uint8Array[] = [];
    this.read(new Packet(BUFFER_LENGTH), 0, Number.POSITIVE_INFINITY, (pkt) => all.push(pkt.view().slice()));
    return all;
  }
}
