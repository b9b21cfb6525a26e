import { expect, test } from 'vitest';
import { ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { concat } from '../../packet/bytes.ts';
import { GSO_TCP6, Packet } from '../../packet/packet.ts';
import { readCapture } from '../../packet/pcap.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { LossyDevice } from '../../tun/loss.ts';
import { memoryPair } from '../../tun/memory.ts';
import { RecordingDevice } from '../../tun/pcap.ts';
import { deviceSuite, unfinished } from './suite.ts';

function memoryBench() {
  const [device, far] = memoryPair({ name: 'tunA' }, { name: 'far' });
  return {
    device,
    far,
    takeDown: () => {
      device.up = false;
    },
    close: () => device.close(),
  };
}

deviceSuite('in-memory twin', memoryBench);

deviceSuite('recording wrapper', () => {
  const bench = memoryBench();
  return { ...bench, device: new RecordingDevice(bench.device, { write: () => {} }) };
});

deviceSuite('lossy wrapper that loses nothing', () => {
  const bench = memoryBench();
  return { ...bench, device: new LossyDevice(bench.device, { seed: 1 }) };
});

const numbered = (id: number): Uint8Array => ip4({ id }, udp({ data: 'x' }));
const idOf = (octets: Uint8Array): number => (octets[4] << 8) | octets[5];

test('between two ends with offloads a super-packet stays one', () => {
  const [near, far] = memoryPair({ name: 'a', offloads: true }, { name: 'b', offloads: true });
  const pkt = unfinished(ip6({}, tcp({ flags: 'A', data: 3000 })), 16);
  pkt.gsoSize = 1000;
  pkt.gsoType = GSO_TCP6;
  near.write(pkt);
  const seen: unknown[] = [];
  far.read(new Packet(BUFFER_LENGTH), 0, 9, (got) => seen.push([got.length, got.gsoSize, got.checksumPartial]));
  expect(seen).toEqual([[3060, 1000, true]]);
});

test('a full queue drops and counts', () => {
  const [near, far] = memoryPair({ name: 'a' }, { name: 'b', queueLength: 2 });
  expect([1, 2, 3].map((id) => near.send(numbered(id)))).toEqual([true, true, false]);
  expect(far.receive().map(idOf)).toEqual([1, 2]);
  expect(near.counters.drops('full')).toBe(1);
});

test('the same seed loses the same packets', () => {
  const survivors = (seed: number): number[] => {
    const [near, far] = memoryPair({ name: 'a' }, { name: 'b' });
    const lossy = new LossyDevice(near, { seed, loss: 0.3 });
    for (let id = 1; id <= 200; id++) lossy.write(Packet.of(numbered(id)));
    expect(near.counters.drops('lost')).toBe(200 - near.counters.toJSON().sentPackets);
    return far.receive().map(idOf);
  };
  expect(survivors(7)).toEqual(survivors(7));
  expect(survivors(7)).not.toEqual(survivors(8));
  expect(survivors(7).length).toBeGreaterThan(110);
  expect(survivors(7).length).toBeLessThan(170);
});

test('a delayed packet leaves with the first flush after its time, and a doubled one twice', () => {
  const [near, far] = memoryPair({ name: 'a' }, { name: 'b' });
  const lossy = new LossyDevice(near, { seed: 1, delay: 10, duplicate: 1 });
  lossy.write(Packet.of(numbered(1)));
  lossy.flush(9);
  expect(far.receive()).toEqual([]);
  lossy.flush(10);
  expect(far.receive().map(idOf)).toEqual([1, 1]);
});

test('jitter lets packets overtake each other', () => {
  const [near, far] = memoryPair({ name: 'a' }, { name: 'b' });
  const lossy = new LossyDevice(near, { seed: 3, delay: 1, jitter: 50 });
  for (let id = 1; id <= 20; id++) lossy.write(Packet.of(numbered(id)));
  lossy.flush(100);
  const ids = far.receive().map(idOf);
  expect([...ids].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(ids).not.toEqual([...ids].sort((a, b) => a - b));
});

test('the recording wrapper writes what passes either way, headers first', () => {
  const [near, far] = memoryPair({ name: 'a' }, { name: 'b' });
  const pieces: Uint8Array[] = [];
  const recording = new RecordingDevice(near, { write: (octets) => pieces.push(octets.slice()), epoch: 1_000 });
  recording.write(Packet.of(numbered(1)));
  far.send(numbered(2));
  recording.read(new Packet(BUFFER_LENGTH), 2_500, 9, () => {});
  const frames = [...readCapture(concat(...pieces))];
  expect(frames.map(({ bytes, seconds, nanoseconds }) => [idOf(bytes), seconds, nanoseconds])).toEqual([
    [1, 1, 0],
    [2, 3, 500_000_000],
  ]);
});
