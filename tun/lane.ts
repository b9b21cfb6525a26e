// A lane: the way of what one queue of one device brings in, through memory that two threads share. The thread of the queue reads packets
// into it, the engine's thread decides about them where they lie, and the thread of the queue writes them to the devices. No octet of a packet
// is moved in between, and no lock is taken: each cell is written by one side alone.
//
// A page takes what one batch of reads brought, one packet behind another. Its life: free, filled (FILLED goes on), decided (DECIDED goes on),
// and free again once everything that was decided to leave has been written. What leaves is a row of descriptors (OUT, SENT): the
// device, and where in the lane it lies. A packet that is not in a page (an answer, a piece, a datagram put together) is copied into the
// room for copies first. The order of the descriptors is that of the engine's decisions, so that a flow, which comes in by one queue, keeps its own.
//
// All of it is of fixed size. No free page: the queue is not read, and packets wait in the kernel's, which drops what is too much. No room for
// a copy: it is a drop, counted. So neither side ever waits for the other to make room, but the reader, who is woken when there is some.
//
// The cursors only go on, and wrap at 32 bits; a place in a ring is their low bits.

export const PAGES = 4;
/** Packets of a page at most. */
export const PAGE_PACKETS = 64;
export const PAGE_LENGTH = 256 * 1_024; // octets
/** What a read may bring: the largest packet with its virtio-net header in front. */
export const LARGEST = 65_600; // octets
/** Free behind each packet, for what rewrites may add to it. */
export const GAP = 128; // octets
const COPIES_LENGTH = 512 * 1_024; // octets
const COPIES_AT = PAGES * PAGE_LENGTH;
const DESCRIPTORS = 1_024;
/** Kept for the packets in the pages, which always have a descriptor. */
const FOR_PAGES = PAGES * PAGE_PACKETS;

// Cells of 32 bits. Cursors stand a cache line apart from those of the other side.
const FILLED = 0;
const DECIDED = 16;
const OUT = 17;
const SENT = 32;
/** By low bits of FILLED: the page, and its packets. */
const PAGE = 48;
const COUNT = PAGE + PAGES;
/** Of each page: offset from its start and length of each packet, the virtio-net header in front included. */
const PACKETS = 64;
/** Offset in the lane and length of each packet that leaves, and its device. */
const LEAVING = PACKETS + PAGES * PAGE_PACKETS * 2;
const DEVICE = LEAVING + DESCRIPTORS * 2;
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

/** Where the next packet of a page may begin: 64 octets are a cache line. */
export const nextOffset = (offset: number, length: number): number => (offset + length + GAP + 63) & ~63;

/** The side that reads and writes the devices. */
export class QueueEnd {
  readonly bytes: Uint8Array;
  /** By page: offset and length of each packet, for fill(). */
  readonly packets: readonly Int32Array[];
  /** Offset and length of each packet that leaves, at send()'s index. */
  readonly leaving: Int32Array;
  private readonly cells: Int32Array;
  /** The page used last is used next: its memory is in the cache. */
  private readonly free = Array.from({ length: PAGES }, (_, page) => page);
  private filled: number;
  private freed: number;
  private sent: number;

  constructor({ cells, octets }: LaneMemory) {
    this.cells = new Int32Array(cells);
    this.bytes = new Uint8Array(octets);
    this.packets = this.free.map(
      (page) => new Int32Array(cells, 4 * (PACKETS + page * PAGE_PACKETS * 2), PAGE_PACKETS * 2),
    );
    this.leaving = new Int32Array(cells, 4 * LEAVING, DESCRIPTORS * 2);
    this.filled = this.cells[FILLED];
    this.freed = this.filled;
    this.sent = this.cells[SENT];
  }

  /** A page to read into, which begins at page * PAGE_LENGTH; -1: none is free. It stays free until fill(). */
  get page(): number {
    return this.free.length === 0 ? -1 : this.free[this.free.length - 1];
  }

  /** Hands the first `count` packets of that page to the engine. */
  fill(count: number): void {
    const page = this.free.pop() as number;
    const place = this.filled & (PAGES - 1);
    this.cells[PAGE + place] = page;
    this.cells[COUNT + place] = count;
    this.filled = (this.filled + 1) | 0;
    Atomics.store(this.cells, FILLED, this.filled);
  }

