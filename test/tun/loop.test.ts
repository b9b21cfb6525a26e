// When the forwarding loop waits, and how long. Devices in memory, a clock by hand.

import { expect, test } from 'vitest';
import { ip6, udp } from '../../packet/build.ts';
import type { Packet } from '../../packet/packet.ts';
import { ForwardingLoop } from '../../tun/loop.ts';
import { memoryPair } from '../../tun/memory.ts';

const packet = ip6({ src: 'fd00::1', dst: 'fd00::2' }, udp({ sport: 1, dport: 2 }));

function site(busyPollMs: number, { tick = 100, looksByReading = true } = {}) {
  const [near, far] = memoryPair({ name: 'near' }, { name: 'far' });
  const waits: number[] = [];
  const came: Packet[] = [];
  const time = { now: 0 };
  const loop = new ForwardingLoop(
    [near],
    { receive: (_, pkt) => came.push(pkt), advance: () => tick },
    { wait: (timeoutMs) => void waits.push(timeoutMs), clock: () => time.now, busyPollMs, looksByReading },
  );
  loop.turn(1_000); // The timers' first look.
  waits.length = 0;
  return { loop, far, waits, came, time };
}

test('idle, it waits until a timer is due, and no longer than it was told', () => {
  const { loop, waits, time } = site(0);
  time.now = 10;
  loop.turn(1_000);
  loop.turn(20);
  expect(waits).toEqual([90, 20]);
});

test('after a turn with packets it only looks, after one without it waits again', () => {
  const { loop, far, waits, came } = site(0);
  far.send(packet);
  for (let turn = 0; turn < 3; turn++) loop.turn(1_000);
  expect(came.length).toBe(1);
  expect(waits).toEqual([100, 0, 100]);
});

test('where a wait looks first, it waits after a turn with packets, too', () => {
  const { loop, far, waits, came } = site(0, { looksByReading: false });
  far.send(packet);
  for (let turn = 0; turn < 2; turn++) loop.turn(1_000);
  expect(came.length).toBe(1);
  expect(waits).toEqual([100, 100]);
});

test('with busy polling it goes on looking for that long after the last packet', () => {
  const { loop, far, waits, time } = site(0.05);
  far.send(packet);
  for (const now of [0, 0.02, 0.049, 0.05, 0.06]) {
    time.now = now;
    loop.turn(1_000);
  }
  expect(waits).toEqual([100, 0, 0, 0, 100]);
});

test('a timer that is due is not waited for', () => {
  const { loop, waits, time } = site(0);
  time.now = 101;
  loop.turn(1_000);
  expect(waits).toEqual([0]);
});
