// What the router does with one packet, between the devices of the default topology (10.0.1.1 and fd00:a::1 on tunA, 10.0.2.1 and
// fd00:b::1 on tunB) or of another one named in the row. Every line on the right is what Linux 6.18 sent, without tracking;
// test/kernel/stack.test.ts asks it again, and compares the octets.

import * as build from '../../packet/build.ts';
import { fromHex } from '../../packet/bytes.ts';
import type { Place, Side } from '../../testing/scenario/scenario-format.ts';

export interface StackRow {
  readonly title: string;
  readonly octets: Uint8Array;
  /** A device and a line of describe() for each packet that comes out; ids and flow labels of our own packets left out. */
  readonly out: readonly string[];
  readonly side?: Side;
  readonly topology?: Partial<Record<Side, Place>>;
}

const A = { 4: '10.0.1.2', 6: 'fd00:a::2' };
const B = { 4: '10.0.2.2', 6: 'fd00:b::2' };
const US = { 4: '10.0.1.1', 6: 'fd00:a::1' };
const OTHER_US = { 4: '10.0.2.1', 6: 'fd00:b::1' };
const NARROW = { B: { mtu: 1300 } };
const NO_DEFAULT = { B: { routes: ['10.9.0.0/16', 'fd00:9::/32'] } };

const x = (length: number) => new Uint8Array(length).fill(0x78);
const data = Uint8Array.of(1);
const datagram = build.udp({ sport: 1000, dport: 2000, data });
const segment = (fields: Parameters<typeof build.tcp>[0]) => build.tcp({ sport: 1000, dport: 80, seq: 77, ...fields });
const ping = build.icmp({ id: 7, seq: 1, data: x(8) });
const ping6 = build.icmp6({ id: 7, seq: 1, data: x(8) });
/** An options header of 8 octets with these in it. */
const options6 = (protocol: number, hex: string): build.Layer => ({
  protocol,
  emit: (next, rest) => Uint8Array.of(next, 0, ...fromHex(hex)!, ...rest),
});
const hop = (hex: string) => options6(0, hex);
const destination = (hex: string) => options6(60, hex);
const routing = (type: number, segmentsLeft: number) => options6(43, `0${type}0${segmentsLeft}00000000`);
const ip4 = (fields: build.Ip4Fields, ...layers: build.Layer[]) =>
  build.ip4({ src: A[4], dst: B[4], id: 9, ...fields }, ...layers);
const ip6 = (fields: build.Ip6Fields, ...layers: build.Layer[]) =>
  build.ip6({ src: A[6], dst: B[6], ...fields }, ...layers);

