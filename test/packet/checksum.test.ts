import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressAt, parseAddress } from '../../packet/address.ts';
import * as build from '../../packet/build.ts';
import { fromHex, u16 } from '../../packet/bytes.ts';
import * as checksum from '../../packet/checksum.ts';
import { crc32c } from '../../packet/crc32c.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { bytes, long, octet, word } from './rows.ts';

/** RFC 1071 1, as it is written there: word by word, the carry added at once. */
function plainSum(octets: Uint8Array, from: number, to: number, start: number): number {
  let total = start;
  for (let at = from; at < to; at++) {
    total += (at - from) % 2 === 0 ? octets[at] << 8 : octets[at];
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

describe('sum', () => {
  it('of the example in RFC 1071 3', () => {
    expect(checksum.sum(fromHex('0001f203f4f5f6f7')!, 0, 8)).toBe(0xddf2);
  });

  it('is the plain one for any length, alignment and start', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 100, max: 1500 }));
    fc.assert(
      fc.property(bytes(1600, 1600), lengths, fc.nat(9), fc.nat(9), word, (octets, length, offset, from, start) => {
        const view = octets.subarray(offset);
        expect(checksum.sum(view, from, from + length, start)).toBe(plainSum(view, from, from + length, start));
      }),
    );
  });

  it('has no overflow in the longest packet', () => {
    const ones = new Uint8Array(65_575).fill(0xff);
    expect(checksum.sum(ones, 0, 65_575, 0xffff)).toBe(plainSum(ones, 0, 65_575, 0xffff));
    expect(checksum.sum(ones, 1, 65_575, 0xffff)).toBe(plainSum(ones, 1, 65_575, 0xffff));
  });

  it('follows when the buffer changes under the same packet', () => {
    const first = new Uint8Array(400).fill(1);
    const second = new Uint8Array(400).fill(2);
    expect([first, second, first].map((octets) => checksum.sum(octets, 0, 400))).toEqual([
      plainSum(first, 0, 400, 0),
      plainSum(second, 0, 400, 0),
      plainSum(first, 0, 400, 0),
    ]);
  });
});

it('CRC-32C has the check value of its polynomial', () => {
  const digits = Uint8Array.from('123456789', (digit) => digit.charCodeAt(0));
  expect(crc32c(digits, 0, 9)).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa); // RFC 3720 B.4
});

describe('incremental = full', () => {
  it('for 16 and 32-bit words of an IPv4 header', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 2, 4, 6, 8, 12, 14, 16), word, long, (at, value, wide) => {
        const header = build.ip4({ src: '10.1.2.3', ttl: 9 });
        checksum.rewriteU16(header, at, value, 10);
        expect(checksum.sum(header, 0, 20)).toBe(0xffff);
        checksum.rewriteU32(header, at === 8 ? 12 : at, wide, 10);
        if (at !== 6) expect(checksum.sum(header, 0, 20)).toBe(0xffff);
      }),
    );
  });

  const layers: [string, number, (data: Uint8Array) => build.Layer][] = [
    ['tcp', 20, (data) => build.tcp({ data, seq: 77 })],
    ['udp', 8, (data) => build.udp({ data })],
    ['udplite', 8, (data) => build.udplite({ data, coverage: 9 })],
    ['dccp', 16, (data) => build.dccp({ data, type: 2 })],
  ];
  const families: Family[] = [4, 6];

  it.each(layers.flatMap((row) => families.map((family) => [...row, family] as const)))(
    'for addresses, ports and payload of %s behind %i octets',
    (_name, headerLength, layer, family) => {
      fc.assert(
        fc.property(bytes(40, 4), bytes(16, 16), fc.nat(38), word, octet, (data, address, where, value, small) => {
          const pkt = Packet.of(build.ip(family, {}, layer(data)));
          expect(checksum.verify(pkt)).toBe(true);
          checksum.rewriteAddress(pkt, pkt.l3 + (family === 4 ? 12 : 8), address);
          checksum.rewriteAddress(pkt, pkt.l3 + (family === 4 ? 16 : 24), address, family === 4 ? 3 : 0);
          checksum.rewriteTransportU16(pkt, pkt.l4 + (where % 3), value);
          checksum.rewriteTransportU8(pkt, pkt.l4 + (where % 4), small);
          const at = pkt.l4 + headerLength + (where % (data.length - 1));
          checksum.rewriteTransportU16(pkt, at, value);
          checksum.rewriteTransportU8(pkt, at, small);
          expect(checksum.verify(pkt)).toBe(true);
          if (family === 4) expect(checksum.sum(pkt.bytes, 0, 20)).toBe(0xffff);
        }),
      );
    },
  );

  it('keeps a wrong checksum exactly as wrong', () => {
    const pkt = Packet.of(build.ip6({}, build.tcp({ badChecksum: true })));
    checksum.rewriteTransportU16(pkt, pkt.l4, 4711);
    checksum.rewriteTransportU16(pkt, pkt.l4, 1024);
    expect(pkt.view()).toEqual(build.ip6({}, build.tcp({ badChecksum: true })));
  });
});

