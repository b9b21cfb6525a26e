import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { fromHex, toHex } from '../../packet/bytes.ts';

const data = 'abc';
const udp53 = build.udp({ sport: 1000, dport: 53, data });
const ping = { id: 7, seq: 1, data: 'abcdefgh' };

// The hex is what another program (Python, struct) builds for the same fields.
describe('the same octets as an independent builder', () => {
  it.each([
    [
      'TCP with options over IPv4',
      build.ip4(
        { id: 0x1234 },
        build.tcp({ sport: 1000, flags: 'S', seq: 7, options: { mss: 1460, sackPermitted: true } }),
      ),
      '4500003012340000400651910a0001020a00020203e8005000000007000000007002ffff68de0000020405b404020000',
    ],
    [
      'TCP with an odd number of octets',
      build.ip4(
        { id: 1, ttl: 3, tos: 0xb8, df: true },
        build.tcp({ sport: 1000, flags: 'PA', seq: 7, ack: 9, data: 'hello' }),
      ),
      '45b8002d000140000306600f0a0001020a00020203e8005000000007000000095018ffff50aa000068656c6c6f',
    ],
    [
      'TCP over IPv6, all flags, highest numbers',
      build.ip6({}, build.tcp({ sport: 1000, flags: 0xff, seq: 0xffffffff, ack: 0xfffffffe, urgent: 5, window: 1 })),
      '6000000000140640fd00000a000000000000000000000002fd00000b00000000000000000000000203e80050fffffffffffffffe50ff0001b08e0005',
    ],
    [
      'UDP over IPv6',
      build.ip6({}, udp53),
      '60000000000b1140fd00000a000000000000000000000002fd00000b00000000000000000000000203e80035000b3d3e616263',
    ],
    [
      'UDP without checksum',
      build.ip4({}, build.udp({ sport: 1000, dport: 53, data, noChecksum: true })),
      '4500001f00000000401163cb0a0001020a00020203e80035000b0000616263',
    ],
    [
      'UDP with a wrong checksum',
      build.ip4({}, build.udp({ sport: 1000, dport: 53, data, badChecksum: true })),
      '4500001f00000000401163cb0a0001020a00020203e80035000b7500616263',
    ],
    [
      'echo request',
      build.ip4({}, build.icmp(ping)),
      '4500002400000000400163d60a0001020a00020208006662000700016162636465666768',
    ],
    [
      'ICMPv6 echo reply',
      build.ip6({}, build.icmp6({ ...ping, type: 129 })),
      '6000000000103a40fd00000a000000000000000000000002fd00000b0000000000000000000000028100f2fc000700016162636465666768',
    ],
    [
      'port unreachable about UDP',
      build.icmpErrorAbout(build.ip4({}, udp53)),
      '4500003800000000400163c20a0002020a0001020303d87f000000004500001f00000000401163cb0a0001020a00020203e80035000b2055',
    ],
    [
      'packet too big about UDP',
      build.icmp6ErrorAbout(build.ip6({}, udp53), { type: 2, code: 0, mtu: 1280 }),
      '60000000003b3a40fd00000b000000000000000000000002fd00000a00000000000000000000000202008d400000050060000000000b1140fd00000a000000000000000000000002fd00000b00000000000000000000000203e80035000b3d3e616263',
    ],
    [
      'a chain of extension headers',
      build.ip6(
        {},
        build.hopByHop(),
        build.destinationOptions(),
        build.routing({ segmentsLeft: 0 }),
        build.fragment({ id: 0x99, more: true }),
        build.ah({ icv: new Uint8Array(12).fill(0xaa) }),
        udp53,
      ),
      '6000000000430040fd00000a000000000000000000000002fd00000b0000000000000000000000023c000104000000002b000104000000002c000000000000003300000100000099110400000000010000000001aaaaaaaaaaaaaaaaaaaaaaaa03e80035000b3d3e616263',
    ],
    [
      'IPv4 options',
      build.ip4({ options: Uint8Array.of(148, 4, 0, 0) }, udp53),
      '46000023000000004011cec20a0001020a0002029404000003e80035000b2055616263',
    ],
    [
      'a wrong header checksum',
      build.ip4({ badChecksum: true }, udp53),
      '4500001f000000004011369e0a0001020a00020203e80035000b2055616263',
    ],
    [
      'a middle fragment',
      build.ip4({ offset: 16, mf: true }, build.raw(17, 'x'.repeat(16))),
      '4500002400002002401143c40a0001020a00020278787878787878787878787878787878',
    ],
  ])('%s', (_name, packet, hex) => expect(toHex(packet)).toBe(hex));

  it('fragments of IPv4 and IPv6', () => {
    const datagram = build.udp({ sport: 1000, dport: 53, data: 30 });
    expect(build.fragments4(build.ip4({ id: 9 }, datagram), 16).map((piece) => toHex(piece))).toEqual([
      '4500002400092000401143bd0a0001020a00020203e80035002611a00001020304050607',
      '4500002400092002401143bb0a0001020a00020208090a0b0c0d0e0f1011121314151617',
      '4500001a00090004401163c30a0001020a00020218191a1b1c1d',
    ]);
    expect(build.fragments6(build.ip6({}, datagram), 16, 0xabcdef01).map((piece) => toHex(piece))).toEqual([
      '6000000000182c40fd00000a000000000000000000000002fd00000b00000000000000000000000211000001abcdef0103e8003500262e890001020304050607',
      '6000000000182c40fd00000a000000000000000000000002fd00000b00000000000000000000000211000011abcdef0108090a0b0c0d0e0f1011121314151617',
      '60000000000e2c40fd00000a000000000000000000000002fd00000b00000000000000000000000211000020abcdef0118191a1b1c1d',
    ]);
  });
});