export const FORWARDED: readonly StackRow[] = [
  {
    title: 'TTL goes down by one',
    octets: ip4({}, datagram),
    out: ['B IP (tos 0x0, ttl 63) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'hop limit goes down by one',
    octets: ip6({}, datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > fd00:b::2.2000: UDP, length 1'],
  },
  { title: 'a wrong header checksum is dropped', octets: ip4({ badChecksum: true }, datagram), out: [] },
  {
    title: 'back by the device that it came from',
    octets: ip4({ dst: '10.1.0.5' }, datagram),
    out: ['A IP (tos 0x0, ttl 63) 10.0.1.2.1000 > 10.1.0.5.2000: UDP, length 1'],
  },
  {
    title: 'TTL 1 ends here; precedence of the error is raised, the rest of TOS stays',
    octets: ip4({ ttl: 1, tos: 0xff }, datagram),
    out: [
      'A IP (tos 0xde, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-transit, length 37, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'TTL 0 too',
    octets: ip4({ ttl: 0 }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-transit, length 37, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'hop limit 1 ends here',
    octets: ip6({ hopLimit: 1, trafficClass: 0xff }, datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, ttl-zero-during-transit, length 57, about: IP6 fd00:a::2.1000 > fd00:b::2.2000 UDP',
    ],
  },
  {
    title: 'an IPv4 error comes from the address on the way back',
    octets: ip4({ src: '8.8.8.8', ttl: 1 }, datagram),
    out: [
      'B IP (tos 0xc0, ttl 64) 10.0.2.1 > 8.8.8.8: ICMP ttl-zero-during-transit, length 37, about: IP 8.8.8.8.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'an IPv6 error comes from the device that the packet came in by',
    octets: ip6({ src: 'fd00:b::77', hopLimit: 1 }, datagram),
    out: [
      'B IP6 (class 0x0, hl 64) fd00:a::1 > fd00:b::77: ICMP6, ttl-zero-during-transit, length 57, about: IP6 fd00:b::77.1000 > fd00:b::2.2000 UDP',
    ],
  },
  {
    title: 'no error about a later fragment (IPv4)',
    octets: ip4({ ttl: 1, offset: 8 }, build.raw(17, x(32))),
    out: [],
  },
  {
    title: 'but about a first one',
    octets: ip4({ ttl: 1, mf: true }, build.raw(17, x(32))),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-transit, length 60, about: IP 10.0.1.2.30840 > 10.0.2.2.30840 UDP',
    ],
  },
  {
    title: 'and about any fragment in IPv6',
    octets: ip6({ hopLimit: 1 }, build.fragment({ id: 7, offset: 8 }), build.raw(58, x(8))),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, ttl-zero-during-transit, length 64, about: IP6 fd00:a::2 > fd00:b::2 ICMP6',
    ],
  },
  { title: 'no error about an error (IPv4)', octets: ip4({ ttl: 1 }, build.icmp({ type: 3, data: x(28) })), out: [] },
  {
    title: 'no error about an ICMP type that does not exist',
    octets: ip4({ ttl: 1 }, build.icmp({ type: 42 })),
    out: [],
  },
  { title: 'no error about an error (IPv6)', octets: ip6({ hopLimit: 1 }, build.icmp6({ type: 100 })), out: [] },
  {
    title: 'but about an echo request',
    octets: ip6({ hopLimit: 1 }, ping6),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, ttl-zero-during-transit, length 64, about: IP6 fd00:a::2 > fd00:b::2 ICMP6',
    ],
  },
  {
    title: 'DF and too long',
    octets: ip4({ df: true }, build.udp({ data: x(1400) })),
    topology: NARROW,
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP fragmentation-needed, mtu 1300, length 556, about: IP 10.0.1.2.1024 > 10.0.2.2.53 UDP',
    ],
  },
  {
    title: 'without DF it is cut',
    octets: ip4({}, build.udp({ data: x(1400) })),
    topology: NARROW,
    out: [
      'B IP (tos 0x0, ttl 63) 10.0.1.2.1024 > 10.0.2.2.53: frag (id 9, 0|1280+) UDP, length 1400',
      'B IP (tos 0x0, ttl 63) 10.0.1.2 > 10.0.2.2: frag (id 9, 1280|128) UDP, length 128',
    ],
  },
  {
    title: 'IPv6 is never cut',
    octets: ip6({}, build.udp({ data: x(1400) })),
    topology: NARROW,
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, packet-too-big, mtu 1300, length 1240, about: IP6 fd00:a::2.1024 > fd00:b::2.53 UDP',
    ],
  },
  {
    title: 'TTL is looked at before the MTU',
    octets: ip4({ df: true, ttl: 1 }, build.udp({ data: x(1400) })),
    topology: NARROW,
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-transit, length 556, about: IP 10.0.1.2.1024 > 10.0.2.2.53 UDP',
    ],
  },
  {
    title: 'no route',
    octets: ip4({ dst: '8.8.8.8' }, datagram),
    topology: NO_DEFAULT,
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP network-unreachable, length 37, about: IP 10.0.1.2.1000 > 8.8.8.8.2000 UDP',
    ],
  },
  {
    title: 'a route is looked for before the TTL',
    octets: ip4({ dst: '8.8.8.8', ttl: 1 }, datagram),
    topology: NO_DEFAULT,
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP network-unreachable, length 37, about: IP 10.0.1.2.1000 > 8.8.8.8.2000 UDP',
    ],
  },
  {
    title: 'no route (IPv6)',
    octets: ip6({ dst: '2001:db8::1' }, datagram),
    topology: NO_DEFAULT,
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, no-route, length 57, about: IP6 fd00:a::2.1000 > 2001:db8::1.2000 UDP',
    ],
  },
  {
    title: 'no route back: nobody is told',
    octets: ip4({ src: '8.8.8.8', ttl: 1 }, datagram),
    topology: NO_DEFAULT,
    out: [],
  },
];