describe('a partial checksum (virtio NEEDS_CSUM)', () => {
  const partial = (family: Family): Packet => {
    const pkt = Packet.of(build.ip(family, {}, build.tcp({ checksum: 'partial', data: 'hello' })));
    pkt.checksumPartial = true;
    pkt.checksumStart = pkt.l4;
    pkt.checksumField = pkt.l4 + 16;
    return pkt;
  };

  it.each([4, 6] as const)('counts as right, follows addresses, not ports, and ends up whole, IPv%i', (family) => {
    const pkt = partial(family);
    expect(checksum.verify(pkt)).toBe(true);
    const text = family === 4 ? '192.0.2.77' : '2001:db8::77';
    const address = parseAddress(text, family)!;
    checksum.rewriteAddress(pkt, family === 4 ? 12 : 8, address, family === 4 ? 12 : 0);
    checksum.rewriteTransportU16(pkt, pkt.l4, 4711);
    checksum.finishPartial(pkt);
    expect(pkt.checksumPartial).toBe(false);
    expect(pkt.view()).toEqual(build.ip(family, { src: text }, build.tcp({ sport: 4711, data: 'hello' })));
  });

  it('can be computed whole', () => {
    const pkt = partial(6);
    expect(checksum.fillTransportChecksum(pkt)).toBe(true);
    expect(pkt.view()).toEqual(build.ip6({}, build.tcp({ data: 'hello' })));
  });

  it('of an inner packet leaves the outer checksum whole', () => {
    const pkt = Packet.of(build.ip4({}, build.udp({ data: build.ip4({}, build.tcp({ checksum: 'partial' })) })));
    pkt.checksumPartial = true;
    pkt.checksumStart = pkt.l4 + 8 + 20;
    pkt.checksumField = pkt.l4 + 8 + 20 + 16;
    checksum.rewriteTransportU16(pkt, pkt.l4, 9);
    pkt.checksumPartial = false;
    expect(checksum.verify(pkt)).toBe(true);
  });
});

describe('verify', () => {
  const ok = (packet: Uint8Array): boolean => checksum.verify(Packet.of(packet));

  it.each([
    ['tcp', build.tcp({}), build.tcp({ badChecksum: true })],
    ['udp', build.udp({ data: 'abc' }), build.udp({ data: 'abc', badChecksum: true })],
    ['udplite', build.udplite({ data: 'abc' }), build.udplite({ data: 'abc', badChecksum: true })],
    ['dccp', build.dccp({}), build.dccp({ badChecksum: true })],
    ['sctp', build.sctp({}), build.sctp({ badChecksum: true })],
    ['mobility', build.mobility({}), build.mobility({ badChecksum: true })],
  ])('tells a right %s packet from a wrong one', (_name, right, wrong) => {
    for (const family of [4, 6] as const) {
      expect(ok(build.ip(family, {}, right))).toBe(true);
      expect(ok(build.ip(family, {}, wrong))).toBe(false);
    }
  });

  it('ICMP is over the message alone, ICMPv6 over the pseudo header, too', () => {
    expect(ok(build.ip4({}, build.icmp({ data: 'abc' })))).toBe(true);
    expect(ok(build.ip4({}, build.icmp({ badChecksum: true })))).toBe(false);
    expect(ok(build.ip6({}, build.icmp6({ data: 'abc' })))).toBe(true);
    expect(ok(build.ip6({}, build.icmp6({ badChecksum: true })))).toBe(false);
    expect(ok(build.ip6({}, build.raw(58, build.ip4({}, build.icmp({})).slice(20))))).toBe(false);
  });

  it.each([
    ['UDP without checksum, IPv4', build.ip4({}, build.udp({ noChecksum: true })), true],
    // nf_conntrack_proto_udp.c udp_error(): 0 is let pass in IPv6, too, against RFC 8200 8.1.
    ['UDP without checksum, IPv6', build.ip6({}, build.udp({ noChecksum: true })), true],
    ['UDP-Lite without checksum', build.ip6({}, build.udplite({ checksum: 0 })), false],
    ['UDP-Lite that covers 7 octets', build.ip6({}, build.udplite({ coverage: 7, data: 'abc' })), false],
    ['UDP-Lite that covers more than there is', build.ip6({}, build.udplite({ coverage: 12, data: 'abc' })), false],
    ['a TCP header cut short', build.ip4({}, build.raw(6, 19)), false],
    ['an unknown protocol', build.ip4({}, build.raw(99, 3)), true],
    ['ESP', build.ip6({}, build.esp()), true],
  ])('%s', (_name, packet, right) => expect(ok(packet)).toBe(right));

  it('UDP-Lite data beyond the coverage may change', () => {
    const packet = build.ip6({}, build.udplite({ coverage: 8, data: 'abc' }));
    packet[packet.length - 1] ^= 1;
    expect(ok(packet)).toBe(true);
  });
});

