import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { concat } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';
import { almostPacket, bytes } from './rows.ts';

const parsed = (packet: Uint8Array) => {
  const { family, protocol, l4, end, fragmentOffset, moreFragments, fragmentHeader } = Packet.of(packet);
  return { family, protocol, l4, end, fragmentOffset, moreFragments, fragmentHeader };
};
const whole = { fragmentOffset: 0, moreFragments: false, fragmentHeader: -1 };

describe('what -p compares and where it stands', () => {
  it.each([
    ['IPv4', build.ip4({}, build.udp({ data: 5 })), { family: 4, protocol: 17, l4: 20, end: 33 }],
    [
      'IPv4 with options',
      build.ip4({ options: new Uint8Array(5) }, build.udp()),
      { family: 4, protocol: 17, l4: 28, end: 36 },
    ],
    ['IPv6', build.ip6({}, build.tcp()), { family: 6, protocol: 6, l4: 40, end: 60 }],
    ['the kernel takes no headers as protocol 59', build.ip6({}), { family: 6, protocol: 59, l4: 40, end: 40 }],
    [
      'all that ipv6_ext_hdr() knows are skipped, AH included',
      build.ip6({}, build.hopByHop(), build.destinationOptions(), build.routing(), build.ah(), build.udp()),
      { family: 6, protocol: 17, l4: 40 + 8 + 8 + 8 + 24, end: 96 },
    ],
    ['ESP ends the chain', build.ip6({}, build.hopByHop(), build.esp()), { family: 6, protocol: 50, l4: 48, end: 72 }],
    ['mobility ends the chain', build.ip6({}, build.mobility()), { family: 6, protocol: 135, l4: 40, end: 48 }],
    [
      'no next header ends the chain, whatever follows',
      build.ip6({}, build.destinationOptions(), build.raw(59, 5)),
      { family: 6, protocol: 59, l4: 48, end: 53 },
    ],
    // br_netfilter and ip6_rcv_core() look at the place of hop-by-hop options; the chain does not.
    [
      'hop-by-hop options in the middle',
      build.ip6({}, build.routing(), build.hopByHop(), build.udp()),
      { family: 6, protocol: 17, l4: 56, end: 64 },
    ],
  ])('%s', (_name, packet, expected) => expect(parsed(packet)).toEqual({ ...whole, ...expected }));

  // Found by random chains sent to the kernel: a routing header is read up to segments left, even to skip it.
  it.each([
    ['the second octet of a header is missing', build.ip6({ nextHeader: 60 }, build.raw(60, 1))],
    ['the fragment field is missing', build.ip6({ nextHeader: 44 }, build.raw(44, Uint8Array.of(17, 0, 0)))],
    [
      'segments left of a routing header is missing',
      build.ip6({ nextHeader: 43 }, build.raw(43, Uint8Array.of(58, 0, 2))),
    ],
    ['the second header is missing', build.ip6({}, build.destinationOptions(), build.raw(43, 0))],
  ])('no protocol where %s', (_name, packet) => expect(parsed(packet).protocol).toBe(-1));

  it('a header whose length reaches beyond the packet still names the next one (skb_header_pointer() fails later)', () => {
    const packet = build.ip6({ nextHeader: 60 }, build.raw(60, Uint8Array.of(17, 9, 0, 0, 0, 0, 0, 0)));
    expect(parsed(packet)).toMatchObject({ protocol: 17, l4: 40 + 80, end: 48 });
  });
});

describe('fragments', () => {
  it.each([
    [
      'IPv4 first',
      build.ip4({ mf: true }, build.udp()),
      { protocol: 17, l4: 20, fragmentOffset: 0, moreFragments: true, fragmentHeader: -1 },
    ],
    [
      'IPv4 last',
      build.ip4({ offset: 65_528 }, build.raw(17, 7)),
      { protocol: 17, l4: 20, fragmentOffset: 65_528, moreFragments: false, fragmentHeader: -1 },
    ],
    [
      'IPv6 first',
      build.ip6({}, build.fragment({ more: true }), build.udp()),
      { protocol: 17, l4: 48, fragmentOffset: 0, moreFragments: true, fragmentHeader: 40 },
    ],
    [
      'IPv6 atomic',
      build.ip6({}, build.fragment(), build.udp()),
      { protocol: 17, l4: 48, fragmentOffset: 0, moreFragments: false, fragmentHeader: 40 },
    ],
    [
      'IPv6 later: nothing behind the fragment header is read',
      build.ip6({}, build.hopByHop(), build.fragment({ offset: 16, more: true, nextHeader: 17 }), build.raw(0, 8)),
      { protocol: 17, l4: 56, fragmentOffset: 16, moreFragments: true, fragmentHeader: 48 },
    ],
    [
      'IPv6 later, and an extension header would follow: no protocol',
      build.ip6({}, build.fragment({ offset: 16, nextHeader: 60 }), build.raw(0, 8)),
      { protocol: -1, l4: 48, fragmentOffset: 16, moreFragments: false, fragmentHeader: 40 },
    ],
    [
      'a second fragment header lies inside the first',
      build.ip6({}, build.fragment({ more: true }), build.fragment(), build.udp()),
      { protocol: 17, l4: 56, fragmentOffset: 0, moreFragments: true, fragmentHeader: 40 },
    ],
  ])('%s', (_name, packet, expected) => expect(parsed(packet)).toMatchObject(expected));
});

