// The few functions of libc that we call, through koffi: no native code of our own (docs/decisions has the measurements).
//
// koffi is loaded on first use, so that everything that needs no device starts without it. A call costs about 250 ns beyond
// its system call. Buffers are handed over either as a Uint8Array or, where it counts, as the number that addressOf() gave: the
// memory of a typed array of more than 64 octets does not move, so the number stays good while the array is alive.

import { createRequire } from 'node:module';

type Pointer = ArrayBufferView | number | bigint | string | null;
type Call<A extends unknown[]> = (...args: A) => number;

export interface Libc {
  open: Call<[path: string, flags: number]>;
  close: Call<[fd: number]>;
  read: Call<[fd: number, buffer: Pointer, length: number]>;
  write: Call<[fd: number, buffer: Pointer, length: number]>;
  ioctl: Call<[fd: number, request: number, argument: Pointer]>;
  poll: Call<[descriptors: Pointer, count: number, timeoutMs: number]>;
  lseek: Call<[fd: number, offset: number, whence: number]>;
  flock: Call<[fd: number, operation: number]>;
  eventfd: Call<[initial: number, flags: number]>;
  unshare: Call<[flags: number]>;
  setns: Call<[fd: number, type: number]>;
  mount: Call<[source: string, target: string, type: string, flags: number, data: null]>;
  socket: Call<[domain: number, type: number, protocol: number]>;
  bind: Call<[fd: number, address: Pointer, length: number]>;
  connect: Call<[fd: number, address: Pointer, length: number]>;
  send: Call<[fd: number, buffer: Pointer, length: number, flags: number]>;
  sendto: Call<[fd: number, buffer: Pointer, length: number, flags: number, address: Pointer, addressLength: number]>;
  recv: Call<[fd: number, buffer: Pointer, length: number, flags: number]>;
  getsockopt: Call<[fd: number, level: number, name: number, value: Pointer, length: Pointer]>;
  setsockopt: Call<[fd: number, level: number, name: number, value: Pointer, length: number]>;
  if_nametoindex: Call<[name: string]>;
  /** syscall(2), for what libc has no function for. */
  syscall: Call<[number: number, a: number, b: number, c: number, d: number, e: number, f: number]>;
  /** The address; all bits set (MAP_FAILED) for an error. */
  mmap: Call<[address: null, length: number, protection: number, flags: number, fd: number, offset: number]>;
  munmap: Call<[address: number, length: number]>;
  /** Memory that is not JavaScript's, such as a mapping: to be touched no more once it is gone. */
  memoryAt(address: number, length: number): ArrayBuffer;
  /** errno of the last call of this thread. */
  errno(): number;
  strerror(errno: number): string;
  /** The address of a typed array's memory. Keep the array alive; only for arrays of more than 64 octets, which do not move. */
  addressOf(buffer: ArrayBufferView): number;
}

// `long` is ssize_t and off_t; size_t is known to koffi. None of these functions is variadic in a way that Linux' calling
// conventions (x86-64, arm64, riscv) would treat differently.
const PROTOTYPES = {
  open: 'int open(const char *, int)',
  close: 'int close(int)',
  read: 'long read(int, void *, size_t)',
  write: 'long write(int, const void *, size_t)',
  ioctl: 'int ioctl(int, unsigned long, void *)',
  poll: 'int poll(void *, unsigned long, int)',
  lseek: 'long lseek(int, long, int)',
  flock: 'int flock(int, int)',
  eventfd: 'int eventfd(unsigned int, int)',
  unshare: 'int unshare(int)',
  setns: 'int setns(int, int)',
  mount: 'int mount(const char *, const char *, const char *, unsigned long, void *)',
  socket: 'int socket(int, int, int)',
  bind: 'int bind(int, const void *, unsigned int)',
  connect: 'int connect(int, const void *, unsigned int)',
  send: 'long send(int, const void *, size_t, int)',
  sendto: 'long sendto(int, const void *, size_t, int, const void *, unsigned int)',
  recv: 'long recv(int, void *, size_t, int)',
  getsockopt: 'int getsockopt(int, int, int, void *, void *)',
  setsockopt: 'int setsockopt(int, int, int, const void *, unsigned int)',
  if_nametoindex: 'unsigned int if_nametoindex(const char *)',
  syscall: 'long syscall(long, long, long, long, long, long, long)',
  mmap: 'long mmap(void *, size_t, int, int, int, long)',
  munmap: 'int munmap(uintptr_t, size_t)',
};

interface Koffi {
  load(path: string | null): { func(prototype: string): (...args: unknown[]) => unknown };
  errno(): number;
  address(buffer: ArrayBufferView): bigint;
  view(address: bigint, length: number): ArrayBuffer;
}

let loaded: Libc | undefined;

/** The bindings; throws, naming the way out, where koffi cannot be loaded. */
export function libc(): Libc {
  loaded ??= bind();
  return loaded;
}

function bind(): Libc {
  if (process.platform !== 'linux') throw new Error(`TUN devices need Linux; this is ${process.platform}`);
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new Error('koffi, which calls libc for us, does not load here: npm install koffi', { cause });
  }
  const library = koffi.load(null);
  const calls = Object.fromEntries(Object.entries(PROTOTYPES).map(([name, text]) => [name, library.func(text)]));
  const strerror = library.func('const char *strerror(int)') as (errno: number) => string;
  return {
    ...calls,
    errno: koffi.errno,
    strerror,
    addressOf: (buffer: ArrayBufferView) => Number(koffi.address(buffer)),
    memoryAt: (address: number, length: number) => koffi.view(BigInt(address), length),
  } as unknown as Libc;
}

// include/uapi/asm-generic/errno-base.h, errno.h
export const EPERM = 1;
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const EPIPE = 32;
export const ETIME = 62;
export const EBADFD = 77;
export const ENOTSOCK = 88;
export const EMSGSIZE = 90;
export const ENOBUFS = 105;

export const O_RDONLY = 0;
export const O_RDWR = 0o2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

/** A system call that failed; `errno` and the text that strerror(3) has for it. */
export class SystemError extends Error {
  readonly errno: number;
  readonly reason: string;

  constructor(what: string, errno = libc().errno()) {
    const reason = libc().strerror(errno);
    super(`${what}: ${reason}`);
    this.errno = errno;
    this.reason = reason;
  }
}

/** The result of a call, or a SystemError named `what` when it is -1. */
export function must(result: number, what: string): number {
  if (result < 0) throw new SystemError(what);
  return result;
}

/** `text` as NUL-padded octets of a fixed-size C array. */
export function cString(text: string, size: number): Uint8Array {
  const octets = new TextEncoder().encode(text);
  if (octets.length >= size) throw new RangeError(`"${text}" is longer than ${size - 1} octets`);
  const field = new Uint8Array(size);
  field.set(octets);
  return field;
}
