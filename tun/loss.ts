// A bad wire: loses, doubles and delays what is written to a device. Seeded, so that a run can be had again. For both directions wrap
// the devices at both ends.

import { Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, copyPacket, type Device } from './device.ts';
import { Wrapper } from './wrapper.ts';

export interface BadWire {
  seed: number;
  /** Share of packets that are lost, 0 to 1. They count as drops of the reason "lost". */
  loss?: number;
  /** Share of packets that arrive twice. */
  duplicate?: number;
  /** Milliseconds until a packet leaves, and up to how many more, evenly spread: with jitter packets overtake each other. */
  delay?: number;
  jitter?: number;
  /** Packets that may be on their way; further ones are drops of the reason "full". */
  capacity?: number;
}

interface Held {
  due: number;
  pkt: Packet;
}

export class LossyDevice extends Wrapper {
  private readonly wire: Required<BadWire>;
  /** In the order in which they leave. */
  private readonly held: Held[] = [];
  private state: number;

  constructor(inner: Device, wire: BadWire) {
    super(inner);
    this.wire = { loss: 0, duplicate: 0, delay: 0, jitter: 0, capacity: 1_000, ...wire };
    this.state = wire.seed >>> 0 || 1;
  }

  override write(pkt: Packet): boolean {
    if (this.random() < this.wire.loss) return this.counters.dropped('lost');
    if (this.random() < this.wire.duplicate) this.sendOrHold(pkt);
    return this.sendOrHold(pkt);
  }

  private sendOrHold(pkt: Packet): boolean {
    const delay = this.wire.delay + this.random() * this.wire.jitter;
    if (delay === 0) return this.inner.write(pkt);
    if (this.held.length >= this.wire.capacity) return this.counters.dropped('full');
    const copy = new Packet(BUFFER_LENGTH);
    copyPacket(pkt, copy);
    const due = pkt.now + delay;
    const behind = this.held.findIndex((other) => other.due > due);
    this.held.splice(behind < 0 ? this.held.length : behind, 0, { due, pkt: copy });
    return true;
  }

  override flush(now: number): void {
    while (this.held.length > 0 && this.held[0].due <= now) {
      const [{ pkt }] = this.held.splice(0, 1);
      this.inner.write(pkt);
    }
    this.inner.flush(now);
  }

  /** Marsaglia's xorshift32, as a share of 1. */
  private random(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 0x1_0000_0000;
  }
}
