import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { concat, fromHex, toHex } from '../../packet/bytes.ts';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
  networkAt,
  PcapError,
  pcapFileHeader,
  readCapture,
  writePcap,
} from '../../packet/pcap.ts';
import { bytes } from './rows.ts';

const packet = build.ip6({}, build.udp({ data: 'abc' }));
const frames = (file: Uint8Array) => [...readCapture(file)];

describe('classic pcap', () => {
  it('reads what it wrote', () => {
    const frame = fc.record({ bytes: bytes(80), seconds: fc.nat(), nanoseconds: fc.nat(999_999_999) });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.boolean(),
        fc.constantFrom(1, 101, 276),
        (given, nano, linkType) => {
          const read = frames(writePcap(given, linkType, nano));
          const whole = (value: number): number => (nano ? value : Math.floor(value / 1000) * 1000);
          expect(read).toEqual(
            given.map((entry) => ({
              ...entry,
              nanoseconds: whole(entry.nanoseconds),
              linkType,
              originalLength: entry.bytes.length,
              device: '',
            })),
          );
        },
      ),
    );
  });

  // A file of two frames in big-endian order, as a SPARC would have written it.
  it('in the other byte order, with microseconds and a frame that was cut', () => {
    const file = fromHex(`a1b2c3d4 0002 0004 00000000 00000000 00000060 00000001
      5f5e1000 000f423f 00000004 00000050 01020304
      5f5e1001 00000001 00000001 00000001 05`)!;
    expect(frames(file)).toEqual([
      {
        seconds: 0x5f5e1000,
        nanoseconds: 999_999_000,
        linkType: 1,
        bytes: Uint8Array.of(1, 2, 3, 4),
        originalLength: 80,
        device: '',
      },
      { seconds: 0x5f5e1001, nanoseconds: 1000, linkType: 1, bytes: Uint8Array.of(5), originalLength: 1, device: '' },
    ]);
  });

  it('a file that stops in the middle of a frame gives the frames before', () => {
    const file = writePcap([{ bytes: packet }, { bytes: packet }]);
    expect(frames(file.slice(0, -1)).length).toBe(1);
    expect(frames(file.slice(0, 24 + 16 + packet.length + 7)).length).toBe(1);
    expect(frames(pcapFileHeader())).toEqual([]);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'too short'],
    ['text', Uint8Array.from('GET / HTTP/1.1', (c) => c.charCodeAt(0)), 'neither pcap nor pcapng'],
    ['a header cut short', pcapFileHeader().slice(0, 20), 'cut short'],
    [
      'a frame of four gigabytes',
      concat(pcapFileHeader(), new Uint8Array(8), new Uint8Array(8).fill(0xff)),
      'a frame of 4294967295 octets',
    ],
  ])('%s is refused with its place', (_name, file, message) => {
    expect(() => frames(file)).toThrow(PcapError);
    expect(() => frames(file)).toThrow(message);
  });
});

