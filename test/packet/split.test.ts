import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { concat, putU16, toHex } from '../../packet/bytes.ts';
import { describeBytes } from '../../packet/describe.ts';
import * as ext from '../../packet/ext-headers.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import { Packet } from '../../packet/packet.ts';
import { fragments4, fragments6, join4 } from '../../packet/split.ts';
import { bytes } from './rows.ts';

const sizes = fc.array(
  fc.integer({ min: 1, max: 9 }).map((units) => 8 * units),
  { maxLength: 6 },
);

/** The plain opposite of fragments6(). */
function join6(pieces: readonly Uint8Array[]): Uint8Array {
  const parts = pieces
    .map((piece) => ({ piece, at: Packet.of(piece).fragmentHeader }))
    .sort((a, b) => ext.fragmentOffset(a.piece, a.at) - ext.fragmentOffset(b.piece, b.at));
  const { piece, at } = parts[0];
  const whole = concat(piece.subarray(0, at), ...parts.map((part) => part.piece.subarray(part.at + 8)));
  let nextAt = 6;
  for (let here = 40; here < at; here += ext.length(piece, here, 60)) nextAt = here;
  whole[nextAt] = piece[at];
  putU16(whole, 4, whole.length - 40);
  return whole;
}

it('join after split is the packet, in any order, IPv4', () => {
  fc.assert(
    fc.property(
      bytes(400, 1),
      sizes,
      fc.uint8Array({ maxLength: 12 }).map((o) => o.fill(1)),
      (data, cut, options) => {
        const packet = build.ip4({ id: 5, ttl: 9, options }, build.udp({ data }));
        const pieces = fragments4(packet, cut);
        for (const piece of pieces) expect(ipv4.checksumRight(piece, 0)).toBe(true);
        expect(toHex(join4(pieces.toReversed()))).toBe(toHex(packet));
      },
    ),
  );
});

it('join after split is the packet, in any order, IPv6 with headers before', () => {
  const before: build.Layer[][] = [
    [],
    [build.hopByHop()],
    [build.hopByHop(), build.destinationOptions(), build.routing()],
  ];
  fc.assert(
    fc.property(bytes(400, 1), sizes, fc.constantFrom(...before), (data, cut, layers) => {
      const packet = build.ip6({}, ...layers, build.udp({ data }));
      expect(toHex(join6(fragments6(packet, cut, 1).toReversed()))).toBe(toHex(packet));
    }),
  );
});

it('splitting pieces again gives the pieces of the whole', () => {
  const packet = build.ip4({ id: 5 }, build.udp({ data: 100 }));
  const [first, ...rest] = fragments4(packet, 48);
  const again = [...fragments4(first, 16), ...rest.flatMap((piece) => fragments4(piece, 16))];
  expect(again.map((piece) => toHex(piece))).toEqual(fragments4(packet, 16).map((piece) => toHex(piece)));
});

describe('the last piece alone has no more-fragments bit', () => {
  it.each([4, 6] as const)('IPv%i', (family) => {
    const packet = build.ip(family, {}, build.udp({ data: 24 }));
    const pieces = family === 4 ? fragments4(packet, [8, 16]) : fragments6(packet, [8, 16], 7);
    expect(pieces.map((piece) => /frag \(id \d+, (\S+)\)/.exec(describeBytes(piece))?.[1])).toEqual([
      '0|8+',
      '8|16+',
      '24|8',
    ]);
  });
});

it('options without the copied flag become no-operations behind the first piece', () => {
  const options = Uint8Array.of(7, 3, 4, 148, 4, 0, 0, 0); // record route, router alert
  const pieces = fragments4(build.ip4({ options }, build.udp({ data: 24 })), 16);
  expect(pieces.map((piece) => toHex(piece, 20, 28))).toEqual(['0703049404000000', '0101019404000000']);
});

it('destination options before a routing header stay in every piece, those behind are cut', () => {
  const packet = build.ip6(
    {},
    build.destinationOptions(),
    build.routing(),
    build.destinationOptions(),
    build.udp({ data: 24 }),
  );
  expect(fragments6(packet, 16, 1).every((piece) => Packet.of(piece).fragmentHeader === 56)).toBe(true);
  const alone = build.ip6({}, build.destinationOptions(), build.udp({ data: 24 }));
  expect(fragments6(alone, 16, 1).every((piece) => Packet.of(piece).fragmentHeader === 40)).toBe(true);
});

it('a size that is no multiple of 8 is a mistake of the program', () => {
  expect(() => fragments4(build.ip4({}, build.udp({ data: 24 })), 12)).toThrow(RangeError);
  expect(() => fragments6(build.ip6({}, build.udp({ data: 24 })), 0, 1)).toThrow(RangeError);
});
