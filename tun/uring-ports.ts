// Descriptors in batches: the kernel fills slots of memory as packets come, and writes what is to leave, all in the one system call in which
// the thread also waits. Nothing here looks into a packet.
//
// A slot is the kernel's from give() until arrived() tells what is in it. It may be given back as soon as what is written from it has been
// requested: wait() has the writes carried out before the kernel looks for packets (DEFER_TASKRUN), and none of them is put off (RWF_NOWAIT).

import { BUFFER_LENGTH, type DeviceCounters, deviceGone, HEADROOM } from './device.ts';
import { EBADFD, EFAULT, ENODEV } from './libc.ts';
import { dropReason } from './linux.ts';
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

/** Writes of a turn, and what may be told of in one. */
const REQUESTS = 256;
const COMPLETIONS = 1_024;
/** Slots of a port, at most. */
const BUFFERS = 64;

const POLLIN = 1;

/** What a read says when the device is no more. Anything else passes: no slot was free, no memory. tun_do_read(), tun_ring_recv() */
const GONE: ReadonlySet<number> = new Set([EBADFD, EFAULT, ENODEV]);

// What a request is, in the low octets of its tag; the port's number above.
const READ = 1;
const WRITE = 2;
const WAKER = 3;
const CANCEL = 4;
const tagOf = (kind: number, port: number): number => kind | (port << 8);

/**
 * A ring for so many descriptors of this thread, with all that it needs of the kernel: nothing is refused later. Throws, and says why, where
 * the kernel has none, forbids it or any of its calls, or has no memory to lock for it (RLIMIT_MEMLOCK, for whoever lacks CAP_IPC_LOCK).
 */
export function openRing(ports: number): Uring {
  const ring = new Uring(REQUESTS, COMPLETIONS);
  try {
    if (!ring.knows(OP_READ_MULTISHOT)) throw new Error('io_uring: no multishot read, which Linux 6.7 has');
    while (ring.buffers.length < ports) ring.addBuffers(BUFFERS);
    ring.submit();
    return ring;
  } catch (error) {
    ring.close();
    throw error;
  }
}

export interface Slots {
  readonly count: number;
  /** Where what is read into the first one begins, and how far the next is from there. */
  readonly address: number;
  readonly stride: number;
}

export interface PortOptions {
  /** Of the device. */
  readonly name: string;
  readonly descriptor: number;
  /** Octets in front of each packet, which are not counted. */
  readonly headerLength: number;
  readonly counters: DeviceCounters;
  readonly slots: Slots;
  /** So many octets came, in that slot. */
  arrived(slot: number, length: number): void;
}

/** Everything that a thread reads and writes. */
export class UringPorts implements Completions {
  readonly ring: Uring;
  private readonly ports: UringPort[] = [];
  private readonly waker: number;
  /** Requests that stay until they are cancelled. */
  private standing = 0;
  private wakerStands = false;

  /** `waker`: an eventfd that ends a wait. */
  constructor(ring: Uring, waker: number) {
    this.ring = ring;
    this.waker = waker;
  }

  /** All slots of it are the kernel's. */
  add(options: PortOptions): UringPort {
    const port = new UringPort(this, this.ports.length, options);
    this.ports.push(port);
    return port;
  }

  /** Sends what was written since the last turn, and waits for packets or a call, at most so many milliseconds; 0 only looks. Throws when a device was deleted. */
  wait(timeoutMs: number): void {
    for (let index = 0; index < this.ports.length; index++) this.ports[index].readOn();
    this.countSent();
    if (!this.wakerStands) this.standWaker();
    this.ring.wait(timeoutMs);
    this.ring.reap(this);
  }

  private countSent(): void {
    for (let index = 0; index < this.ports.length; index++) this.ports[index].countSent();
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
    if (kind === WRITE) this.ports[tag >>> 8].failed(value, result);
    else if (kind !== CANCEL) {
      const more = (flags & CQE_F_MORE) !== 0;
      if (!more) this.standing--;
      if (kind === READ) this.ports[tag >>> 8].came(result, flags >>> CQE_F_BUFFER_SHIFT, more);
      else this.wakerStands = more;
    }
  }

