// A lane: the way of what one queue of one device brings in, through memory that two threads share. The thread of the queue has packets read
// into slots of it, the engine's thread decides about them where they lie, and the thread of the queue has them written. No octet of a packet
// is moved in between, and no lock is taken: each cell is written by one side alone.
//
//   | slot 0 | slot 1 | ... | room for copies |
//
// What came in is a row of arrivals (FILLED goes on), about which the engine decides in order (DECIDED goes on). What leaves is a row of
// descriptors (OUT, then SENT): the device, and where in the lane it lies. A slot is free again when its packet was decided about and all
// that was to leave before has been written. A packet that is not in a slot (an answer, a piece, a datagram put together) is copied into the
// room for copies first. The order of the descriptors is that of the engine's decisions, so that a flow, which comes in by one queue, keeps its own.
//
// All of it is of fixed size. No free slot: the queue is not read, and packets wait in the kernel's, which drops what is too much. No room for
// a copy: it is a drop, counted. So neither side ever waits for the other to make room, but the reader, who is woken when there is some.
//
// The cursors only go on, and wrap at 32 bits; a place in a row is their low bits.

import { BUFFER_LENGTH, HEADROOM, SLOT_LENGTH } from './device.ts';

/** A power of 2. As many packets as one turn takes at most; of many more, super-packets would not stay in the cache. */
export const SLOTS = 64;
const COPIES_AT = SLOTS * SLOT_LENGTH;
const COPIES_LENGTH = 512 * 1_024; // octets
const DESCRIPTORS = 1_024;

// Cells of 32 bits. Cursors stand a cache line apart from those of the other side.
const FILLED = 0;
const DECIDED = 16;
const OUT = 17;
const SENT = 32;
/** Where each packet that came in begins, the virtio-net header included, and its length. */
const ARRIVED = 48;
/** The same of each packet that leaves, and its device. */
const LEAVING = ARRIVED + 2 * SLOTS;
const DEVICE = LEAVING + 2 * DESCRIPTORS;
const CELLS = DEVICE + DESCRIPTORS;

/** What both sides are handed. */
export interface LaneMemory {
  readonly cells: SharedArrayBuffer;
  readonly octets: SharedArrayBuffer;
}

/** Memory of a lane whose cursors begin at `start`. What nobody writes to costs nothing: the kernel gives pages on first use. */
export function laneMemory(start = 0): LaneMemory {
  const cells = new SharedArrayBuffer(4 * CELLS);
  for (const cursor of [FILLED, DECIDED, OUT, SENT]) new Int32Array(cells)[cursor] = start;
  return { cells, octets: new SharedArrayBuffer(COPIES_AT + COPIES_LENGTH) };
}

/** Where what is read into a slot begins, its header of `headerLength` octets first. */
export const slotAt = (slot: number, headerLength: number): number => slot * SLOT_LENGTH + HEADROOM - headerLength;

const slotOf = (at: number): number => Math.floor(at / SLOT_LENGTH);

/** The side that reads and writes the devices. */
export class QueueEnd {
  readonly bytes: Uint8Array;
  /** Where each packet that leaves begins, and its length, at the indices that send() tells. */
  readonly leaving: Int32Array;
  private readonly cells: Int32Array;
  private filled: number;
  private freed: number;
  private sent: number;
  /** Of the last send(): how far the engine had decided. */
  private decided: number;

  constructor({ cells, octets }: LaneMemory) {
    this.cells = new Int32Array(cells);
    this.bytes = new Uint8Array(octets);
    this.leaving = new Int32Array(cells, 4 * LEAVING, 2 * DESCRIPTORS);
    this.filled = this.cells[FILLED];
    this.freed = this.filled;
    this.decided = this.filled;
    this.sent = this.cells[SENT];
  }

  /** A packet came in: `length` octets from slotAt() of a free slot on. */
  arrived(at: number, length: number): void {
    const pair = ARRIVED + 2 * (this.filled & (SLOTS - 1));
    this.cells[pair] = at;
    this.cells[pair + 1] = length;
    this.filled = (this.filled + 1) | 0;
  }

  /** Shows the engine what arrived. False: nothing did since the last time. */
  show(): boolean {
    if (this.cells[FILLED] === this.filled) return false;
    Atomics.store(this.cells, FILLED, this.filled);
    return true;
  }

  /** Whether something waits to be written, or slots to be taken back. */
  get waits(): boolean {
    return Atomics.load(this.cells, OUT) !== this.sent || Atomics.load(this.cells, DECIDED) !== this.freed;
  }

  /** Takes what is to leave, in order: `write` gets runs of packets for one device, as indices of pairs of `leaving`. done() is next. */
  send(write: (device: number, first: number, count: number) => void): void {
    // In this order: what is to leave has been shown before the decision that frees its slot.
    this.decided = Atomics.load(this.cells, DECIDED);
    const out = Atomics.load(this.cells, OUT);
    while (this.sent !== out) {
      const first = this.sent & (DESCRIPTORS - 1);
      const count = this.run(first, Math.min((out - this.sent) | 0, DESCRIPTORS - first));
      write(this.cells[DEVICE + first], first, count);
      this.sent = (this.sent + count) | 0;
    }
  }