describe('what is asked to be wrong is wrong, the rest stays right', () => {
  it.each([
    ['totalLength', build.ip4({ totalLength: 99 }, udp53), 2, '0063'],
    ['payloadLength', build.ip6({ payloadLength: 99 }, udp53), 4, '0063'],
    ['UDP length', build.ip4({}, build.udp({ length: 7 })), 24, '0007'],
    ['TCP header length', build.ip4({}, build.tcp({ headerLength: 16 })), 32, '4002'],
    ['hop-by-hop length', build.ip6({}, build.hopByHop({ length: 200 })), 40, '3bc8'],
    ['checksum as given', build.ip4({}, build.tcp({ checksum: 0xbeef })), 36, 'beef'],
  ])('%s', (_name, packet, at, hex) => expect(toHex(packet, at, at + 2)).toBe(hex));

  it('truncation leaves the claimed length', () => {
    expect(toHex(build.ip4({ truncate: 24 }, udp53))).toBe('4500001f00000000401163cb0a0001020a00020203e80035');
  });
  it('padding comes behind what the header claims', () => {
    expect(build.ip6({ padding: 4 }, udp53).length).toBe(build.ip6({}, udp53).length + 4);
  });
});

describe('options of extension headers are padded to units of 8', () => {
  it.each([
    ['none', [], '3b00010400000000'],
    ['router alert and PadN', [{ type: 5, data: Uint8Array.of(0, 0) }], '3b00050200000100'],
    ['one octet of Pad1', [{ type: 30, data: 3 }], '3b001e0300010200'],
    ['nothing to pad', [{ type: 30, data: 4 }], '3b001e0400010203'],
    ['two units', [{ type: 30, data: 5 }], '3b011e050001020304010500000000 00'],
  ])('%s', (_name, options, hex) => {
    expect(toHex(build.ip6({}, build.hopByHop({ options })), 40)).toBe(toHex(fromHex(hex)!));
  });
});

it('the final destination of a routing header is in the checksum (RFC 8200 8.1)', () => {
  const routed = build.ip6({ dst: 'fd00::1', finalDst: 'fd00::2' }, build.routing({ addresses: ['fd00::2'] }), udp53);
  expect(toHex(routed, routed.length - 11)).toBe(toHex(build.ip6({ dst: 'fd00::2' }, udp53), 40));
});

it('an address that is none is a mistake of the program', () => {
  expect(() => build.ip4({ src: '::1' })).toThrow(RangeError);
  expect(() => build.ip6({ src: '10.0.0.1' })).toThrow(RangeError);
  expect(() => build.tcpFlags('X')).toThrow(RangeError);
});
