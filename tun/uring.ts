// io_uring(7) without native code: the two rings are mapped and written to from here, and the one system call goes through koffi. A hundred
// requests then cost one call into the kernel instead of a hundred, and JavaScript pays for the foreign call once.
//
//   entries (64 octets each)      -> submission ring: head is the kernel's, tail ours
//   completions (16 octets each)  <- completion ring: head ours, tail the kernel's
//
// Everything happens within enter(): what was submitted is carried out before it returns, what came in since is told (DEFER_TASKRUN: the
// kernel does nothing for us at other times, so an interrupted computation is never interrupted by it). One thread makes a ring and uses it.
//
// include/uapi/linux/io_uring.h has the layouts and the numbers.

import { EAGAIN, EBUSY, EINTR, ENOMEM, ETIME, type Libc, libc, must, SystemError } from './libc.ts';

// The same number on every architecture.
const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;
const IO_URING_REGISTER = 427;

const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_TASKRUN_FLAG = 1 << 9;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13; // Linux 6.1

const OFF_SQES = 0x1000_0000;
const OFF_PBUF_RING = 0x8000_0000;
const PBUF_SHIFT = 16;

/** What the kernel says of itself: there is more to tell, for which there was no room, or more to do first. */
const SQ_CQ_OVERFLOW = 1 << 1;
const SQ_TASKRUN = 1 << 2;

const ENTER_GETEVENTS = 1 << 0;
const ENTER_EXT_ARG = 1 << 3;

const REGISTER_PROBE = 8;
const REGISTER_PBUF_RING = 22;
const PBUF_RING_MMAP = 1;
const OP_SUPPORTED = 1;

const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

export const OP_POLL_ADD = 6;
export const OP_ASYNC_CANCEL = 14;
const OP_WRITE = 23;
export const OP_READ_MULTISHOT = 49; // Linux 6.7
export const POLL_ADD_MULTI = 1 << 0;
export const CANCEL_ANY = 1 << 2;
/** Flags of a request: its buffer comes from a group; it is only told of when it fails. */
export const BUFFER_SELECT = 1 << 5;
const CQE_SKIP_SUCCESS = 1 << 6;
const RWF_NOWAIT = 8;
/** Flags of a completion: the upper half is the number of the buffer; more will come of the same request. */
export const CQE_F_BUFFER_SHIFT = 16;
export const CQE_F_MORE = 1 << 1;

/** Words of 32 bits of a request, by what they hold. */
export const SQE = { OP: 0, FD: 1, OFFSET: 2, ADDRESS: 4, LENGTH: 6, FLAGS: 7, TAG: 8, VALUE: 9, GROUP: 10 } as const;
const SQE_WORDS = 16;
const CQE_WORDS = 4;

/** Nothing came in time; a signal; no memory, or no room to tell more: the next turn goes on. */
const PASSING: ReadonlySet<number> = new Set([ETIME, EINTR, EAGAIN, EBUSY]);
const MOST_TRIES = 1_000;

export interface Completions {
  /** `tag` and `value` are the request's own. `result`: what the system call would have returned, or -errno. */
  completed(tag: number, value: number, result: number, flags: number): void;
}

/** Buffers that the kernel fills in the order in which they were given. */
export interface BufferRing {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly mask: number;
}

export class Uring {
  readonly descriptor: number;
  private readonly libc: Libc;
  /** What is mapped. As long as something is, the ring lives, whoever has closed it. */
  readonly mappings: [address: number, length: number][] = [];
  /** By group. */
  readonly buffers: BufferRing[] = [];
  private readonly ring: Int32Array;
  private readonly entries: Int32Array;
  private readonly size: number;
  private readonly completions: number;
  // Indices of words of `ring`.
  private readonly sqHead: number;
  private readonly sqTail: number;
  private readonly sqFlags: number;
  private readonly cqHead: number;
  private readonly cqTail: number;
  private readonly cqes: number;
  private tail: number;
  private submitted: number;
  /** struct io_uring_getevents_arg, and from octet 32 on struct __kernel_timespec. Longer than that, so that it does not move. */
  private readonly argument = new Int32Array(32);
  private readonly argumentAddress: number;

