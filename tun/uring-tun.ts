// TUN devices in batches: a ring (uring.ts) reads into buffers of its own as packets come, and writes what has left since the last turn, all in
// the one system call in which the thread also waits.
//
// Memory, one array: SLOTS buffers for each device, then room for copies.
//
//   | device 0: slot 0 | slot 1 | ... | device 1: slot 0 | ... | copies ... |
//
// A slot's life: the kernel's, until a packet is in it; handed out by read(), decided about and written from where it lies; and the kernel's again
// with the next wait(). That is safe because wait() has the writes carried out before the kernel looks for packets (DEFER_TASKRUN), and
// because none of them is put off (RWF_NOWAIT). A packet from elsewhere, and whoever leaves a second time, is copied first: its owner may reuse
// it at once.

import { Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, copyPacket, HEADROOM } from './device.ts';
import { ENOBUFS, libc } from './libc.ts';
import { dropReason, openDescriptor, type TunOptions } from './linux.ts';
import { OffloadDevice } from './offload-device.ts';
import {
  BUFFER_SELECT,
  type BufferRing,
  CANCEL_ANY,
  type Completions,
  CQE_F_BUFFER_SHIFT,
  CQE_F_MORE,
  OP_ASYNC_CANCEL,
  OP_POLL_ADD,
  OP_READ_MULTISHOT,
  POLL_ADD_MULTI,
  SQE,
  Uring,
} from './uring.ts';

/** Of each device, a power of 2. What a turn takes at most; more of them would not stay in the cache when super-packets come. */
const SLOTS = 32;
/** Octets; an odd number of cache lines, so that the slots do not all fall into the same sets of the cache. */
const SLOT_LENGTH = 64 * 1_043;
/** Memory that is not touched costs nothing. */
const MOST_DEVICES = 4;
const COPIES_AT = MOST_DEVICES * SLOTS * SLOT_LENGTH;
const COPIES_LENGTH = 512 * 1_024; // octets
/** Writes of a turn, and what may be told of in one. */
const REQUESTS = 256;
const COMPLETIONS = 1_024;

const POLLIN = 1;

// What a request is, in the low octets of its tag; the device's number above.
const READ = 1;
const WRITE = 2;
const WAKER = 3;
const CANCEL = 4;
const tagOf = (kind: number, device: number): number => kind | (device << 8);

/** A ring for the devices of this thread. Throws, and says why, where the kernel has none or forbids it. */
export function openRing(): Uring {
  const ring = new Uring(REQUESTS, COMPLETIONS);
  if (ring.knows(OP_READ_MULTISHOT)) return ring;
  ring.close();
  throw new Error('io_uring: no multishot read, which Linux 6.7 has');
}

/** The devices of a thread that one ring reads and writes. */
export class UringDevices implements Completions {
  readonly ring: Uring;
  readonly bytes = new Uint8Array(COPIES_AT + COPIES_LENGTH);
  readonly address = libc().addressOf(this.bytes);
  /** The packet that read() has handed out, as long as it lies in its slot and has not left. */
  inPlace: Packet | undefined = undefined;
  private readonly devices: UringTun[] = [];
  private readonly copy = new Packet(0);
  private copyAt = COPIES_AT;
  private readonly waker: number;
  /** Requests that stay until they are cancelled. */
  private standing = 0;
  private wakerStands = false;

  /** `waker`: an eventfd that ends a wait. */
  constructor(ring: Uring, waker: number) {
    this.ring = ring;
    this.waker = waker;
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
    if (!this.wakerStands) this.standWaker();
    this.ring.wait(timeoutMs);
    this.sent();
  }

  private sent(): void {
    this.copyAt = COPIES_AT;
    this.ring.reap(this);
    for (let index = 0; index < this.devices.length; index++) this.devices[index].countSent();
  }

  private standWaker(): void {
    this.wakerStands = true;
    this.stand((words, at) => {
      words[at + SQE.OP] = OP_POLL_ADD;
      words[at + SQE.FD] = this.waker;
      words[at + SQE.LENGTH] = POLL_ADD_MULTI;
      words[at + SQE.FLAGS] = POLLIN;
      words[at + SQE.TAG] = WAKER;
    });
  }

  /** A request that stays. */
  stand(fill: (words: Int32Array, at: number) => void): void {
    this.standing++;
    this.ring.request(fill);
  }

  completed(tag: number, value: number, result: number, flags: number): void {
    const kind = tag & 0xff;
    if (kind === WRITE) this.devices[tag >>> 8].failed(value, result);
    else if (kind !== CANCEL) {
      const more = (flags & CQE_F_MORE) !== 0;
      if (!more) this.standing--;
      if (kind === READ) this.devices[tag >>> 8].arrived(result, flags >>> CQE_F_BUFFER_SHIFT, more);
      else this.wakerStands = more;
    }
  }

  /** Writes `length` octets of this memory. */
  write(device: UringTun, at: number, length: number): void {
    this.ring.write(device.descriptor, this.address + at, length, device.writeTag);
  }

