import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { destinationOptions, ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex, u16, u32 } from '../../packet/bytes.ts';
import { finishPartial, sum, transportChecksumRight } from '../../packet/checksum.ts';
import { GSO_TCP4, GSO_TCP6, GSO_UDP, Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { segment } from '../../tun/segment.ts';
import { unfinished } from './suite.ts';

const payloadOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8));

function cut(pkt: Packet): Packet[] {
  const pieces: Packet[] = [];
  expect(segment(pkt, new Packet(BUFFER_LENGTH), (piece) => pieces.push(Packet.of(piece.view())))).toBe(true);
  return pieces;
}

const rows = [
  [
    'TCP over IPv4',
    GSO_TCP4,
    20,
    (data: Uint8Array) => ip4({ id: 0xfffe, df: true }, tcp({ flags: 'PA', seq: 0xffff_ff00, data })),
  ],
  [
    'TCP over IPv4 with options',
    GSO_TCP4,
    32,
    (data: Uint8Array) =>
      ip4({ options: Uint8Array.of(7, 3, 4, 0) }, tcp({ flags: 'FA', options: { timestamps: [1, 2] }, data })),
  ],
  ['TCP over IPv6', GSO_TCP6, 20, (data: Uint8Array) => ip6({}, tcp({ flags: 'A', data }))],
  [
    'TCP behind destination options',
    GSO_TCP6,
    20,
    (data: Uint8Array) => ip6({}, destinationOptions(), tcp({ flags: 'AC', data })),
  ],
  ['UDP over IPv4', GSO_UDP, 8, (data: Uint8Array) => ip4({}, udp({ sport: 5, dport: 6, data }))],
  ['UDP over IPv6', GSO_UDP, 8, (data: Uint8Array) => ip6({}, udp({ sport: 5, dport: 6, data }))],
] as const;

describe.each(rows)('%s', (_, gsoType, transportHeader, build) => {
  const isUdp = gsoType === GSO_UDP;

  test('the pieces together are the payload, each one whole and with right checksums', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_000 }),
        fc.integer({ min: 1, max: 1_460 }),
        fc.boolean(),
        (length, size, partial) => {
          const payload = payloadOf(length);
          const pkt = partial ? unfinished(build(payload), isUdp ? 6 : 16) : Packet.of(build(payload));
          pkt.gsoSize = size;
          pkt.gsoType = gsoType;
          const pieces = cut(pkt);
          expect(pieces.length).toBe(Math.ceil(length / size));
          const joined = pieces.map((piece) => toHex(piece.bytes, piece.l4 + transportHeader, piece.end)).join('');
          expect(joined).toBe(toHex(payload));
          for (const piece of pieces) {
            expect(transportChecksumRight(piece, isUdp ? 17 : 6)).toBe(true);
            if (piece.family === 4) expect(sum(piece.bytes, 0, piece.l4)).toBe(0xffff);
            if (isUdp) expect(u16(piece.bytes, piece.l4 + 4)).toBe(piece.end - piece.l4);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('sequence numbers go on, IPv4 ids count up, both wrap', () => {
  const pkt = unfinished(ip4({ id: 0xffff }, tcp({ flags: 'A', seq: 0xffff_fff0, data: 60 })), 16);
  pkt.gsoSize = 20;
  pkt.gsoType = GSO_TCP4;
  expect(cut(pkt).map(({ bytes, l4 }) => [u16(bytes, 4), u32(bytes, l4 + 4)])).toEqual([
    [0xffff, 0xffff_fff0],
    [0, 4],
    [1, 24],
  ]);
});

test('FIN and PSH are on the last piece only, CWR on the first', () => {
  const pkt = unfinished(ip6({}, tcp({ flags: 'FPAC', data: 30 })), 16);
  pkt.gsoSize = 10;
  pkt.gsoType = GSO_TCP6;
  expect(cut(pkt).map(({ bytes, l4 }) => bytes[l4 + 13])).toEqual([0x90, 0x10, 0x19]);
});

test('a super-packet without payload or with a lying header is not cut', () => {
  const none = unfinished(ip6({}, tcp({ flags: 'A' })), 16);
  none.gsoSize = 10;
  none.gsoType = GSO_TCP6;
  expect(segment(none, new Packet(BUFFER_LENGTH), () => expect.unreachable())).toBe(false);
});

test('a checksum that comes out as zero is stored as ffff', () => {
  const pkt = unfinished(ip6({}, udp({ data: 2 })), 6);
  // Two octets of payload can bring the sum to any value: make the finished checksum 0.
  const at = pkt.end - 2;
  pkt.bytes[at] = pkt.bytes[at + 1] = 0;
  const missing = ~sum(pkt.bytes, pkt.checksumStart, pkt.end) & 0xffff;
  pkt.bytes[at] = missing >>> 8;
  pkt.bytes[at + 1] = missing;
  finishPartial(pkt);
  expect(u16(pkt.bytes, pkt.checksumField)).toBe(0xffff);
  expect(transportChecksumRight(pkt, 17)).toBe(true);
});