  /** Packets from `first` on that leave by the same device, of at most `most`. */
  private run(first: number, most: number): number {
    const device = this.cells[DEVICE + first];
    let count = 1;
    while (count < most && this.cells[DEVICE + first + count] === device) count++;
    return count;
  }

  /** What send() told has been written. `free` gets the slots that may be read into again. Returns how much there was to do. */
  done(free: (slot: number) => void): number {
    const { cells, decided } = this;
    let count = (this.sent - cells[SENT]) | 0;
    if (count > 0) Atomics.store(cells, SENT, this.sent);
    for (; this.freed !== decided; this.freed = (this.freed + 1) | 0, count++)
      free(slotOf(cells[ARRIVED + 2 * (this.freed & (SLOTS - 1))]));
    return count;
  }
}

/** The side that decides. Nothing of it is seen by the other one before publish(). */
export class EngineEnd {
  readonly bytes: Uint8Array;
  /** Of the packet that next() found: where it begins, its virtio-net header included, where it ends, and how far it may grow. */
  at = 0;
  end = 0;
  room = 0;
  private readonly cells: Int32Array;
  /** Arrivals that next() has handed out; all but the last of them are decided about. */
  private taken: number;
  private decided: number;
  private out: number;
  private published = true;
  /** Descriptors that the other side was seen to have done with. */
  private reaped: number;
  // Copies lie between tail and head of a ring of octets, which is empty when there are none.
  private copies = 0;
  private head = 0;
  private tail = 0;

  constructor({ cells, octets }: LaneMemory) {
    this.cells = new Int32Array(cells);
    this.bytes = new Uint8Array(octets);
    this.taken = this.cells[DECIDED];
    this.decided = this.taken;
    this.out = this.cells[OUT];
    this.reaped = this.out;
  }

  /** Whether something has come in that nobody has looked at. */
  get waits(): boolean {
    return Atomics.load(this.cells, FILLED) !== this.taken;
  }

  /** Goes to the next packet that came in; false: there is none. */
  next(): boolean {
    if (!this.waits) return false;
    const pair = ARRIVED + 2 * (this.taken & (SLOTS - 1));
    const at = this.cells[pair];
    this.at = at;
    this.end = at + this.cells[pair + 1];
    this.room = slotOf(at) * SLOT_LENGTH + BUFFER_LENGTH;
    this.taken = (this.taken + 1) | 0;
    return true;
  }

  /** The octets from `at` on, of the packet at hand or of copyTo(), leave by that device. */
  push(device: number, at: number, length: number): void {
    const place = this.out & (DESCRIPTORS - 1);
    this.cells[LEAVING + 2 * place] = at;
    this.cells[LEAVING + 2 * place + 1] = length;
    this.cells[DEVICE + place] = device;
    this.out = (this.out + 1) | 0;
    this.published = false;
  }

  /** Room for a copy of so many octets, which is pushed next; -1: there is none. */
  copyTo(octets: number): number {
    const length = (octets + 63) & ~63; // a cache line is not shared by two
    let at = this.roomFor(length);
    if (at < 0) {
      this.reap();
      at = this.roomFor(length);
    }
    if (at < 0) return -1;
    this.copies++;
    this.head = at + length;
    return COPIES_AT + at;
  }

  private roomFor(length: number): number {
    // Packets in slots always find a place in the row.
    if (((this.out - this.reaped) | 0) >= DESCRIPTORS - SLOTS) return -1;
    if (this.copies === 0) {
      this.head = 0;
      this.tail = 0;
    } else if (this.head <= this.tail) return this.head + length <= this.tail ? this.head : -1;
    if (this.head + length <= COPIES_LENGTH) return this.head;
    return length <= this.tail ? 0 : -1;
  }

  /** Takes back the room of copies that have been written. */
  private reap(): void {
    const sent = Atomics.load(this.cells, SENT);
    if (this.copies === 0) this.reaped = sent;
    for (; this.reaped !== sent; this.reaped = (this.reaped + 1) | 0) {
      const pair = LEAVING + 2 * (this.reaped & (DESCRIPTORS - 1));
      const at = this.cells[pair] - COPIES_AT;
      if (at < 0) continue;
      this.tail = at + this.cells[pair + 1];
      this.copies--;
    }
  }

  /** Shows the other side what was decided since the last time. False: nothing was. Not while a packet is at hand. */
  publish(): boolean {
    if (this.published && this.decided === this.taken) return false;
    this.published = true;
    this.decided = this.taken;
    Atomics.store(this.cells, OUT, this.out);
    Atomics.store(this.cells, DECIDED, this.decided);
    // Often enough that the row never meets its own end.
    this.reap();
    return true;
  }
}