describe('pcapng', () => {
  const little = (value: number, octets: number): string =>
    Array.from({ length: octets }, (_, index) =>
      ((value / 2 ** (8 * index)) & 0xff).toString(16).padStart(2, '0'),
    ).join('');
  const big = (value: number, octets: number): string => value.toString(16).padStart(2 * octets, '0');
  type Order = typeof little;

  const block = (order: Order, type: number, body: string): string => {
    const padded = body.replace(/\s/g, '');
    const whole = padded + '00'.repeat((4 - ((padded.length / 2) % 4)) % 4);
    const length = order(whole.length / 2 + 12, 4);
    return order(type, 4) + length + whole + length;
  };
  const section = (order: Order): string =>
    block(order, 0x0a0d0d0a, order(0x1a2b3c4d, 4) + order(1, 2) + order(0, 2) + 'ff'.repeat(8));
  const description = (order: Order, linkType: number, options = ''): string =>
    block(order, 1, order(linkType, 2) + order(0, 2) + order(0, 4) + options);
  const enhanced = (order: Order, device: number, high: number, low: number, octets: string): string =>
    block(order, 6, [device, high, low, octets.length / 2, 99].map((value) => order(value, 4)).join('') + octets);

  it.each([
    ['little-endian', little],
    ['big-endian', big],
  ] as const)('%s, with interface name and nanoseconds', (_name, order) => {
    const name = order(2, 2) + order(4, 2) + toHex(Uint8Array.from('eth0', (c) => c.charCodeAt(0)));
    const resolution = `${order(9, 2)}${order(1, 2)}09000000`;
    const file =
      section(order) +
      description(order, 101, name + resolution + order(0, 4)) +
      enhanced(order, 0, 0x17979cfe, 0x362a0005, '0102030405');
    const [frame, ...more] = frames(fromHex(file)!);
    expect(more).toEqual([]);
    const ticks = (0x17979cfen << 32n) | 0x362a0005n;
    expect(frame).toEqual({
      seconds: Number(ticks / 1_000_000_000n),
      nanoseconds: Number(ticks % 1_000_000_000n),
      linkType: 101,
      bytes: Uint8Array.of(1, 2, 3, 4, 5),
      originalLength: 99,
      device: 'eth0',
    });
  });

  it('microseconds without an option, powers of two with the high bit, offsets in seconds', () => {
    const micro = section(little) + description(little, 101) + enhanced(little, 0, 0, 1_500_000, '45');
    expect(frames(fromHex(micro)!)[0]).toMatchObject({ seconds: 1, nanoseconds: 500_000_000 });
    const binary = `${little(9, 2)}${little(1, 2)}81000000`;
    const offset = little(14, 2) + little(8, 2) + little(1000, 8);
    const halves = section(little) + description(little, 101, binary + offset) + enhanced(little, 0, 0, 5, '45');
    expect(frames(fromHex(halves)!)[0]).toMatchObject({ seconds: 1002, nanoseconds: 500_000_000 });
  });

  it('simple packets belong to the first interface, unknown blocks are skipped, a new section has its own interfaces', () => {
    const simple = block(little, 3, `${little(2, 4)}4500`);
    const file =
      section(little) +
      description(little, 101) +
      block(little, 77, '00') +
      simple +
      section(big) +
      description(big, 1) +
      enhanced(big, 0, 0, 0, '46');
    expect(frames(fromHex(file)!).map(({ linkType, bytes }) => [linkType, toHex(bytes)])).toEqual([
      [101, '4500'],
      [1, '46'],
    ]);
  });

  it.each([
    ['a packet without interface', section(little) + enhanced(little, 0, 0, 0, '45'), 'not described'],
    ['a block of 8 octets', `${section(little)}01000000080000000000000000`, 'a block of 8 octets'],
    ['a section of no byte order', `0a0d0d0a${'00'.repeat(24)}`, 'byte-order'],
    [
      'more octets than the block has',
      section(little) + description(little, 101) + block(little, 6, '00'.repeat(12) + little(50, 4) + little(50, 4)),
      '50 octets in a smaller block',
    ],
  ])('%s is refused', (_name, file, message) => {
    expect(() => frames(fromHex(file)!)).toThrow(PcapError);
    expect(() => frames(fromHex(file)!)).toThrow(message);
  });
});

describe('the IP packet in a frame', () => {
  const mac = '020000000001020000000002';
  it.each([
    ['Ethernet', LINKTYPE_ETHERNET, `${mac}86dd`, 14],
    ['Ethernet with a VLAN tag', LINKTYPE_ETHERNET, `${mac}8100000586dd`, 18],
    ['Ethernet with two tags', LINKTYPE_ETHERNET, `${mac}88a800058100000686dd`, 22],
    ['Linux cooked', LINKTYPE_LINUX_SLL, '000000010006020000000001000086dd', 16],
    ['Linux cooked 2', LINKTYPE_LINUX_SLL2, '86dd000000000002000100060200000000010000', 20],
    ['BSD loopback', LINKTYPE_NULL, '1e000000', 4],
    ['raw', LINKTYPE_RAW, '', 0],
    ['ARP', LINKTYPE_ETHERNET, `${mac}0806`, -1],
    ['a tag at the end', LINKTYPE_ETHERNET, `${mac}8100`, -1],
    ['an unknown link type', 147, '', -1],
  ])('%s', (_name, linkType, link, at) => {
    expect(networkAt({ linkType, bytes: concat(fromHex(link)!, packet) })).toBe(at);
  });

  it('no octets', () => {
    for (const linkType of [0, 1, 101, 113, 276]) expect(networkAt({ linkType, bytes: new Uint8Array(0) })).toBe(-1);
  });
});

it('any octets give frames or a PcapError', () => {
  const starts = ['', 'd4c3b2a1', 'a1b23c4d', '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000'];
  fc.assert(
    fc.property(fc.constantFrom(...starts), bytes(200), (start, rest) => {
      try {
        for (const frame of readCapture(concat(fromHex(start)!, rest))) networkAt(frame);
      } catch (error) {
        expect(error).toBeInstanceOf(PcapError);
      }
    }),
    { numRuns: 500 },
  );
});
