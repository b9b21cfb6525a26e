// Lanes between the engine and the threads of queues, and devices that speak through them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { SLOTS } from '../../tun/lane.ts';
import { Wrapper } from '../../tun/wrapper.ts';
import { QueueRig, type Sent } from './queue-rig.ts';
import { deviceSuite } from './suite.ts';

/** What a thread of a queue does around each read: it takes pages back, and reads what waits. */
class Attended extends Wrapper {
  before = (): void => {};

  override read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    this.before();
    return super.read(into, now, limit, each);
  }
}

deviceSuite('device behind a lane', () => {
  const rig = new QueueRig(1);
  const device = new Attended(rig.devices[0]);
  const waiting: Uint8Array[] = [];
  const left: Uint8Array[] = [];
  device.before = () => {
    left.push(...rig.take(0).map(({ octets }) => octets));
    if (waiting.length > 0) rig.bring(0, 0, waiting);
  };
  return {
    device,
    far: {
      send: (octets) => void waiting.push(octets),
      receive: () => {
        device.flush(0);
        device.before();
        return left.splice(0);
      },
    },
    close: () => device.close(),
  };
});

const numbered = (id: number, data: number | string = 'x'): Uint8Array => ip4({ id }, udp({ data }));
const idOf = (octets: Uint8Array): number => (octets[4] << 8) | octets[5];
const ids = (sent: readonly Sent[]): number[] => sent.map(({ octets }) => idOf(octets));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id);

