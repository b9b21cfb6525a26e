import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import * as ext from '../../packet/ext-headers.ts';
import { Packet } from '../../packet/packet.ts';

const full = Packet.of(
  build.ip6(
    {},
    build.hopByHop({ options: [{ type: 5, data: Uint8Array.of(0, 0) }] }),
    build.destinationOptions({ options: [{ type: 0 }, { type: 201, data: 16 }] }),
    build.routing({ type: 2, segmentsLeft: 1, addresses: ['fd00::9'] }),
    build.fragment({ id: 0x12345678, more: true, reserved: 3, reserved2: 2 }),
    build.ah({ spi: 77, seq: 9, reserved: 5 }),
    build.esp({ spi: 88, seq: 10 }),
  ),
);

describe('find() of a whole chain', () => {
  it.each([
    ['hop-by-hop', 0, 40],
    ['destination options', 60, 48],
    ['routing', 43, 72],
    ['fragment', 44, 96],
    ['AH', 51, 104],
    ['ESP', 50, 128],
    ['what is not there', 17, ext.ABSENT],
  ])('%s', (_name, kind, at) => expect(ext.find(full, kind)).toBe(at));
});

// net/ipv6/exthdrs_core.c ipv6_find_hdr(): -ENOENT and -EBADMSG
describe('find() where the chain ends early', () => {
  it.each([
    [
      'behind a fragment header with an offset',
      build.ip6({}, build.fragment({ offset: 8, nextHeader: 60 }), build.raw(0, 16)),
      60,
      ext.ABSENT,
    ],
    [
      'that fragment header itself',
      build.ip6({}, build.fragment({ offset: 8, nextHeader: 60 }), build.raw(0, 16)),
      44,
      40,
    ],
    ['no next header', build.ip6({}, build.destinationOptions()), 59, 48],
    ['behind ESP', build.ip6({}, build.esp()), 60, ext.ABSENT],
    [
      'a chain out of the packet',
      build.ip6({ nextHeader: 60 }, build.raw(0, Uint8Array.of(43, 1, 0, 0, 0, 0, 0, 0))),
      43,
      ext.BROKEN,
    ],
    ['one octet of the header', build.ip6({ nextHeader: 60 }, build.raw(0, 1)), 60, ext.BROKEN],
    ['an upper header may lie at the end', build.ip6({ nextHeader: 6 }), 6, 40],
  ])('%s', (_name, packet, kind, at) => expect(ext.find(Packet.of(packet), kind)).toBe(at));
});

it('fixed fields', () => {
  const { bytes } = full;
  expect([ext.routingType(bytes, 72), ext.segmentsLeft(bytes, 72), ext.routingAddresses(bytes, 72)]).toEqual([2, 1, 1]);
  expect(bytes[ext.routingAddressAt(72, 0)]).toBe(0xfd);
  expect([ext.fragmentId(bytes, 96), ext.fragmentOffset(bytes, 96), ext.moreFragments(bytes, 96)]).toEqual([
    0x12345678,
    0,
    true,
  ]);
  expect([ext.fragmentReserved(bytes, 96), ext.fragmentReservedBits(bytes, 96)]).toEqual([3, 2]);
  expect([ext.ahSpi(bytes, 104), ext.ahSequence(bytes, 104), ext.ahReserved(bytes, 104)]).toEqual([77, 9, 5]);
  expect([ext.espSpi(bytes, 128), ext.espSequence(bytes, 128)]).toEqual([88, 10]);
  expect([0, 60, 43, 44, 51].map((kind, index) => ext.length(bytes, [40, 48, 72, 96, 104][index], kind))).toEqual([
    8, 24, 24, 8, 24,
  ]);
});

it('whole() believes the length field only as far as the packet goes', () => {
  expect(ext.whole(full.bytes, 48, full.end, 60)).toBe(true);
  expect(ext.whole(full.bytes, 48, 71, 60)).toBe(false);
});

describe('options', () => {
  const walk = (options: Uint8Array | build.HeaderOption[], cut = 0): number[] => {
    const packet = build.ip6({}, build.destinationOptions({ options }));
    const end = packet.length - cut;
    const limit = ext.optionsEnd(packet, 40, end);
    const found: number[] = [];
    for (let o = ext.firstOption(packet, 40, end); o >= 0; o = ext.nextOption(packet, o, limit)) found.push(packet[o]);
    return found;
  };
  it.each([
    ['padding only', [], [1]],
    ['Pad1 has no length', [{ type: 0 }, { type: 0 }, { type: 30, data: 2 }], [0, 0, 30]],
    ['an option and padding', [{ type: 201, data: 16 }], [201, 1]],
    ['one that reaches beyond the header ends the walk', Uint8Array.of(30, 1, 0, 9, 9, 9), [30]],
    ['a type without a length ends the walk', Uint8Array.of(30, 3, 0, 0, 0, 9), [30]],
  ])('%s', (_name, options, expected) => expect(walk(options)).toEqual(expected));

  it('end with the packet, too', () => expect(walk([{ type: 30, data: 4 }], 1)).toEqual([]));

  it('are found by type', () => {
    expect(ext.option(full.bytes, 48, full.end, ext.IPV6_TLV_HAO)).toBe(51);
    expect(ext.option(full.bytes, 40, full.end, ext.IPV6_TLV_ROUTERALERT)).toBe(42);
    expect(ext.option(full.bytes, 40, full.end, ext.IPV6_TLV_JUMBO)).toBe(-1);
  });

  it.each([
    [0x1e, 'skip'],
    [0x5e, 'drop'],
    [0x9e, 'error'],
    [0xde, 'error unless multicast'],
  ])('unknown type 0x%s', (type, action) => expect(ext.unknownOptionAction(type)).toBe(action));
});