  /** What was written leaves; then nothing of the ring holds the descriptors any more, which stay open. */
  close(): void {
    this.countSent();
    this.ring.request((words, at) => {
      words[at + SQE.OP] = OP_ASYNC_CANCEL;
      words[at + SQE.FLAGS] = CANCEL_ANY;
      words[at + SQE.TAG] = CANCEL;
    });
    // Bounded: whatever keeps a request, the end of the ring ends it.
    for (let tries = 0; this.standing > 0 && tries < 100; tries++) {
      this.ring.wait(10);
      this.ring.reap(this);
    }
    this.ring.close();
  }
}

export class UringPort {
  readonly descriptor: number;
  private readonly all: UringPorts;
  private readonly options: PortOptions;
  private readonly readTag: number;
  private readonly writeTag: number;
  private readonly group: number;
  private readonly buffers: BufferRing;
  /** Goes on with every slot that is given, modulo 65,536. */
  private given = 0;
  private shown = 0;
  /** Slots that are the kernel's. */
  private empty = 0;
  /** The kernel reads as packets come. */
  private reads = false;
  private deleted = false;
  private sentPackets = 0;
  private sentOctets = 0;

  constructor(all: UringPorts, number: number, options: PortOptions) {
    this.all = all;
    this.options = options;
    this.descriptor = options.descriptor;
    this.readTag = tagOf(READ, number);
    this.writeTag = tagOf(WRITE, number);
    this.group = number;
    this.buffers = all.ring.buffers[number];
    for (let slot = 0; slot < options.slots.count; slot++) this.give(slot);
  }

  /** Whether nothing can be read, because no slot is the kernel's. */
  get full(): boolean {
    return this.empty === 0;
  }

  /** The slot may be filled anew, from the next wait() on. */
  give(slot: number): void {
    const { words, halves, mask } = this.buffers;
    const { slots, headerLength } = this.options;
    const at = 4 * (this.given & mask); // struct io_uring_buf: address, length, number; the last 16 bits of the first are the ring's tail
    const address = slots.address + slot * slots.stride;
    words[at] = address | 0;
    words[at + 1] = Math.floor(address / 2 ** 32);
    words[at + 2] = BUFFER_LENGTH - HEADROOM + headerLength;
    halves[2 * at + 6] = slot;
    this.given = (this.given + 1) & 0xffff;
    this.empty++;
  }

  /** Shows the kernel the slots that were given, and lets it go on reading if it stopped. */
  readOn(): void {
    if (this.shown !== this.given) {
      this.shown = this.given;
      Atomics.store(this.buffers.halves, 7, this.given);
    }
    if (this.reads || this.empty === 0) return;
    if (this.deleted) throw deviceGone(this.options.name);
    this.reads = true;
    this.all.stand((words, at) => {
      words[at + SQE.OP] = OP_READ_MULTISHOT | (BUFFER_SELECT << 8);
      words[at + SQE.FD] = this.descriptor;
      words[at + SQE.TAG] = this.readTag;
      words[at + SQE.GROUP] = this.group;
    });
  }

  came(result: number, slot: number, more: boolean): void {
    this.reads = more;
    if (result > 0) {
      this.empty--;
      this.options.counters.received(result - this.options.headerLength);
      this.options.arrived(slot, result);
    } else if (GONE.has(-result)) this.deleted = true;
  }

  /** Writes so many octets, header included, with the next wait(). */
  write(address: number, length: number): void {
    this.all.ring.write(this.descriptor, address, length, this.writeTag);
    this.sentPackets++;
    this.sentOctets += length - this.options.headerLength;
  }

  /** Of a write of so many octets. Only failures are told of. */
  failed(length: number, result: number): void {
    const { counters, headerLength } = this.options;
    counters.sent(headerLength - length, -1);
    counters.dropped(dropReason(-result));
  }

  /** Before they are carried out, for the call that does it may wait as well. Those that failed are taken back right after it. */
  countSent(): void {
    if (this.sentPackets === 0) return;
    this.options.counters.sent(this.sentOctets, this.sentPackets);
    this.sentPackets = 0;
    this.sentOctets = 0;
  }
}