  /** `entries`, `completions`: powers of 2. Throws what the system says: unknown, forbidden, no memory. */
  constructor(entries: number, completions: number) {
    this.libc = libc();
    const parameters = new Int32Array(30); // struct io_uring_params
    parameters[1] = completions;
    parameters[2] = SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;
    const address = this.libc.addressOf(parameters);
    this.descriptor = must(this.libc.syscall(IO_URING_SETUP, entries, address, 0, 0, 0, 0), 'io_uring_setup');
    try {
      const [sqHead, sqTail, , , sqFlags, , array] = parameters.subarray(10);
      const [cqHead, cqTail, , , , cqes] = parameters.subarray(20);
      this.size = parameters[0];
      this.completions = parameters[1];
      // One mapping for both rings: IORING_FEAT_SINGLE_MMAP, Linux 5.4.
      const length = Math.max(array + 4 * this.size, cqes + 4 * CQE_WORDS * this.completions);
      this.ring = new Int32Array(this.map(length, 0));
      this.entries = new Int32Array(this.map(4 * SQE_WORDS * this.size, OFF_SQES));
      [this.sqHead, this.sqTail, this.sqFlags, this.cqHead, this.cqTail, this.cqes] = [
        sqHead,
        sqTail,
        sqFlags,
        cqHead,
        cqTail,
        cqes,
      ].map((octets) => octets / 4);
      for (let index = 0; index < this.size; index++) this.ring[array / 4 + index] = index;
    } catch (error) {
      this.close();
      throw error;
    }
    this.tail = this.ring[this.sqTail];
    this.submitted = this.tail;
    this.argumentAddress = this.libc.addressOf(this.argument);
    const time = this.argumentAddress + 32;
    this.argument[4] = time | 0;
    this.argument[5] = Math.floor(time / 2 ** 32);
  }

  private map(length: number, offset: number): ArrayBuffer {
    const address = this.libc.mmap(null, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, this.descriptor, offset);
    if (address === -1) throw new SystemError('io_uring: mmap');
    this.mappings.push([address, length]);
    return this.libc.memoryAt(address, length);
  }

  private register(what: number, argument: Int32Array, count: number): number {
    return this.libc.syscall(IO_URING_REGISTER, this.descriptor, what, this.libc.addressOf(argument), count, 0, 0);
  }

  /** Whether the kernel knows the request of that number. */
  knows(op: number): boolean {
    const probe = new Int32Array(4 + 2 * 256); // struct io_uring_probe: 16 octets, then 8 for each
    if (this.register(REGISTER_PROBE, probe, 256) < 0) return false;
    return op <= (probe[0] & 0xff) && (probe[4 + 2 * op] & (OP_SUPPORTED << 16)) !== 0;
  }

  /** One more ring of buffers, for requests that name its group. `count`: a power of 2. */
  addBuffers(count: number): void {
    const group = this.buffers.length;
    const wanted = new Int32Array(20); // struct io_uring_buf_reg
    wanted[2] = count;
    wanted[3] = group | (PBUF_RING_MMAP << 16);
    must(this.register(REGISTER_PBUF_RING, wanted, 1), 'io_uring: buffers');
    const memory = this.map(Math.max(16 * count, 4_096), OFF_PBUF_RING + group * 2 ** PBUF_SHIFT);
    // Of what was asked for, so that it lives until it was read.
    this.buffers.push({ words: new Int32Array(memory), halves: new Uint16Array(memory), mask: wanted[2] - 1 });
  }

  /** Requests that can still be made before the next enter(). */
  get space(): number {
    return this.size - ((this.tail - this.submitted) | 0);
  }

  /** A request to be filled in: the index of its first word in what `entry` gets. The others are 0. Carried out by the next enter(). */
  request(fill: (words: Int32Array, at: number) => void): void {
    if (this.space === 0) this.submit();
    const at = (this.tail & (this.size - 1)) * SQE_WORDS;
    this.entries.fill(0, at, at + SQE_WORDS);
    fill(this.entries, at);
    this.tail = (this.tail + 1) | 0;
  }

