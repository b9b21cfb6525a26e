// What every device keeps, whatever is behind it. A body brings a far end: what the device sends arrives there, what the far end
// sends can be read.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { pseudoSum } from '../../packet/checksum.ts';
import { GSO_TCP6, GSO_UDP, Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH, type Device } from '../../tun/device.ts';

export interface Bench {
  device: Device;
  far: {
    send(octets: Uint8Array): void;
    /** What has arrived, in order. */
    receive(): Uint8Array[];
  };
  /** Not where another thread writes: it counts the drop, and write() has returned. */
  takeDown?(): void;
  close(): void;
}

export function deviceSuite(name: string, open: () => Bench): void {
  describe(name, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = open();
    });
    afterAll(() => bench.close());

    const into = new Packet(BUFFER_LENGTH);
    const read = (limit = 100, now = 5): string[] => {
      const seen: string[] = [];
      bench.device.read(into, now, limit, (pkt) => seen.push(toHex(pkt.view())));
      return seen;
    };
    // The far end is a router's other side: addresses ending in 2 are behind the device, those ending in 3 behind the far end.
    const fourIn = ip4({ src: '10.9.0.3', dst: '10.9.0.2' }, udp({ sport: 1, dport: 2, data: 'four' }));
    const sixIn = ip6({ src: 'fd00::3', dst: 'fd00::2' }, tcp({ flags: 'S' }));
    const four = turned(fourIn);
    const six = turned(sixIn);
    const payload = Uint8Array.from({ length: 2500 }, (_, index) => index * 7);
    const hexes = (...packets: Uint8Array[]) => packets.map((packet) => toHex(packet));

    test('reading from an idle device gives nothing, at once', () => {
      expect(read()).toEqual([]);
    });

    test('packets of both families come in as they were sent, in order', () => {
      bench.far.send(fourIn);
      bench.far.send(sixIn);
      bench.far.send(fourIn);
      expect(read()).toEqual(hexes(fourIn, sixIn, fourIn));
    });

    test('a packet that was read is parsed and carries the time of its arrival', () => {
      bench.far.send(sixIn);
      bench.device.read(into, 1234.5, 1, (pkt) => {
        expect([pkt.family, pkt.protocol, pkt.now, pkt.checksumPartial, pkt.gsoSize]).toEqual([6, 6, 1234.5, false, 0]);
      });
    });

    test('the limit of a read leaves the rest for the next one', () => {
      for (let count = 0; count < 5; count++) bench.far.send(fourIn);
      expect([read(2).length, read(2).length, read(2).length]).toEqual([2, 2, 1]);
    });

    test('packets of both families go out as they were written, in order', () => {
      expect([four, six, four].map((octets) => bench.device.write(Packet.of(octets)))).toEqual([true, true, true]);
      expect(bench.far.receive().map((octets) => toHex(octets))).toEqual(hexes(four, six, four));
    });

    test('a packet just read can be written back from its own buffer', () => {
      bench.far.send(sixIn);
      bench.device.read(into, 0, 1, (pkt) => {
        pkt.bytes.set(six.subarray(8, 40), pkt.l3 + 8);
        bench.device.write(pkt);
      });
      expect(bench.far.receive().map((octets) => toHex(octets))).toEqual(hexes(six));
    });

    test('an unfinished checksum is finished on its way', () => {
      bench.device.write(unfinished(six, 16));
      expect(bench.far.receive().map((octets) => toHex(octets))).toEqual(hexes(six));
    });

    test('a super-packet arrives as its segments', () => {
      // FIN and PSH go with the last one alone.
      const segments = [
        ip6({ src: 'fd00::2', dst: 'fd00::3' }, tcp({ flags: 'A', seq: 7, data: payload.subarray(0, 1000) })),
        ip6({ src: 'fd00::2', dst: 'fd00::3' }, tcp({ flags: 'A', seq: 1007, data: payload.subarray(1000, 2000) })),
        ip6({ src: 'fd00::2', dst: 'fd00::3' }, tcp({ flags: 'PA', seq: 2007, data: payload.subarray(2000) })),
      ];
      const whole = ip6({ src: 'fd00::2', dst: 'fd00::3' }, tcp({ flags: 'PA', seq: 7, data: payload }));
      const pkt = unfinished(whole, 16);
      pkt.gsoSize = 1000;
      pkt.gsoType = GSO_TCP6;
      bench.device.write(pkt);
      expect(bench.far.receive().map((octets) => toHex(octets))).toEqual(hexes(...segments));
    });

    test('a UDP super-packet arrives as its datagrams', () => {
      const datagram = (from: number, to: number): Uint8Array =>
        ip6({ src: 'fd00::2', dst: 'fd00::3' }, udp({ sport: 1, dport: 2, data: payload.subarray(from, to) }));
      const pkt = unfinished(datagram(0, 2500), 6);
      pkt.gsoSize = 1000;
      pkt.gsoType = GSO_UDP;
      bench.device.write(pkt);
      expect(bench.far.receive().map((octets) => toHex(octets))).toEqual(
        hexes(datagram(0, 1000), datagram(1000, 2000), datagram(2000, 2500)),
      );
    });

    test('it counts packets and octets both ways', () => {
      const before = bench.device.counters.toJSON();
      bench.far.send(fourIn);
      read();
      bench.device.write(Packet.of(six));
      bench.far.receive();
      const after = bench.device.counters.toJSON();
      expect([after.receivedPackets - before.receivedPackets, after.receivedBytes - before.receivedBytes]).toEqual([
        1,
        four.length,
      ]);
      expect([after.sentPackets - before.sentPackets, after.sentBytes - before.sentBytes]).toEqual([1, six.length]);
    });

    test('a device that is down drops and counts, and does not throw', ({ skip }) => {
      if (!bench.takeDown) return skip('its writes are another thread');
      bench.takeDown();
      expect(bench.device.write(Packet.of(four))).toBe(false);
      expect(bench.device.counters.toJSON().drops).toEqual({ down: 1 });
    });
  });
}

/** Source and destination exchanged, which leaves the checksums right. */
function turned(octets: Uint8Array): Uint8Array {
  const copy = octets.slice();
  const [at, length] = octets[0] >>> 4 === 4 ? [12, 4] : [8, 16];
  copy.set(octets.subarray(at, at + length), at + length);
  copy.set(octets.subarray(at + length, at + 2 * length), at);
  return copy;
}

/** The packet as a kernel that leaves checksums to the device hands it over: the sum of the pseudo header in place of the checksum. */
export function unfinished(octets: Uint8Array, field: number): Packet {
  const pkt = new Packet(BUFFER_LENGTH);
  pkt.bytes.set(octets, 16);
  pkt.load(16, 16 + octets.length, 0);
  pkt.parse();
  pkt.checksumPartial = true;
  pkt.checksumStart = pkt.l4;
  pkt.checksumField = pkt.l4 + field;
  const seed = pseudoSum(pkt.bytes, pkt.l3, pkt.protocol, pkt.end - pkt.l4);
  pkt.bytes[pkt.checksumField] = seed >>> 8;
  pkt.bytes[pkt.checksumField + 1] = seed;
  return pkt;
}
