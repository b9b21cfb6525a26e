// TUN devices in batches (uring-ports.ts), for the engine's own thread.
//
// Memory, one array: SLOTS buffers for each device, then room for copies.
//
//   | device 0: slot 0 | slot 1 | ... | device 1: slot 0 | ... | copies ... |
//
// A slot's life: the kernel's, until a packet is in it; handed out by read(), decided about and written from where it lies; and the kernel's again
// with the next wait(). A packet from elsewhere, and whoever leaves a second time, is copied first: its owner may reuse it at once.

import { Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, copyPacket, HEADROOM, SLOT_LENGTH } from './device.ts';
import { libc } from './libc.ts';
import { openDescriptor, type TunOptions } from './linux.ts';
import { OffloadDevice } from './offload-device.ts';
import type { Uring } from './uring.ts';
import { type UringPort, UringPorts } from './uring-ports.ts';

/** Of each device, a power of 2. What a turn takes at most; more of them would not stay in the cache when super-packets come. */
const SLOTS = 32;
/** Memory that is not touched costs nothing. */
const MOST_DEVICES = 4;
const COPIES_AT = MOST_DEVICES * SLOTS * SLOT_LENGTH;
const COPIES_LENGTH = 512 * 1_024; // octets

/** The devices of a thread that one ring reads and writes. */
export class UringDevices {
  readonly ports: UringPorts;
  readonly bytes = new Uint8Array(COPIES_AT + COPIES_LENGTH);
  readonly address = libc().addressOf(this.bytes);
  /** The packet that read() has handed out, as long as it lies in its slot and has not left. */
  inPlace: Packet | undefined = undefined;
  private readonly devices: UringTun[] = [];
  private readonly copy = new Packet(0);
  private copyAt = COPIES_AT;

  /** `waker`: an eventfd that ends a wait. */
  constructor(ring: Uring, waker: number) {
    this.ports = new UringPorts(ring, waker);
    this.copy.bytes = this.bytes;
  }

  open(options: TunOptions): UringTun {
    if (this.devices.length === MOST_DEVICES) throw new RangeError(`a ring is for ${MOST_DEVICES} devices`);
    const device = new UringTun(this, this.devices.length, options);
    this.devices.push(device);
    return device;
  }

  /** Sends what was written since the last turn, and waits for packets or a call, at most so many milliseconds; 0 only looks. */
  wait(timeoutMs: number): void {
    for (let index = 0; index < this.devices.length; index++) this.devices[index].giveBack();
    this.ports.wait(timeoutMs);
    this.copyAt = COPIES_AT;
  }

  /** `pkt` in the room for copies, with `HEADROOM` in front. Stays until it has been written. */
  copyOf(pkt: Packet): Packet {
    const length = (HEADROOM + pkt.length + 63) & ~63;
    if (this.copyAt + length > this.bytes.length) {
      this.ports.ring.submit();
      this.copyAt = COPIES_AT;
    }
    copyPacket(pkt, this.copy, this.copyAt + HEADROOM);
    this.copyAt += length;
    return this.copy;
  }

  /** What was written leaves; then the devices are gone, for nothing of the ring holds them any more. */
  close(): void {
    this.ports.close();
    for (const device of this.devices) device.close();
  }
}

export class UringTun extends OffloadDevice {
  readonly descriptor: number;
  private readonly all: UringDevices;
  private readonly port: UringPort;
  /** Where its slots are. */
  private readonly slotsAt: number;
  /** Packets that came, as slot and length by turns. Cursors only go on: handed back, handed out, arrived. */
  private readonly came = new Int32Array(2 * SLOTS);
  private back = 0;
  private out = 0;
  private arrivals = 0;

  constructor(all: UringDevices, number: number, options: TunOptions) {
    const { descriptor, offloads } = openDescriptor(options, 0);
    super(options, offloads);
    this.all = all;
    this.descriptor = descriptor;
    this.slotsAt = number * SLOTS * SLOT_LENGTH;
    const { name, headerLength, counters } = this;
    const slots = { count: SLOTS, address: all.address + this.packetAt(0), stride: SLOT_LENGTH };
    try {
      this.port = all.ports.add({
        name,
        descriptor,
        headerLength,
        counters,
        slots,
        arrived: (slot, length) => this.arrived(slot, length),
      });
    } catch (error) {
      libc().close(descriptor);
      throw error;
    }
  }

  read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    const { all } = this;
    const { bytes } = all;
    let count = 0;
    for (; count < limit && this.out !== this.arrivals; count++) {
      const pair = 2 * (this.out & (SLOTS - 1));
      const at = this.packetAt(this.came[pair]);
      this.out = (this.out + 1) | 0;
      into.bytes = bytes;
      this.load(into, at, at + this.came[pair + 1], now);
      into.room = at - HEADROOM + this.headerLength + BUFFER_LENGTH;
      all.inPlace = into;
      each(into);
    }
    all.inPlace = undefined;
    return count;
  }

  /** Where what is read into a slot begins, its header first. */
  private packetAt(slot: number): number {
    return this.slotsAt + slot * SLOT_LENGTH + HEADROOM - this.headerLength;
  }

  protected override send(pkt: Packet): boolean {
    const { all } = this;
    const leaving = pkt === all.inPlace && pkt.bytes === all.bytes ? pkt : all.copyOf(pkt);
    if (leaving === pkt) all.inPlace = undefined;
    const at = this.putHeader(leaving);
    this.port.write(all.address + at, leaving.end - at);
    return true;
  }

  private arrived(slot: number, length: number): void {
    const pair = 2 * (this.arrivals & (SLOTS - 1));
    this.came[pair] = slot;
    this.came[pair + 1] = length;
    this.arrivals = (this.arrivals + 1) | 0;
  }

  /** Slots whose packets have been decided about, to the kernel. */
  giveBack(): void {
    for (; this.back !== this.out; this.back = (this.back + 1) | 0)
      this.port.give(this.came[2 * (this.back & (SLOTS - 1))]);
  }

  /** What is written leaves with the next wait. */
  flush(): void {}

  /** Alone only after those that share its ring: UringDevices.close(). */
  close(): void {
    libc().close(this.descriptor);
  }
}
