import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { describeBytes } from '../../packet/describe.ts';

const tcp4 = build.ip4({}, build.tcp({}));
const udp6 = build.ip6({}, build.udp({ sport: 3000, dport: 4000 }));

// `tcpdump -n -S -t` printed the same for the rows marked so.
describe('a line per packet', () => {
  it.each([
    // tcpdump: the same
    [
      'SYN',
      build.ip4(
        {},
        build.tcp({ seq: 5, options: { mss: 1460, sackPermitted: true, timestamps: [1, 0], nop: 1, windowScale: 7 } }),
      ),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [S], seq 5, win 65535, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0',
    ],
    [
      'data',
      build.ip6({}, build.tcp({ flags: 'PA', seq: 100, ack: 7, data: 'hello' })),
      'IP6 fd00:a::2.1024 > fd00:b::2.80: Flags [P.], seq 100:105, ack 7, win 65535, length 5',
    ],
    [
      'no flags',
      build.ip4({}, build.tcp({ flags: 0 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [none], win 65535, length 0',
    ],
    [
      'all flags',
      build.ip4({}, build.tcp({ flags: 0xff, ack: 9, urgent: 3 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [FSRP.UEW], seq 0, ack 9, win 65535, urg 3, length 0',
    ],
    [
      'SACK blocks',
      build.ip4(
        {},
        build.tcp({
          flags: 'A',
          ack: 9,
          options: {
            nop: 2,
            sack: [
              [1, 2],
              [5, 9],
            ],
          },
        }),
      ),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [.], ack 9, win 65535, options [nop,nop,sack 2 {1:2}{5:9}], length 0',
    ],
    ['UDP', udp6, 'IP6 fd00:a::2.3000 > fd00:b::2.4000: UDP, length 0'],
    ['no next header', build.ip6({}), 'IP6 fd00:a::2 > fd00:b::2: no next header'],
    [
      'IP in IP',
      build.ip4({}, build.raw(41, udp6)),
      'IP 10.0.1.2 > 10.0.2.2: IP6 fd00:a::2.3000 > fd00:b::2.4000: UDP, length 0',
    ],
    // Ours: names of the rules, what an error is about, marks
    [
      'ping',
      build.ip4({}, build.icmp({ id: 7, seq: 1, data: 8 })),
      'IP 10.0.1.2 > 10.0.2.2: ICMP echo-request, id 7, seq 1, length 16',
    ],
    [
      'ICMP error',
      build.icmpErrorAbout(tcp4, { code: 4, mtu: 1400 }),
      'IP 10.0.2.2 > 10.0.1.2: ICMP fragmentation-needed, mtu 1400, length 36, about: IP 10.0.1.2.1024 > 10.0.2.2.80 TCP',
    ],
    [
      'ICMPv6 error',
      build.icmp6ErrorAbout(udp6),
      'IP6 fd00:b::2 > fd00:a::2: ICMP6, port-unreachable, length 56, about: IP6 fd00:a::2.3000 > fd00:b::2.4000 UDP',
    ],
    [
      'an error that quotes nothing',
      build.ip6({}, build.icmp6({ type: 1 })),
      'IP6 fd00:a::2 > fd00:b::2: ICMP6, no-route, length 8',
    ],
    [
      'neighbour solicitation',
      build.ip6({}, build.icmp6({ type: 135, data: new Uint8Array(16) })),
      'IP6 fd00:a::2 > fd00:b::2: ICMP6, neighbour-solicitation, who has ::, length 24',
    ],
    [
      'wrong checksum',
      build.ip6({}, build.udp({ badChecksum: true })),
      'IP6 fd00:a::2.1024 > fd00:b::2.53: UDP, length 0 (bad checksum)',
    ],
    [
      'wrong header checksum',
      build.ip4({ badChecksum: true }, build.udp({})),
      'IP 10.0.1.2.1024 > 10.0.2.2.53: UDP, length 0 (bad header checksum)',
    ],
    [
      'UDP length of more than is there',
      build.ip4({}, build.udp({ length: 99, data: 2 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.53: UDP, bad length 99, length 2',
    ],
    [
      'a TCP header length below 20',
      build.ip4({}, build.tcp({ headerLength: 16 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [S], bad header length 16, length 20',
    ],
    [
      'a TCP header cut short',
      build.ip4({}, build.raw(6, 19)),
      'IP 10.0.1.2.1 > 10.0.2.2.515: TCP [header cut short], length 19 (bad checksum)',
    ],
    [
      'extension headers',
      build.ip6(
        {},
        build.hopByHop(),
        build.routing({ type: 2, segmentsLeft: 1 }),
        build.ah({ spi: 5, seq: 6 }),
        build.udp({}),
      ),
      'IP6 fd00:a::2.1024 > fd00:b::2.53: HBH RT6 (type 2, segleft 1) AH (spi 0x5, seq 6) UDP, length 0',
    ],
    ['a chain cut short', build.ip6({}, build.raw(60, 1)), 'IP6 fd00:a::2 > fd00:b::2: [header cut short]'],
    [
      'first fragment',
      build.ip4({ id: 99, mf: true }, build.udp({ data: 8, length: 80 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.53: frag (id 99, 0|16+) UDP, length 72',
    ],
    [
      'later fragment',
      build.ip6({}, build.fragment({ id: 99, offset: 16, nextHeader: 6 }), build.raw(0, 24)),
      'IP6 fd00:a::2 > fd00:b::2: frag (id 99, 16|24) TCP, length 24',
    ],
    [
      'SCTP',
      build.ip4({}, build.sctp({ tag: 0xabc, chunks: [{ type: 1, data: 16 }, { type: 77 }] })),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: sctp tag 0xabc [INIT] [chunk 77], length 36',
    ],
    [
      'DCCP',
      build.ip4({}, build.dccp({ type: 7, seq: 5 })),
      'IP 10.0.1.2.1024 > 10.0.2.2.80: DCCP Reset, seq 5, length 28',
    ],
    [
      'GRE',
      build.ip4({}, build.gre({ key: 5, seq: 2, data: 4 })),
      'IP 10.0.1.2 > 10.0.2.2: GREv0, proto 0x0800, key 0x5, seq 2, length 16',
    ],
    [
      'PPTP',
      build.ip4({}, build.gre({ version: 1, callId: 5, ack: 1 })),
      'IP 10.0.1.2 > 10.0.2.2: GREv1, proto 0x880b, call 5, ack 1, length 12',
    ],
    [
      'ESP',
      build.ip6({}, build.esp({ spi: 0xff, seq: 2 })),
      'IP6 fd00:a::2 > fd00:b::2: ESP (spi 0xff, seq 2), length 24',
    ],
    ['unknown protocol', build.ip4({}, build.raw(99, 3)), 'IP 10.0.1.2 > 10.0.2.2: ip-proto-99, length 3'],
    ['not IP', Uint8Array.of(0x50), 'broken packet (neither IPv4 nor IPv6), length 1'],
  ])('%s', (_name, packet, line) => expect(describeBytes(packet)).toBe(line));

  it('verbose adds the fields of the IP header', () => {
    expect(
      describeBytes(build.ip4({ tos: 0x10, ttl: 3, id: 5, df: true, options: new Uint8Array(4) }, build.udp()), {
        verbose: true,
      }),
    ).toBe('IP (tos 0x10, ttl 3, id 5, DF, options 4 octets) 10.0.1.2.1024 > 10.0.2.2.53: UDP, length 0');
    expect(
      describeBytes(build.ip6({ trafficClass: 0xb8, flowLabel: 0x12, hopLimit: 1 }, build.udp()), { verbose: true }),
    ).toBe('IP6 (class 0xb8, flow 0x12, hl 1) fd00:a::2.1024 > fd00:b::2.53: UDP, length 0');
  });

  it('a thousand tunnels in each other stay one short line', () => {
    let packet = build.ip4({}, build.udp());
    for (let depth = 0; depth < 1000; depth++) packet = build.ip4({}, build.raw(4, packet));
    expect(describeBytes(packet)).toMatch(/^(IP 10\.0\.1\.2 > 10\.0\.2\.2: ){4}ip-proto-4, length \d+$/);
  });
});
