import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { octet, word } from './rows.ts';

it('reads what was built', () => {
  fc.assert(
    fc.property(
      fc.record({
        tos: octet,
        id: word,
        ttl: octet,
        df: fc.boolean(),
        mf: fc.boolean(),
        reserved: fc.boolean(),
        offset: fc.nat(8191).map((n) => n * 8),
        protocol: octet,
      }),
      fc.uint8Array({ maxLength: 40 }),
      (fields, options) => {
        const packet = build.ip4({ ...fields, options }, build.raw(0, 12));
        expect(ipv4.fits(packet, 0, packet.length) && ipv4.whole(packet, 0, packet.length)).toBe(true);
        expect({
          tos: ipv4.tos(packet, 0),
          id: ipv4.id(packet, 0),
          ttl: ipv4.ttl(packet, 0),
          df: ipv4.dontFragment(packet, 0),
          mf: (ipv4.fragmentField(packet, 0) & ipv4.IP_MF) !== 0,
          reserved: (ipv4.fragmentField(packet, 0) & ipv4.IP_CE) !== 0,
          offset: ipv4.fragmentOffset(packet, 0),
          protocol: ipv4.protocol(packet, 0),
        }).toEqual(fields);
        expect(ipv4.isFragment(packet, 0)).toBe(fields.mf || fields.offset > 0);
        expect(ipv4.headerLength(packet, 0)).toBe(20 + Math.ceil(options.length / 4) * 4);
        expect(ipv4.totalLength(packet, 0)).toBe(packet.length);
        expect(ipv4.checksumRight(packet, 0)).toBe(true);
      },
    ),
  );
});

it('setters make the packet that would have been built', () => {
  fc.assert(
    fc.property(octet, octet, word, octet, (tos, ttl, id, protocol) => {
      const packet = build.ip4({ tos: 3, ttl: 9, id: 77, mf: true }, build.raw(17, 8));
      ipv4.setTos(packet, 0, tos);
      ipv4.setTtl(packet, 0, ttl);
      ipv4.setId(packet, 0, id);
      ipv4.setProtocol(packet, 0, protocol);
      ipv4.setFragmentField(packet, 0, ipv4.IP_DF);
      expect(packet).toEqual(build.ip4({ tos, ttl, id, protocol, df: true }, build.raw(17, 8)));
    }),
  );
});

it('a wrong header checksum stays wrong by the same amount', () => {
  const packet = build.ip4({ ttl: 9, badChecksum: true });
  ipv4.setTtl(packet, 0, 8);
  expect(ipv4.checksumRight(packet, 0)).toBe(false);
  ipv4.setTtl(packet, 0, 9);
  expect(packet).toEqual(build.ip4({ ttl: 9, badChecksum: true }));
  ipv4.fillChecksum(packet, 0);
  expect(ipv4.checksumRight(packet, 0)).toBe(true);
});

// include/net/ip.h ip_decrease_ttl() adds 0x100 with the carry; the same value must come of the general way, also at the edge.
it('decrementing the TTL gives the kernel bytes', () => {
  const packet = build.ip4({});
  for (let id = 0; id <= 0xffff; id++) {
    packet.set([id >>> 8, id & 0xff], ipv4.ID_AT);
    packet[ipv4.TTL_AT] = 64;
    ipv4.fillChecksum(packet, 0);
    const before = ipv4.headerChecksum(packet, 0);
    ipv4.setTtl(packet, 0, 63);
    const added = before + 0x100;
    const kernel = (added + (added >= 0xffff ? 1 : 0)) & 0xffff;
    if (ipv4.headerChecksum(packet, 0) !== kernel) expect([id, ipv4.headerChecksum(packet, 0)]).toEqual([id, kernel]);
  }
});

describe('options', () => {
  const kinds = (options: number[]): number[] => {
    const packet = build.ip4({ options: Uint8Array.from(options) });
    const limit = ipv4.optionsEnd(packet, 0, packet.length);
    const found: number[] = [];
    for (let o = ipv4.firstOption(packet, 0, packet.length); o >= 0; o = ipv4.nextOption(packet, o, limit))
      found.push(packet[o]);
    return found;
  };
  it.each([
    ['none', [], []],
    ['router alert', [148, 4, 0, 0], [148]],
    ['no-operations between', [1, 7, 3, 4, 1, 148, 4, 0, 0], [1, 7, 1, 148]],
    ['end of list hides what follows', [1, 0, 148, 4, 0, 0], [1]],
    ['a length of 1 ends the walk', [7, 1, 148, 4], []],
    ['a length beyond the header ends the walk', [1, 7, 9, 4], [1]],
  ])('%s', (_name, options, expected) => expect(kinds(options)).toEqual(expected));

  it('are found by kind', () => {
    const packet = build.ip4({ options: Uint8Array.of(1, 131, 7, 4, 1, 2, 3, 4) });
    expect(ipv4.option(packet, 0, packet.length, ipv4.IPOPT_LSRR)).toBe(21);
    expect(ipv4.option(packet, 0, packet.length, ipv4.IPOPT_RA)).toBe(-1);
    expect(ipv4.option(packet, 0, 26, ipv4.IPOPT_LSRR)).toBe(-1); // the quote ends inside it
  });
});

describe('IPv6', () => {
  it('reads what was built, and sets what would have been', () => {
    const fields = fc.record({ trafficClass: octet, flowLabel: fc.nat(0xfffff), hopLimit: octet, nextHeader: octet });
    fc.assert(
      fc.property(fields, fields, (first, second) => {
        const packet = build.ip6(first, build.raw(0, 9));
        expect({
          trafficClass: ipv6.trafficClass(packet, 0),
          flowLabel: ipv6.flowLabel(packet, 0),
          hopLimit: ipv6.hopLimit(packet, 0),
          nextHeader: ipv6.nextHeader(packet, 0),
        }).toEqual(first);
        expect([ipv6.payloadLength(packet, 0), ipv6.version(packet, 0)]).toEqual([9, 6]);
        ipv6.setTrafficClass(packet, 0, second.trafficClass);
        ipv6.setFlowLabel(packet, 0, second.flowLabel);
        ipv6.setHopLimit(packet, 0, second.hopLimit);
        ipv6.setNextHeader(packet, 0, second.nextHeader);
        expect(toHex(packet)).toBe(toHex(build.ip6(second, build.raw(0, 9))));
      }),
    );
  });
});