describe('lanes', () => {
  const into = new Packet(BUFFER_LENGTH);
  /** The engine passes everything on to the other device; returns how many there were. */
  const pass = (rig: QueueRig, limit = 1_000): number =>
    rig.devices.reduce(
      (sum, device, number) => sum + device.read(into, 0, limit, (pkt) => void rig.devices[1 - number].write(pkt)),
      0,
    );

  test('what comes in by a queue leaves by it, in order, by the device that was chosen', () => {
    const rig = new QueueRig(2);
    rig.bring(
      0,
      0,
      [1, 2].map((id) => numbered(id)),
    );
    rig.bring(
      1,
      0,
      [11, 12].map((id) => numbered(id)),
    );
    rig.bring(
      1,
      1,
      [21].map((id) => numbered(id)),
    );
    expect(pass(rig)).toBe(5);
    expect(rig.take(0)).toEqual([1, 2].map((id) => ({ device: 1, octets: numbered(id) })));
    expect(rig.take(1).map(({ device, octets }) => [device, idOf(octets)])).toEqual([
      [1, 11],
      [1, 12],
      [0, 21],
    ]);
  });

  test('nothing leaves before the engine has shown it, and whoever is to write is woken once a batch', () => {
    const rig = new QueueRig(1);
    rig.bring(
      0,
      0,
      upTo(9).map((id) => numbered(id)),
    );
    rig.devices[0].read(into, 0, 100, (pkt) => {
      rig.devices[1].write(pkt);
      expect(rig.take(0)).toEqual([]);
    });
    expect(rig.woken).toEqual([0]);
    expect(rig.take(0).length).toBe(9);
  });

  test('dropped packets give their slot back', () => {
    const rig = new QueueRig(1);
    for (let round = 0; round < 3 * SLOTS; round++) {
      expect(rig.bring(0, 0, [numbered(round)])).toBe(1);
      rig.devices[0].read(into, 0, 100, () => {});
      expect(rig.take(0)).toEqual([]);
    }
  });

  test('an engine that stands still: so many packets are in memory, the rest is not read, and it goes on afterwards', () => {
    const rig = new QueueRig(1);
    const waiting = upTo(1_000).map((id) => numbered(id));
    while (rig.bring(0, 0, waiting) > 0);
    expect(waiting.length).toBe(1_000 - SLOTS);
    const sent: number[] = [];
    while (pass(rig) > 0) {
      sent.push(...ids(rig.take(0)));
      if (waiting.length > 0) rig.bring(0, 0, waiting);
    }
    expect(sent).toEqual(upTo(1_000));
  });

  test('a thread that does not write: its lane fills, others go on, and what is too much was never read', () => {
    const rig = new QueueRig(2);
    const waiting = upTo(1_000).map((id) => numbered(id));
    for (let round = 0; round < 20; round++) {
      rig.bring(0, 0, waiting);
      rig.bring(1, 0, [numbered(5_000 + round)]);
      pass(rig);
      expect(ids(rig.take(1))).toEqual([5_000 + round]);
    }
    expect(ids(rig.take(0))).toEqual(upTo(SLOTS));
  });

  test('copies for a thread that does not write: so many octets are kept, the rest is dropped and counted', () => {
    const rig = new QueueRig(1);
    const answer = Packet.of(numbered(7, 60_000));
    const written = upTo(20).map(() => rig.devices[0].write(answer));
    expect(written.filter(Boolean).length).toBe(8);
    expect(rig.devices[0].counters.toJSON().drops).toEqual({ 'ring full': 12 });
    rig.devices[0].flush();
    expect(ids(rig.take(0))).toEqual(Array(8).fill(7));
    expect(rig.devices[0].write(answer)).toBe(true);
  });

  test('small copies are bounded by their number, and packets that only pass still find their place', () => {
    const rig = new QueueRig(1);
    const answer = Packet.of(numbered(7));
    const kept = upTo(2_000).filter(() => rig.devices[0].write(answer)).length;
    expect(kept).toBe(1_024 - SLOTS);
    const passing = upTo(SLOTS).map((id) => 100 + id);
    rig.bring(
      0,
      0,
      passing.map((id) => numbered(id)),
    );
    expect(pass(rig)).toBe(SLOTS);
    expect(ids(rig.take(0))).toEqual([...Array(kept).fill(7), ...passing]);
  });

  test('a packet that grows does not touch the one behind it', () => {
    const rig = new QueueRig(1);
    const second = ip6({}, tcp({ flags: 'S' }));
    rig.bring(0, 0, [numbered(1), second]);
    const seen: string[] = [];
    rig.devices[0].read(into, 0, 9, (pkt) => {
      if (seen.length === 0) pkt.bytes.fill(0xff, pkt.end, pkt.room);
      seen.push(toHex(pkt.view()));
    });
    expect(seen).toEqual([numbered(1), second].map((octets) => toHex(octets)));
  });

  test('a packet in another buffer, as reassembly makes it, leaves in its turn', () => {
    const rig = new QueueRig(1);
    rig.bring(
      0,
      0,
      [1, 2, 3].map((id) => numbered(id)),
    );
    rig.devices[0].read(into, 0, 9, (pkt) => {
      if (idOf(pkt.view()) === 2) {
        pkt.bytes = new Uint8Array(4_000);
        pkt.bytes.set(numbered(22, 3_000), 100);
        pkt.load(100, 100 + numbered(22, 3_000).length, 0);
        pkt.parse();
      }
      rig.devices[1].write(pkt);
    });
    expect(rig.take(0).map(({ octets }) => octets)).toEqual([numbered(1), numbered(22, 3_000), numbered(3)]);
  });

  test('an answer goes out between the packets that it stands between', () => {
    const rig = new QueueRig(1);
    rig.bring(
      0,
      0,
      [1, 2].map((id) => numbered(id)),
    );
    rig.devices[0].read(into, 0, 9, (pkt) => {
      rig.devices[0].write(Packet.of(numbered(90 + idOf(pkt.view()))));
      rig.devices[1].write(pkt);
    });
    expect(rig.take(0).map(({ device, octets }) => [device, idOf(octets)])).toEqual([
      [0, 91],
      [1, 1],
      [0, 92],
      [1, 2],
    ]);
  });

  test('what was decided before the engine ended is written', () => {
    const rig = new QueueRig(1);
    rig.bring(
      0,
      0,
      [1, 2, 3].map((id) => numbered(id)),
    );
    pass(rig, 2);
    expect(ids(rig.take(0))).toEqual([1, 2]);
  });

  // The cursors pass from the largest 32-bit number to the smallest meanwhile.
  test('any order of reading, deciding and writing: no packet is lost, doubled or out of order', () => {
    const step = fc.constantFrom('bring', 'decide', 'write', 'answer');
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.integer({ min: 1, max: 90 })), { maxLength: 200 }), (steps) => {
        const rig = new QueueRig(1, { uso: true }, 0x7fff_fff0);
        // In front of each packet: a virtio-net header of zeros.
        const framed = (octets: Uint8Array): Uint8Array => Uint8Array.of(...new Uint8Array(10), ...octets);
        let next = 0;
        const read: number[] = [];
        const decided: number[] = [];
        const written: number[] = [];
        for (const [what, count] of steps) {
          if (what === 'bring') {
            const packets = upTo(count).map((index) => framed(numbered(next + index, index * 7)));
            rig.bring(0, 0, packets);
            read.push(...upTo(count - packets.length).map((index) => next + index));
            next += count - packets.length;
          } else if (what === 'decide') {
            rig.devices[0].read(into, 0, count, (pkt) => {
              const id = idOf(pkt.view());
              if (id % 5 === 0) return;
              if (rig.devices[1].write(pkt)) decided.push(id);
            });
          } else if (what === 'answer') {
            for (let id = 40_000; id < 40_000 + count; id++)
              if (rig.devices[1].write(Packet.of(numbered(id, 900)))) decided.push(id);
            rig.devices[1].flush();
          } else written.push(...rig.take(0).map(({ octets }) => idOf(octets.subarray(10))));
        }
        rig.devices[0].read(into, 0, 1_000, (pkt) => {
          const id = idOf(pkt.view());
          if (id % 5 !== 0 && rig.devices[1].write(pkt)) decided.push(id);
        });
        written.push(...rig.take(0).map(({ octets }) => idOf(octets.subarray(10))));
        expect(written).toEqual(decided);
        expect(decided.filter((id) => id < 40_000)).toEqual(read.filter((id) => id % 5 !== 0));
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});