export const ADDRESSES: readonly StackRow[] = [
  ...['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', US[4], OTHER_US[4]].map((src) => ({
    title: `source ${src} is a martian`,
    octets: ip4({ src }, datagram),
    out: [],
  })),
  {
    title: 'source 0.1.2.3 is none',
    octets: ip4({ src: '0.1.2.3' }, datagram),
    out: ['B IP (tos 0x0, ttl 63) 0.1.2.3.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'source 240.0.0.1 is none',
    octets: ip4({ src: '240.0.0.1' }, datagram),
    out: ['B IP (tos 0x0, ttl 63) 240.0.0.1.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'the broadcast of a network as source is none',
    octets: ip4({ src: '10.0.2.255' }, datagram),
    out: ['B IP (tos 0x0, ttl 63) 10.0.2.255.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  ...['0.0.0.0', '127.0.0.1', '224.0.0.5', '239.1.1.1', '10.0.1.255', '10.0.2.255', '255.255.255.255'].map((dst) => ({
    title: `to ${dst}: not passed on, not answered`,
    octets: ip4({ dst }, datagram),
    out: [],
  })),
  {
    title: 'to 10.0.1.0, the old broadcast: passed on',
    octets: ip4({ dst: '10.0.1.0' }, datagram),
    out: ['A IP (tos 0x0, ttl 63) 10.0.1.2.1000 > 10.0.1.0.2000: UDP, length 1'],
  },
  ...['::1', 'ff02::1', '::'].map((src) => ({
    title: `source ${src} is not passed on`,
    octets: ip6({ src }, datagram),
    out: [],
  })),
  {
    title: 'source fe80:: from a link with a route to it: beyond scope',
    octets: ip6({ src: 'fe80::9', dst: A[6] }, datagram),
    side: 'B',
    out: [
      'B IP6 (class 0x0, hl 64) fd00:b::1 > fe80::9: ICMP6, beyond-scope, length 57, about: IP6 fe80::9.1000 > fd00:a::2.2000 UDP',
    ],
  },
  {
    title: 'back by the same device the source is not looked at',
    octets: ip6({ src: '::', dst: 'fd00:1::5' }, datagram),
    out: ['A IP6 (class 0x0, hl 63) ::.1000 > fd00:1::5.2000: UDP, length 1'],
  },
  {
    title: 'our own address as source passes in IPv6',
    octets: ip6({ src: OTHER_US[6] }, datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:b::1.1000 > fd00:b::2.2000: UDP, length 1'],
  },
  {
    title: 'to fe80:: means the link it came from, which has no route',
    octets: ip6({ dst: 'fe80::1' }, datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, no-route, length 57, about: IP6 fd00:a::2.1000 > fe80::1.2000 UDP',
    ],
  },
  {
    title: 'to fe80:: on a link with a default route',
    octets: ip6({ src: B[6], dst: 'fe80::1' }, datagram),
    side: 'B',
    out: ['B IP6 (class 0x0, hl 63) fd00:b::2.1000 > fe80::1.2000: UDP, length 1'],
  },
  ...['::1', 'ff00::1', 'ff01::1', 'ff02::2', 'ff0e::1'].map((dst) => ({
    title: `to ${dst}: dropped`,
    octets: ip6({ dst }, datagram),
    out: [],
  })),
  {
    title: 'to ::, by the default route',
    octets: ip6({ dst: '::' }, datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > ::.2000: UDP, length 1'],
  },
];

export const OPTIONS: readonly StackRow[] = [
  {
    title: 'record route',
    octets: ip4({ options: fromHex('070704000000')! }, datagram),
    out: ['B IP (tos 0x0, ttl 63, options 8 octets) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'record route in a time exceeded: the quote has a stale checksum, the answer goes on recording',
    octets: ip4({ ttl: 1, options: fromHex('070b040000000000000000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64, options 12 octets) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-transit, length 49, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'record route with a pointer below 4',
    octets: ip4({ options: fromHex('07070300000000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 22, length 45, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'a second record route',
    octets: ip4({ options: fromHex('0707040000000007070400000000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64, options 8 octets) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 27, length 53, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'time stamps full, overflow 15',
    octets: ip4({ options: fromHex('440809f001010101')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 23, length 45, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'a prescribed time stamp of another node',
    octets: ip4({ options: fromHex('440c05030909090900000000')! }, datagram),
    out: ['B IP (tos 0x0, ttl 63, options 12 octets) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  { title: 'a source route is not followed', octets: ip4({ options: fromHex('8307040a000202')! }, datagram), out: [] },
  {
    title: 'router alert passes',
    octets: ip4({ options: fromHex('94040000')! }, datagram),
    out: ['B IP (tos 0x0, ttl 63, options 4 octets) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'router alert of 3 octets',
    octets: ip4({ options: fromHex('94030000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 21, length 41, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'what follows the end of options becomes zeros',
    octets: ip4({ options: fromHex('01000506')! }, datagram),
    out: ['B IP (tos 0x0, ttl 63, options 4 octets) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'an option of length 1',
    octets: ip4({ options: fromHex('1e010000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 20, length 41, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'an unknown option passes',
    octets: ip4({ options: fromHex('1e040000')! }, datagram),
    out: ['B IP (tos 0x0, ttl 63, options 4 octets) 10.0.1.2.1000 > 10.0.2.2.2000: UDP, length 1'],
  },
  {
    title: 'CIPSO is of an unknown domain, and comes back',
    octets: ip4({ options: fromHex('8606000000010000')! }, datagram),
    out: [
      'A IP (tos 0xc0, ttl 64, options 8 octets) 10.0.1.1 > 10.0.1.2: ICMP ip-header-bad, pointer 21, length 45, about: IP 10.0.1.2.1000 > 10.0.2.2.2000 UDP',
    ],
  },
  {
    title: 'hop-by-hop: padding passes',
    octets: ip6({}, hop('010400000000'), datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > fd00:b::2.2000: HBH UDP, length 1'],
  },
  { title: 'hop-by-hop: padding that is not zero', octets: ip6({}, hop('010400010000'), datagram), out: [] },
  {
    title: 'hop-by-hop: router alert passes',
    octets: ip6({}, hop('050200000100'), datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > fd00:b::2.2000: HBH UDP, length 1'],
  },
  {
    title: 'hop-by-hop: unknown, to be skipped',
    octets: ip6({}, hop('1e0400000000'), datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > fd00:b::2.2000: HBH UDP, length 1'],
  },
  { title: 'hop-by-hop: unknown, to be dropped', octets: ip6({}, hop('5e0400000000'), datagram), out: [] },
  {
    title: 'hop-by-hop: unknown, to be answered',
    octets: ip6({}, hop('9e0400000000'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, unknown-option, pointer 42, length 65, about: IP6 fd00:a::2.1000 > fd00:b::2.2000 UDP',
    ],
  },
  {
    title: 'hop-by-hop: unknown, to be answered even to a group',
    octets: ip6({ dst: 'ff02::1' }, hop('9e0400000000'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, unknown-option, pointer 42, length 65, about: IP6 fd00:a::2.1000 > ff02::1.2000 UDP',
    ],
  },
  {
    title: 'hop-by-hop: unknown, to be answered unless to a group',
    octets: ip6({ dst: 'ff02::1' }, hop('de0400000000'), datagram),
    out: [],
  },
  {
    title: 'hop-by-hop: jumbo payload with a payload length',
    octets: ip6({}, hop('c20400010000'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, bad-header, pointer 42, length 65, about: IP6 fd00:a::2.1000 > fd00:b::2.2000 UDP',
    ],
  },
  {
    title: 'hop-by-hop: jumbo payload of 256 octets',
    octets: ip6({}, hop('c20400000100'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, bad-header, pointer 44, length 65, about: IP6 fd00:a::2.1000 > fd00:b::2.2000 UDP',
    ],
  },
  { title: 'hop-by-hop: cut short', octets: ip6({}, build.raw(0, Uint8Array.of(17, 9, 1, 4, 0, 0, 0, 0))), out: [] },
  {
    title: 'destination options are not looked at on the way',
    octets: ip6({}, destination('9e0400000000'), datagram),
    out: ['B IP6 (class 0x0, hl 63) fd00:a::2.1000 > fd00:b::2.2000: DSTOPT UDP, length 1'],
  },
];

export const HOST: readonly StackRow[] = [
  {
    title: 'ping: TOS as asked',
    octets: ip4({ dst: US[4], tos: 0x2f, ttl: 3 }, ping),
    out: ['A IP (tos 0x2f, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP echo-reply, id 7, seq 1, length 16'],
  },
  {
    title: 'ping of the address on the other side',
    octets: ip4({ dst: OTHER_US[4] }, ping),
    out: ['A IP (tos 0x0, ttl 64) 10.0.2.1 > 10.0.1.2: ICMP echo-reply, id 7, seq 1, length 16'],
  },
  {
    title: 'ping with a code gets it back',
    octets: ip4({ dst: US[4] }, build.icmp({ code: 3, id: 1, seq: 2 })),
    out: ['A IP (tos 0x0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP echo-reply code 3, id 1, seq 2, length 8'],
  },
  {
    title: 'ping with a record route',
    octets: ip4({ dst: US[4], options: fromHex('070b040000000000000000')! }, ping),
    out: ['A IP (tos 0x0, ttl 64, options 12 octets) 10.0.1.1 > 10.0.1.2: ICMP echo-reply, id 7, seq 1, length 16'],
  },
  { title: 'ping with a wrong checksum', octets: ip4({ dst: US[4] }, build.icmp({ badChecksum: true })), out: [] },
  ...['10.0.1.255', '255.255.255.255', '224.0.0.1'].map((dst) => ({
    title: `ping of ${dst} is ignored`,
    octets: ip4({ dst }, ping),
    out: [],
  })),
  {
    title: 'an address mask request is not answered',
    octets: ip4({ dst: US[4] }, build.icmp({ type: 17, data: x(4) })),
    out: [],
  },
  { title: 'an error is heard in silence', octets: ip4({ dst: US[4] }, build.icmp({ type: 3, data: x(28) })), out: [] },
  {
    title: 'SYN to a closed port: DSCP as asked, no ECN',
    octets: ip4({ dst: US[4], tos: 0x2f }, segment({ flags: 'S', data: x(3) })),
    out: ['A IP (tos 0x2c, ttl 64, DF) 10.0.1.1.80 > 10.0.1.2.1000: Flags [R.], seq 0, ack 81, win 0, length 0'],
  },
  {
    title: 'ACK to a closed port',
    octets: ip4({ dst: US[4] }, segment({ flags: 'A', ack: 99 })),
    out: ['A IP (tos 0x0, ttl 64, DF) 10.0.1.1.80 > 10.0.1.2.1000: Flags [R], seq 99, win 0, length 0'],
  },
  {
    title: 'SYN and FIN both count',
    octets: ip4({ dst: US[4] }, segment({ flags: 'SF' })),
    out: ['A IP (tos 0x0, ttl 64, DF) 10.0.1.1.80 > 10.0.1.2.1000: Flags [R.], seq 0, ack 79, win 0, length 0'],
  },
  { title: 'RST is not answered', octets: ip4({ dst: US[4] }, segment({ flags: 'R' })), out: [] },
  {
    title: 'a segment with a wrong checksum neither',
    octets: ip4({ dst: US[4] }, segment({ flags: 'S', badChecksum: true })),
    out: [],
  },
  {
    title: 'closed UDP port',
    octets: ip4({ dst: US[4], tos: 0x2f }, datagram),
    out: [
      'A IP (tos 0xce, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP port-unreachable, length 37, about: IP 10.0.1.2.1000 > 10.0.1.1.2000 UDP',
    ],
  },
  {
    title: 'what lies behind the datagram is not quoted',
    octets: ip4({ dst: US[4] }, build.udp({ sport: 1000, dport: 2000, data: x(8), length: 12, checksum: 0 })),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP port-unreachable, length 40, about: IP 10.0.1.2.1000 > 10.0.1.1.2000 UDP',
    ],
  },
  {
    title: 'at most 576 octets',
    octets: ip4({ dst: US[4] }, build.udp({ sport: 1, dport: 2, data: x(1000) })),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP port-unreachable, length 556, about: IP 10.0.1.2.1 > 10.0.1.1.2 UDP',
    ],
  },
  {
    title: 'a datagram with a wrong checksum',
    octets: ip4({ dst: US[4] }, build.udp({ data, badChecksum: true })),
    out: [],
  },
  { title: 'a datagram shorter than it says', octets: ip4({ dst: US[4] }, build.udp({ data, length: 20 })), out: [] },
  {
    title: 'a protocol that nobody speaks',
    octets: ip4({ dst: US[4] }, build.raw(132, x(12))),
    out: [
      'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP protocol-unreachable, length 40, about: IP 10.0.1.2.30840 > 10.0.1.1.30840 SCTP',
    ],
  },
  { title: 'IGMP is heard', octets: ip4({ dst: US[4] }, build.raw(2, x(8))), out: [] },
  {
    title: 'ping6: class as asked',
    octets: ip6({ dst: US[6], trafficClass: 0x2f, hopLimit: 3 }, ping6),
    out: ['A IP6 (class 0x2f, hl 64) fd00:a::1 > fd00:a::2: ICMP6, echo-reply, id 7, seq 1, length 16'],
  },
  {
    title: 'ping6 of all nodes',
    octets: ip6({ dst: 'ff02::1' }, ping6),
    out: ['A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, echo-reply, id 7, seq 1, length 16'],
  },
  {
    title: 'ping6 of the subnet-router address',
    octets: ip6({ dst: 'fd00:b::' }, ping6),
    out: ['A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, echo-reply, id 7, seq 1, length 16'],
  },
  {
    title: 'SYN to a closed port (IPv6)',
    octets: ip6({ dst: US[6], trafficClass: 0x2f }, segment({ flags: 'S' })),
    out: ['A IP6 (class 0x2c, hl 64) fd00:a::1.80 > fd00:a::2.1000: Flags [R.], seq 0, ack 78, win 0, length 0'],
  },
  {
    title: 'closed UDP port (IPv6)',
    octets: ip6({ dst: US[6] }, datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, port-unreachable, length 57, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
  {
    title: 'closed UDP port of the subnet-router address',
    octets: ip6({ dst: 'fd00:a::' }, datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a:: > fd00:a::2: ICMP6, port-unreachable, length 57, about: IP6 fd00:a::2.1000 > fd00:a::.2000 UDP',
    ],
  },
  {
    title: 'a datagram without checksum (IPv6)',
    octets: ip6({ dst: US[6] }, build.udp({ data, checksum: 0 })),
    out: [],
  },
  {
    title: 'at most 1280 octets',
    octets: ip6({ dst: US[6] }, build.udp({ sport: 1, dport: 2, data: x(1300) })),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, port-unreachable, length 1240, about: IP6 fd00:a::2.1 > fd00:a::1.2 UDP',
    ],
  },
  {
    title: 'a header that nobody knows: the pointer is where it is named',
    octets: ip6({ dst: US[6] }, destination('010400000000'), build.raw(200, x(8))),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, unknown-header-type, pointer 40, length 64, about: IP6 fd00:a::2 > fd00:a::1 ip-proto-200',
    ],
  },
  { title: 'no next header', octets: ip6({ dst: US[6] }, build.raw(59, x(8))), out: [] },
  {
    title: 'hop-by-hop options not in front',
    octets: ip6({ dst: US[6] }, destination('010400000000'), hop('010400000000'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, unknown-header-type, pointer 40, length 73, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
  {
    title: 'an unknown destination option, to be answered',
    octets: ip6({ dst: US[6] }, destination('9e0400000000'), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, unknown-option, pointer 42, length 65, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
  {
    title: 'routing header 0 with no segment left',
    octets: ip6({ dst: US[6] }, routing(0, 0), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, port-unreachable, length 65, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
  {
    title: 'routing header 0 with one left',
    octets: ip6({ dst: US[6] }, routing(0, 1), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, bad-header, pointer 42, length 65, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
  { title: 'routing header 4: dropped', octets: ip6({ dst: US[6] }, routing(4, 0), datagram), out: [] },
  {
    title: 'a solicitation for our address',
    octets: ip6(
      { dst: US[6], hopLimit: 255 },
      build.icmp6({ type: 135, rest: 0, data: fromHex('fd00000a000000000000000000000001')! }),
    ),
    out: [
      'A IP6 (class 0x0, hl 255) fd00:a::1 > fd00:a::2: ICMP6, neighbour-advertisement, tgt is fd00:a::1, length 24',
    ],
  },
  {
    title: 'a first fragment without the UDP header',
    octets: ip6({ dst: US[6] }, build.fragment({ id: 5, offset: 0, more: true }), build.raw(17, x(0))),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, parameter-problem code 3, pointer 0, length 56, about: IP6 fd00:a::2 > fd00:a::1 UDP',
    ],
  },
  {
    title: 'a fragment of odd length',
    octets: ip6({ dst: US[6] }, build.fragment({ id: 5, offset: 8, more: true }), build.raw(17, x(9))),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, bad-header, pointer 4, length 65, about: IP6 fd00:a::2 > fd00:a::1 UDP',
    ],
  },
  {
    title: 'a fragment beyond 65535',
    octets: ip6({ dst: US[6] }, build.fragment({ id: 5, offset: 65_528, more: true }), build.raw(17, x(16))),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, bad-header, pointer 42, length 72, about: IP6 fd00:a::2 > fd00:a::1 UDP',
    ],
  },
  {
    title: 'an atomic fragment is none',
    octets: ip6({ dst: US[6] }, build.fragment({ id: 5, offset: 0, more: false }), datagram),
    out: [
      'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, port-unreachable, length 65, about: IP6 fd00:a::2.1000 > fd00:a::1.2000 UDP',
    ],
  },
];