describe('filling in', () => {
  it.each([
    ['tcp', build.tcp({ data: 'abc' }), build.tcp({ data: 'abc', checksum: 0x1234 })],
    ['udp', build.udp({ data: 'abc' }), build.udp({ data: 'abc', noChecksum: true })],
    ['udplite', build.udplite({ data: 'abc', coverage: 9 }), build.udplite({ data: 'abc', coverage: 9, checksum: 1 })],
    ['dccp', build.dccp({ coverage: 2, data: 'abcdefgh' }), build.dccp({ coverage: 2, data: 'abcdefgh', checksum: 1 })],
    ['sctp', build.sctp(), build.sctp({ checksum: 1 })],
    ['mobility', build.mobility(), build.mobility({ badChecksum: true })],
  ])('%s in both families', (_name, right, wrong) => {
    for (const family of [4, 6] as const) {
      const pkt = Packet.of(build.ip(family, {}, wrong));
      expect(checksum.fillTransportChecksum(pkt)).toBe(true);
      expect(pkt.view()).toEqual(build.ip(family, {}, right));
    }
  });

  it('ICMP and ICMPv6', () => {
    const four = Packet.of(build.ip4({}, build.icmp({ badChecksum: true })));
    checksum.fillTransportChecksum(four);
    expect(four.view()).toEqual(build.ip4({}, build.icmp({})));
    const six = Packet.of(build.ip6({}, build.icmp6({ badChecksum: true })));
    checksum.fillTransportChecksum(six);
    expect(six.view()).toEqual(build.ip6({}, build.icmp6({})));
  });

  it('leaves pieces, unknown protocols and headers cut short alone', () => {
    for (const packet of [
      build.ip4({ mf: true }, build.tcp({})),
      build.ip6({}, build.fragment({ offset: 8 }), build.raw(17, 16)),
      build.ip4({}, build.raw(99, 40)),
      build.ip4({}, build.raw(6, 17)),
    ]) {
      const pkt = Packet.of(packet);
      expect(checksum.fillTransportChecksum(pkt)).toBe(false);
      expect(pkt.view()).toEqual(packet);
    }
  });

  it('a UDP checksum that comes out as 0 is sent as all ones', () => {
    // The data word makes the sum all ones.
    const without = build.ip4({}, build.udp({ data: Uint8Array.of(0, 0) }));
    const stored = u16(without, 26);
    const packet = build.ip4({}, build.udp({ data: Uint8Array.of(stored >>> 8, stored & 0xff) }));
    expect(u16(packet, 26)).toBe(0xffff);
    const pkt = Packet.of(packet);
    checksum.fillTransportChecksum(pkt);
    expect(pkt.view()).toEqual(packet);
    // And by the incremental way: from a packet whose data word is still 0.
    const grown = Packet.of(without);
    checksum.rewriteTransportU16(grown, 28, stored);
    expect(grown.view()).toEqual(packet);
  });
});

it('rewriting a UDP packet without checksum leaves it without', () => {
  const pkt = Packet.of(build.ip6({}, build.udp({ noChecksum: true })));
  checksum.rewriteTransportU16(pkt, pkt.l4, 9);
  checksum.rewriteAddress(pkt, 8, addressAt(pkt.bytes, 24, 6));
  expect(u16(pkt.bytes, pkt.l4 + 6)).toBe(0);
});

it('a later fragment has no transport checksum to mend', () => {
  const pkt = Packet.of(build.ip4({ offset: 16 }, build.raw(17, 16)));
  checksum.rewriteAddress(pkt, 12, parseAddress('1.2.3.4', 4)!, 12);
  expect(pkt.view()).toEqual(build.ip4({ src: '1.2.3.4', offset: 16 }, build.raw(17, 16)));
});