  /** `pkt` in the room for copies, with `HEADROOM` in front. Stays until it has been written. */
  copyOf(pkt: Packet): Packet {
    const length = (HEADROOM + pkt.length + 63) & ~63;
    if (this.copyAt + length > this.bytes.length) {
      this.ring.submit();
      this.copyAt = COPIES_AT;
    }
    copyPacket(pkt, this.copy, this.copyAt + HEADROOM);
    this.copyAt += length;
    return this.copy;
  }

  /** What was written leaves; then the devices are gone, for nothing of the ring holds them any more. */
  close(): void {
    this.ring.request((words, at) => {
      words[at + SQE.OP] = OP_ASYNC_CANCEL;
      words[at + SQE.FLAGS] = CANCEL_ANY;
      words[at + SQE.TAG] = CANCEL;
    });
    // Bounded: whatever keeps a request, the end of the ring ends it.
    for (let tries = 0; this.standing > 0 && tries < 100; tries++) {
      this.ring.wait(10);
      this.sent();
    }
    this.ring.close();
    for (const device of this.devices) device.close();
  }
}

export class UringTun extends OffloadDevice {
  readonly descriptor: number;
  readonly writeTag: number;
  private readonly all: UringDevices;
  private readonly number: number;
  /** Where its slots are. */
  private readonly slotsAt: number;
  private readonly buffers: BufferRing;
  private given = 0;
  /** Packets that came, as slot and length by turns. Cursors only go on: handed back, handed out, arrived. */
  private readonly came = new Int32Array(2 * SLOTS);
  private back = 0;
  private out = 0;
  private arrivals = 0;
  /** The kernel reads as packets come. */
  private reads = false;
  private deleted = false;
  private sentPackets = 0;
  private sentOctets = 0;

  constructor(all: UringDevices, number: number, options: TunOptions) {
    const { descriptor, offloads } = openDescriptor(options, 0);
    super(options, offloads);
    this.all = all;
    this.number = number;
    this.descriptor = descriptor;
    this.writeTag = tagOf(WRITE, number);
    this.slotsAt = number * SLOTS * SLOT_LENGTH;
    try {
      this.buffers = all.ring.bufferRing(number, SLOTS);
    } catch (error) {
      libc().close(descriptor);
      throw error;
    }
    for (let slot = 0; slot < SLOTS; slot++) this.give(slot);
    this.publish();
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
    all.write(this, at, leaving.end - at);
    this.sentPackets++;
    this.sentOctets += leaving.end - leaving.l3;
    return true;
  }

  /** Of a write of so many octets. Only failures are told of. */
  failed(length: number, result: number): void {
    this.sentPackets--;
    this.sentOctets -= length - this.headerLength;
    this.counters.dropped(dropReason(-result));
  }

  countSent(): void {
    this.counters.sent(this.sentOctets, this.sentPackets);
    this.sentPackets = 0;
    this.sentOctets = 0;
  }

  arrived(result: number, slot: number, more: boolean): void {
    this.reads = more;
    if (result > 0) {
      const pair = 2 * (this.arrivals & (SLOTS - 1));
      this.came[pair] = slot;
      this.came[pair + 1] = result;
      this.arrivals = (this.arrivals + 1) | 0;
      this.counters.received(result - this.headerLength);
    } else if (!more && result !== -ENOBUFS) this.deleted = true;
  }

  /** Slots whose packets have been decided about, to the kernel; and lets it go on reading if it stopped. */
  giveBack(): void {
    if (this.back !== this.out) {
      for (; this.back !== this.out; this.back = (this.back + 1) | 0)
        this.give(this.came[2 * (this.back & (SLOTS - 1))]);
      this.publish();
    }
    if (!this.reads && !this.deleted) this.readOn();
  }

  private give(slot: number): void {
    const { words, halves, mask } = this.buffers;
    const at = 4 * (this.given & mask); // struct io_uring_buf: address, length, number; the last 16 bits of the first are the ring's tail
    const address = this.all.address + this.packetAt(slot);
    words[at] = address | 0;
    words[at + 1] = Math.floor(address / 2 ** 32);
    words[at + 2] = BUFFER_LENGTH - HEADROOM + this.headerLength;
    halves[2 * at + 6] = slot;
    this.given = (this.given + 1) & 0xffff;
  }

  private publish(): void {
    Atomics.store(this.buffers.halves, 7, this.given);
  }

  private readOn(): void {
    this.reads = true;
    this.all.stand((words, at) => {
      words[at + SQE.OP] = OP_READ_MULTISHOT | (BUFFER_SELECT << 8);
      words[at + SQE.FD] = this.descriptor;
      words[at + SQE.TAG] = tagOf(READ, this.number);
      words[at + SQE.GROUP] = this.number;
    });
  }

  /** What is written leaves with the next wait. */
  flush(): void {}

  /** Alone only after those that share its ring: UringDevices.close(). */
  close(): void {
    libc().close(this.descriptor);
  }
}
