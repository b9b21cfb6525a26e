// The devices of a data plane, opened: read and written by the engine's own thread, or, with several queues, by a thread for each of them.

import type { DeviceSpec } from './data-plane.ts';
import { type Device, DeviceCounters } from './device.ts';
import { EngineEnd } from './lane.ts';
import { type LinuxTun, openTun, Poller } from './linux.ts';
import { withNetlink } from './netlink.ts';
import { Waker } from './os.ts';
import { QUEUE, type QueueMemory } from './queue.ts';
import { RingDevice, Rings } from './ring-device.ts';

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

export interface Holding {
  readonly devices: readonly Device[];
  /** By device and queue. */
  readonly descriptors: readonly (readonly number[])[];
  /** Waits until there is something to do, at most so many milliseconds. */
  wait(timeoutMs: number): void;
  close(): void;
}

/** One queue of each device, which this thread polls itself. */
export function holdAlone(specs: readonly CountedDevice[], { waker }: Sleep): Holding {
  const devices = openAll(specs, 1).map(([only]) => only);
  const descriptors = devices.map(({ descriptor }) => descriptor);
  const poller = new Poller([...descriptors, waker]);
  return {
    devices,
    descriptors: descriptors.map((descriptor) => [descriptor]),
    wait: (timeoutMs) => void poller.wait(timeoutMs),
    close: () => closeAll(devices),
  };
}

/** Several, with a thread each: to them this one speaks through memory alone. */
export function holdQueues(specs: readonly CountedDevice[], sleep: Sleep, queues: readonly QueueMemory[]): Holding {
  const opened = openAll(specs, queues.length);
  const ends = queues.map(({ lanes }) => lanes.map((lane) => new EngineEnd(lane)));
  const wakers = queues.map(({ cells, waker }) => ({ cells: new Int32Array(cells), waker: new Waker(waker) }));
  const rings = new Rings(ends.flat(), (lane) => {
    const { cells, waker } = wakers[Math.floor(lane / specs.length)];
    if (Atomics.load(cells, QUEUE.SLEEPS) === 1 && Atomics.exchange(cells, QUEUE.SLEEPS, 0) === 1) waker.wake();
  });
  return {
    devices: opened.map(
      ([{ name, mtu, offloads }], number) =>
        new RingDevice({
          name,
          number,
          mtu,
          offloads,
          lanes: ends.map((lanes) => lanes[number]),
          rings,
          counters: new DeviceCounters(specs[number].memory),
        }),
    ),
    descriptors: opened.map((ofDevice) => ofDevice.map(({ descriptor }) => descriptor)),
    wait: (timeoutMs) => sleepOn(sleep, rings, timeoutMs),
    close: () => closeAll(opened.flat()),
  };
}

/** Whoever puts something into a lane, or calls, makes the cell 0 and tells (endSleep). */
function sleepOn({ cells, called, sleeps }: Sleep, rings: Rings, timeoutMs: number): void {
  Atomics.store(cells, sleeps, 1);
  if (!rings.waits && Atomics.load(cells, called) === 0) Atomics.wait(cells, sleeps, 1, timeoutMs);
  Atomics.store(cells, sleeps, 0);
}

/** All or none. By device, its queues. */
function openAll(specs: readonly CountedDevice[], queues: number): LinuxTun[][] {
  const opened: LinuxTun[][] = [];
  try {
    for (const spec of specs) {
      const own: LinuxTun[] = [];
      opened.push(own);
      while (own.length < queues) own.push(openQueue(spec, queues > 1));
      setUp(spec, own);
    }
    return opened;
  } catch (error) {
    closeAll(opened.flat());
    throw error;
  }
}

function openQueue({ memory, ...spec }: CountedDevice, multiQueue: boolean): LinuxTun {
  return openTun({ ...spec, multiQueue, counters: new DeviceCounters(memory) });
}

function setUp({ name, mtu, up = true }: DeviceSpec, queues: readonly LinuxTun[]): void {
  withNetlink((netlink) => {
    const index = netlink.linkIndex(name);
    if (mtu !== undefined || up) netlink.setLink(index, { mtu, up });
    for (const queue of queues) queue.mtu = netlink.mtu(index);
  });
}

function closeAll(devices: readonly Device[]): void {
  for (const device of devices) device.close();
}