describe('whole: what a rule may be looked up by is all there', () => {
  const udp4 = build.ip4({}, build.udp());
  it.each([
    ['ports and their header', udp4, true],
    ['TCP with options', build.ip6({}, build.tcp({ options: { mss: 1400 } })), true],
    ['no ports, and nothing of the header', build.ip4({}, build.raw(1, 0)), true],
    ['behind an atomic fragment header', build.ip6({}, build.fragment(), build.udp()), true],
    ['a first fragment', build.ip4({ mf: true }, build.udp()), false],
    ['a later fragment', build.ip4({ offset: 8 }, build.udp()), false],
    ['a first fragment of IPv6', build.ip6({}, build.fragment({ more: true }), build.udp()), false],
    ['a later one', build.ip6({}, build.fragment({ offset: 8 }), build.udp()), false],
    ['7 octets of UDP', build.ip4({}, build.raw(17, 7)), false],
    ['11 octets of DCCP', build.ip6({}, build.raw(33, 11)), false],
    ['11 octets of SCTP', build.ip4({}, build.raw(132, 11)), false],
    ['TCP options that are not there', build.ip6({}, build.tcp({ headerLength: 24 })), false],
    ['a TCP header of 16 octets', build.ip6({}, build.tcp({ headerLength: 16 })), false],
    ['a header chain that runs out', build.ip6({ nextHeader: 60 }, build.raw(60, 1)), false],
    ['no packet', udp4.slice(0, 19), false],
  ])('%s', (_name, packet, expected) => expect(Packet.of(packet).whole).toBe(expected));
});

// Every row was sent to a kernel between two TUN devices; the counter of raw PREROUTING saw none of the refused ones.
describe('receipt', () => {
  const udp4 = build.ip4({}, build.udp({ data: 5 }));
  const udp6 = build.ip6({}, build.udp({ data: 5 }));
  it.each([
    ['nothing', new Uint8Array(0), 'neither IPv4 nor IPv6'],
    ['version 5', build.ip4({ version: 5 }, build.udp()), 'neither IPv4 nor IPv6'],
    ['19 octets of IPv4', udp4.slice(0, 19), 'IPv4 header cut short'],
    ['a header length below 20', build.ip4({ headerLength: 16 }, build.udp()), 'IPv4 header length'],
    ['options that are not there', build.ip4({ headerLength: 60 }, build.udp()), 'IPv4 header length'],
    ['a total length below the header', build.ip4({ totalLength: 19 }, build.udp()), 'IPv4 total length'],
    ['a total length of more than is there', build.ip4({ totalLength: 200 }, build.udp()), 'IPv4 total length'],
    ['39 octets of IPv6', udp6.slice(0, 39), 'IPv6 header cut short'],
    ['a payload length of more than is there', build.ip6({ payloadLength: 200 }, build.udp()), 'IPv6 payload length'],
  ])('refuses %s', (_name, packet, why) => {
    expect(Packet.of(packet)).toMatchObject({ family: 0, malformed: why });
  });

  it.each([
    ['padding behind IPv4', build.ip4({ padding: 6 }, build.udp({ data: 5 })), 33],
    ['padding behind IPv6', build.ip6({ padding: 6 }, build.udp({ data: 5 })), 53],
    ['a short total length', build.ip4({ totalLength: 24 }, build.udp({ data: 5 })), 24],
    ['a payload length of 0 without hop-by-hop options', build.ip6({ payloadLength: 0 }, build.udp()), 40],
    // A jumbogram would say 0; ip6_rcv_core() leaves the length to the option.
    [
      'a payload length of 0 with hop-by-hop options',
      build.ip6({ payloadLength: 0 }, build.hopByHop(), build.udp()),
      56,
    ],
  ])('cuts off %s', (_name, packet, end) => expect(Packet.of(packet).end).toBe(end));
});

it('finds the same at any place of a longer buffer, whatever surrounds it', () => {
  fc.assert(
    fc.property(almostPacket, bytes(40), bytes(40), (packet, before, after) => {
      const alone = new Packet(0);
      alone.bytes = packet;
      alone.load(0, packet.length, 0);
      const within = new Packet(0);
      within.bytes = concat(before, packet, after);
      within.load(before.length, before.length + packet.length, 0);
      expect(within.parse()).toBe(alone.parse());
      const shift = before.length;
      expect([within.family, within.malformed, within.protocol]).toEqual([
        alone.family,
        alone.malformed,
        alone.protocol,
      ]);
      expect([within.end - shift, within.fragmentOffset]).toEqual([alone.end, alone.fragmentOffset]);
      if (alone.family) expect(within.l4 - shift).toBe(alone.l4);
    }),
  );
});

it('load() forgets everything about the packet before', () => {
  const used = Packet.of(build.ip6({}, build.fragment({ more: true }), build.udp()));
  Object.assign(used, {
    mark: 1,
    inDevice: 'x',
    checksumPartial: true,
    gsoSize: 9,
    hotDropped: true,
    reason: 'r',
    connection: 5,
    ctState: 8,
    traced: true,
    priority: 3,
  });
  const packet = build.ip4({}, build.udp());
  used.bytes.set(packet);
  used.load(0, packet.length, 7);
  used.parse();
  const fresh = Packet.of(packet);
  expect({ ...used, bytes: used.view() }).toEqual({ ...fresh, bytes: fresh.view(), room: used.bytes.length, now: 7 });
});
