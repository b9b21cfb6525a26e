// The devices of a data plane, opened: read and written by the engine's own thread, or, with several queues, by a thread for each of them.

import type { DeviceSpec } from './data-plane.ts';
import { type Device, DeviceCounters, deviceGone } from './device.ts';
import type { IoMethod } from './io-method.ts';
import { EngineEnd } from './lane.ts';
import { LaneDevice, Lanes } from './lane-device.ts';
import { O_NONBLOCK } from './libc.ts';
import { LinuxTun, openDescriptor, openTun, Poller, type TunOptions } from './linux.ts';
import { withNetlink } from './netlink.ts';
import { Waker } from './os.ts';
import { QUEUE, type QueueMemory } from './queue.ts';
import type { RingRemains, Uring } from './uring.ts';
import { openRing } from './uring-ports.ts';
import { UringDevices } from './uring-tun.ts';

/** With the memory of its counters, so that others can look. */
export type CountedDevice = DeviceSpec & { memory: SharedArrayBuffer };

/** Where whoever holds devices sleeps, and what wakes it beside packets. */
export interface Sleep {
  /** An eventfd, and cells that say the same: the one is 1 when somebody called, the other while nobody needs to. */
  readonly waker: number;
  readonly cells: Int32Array;
  readonly called: number;
  readonly sleeps: number;
}

export interface Io {
  readonly method: IoMethod;
  /** Why it is not io_uring, where nobody asked for that. */
  readonly why?: string;
}

export interface Holding {
  readonly devices: readonly Device[];
  readonly io: Io;
  /** To be closed with the devices by whoever closes them for a thread that died. */
  readonly ring?: RingRemains;
  /** By device and queue. */
  readonly descriptors: readonly (readonly number[])[];
  /** Begins a turn: waits until there is something to do, at most so many milliseconds; 0 only looks. Throws when a device was deleted. */
  wait(timeoutMs: number): void;
  /** For ForwardingLoop. */
  readonly looksByReading: boolean;
  close(): void;
}

/** One queue of each device, which this thread reads and writes itself. `method`: undefined for the best that this machine allows. */
export function holdAlone(specs: readonly CountedDevice[], sleep: Sleep, method?: IoMethod): Holding {
  if (method === 'calls') return holdByCalls(specs, sleep, { method });
  let ring: Uring;
  try {
    ring = openRing(specs.length);
  } catch (error) {
    if (method !== undefined) throw error;
    return holdByCalls(specs, sleep, { method: 'calls', why: (error as Error).message });
  }
  try {
    return holdByRing(specs, sleep, ring);
  } catch (error) {
    ring.close();
    throw error;
  }
}

function holdByRing(specs: readonly CountedDevice[], { waker }: Sleep, ring: Uring): Holding {
  const all = new UringDevices(ring, waker);
  const devices = openAll(specs, 1, (options) => all.open(options)).flat();
  return {
    devices,
    io: { method: 'io_uring' },
    ring: { descriptor: ring.descriptor, mappings: ring.mappings },
    descriptors: devices.map(({ descriptor }) => [descriptor]),
    wait: (timeoutMs) => all.wait(timeoutMs),
    looksByReading: false,
    close: () => all.close(),
  };
}

function holdByCalls(specs: readonly CountedDevice[], { waker }: Sleep, io: Io): Holding {
  const devices = openAll(specs, 1, openTun).map(([only]) => only);
  const descriptors = devices.map(({ descriptor }) => descriptor);
  const poller = new Poller([...descriptors, waker]);
  return {
    devices,
    io,
    descriptors: descriptors.map((descriptor) => [descriptor]),
    wait(timeoutMs) {
      if (timeoutMs === 0 || poller.wait(timeoutMs) === 0) return;
      devices.forEach(({ name }, index) => {
        if (poller.gone(index)) throw deviceGone(name);
      });
    },
    looksByReading: true,
    close: () => closeAll(devices),
  };
}

/** Several, with a thread each: to them this one speaks through memory alone. `method`: as for holdAlone(). */
export function holdQueues(
  specs: readonly CountedDevice[],
  sleep: Sleep,
  queues: readonly QueueMemory[],
  method?: IoMethod,
): Holding {
  const io = methodOfThreads(method, queues.length, specs.length);
  // A ring waits for packets by itself; a call is to come back without one.
  const flags = io.method === 'io_uring' ? 0 : O_NONBLOCK;
  const opened = openAll(specs, queues.length, (options) => new LinuxTun(options, openDescriptor(options, flags)));
  const ends = queues.map((queue) => queue.lanes.map((lane) => new EngineEnd(lane)));
  const wakers = queues.map(({ cells, waker }) => ({ cells: new Int32Array(cells), waker: new Waker(waker) }));
  const all = new Lanes(ends.flat(), (lane) => {
    const { cells, waker } = wakers[Math.floor(lane / specs.length)];
    if (Atomics.load(cells, QUEUE.SLEEPS) === 1 && Atomics.exchange(cells, QUEUE.SLEEPS, 0) === 1) waker.wake();
  });
  return {
    devices: opened.map(
      ([{ name, mtu, offloads }], number) =>
        new LaneDevice({
          name,
          number,
          mtu,
          offloads,
          lanes: ends.map((lanes) => lanes[number]),
          all,
          counters: new DeviceCounters(specs[number].memory),
        }),
    ),
    io,
    descriptors: opened.map((ofDevice) => ofDevice.map(({ descriptor }) => descriptor)),
    wait(timeoutMs) {
      if (timeoutMs !== 0) sleepOn(sleep, all, timeoutMs);
    },
    looksByReading: false,
    close: () => closeAll(opened.flat()),
  };
}

/** Each of them makes a ring of its own: whether all can is tried here. */
function methodOfThreads(method: IoMethod | undefined, threads: number, devices: number): Io {
  if (method === 'calls') return { method };
  const rings: Uring[] = [];
  try {
    while (rings.length < threads) rings.push(openRing(devices));
    return { method: 'io_uring' };
  } catch (error) {
    if (method !== undefined) throw error;
    return { method: 'calls', why: (error as Error).message };
  } finally {
    for (const ring of rings) ring.close();
  }
}

/** Whoever puts something into a lane, or calls, makes the cell 0 and tells (endSleep). */
function sleepOn({ cells, called, sleeps }: Sleep, all: Lanes, timeoutMs: number): void {
  Atomics.store(cells, sleeps, 1);
  if (!all.waits && Atomics.load(cells, called) === 0) Atomics.wait(cells, sleeps, 1, timeoutMs);
  Atomics.store(cells, sleeps, 0);
}

/** All or none. By device, its queues. */
function openAll<D extends Device>(
  specs: readonly CountedDevice[],
  queues: number,
  open: (options: TunOptions) => D,
): D[][] {
  const opened: D[][] = [];
  try {
    for (const spec of specs) {
      const own: D[] = [];
      opened.push(own);
      const { memory, ...options } = spec;
      while (own.length < queues)
        own.push(open({ ...options, multiQueue: queues > 1, counters: new DeviceCounters(memory) }));
      setUp(spec, own);
    }
    return opened;
  } catch (error) {
    closeAll(opened.flat());
    throw error;
  }
}

function setUp({ name, mtu, up = true }: DeviceSpec, queues: readonly Device[]): void {
  withNetlink((netlink) => {
    const index = netlink.linkIndex(name);
    if (mtu !== undefined || up) netlink.setLink(index, { mtu, up });
    const link = netlink.link(index);
    for (const queue of queues) queue.mtu = link.mtu;
  });
}

function closeAll(devices: readonly Device[]): void {
  for (const device of devices) device.close();
}