  /** Writes without waiting, and is told of only when it fails. The frequent one: no closure, no fill(). */
  write(fd: number, address: number, length: number, tag: number): void {
    if (this.space === 0) this.submit();
    const { entries } = this;
    const at = (this.tail & (this.size - 1)) * SQE_WORDS;
    entries[at] = OP_WRITE | (CQE_SKIP_SUCCESS << 8);
    entries[at + 1] = fd;
    entries[at + 2] = 0;
    entries[at + 3] = 0;
    entries[at + 4] = address | 0;
    entries[at + 5] = Math.floor(address / 2 ** 32);
    entries[at + 6] = length;
    entries[at + 7] = RWF_NOWAIT;
    entries[at + 8] = tag;
    entries[at + 9] = length;
    for (let word = at + 10; word < at + SQE_WORDS; word++) entries[word] = 0;
    this.tail = (this.tail + 1) | 0;
  }

  /** Carries out what was requested; nothing comes in. */
  submit(): void {
    this.enter(0, 0, 0, 0);
  }

  /** Carries out what was requested, and waits for something to be told, at most so many milliseconds: 0 only looks, -1 is for ever. */
  wait(timeoutMs: number): void {
    if (timeoutMs === 0) {
      this.enter(0, ENTER_GETEVENTS, 0, 0);
      return;
    }
    if (timeoutMs < 0) {
      this.enter(1, ENTER_GETEVENTS, 0, 0);
      return;
    }
    const seconds = Math.floor(timeoutMs / 1_000);
    this.argument[8] = seconds;
    this.argument[10] = Math.floor((timeoutMs - 1_000 * seconds) * 1_000_000);
    this.enter(1, ENTER_GETEVENTS | ENTER_EXT_ARG, this.argumentAddress, 24);
  }

  /**
   * Returns when all that was requested has been carried out: callers reuse the memory of what they wrote. A kernel that is short of
   * memory stops in the middle, and then lets nothing come in either. io_uring_enter(), io_submit_sqes()
   */
  private enter(minimum: number, flags: number, argument: number, length: number): void {
    const { ring, tail } = this;
    Atomics.store(ring, this.sqTail, tail);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const count = (tail - this.submitted) | 0;
      const done = this.libc.syscall(IO_URING_ENTER, this.descriptor, count, minimum, flags, argument, length);
      const errno = done < 0 ? this.libc.errno() : 0;
      this.submitted = Atomics.load(ring, this.sqHead);
      if (done < 0 && !PASSING.has(errno)) throw new SystemError('io_uring_enter', errno);
      if (this.submitted === tail) return;
    }
    throw new SystemError('io_uring_enter', ENOMEM);
  }

  /** Hands over all that there is to tell. */
  reap(to: Completions): void {
    this.handOver(to);
    // It ends failed writes a few at a time; left alone, they would pile up in its memory.
    for (let tries = 0; tries < MOST_TRIES && this.hasMore; tries++) {
      this.enter(0, ENTER_GETEVENTS, 0, 0);
      this.handOver(to);
    }
  }

  private get hasMore(): boolean {
    return (Atomics.load(this.ring, this.sqFlags) & (SQ_CQ_OVERFLOW | SQ_TASKRUN)) !== 0;
  }

  private handOver(to: Completions): void {
    const { ring, cqes } = this;
    const mask = this.completions - 1;
    let head = ring[this.cqHead];
    const tail = Atomics.load(ring, this.cqTail);
    if (head === tail) return;
    for (; head !== tail; head = (head + 1) | 0) {
      const at = cqes + (head & mask) * CQE_WORDS;
      to.completed(ring[at], ring[at + 1], ring[at + 2], ring[at + 3]);
    }
    Atomics.store(ring, this.cqHead, head);
  }

  /** Requests that are on their way end some time later: cancel them first where that matters. */
  close(): void {
    closeRing({ descriptor: this.descriptor, mappings: this.mappings.splice(0) });
  }
}

/** What is left of a ring whose thread ended without closing it. */
export interface RingRemains {
  readonly descriptor: number;
  readonly mappings: readonly (readonly [address: number, length: number])[];
}

export function closeRing({ descriptor, mappings }: RingRemains): void {
  libc().close(descriptor);
  for (const [address, length] of mappings) libc().munmap(address, length);
}