  /** Whether something waits to be written, or pages to be taken back. */
  get waits(): boolean {
    return Atomics.load(this.cells, OUT) !== this.sent || Atomics.load(this.cells, DECIDED) !== this.freed;
  }

  /**
   * Takes what is to leave, in order: `write` gets runs of packets for one device, as indices of pairs of `leaving`. Pages that have been
   * decided about are free afterwards. Returns how many packets and pages that were.
   */
  send(write: (device: number, first: number, count: number) => void): number {
    // In this order: what a page sends has been published before the page.
    const decided = Atomics.load(this.cells, DECIDED);
    const out = Atomics.load(this.cells, OUT);
    let done = 0;
    while (this.sent !== out) {
      const first = this.sent & (DESCRIPTORS - 1);
      const count = this.run(first, Math.min((out - this.sent) | 0, DESCRIPTORS - first));
      write(this.cells[DEVICE + first], first, count);
      this.sent = (this.sent + count) | 0;
      Atomics.store(this.cells, SENT, this.sent);
      done += count;
    }
    for (; this.freed !== decided; this.freed = (this.freed + 1) | 0, done++)
      this.free.push(this.cells[PAGE + (this.freed & (PAGES - 1))]);
    return done;
  }

  /** Packets from `first` on that leave by the same device, of at most `most`. */
  private run(first: number, most: number): number {
    const device = this.cells[DEVICE + first];
    let count = 1;
    while (count < most && this.cells[DEVICE + first + count] === device) count++;
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
  /** Of the page at hand; `left` packets of it are to be decided about. */
  private page = 0;
  private index = 0;
  private left = 0;
  private open = false;
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

  /** Whether the other side has filled a page that nobody has looked at, or one is half decided. */
  get waits(): boolean {
    return this.left > 0 || Atomics.load(this.cells, FILLED) !== this.taken;
  }

  /** Goes to the next packet that came in; false: there is none. */
  next(): boolean {
    if (this.left === 0 && !this.nextPage()) return false;
    const pair = PACKETS + (this.page * PAGE_PACKETS + this.index) * 2;
    const offset = this.cells[pair];
    const length = this.cells[pair + 1];
    this.at = this.page * PAGE_LENGTH + offset;
    this.end = this.at + length;
    this.room = this.end + GAP;
    this.index++;
    this.left--;
    return true;
  }

  private nextPage(): boolean {
    this.finishPage();
    if (Atomics.load(this.cells, FILLED) === this.taken) return false;
    // Often enough that the row of descriptors never meets its own end.
    this.reap();
    const place = this.taken & (PAGES - 1);
    this.taken = (this.taken + 1) | 0;
    this.page = this.cells[PAGE + place];
    this.left = this.cells[COUNT + place];
    this.index = 0;
    this.open = true;
    return this.left > 0;
  }

  private finishPage(): void {
    if (!this.open) return;
    this.open = false;
    this.decided = (this.decided + 1) | 0;
    this.published = false;
  }

  /** The octets from `at` on, of the page at hand or of room(), leave by that device. */
  push(device: number, at: number, length: number): void {
    const place = this.out & (DESCRIPTORS - 1);
    this.cells[LEAVING + 2 * place] = at;
    this.cells[LEAVING + 2 * place + 1] = length;
    this.cells[DEVICE + place] = device;
    this.out = (this.out + 1) | 0;
    this.published = false;
  }

  /** Room for a copy that is pushed next; -1: there is none. */
  copyTo(length: number): number {
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
    if (((this.out - this.reaped) | 0) >= DESCRIPTORS - FOR_PAGES) return -1;
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

  /** Shows the other side what was decided since the last time. False: nothing was. */
  publish(): boolean {
    if (this.left === 0) this.finishPage();
    if (this.published) return false;
    this.published = true;
    Atomics.store(this.cells, OUT, this.out);
    Atomics.store(this.cells, DECIDED, this.decided);
    return true;
  }
}
