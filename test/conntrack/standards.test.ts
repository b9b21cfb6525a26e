// What standards ask of a stateful filter or translator, requirement by requirement, with the profile `rfc6092` and, where it makes a difference,
// with the kernel's values. docs/standards.md is the page to it. Requirements are in our words; their numbers are those of the RFC.

import { describe, expect, test } from 'vitest';
import { setSetting } from '../../conntrack/settings.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import * as build from '../../packet/build.ts';
import { ctStateName, newTracker, pass } from './player.ts';

type Profile = 'kernel' | 'rfc6092';

const HERE = 'fd00:a::2';
const THERE = 'fd00:b::2';

const out = (layer: build.Layer, ...before: build.Layer[]): Uint8Array =>
  build.ip6({ src: HERE, dst: THERE }, ...before, layer);
const back = (layer: build.Layer, ...before: build.Layer[]): Uint8Array =>
  build.ip6({ src: THERE, dst: HERE }, ...before, layer);

function tracking(profile: Profile): ConnectionTracker {
  const tracker = newTracker();
  setSetting(tracker, 'sekisho.profile', profile);
  return tracker;
}

/** Packets one millisecond after the other; ctstates. */
function play(tracker: ConnectionTracker, packets: readonly Uint8Array[], from = 0): string[] {
  return packets.map((octets, index) => ctStateName(pass(tracker, octets, from + index)));
}

/** Seconds of silence after the packets, that the connection lives through. */
function lives(profile: Profile, ...packets: Uint8Array[]): number {
  const tracker = tracking(profile);
  setSetting(tracker, 'net.netfilter.nf_conntrack_checksum', 0); // the kernel's sum of UDP-Lite is another one
  play(tracker, packets);
  const [id] = tracker.entries(packets.length);
  return Math.round(tracker.connections.timeLeft(id, packets.length) / 1_000);
}

const MINUTE = 60;
const TWO_HOURS_FOUR = 7_440;

// --- Packets --------------------------------------------------------------------------------------------------------

const udp = (sport = 40_000, dport = 50_000) => out(build.udp({ sport, dport, data: 4 }));
const udpBack = (sport = 50_000, dport = 40_000) => back(build.udp({ sport, dport, data: 4 }));

const lite = out(build.udplite({ sport: 40_000, dport: 50_000, data: 4 }));
const liteBack = back(build.udplite({ sport: 50_000, dport: 40_000, data: 4 }));
const gre = out(build.gre({ data: 20 }));
const greBack = back(build.gre({ data: 20 }));

const segment = (flags: string, seq: number, ack = 0) =>
  out(build.tcp({ sport: 40_000, dport: 80, flags, seq, ack, window: 60_000 }));
const segmentBack = (flags: string, seq: number, ack = 0) =>
  back(build.tcp({ sport: 80, dport: 40_000, flags, seq, ack, window: 60_000 }));
const handshake = [segment('S', 100), segmentBack('SA', 500, 101), segment('A', 101, 501)];
const data = out(build.tcp({ sport: 40_000, dport: 80, flags: 'A', seq: 101, ack: 501, window: 60_000, data: 10 }));
const closing = [segment('FA', 101, 501), segmentBack('FA', 501, 102), segment('A', 102, 502)];

const initiate = (tag: number) => Uint8Array.of(0, 0, 0, tag, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1);
const chunks = (tag: number, types: readonly number[], offered = 0) => ({
  tag,
  chunks: types.map((type) => ({ type, data: type === 1 || type === 2 ? initiate(offered) : 8 })),
});
const sctp = (tag: number, types: readonly number[], offered = 0) =>
  out(build.sctp({ sport: 40_000, dport: 80, ...chunks(tag, types, offered) }));
const sctpBack = (tag: number, types: readonly number[], offered = 0) =>
  back(build.sctp({ sport: 80, dport: 40_000, ...chunks(tag, types, offered) }));
const association = [sctp(0, [1], 10), sctpBack(10, [2], 20), sctp(20, [10]), sctpBack(10, [11])];

const dccp = (type: number, seq: number, ack = 0) => out(build.dccp({ sport: 40_000, dport: 80, type, seq, ack }));
const dccpBack = (type: number, seq: number, ack = 0) => back(build.dccp({ sport: 80, dport: 40_000, type, seq, ack }));
const dccpOpen = [dccp(0, 1), dccpBack(1, 9, 1), dccp(3, 2, 9), dccpBack(4, 10, 2)];

const mobility = out(build.mobility({ type: 5 }));

const esp = (spi = 1) => out(build.esp({ spi, data: 20 }));

/** Every kind of ICMPv6 error about a packet, from its receiver and from a router on the way. */
const errorsAbout = (packet: Uint8Array): Uint8Array[] =>
  [1, 2, 3, 4].flatMap((type) => [
    build.icmp6ErrorAbout(packet, { type, code: 0 }),
    build.icmp6ErrorAbout(packet, { type, code: 0, outer: { src: 'fd00:b::99' } }),
  ]);

// --- Rows -----------------------------------------------------------------------------------------------------------

/** An idle connection is to live for so many seconds at least; what it lives for in both profiles. */
const TIMERS: readonly [
  requirement: string,
  least: number,
  packets: readonly Uint8Array[],
  rfc: number,
  kernel: number,
][] = [
  ['RFC 6092 REC-12: generic flows', 2 * MINUTE, [esp()], 300, 600],
  ['RFC 6092 REC-12: GRE', 2 * MINUTE, [gre], 300, 30],
  ['RFC 6092 REC-12: GRE, answered', 2 * MINUTE, [gre, greBack, gre], 300, 180],
  ['RFC 6092 REC-14, RFC 4787 REQ-5: UDP, asked', 2 * MINUTE, [udp()], 300, 30],
  ['RFC 6092 REC-14, RFC 4787 REQ-5: UDP, answered', 2 * MINUTE, [udp(), udpBack()], 300, 30],
  ['RFC 6092 REC-20: UDP-Lite, asked', 2 * MINUTE, [lite], 300, 30],
  ['RFC 6092 REC-20: UDP-Lite, answered', 2 * MINUTE, [lite, liteBack, lite], 300, 120],
  ['RFC 6092 REC-35, RFC 5382 REQ-5: TCP, established', TWO_HOURS_FOUR, handshake, 432_000, 432_000],
  [
    'RFC 6092 REC-35, RFC 5382 REQ-5: TCP, data unacknowledged',
    TWO_HOURS_FOUR,
    [...handshake, data],
    TWO_HOURS_FOUR,
    300,
  ],
  ['RFC 6092 REC-35, RFC 7857 2.1: TCP, opening', 4 * MINUTE, handshake.slice(0, 1), 240, 120],
  ['RFC 6092 REC-35, RFC 7857 2.1: TCP, half open', 4 * MINUTE, handshake.slice(0, 2), 240, 60],
  ['RFC 6092 REC-35: TCP, both open at once', 4 * MINUTE, [segment('S', 100), segmentBack('S', 500)], 240, 120],
  ['RFC 6092 REC-35, RFC 7857 2.1: TCP, one side closed', 4 * MINUTE, [...handshake, ...closing.slice(0, 1)], 240, 120],
  [
    'RFC 6092 REC-35, RFC 7857 2.1: TCP, both sides closed',
    4 * MINUTE,
    [...handshake, ...closing.slice(0, 2)],
    240,
    30,
  ],
  ['RFC 6092 REC-35, RFC 7857 2.1: TCP, over', 4 * MINUTE, [...handshake, ...closing], 240, 120],
  ['RFC 7857 2.2: TCP, after a reset', 4 * MINUTE, [...handshake, segment('R', 101)], 240, 10],
  ['RFC 6092 REC-40: SCTP, established', TWO_HOURS_FOUR, association, TWO_HOURS_FOUR, 210],
  ['RFC 6092 REC-40: SCTP, opening', 4 * MINUTE, association.slice(0, 1), 240, 10],
  ['RFC 6092 REC-40: SCTP, cookie sent', 4 * MINUTE, association.slice(0, 3), 240, 3],
  ['RFC 6092 REC-40: SCTP, closing', 4 * MINUTE, [...association, sctp(20, [7])], 240, 3],
  ['RFC 6092 REC-44, RFC 5597 REQ-5: DCCP, open', TWO_HOURS_FOUR, dccpOpen, 43_200, 600],
  ['RFC 6092 REC-44, RFC 5597 REQ-5: DCCP, opening', 8 * MINUTE, dccpOpen.slice(0, 1), 480, 600],
  ['RFC 6092 REC-44: DCCP, answered', 8 * MINUTE, dccpOpen.slice(0, 2), 480, 600],
  ['RFC 6092 REC-44: DCCP, partly open', 8 * MINUTE, dccpOpen.slice(0, 3), 480, 600],
  ['RFC 6092 REC-44: DCCP, closing', 8 * MINUTE, [...dccpOpen, dccp(6, 3, 10)], 480, 600],
  ['RFC 5508 REQ-2: ICMP queries', MINUTE, [out(build.icmp6({ type: 128, id: 7 }))], 60, 30],
];

describe('timers', () => {
  test.each(TIMERS)('%s: at least %i s', (_, least, packets, rfc, kernel) => {
    expect({ rfc6092: lives('rfc6092', ...packets), kernel: lives('kernel', ...packets) }).toEqual({
      rfc6092: rfc,
      kernel,
    });
    expect(rfc).toBeGreaterThanOrEqual(least);
  });

  test('RFC 6092 REC-16, RFC 4787 REQ-6: packets from inside prolong UDP', () => {
    const tracker = tracking('rfc6092');
    pass(tracker, udp(), 0);
    for (let at = 299_000; at < 3_000_000; at += 299_000) pass(tracker, udp(), at);
    expect(ctStateName(pass(tracker, udpBack(), 3_100_000))).toBe('ESTABLISHED');
  });
});

/** Openings, and an answer that is part of them. */
const FLOWS: Readonly<Record<string, readonly [opened: readonly Uint8Array[], about: Uint8Array]>> = {
  'REC-18, REC-19, RFC 4787 REQ-12: UDP': [[udp(), udpBack()], udp()],
  'REC-23: ESP': [[esp()], esp()],
  'REC-36, REC-37, RFC 5382 REQ-9 and 10: TCP': [handshake, data],
  'REC-41, REC-42: SCTP': [association, sctp(20, [0])],
  'REC-45, REC-46: DCCP': [dccpOpen, dccp(2, 3)],
  'REC-30: mobility': [[mobility], mobility],
};

describe('ICMPv6 errors', () => {
  test.each(Object.entries(FLOWS))('%s: are part of the flow, and end nothing', (_, [opened, about]) => {
    const tracker = tracking('rfc6092');
    play(tracker, opened);
    const before = [...tracker.entries(100)].map((id) => [tracker.table.state(id), tracker.table.expires[id]]);
    expect(new Set(play(tracker, errorsAbout(about), 50))).toEqual(new Set(['RELATED']));
    expect([...tracker.entries(100)].map((id) => [tracker.table.state(id), tracker.table.expires[id]])).toEqual(before);
  });

  test('REC-10: about no flow are INVALID', () => {
    expect(new Set(play(tracking('rfc6092'), errorsAbout(udp())))).toEqual(new Set(['INVALID']));
  });

  test('RFC 5508 REQ-3: with a wrong checksum are INVALID', () => {
    const tracker = tracking('rfc6092');
    pass(tracker, udp(), 0);
    expect(play(tracker, [build.icmp6ErrorAbout(udp(), { badChecksum: true })])).toEqual(['INVALID']);
  });
});

describe('valid sequences pass', () => {
  const part = (packets: readonly Uint8Array[]) => play(tracking('rfc6092'), packets).slice(1);
  const established = (count: number) => Array.from({ length: count }, () => 'ESTABLISHED');

  test('REC-31, RFC 5382 REQ-2: TCP, three-way and both at once', () => {
    expect(part([...handshake, ...closing])).toEqual(established(5));
    const atOnce = [segment('S', 100), segmentBack('S', 500), segment('SA', 100, 501), segmentBack('SA', 500, 101)];
    expect(part([...atOnce, segment('A', 101, 501), segmentBack('A', 501, 101)])).toEqual(established(5));
  });

  test('REC-32: no window is enforced where the options of the opening were not seen', () => {
    const tracker = tracking('rfc6092');
    const midway = [
      segment('A', 1, 1),
      segmentBack('A', 1, 1),
      segment('A', 2_000_000, 1),
      segmentBack('A', 9_000_000, 1),
    ];
    expect(play(tracker, midway)).toEqual(['NEW', ...established(3)]);
  });

  test('REC-38: SCTP, four-way and both at once', () => {
    expect(part([...association, sctp(20, [7]), sctpBack(10, [8]), sctp(20, [14])])).toEqual(established(6));
    expect(part([sctp(0, [1], 10), sctpBack(0, [1], 20), sctpBack(10, [2], 20)])).toEqual(established(2));
  });

  test('REC-43: DCCP', () => {
    expect(part([...dccpOpen, dccp(6, 3, 10), dccpBack(7, 11, 3)])).toEqual(established(5));
  });

  test('REC-20: UDP and UDP-Lite are apart', () => {
    const tracker = tracking('rfc6092');
    setSetting(tracker, 'net.netfilter.nf_conntrack_checksum', 0);
    pass(tracker, udp(), 0);
    const lite = back(build.udplite({ sport: 50_000, dport: 40_000, data: 4 }));
    expect(ctStateName(pass(tracker, lite, 1))).toBe('NEW');
  });

  test('REC-21: AH in front of a flow is no other flow', () => {
    const tracker = tracking('rfc6092');
    pass(tracker, out(build.udp({ sport: 1, dport: 2 }), build.ah()), 0);
    expect(ctStateName(pass(tracker, back(build.udp({ sport: 2, dport: 1 }), build.ah()), 1))).toBe('ESTABLISHED');
  });

  test('REC-27: a type 2 routing header belongs to the flow of the care-of address, for whatever home', () => {
    const tracker = tracking('rfc6092');
    const home = build.destinationOptions({ options: [{ type: 201, data: 16 }] });
    const routed = (address: string) => build.routing({ type: 2, addresses: [address] });
    pass(tracker, out(build.udp({ sport: 1, dport: 2 }), home), 0);
    for (const address of ['fd00:c::1', 'fd00:c::2'])
      expect(ctStateName(pass(tracker, back(build.udp({ sport: 2, dport: 1 }), routed(address)), 1))).toBe(
        'ESTABLISHED',
      );
  });

  test('REC-25: ESP is one flow for two addresses, whatever the index', () => {
    const tracker = tracking('rfc6092');
    expect(play(tracker, [esp(1), back(build.esp({ spi: 77 })), esp(2)])).toEqual(['NEW', ...established(2)]);
    expect(tracker.table.count).toBe(1);
  });

  test.each([
    ['REC-26: HIP', 139],
    ['REC-28: mobility', 135],
    ['REC-29: IPv4 in IPv6', 4],
    ['REC-29: IPv6 in IPv6', 41],
    ['REC-47: Shim6', 140],
  ])('%s: a flow of its own, answered', (_, protocol) => {
    const tracker = tracking('rfc6092');
    const packets = [out(build.raw(protocol, 16)), back(build.raw(protocol, 16))];
    expect(play(tracker, packets)).toEqual(['NEW', 'ESTABLISHED']);
  });
});

describe('what a filter by connections does not do', () => {
  test('REC-11, REC-17, REC-33, RFC 4787 REQ-8, RFC 5382 REQ-3: another host outside is another flow', () => {
    const tracker = tracking('rfc6092');
    pass(tracker, udp(), 0);
    const stranger = build.ip6({ src: 'fd00:b::77', dst: HERE }, build.udp({ sport: 50_000, dport: 40_000 }));
    expect(ctStateName(pass(tracker, stranger, 1))).toBe('NEW');
  });

  test('RFC 7857 2.2: a reset to what nobody answered yet ends it at once', () => {
    const tracker = tracking('rfc6092');
    play(tracker, [segment('S', 100), segmentBack('RA', 0, 101)]);
    expect(tracker.table.count).toBe(0);
  });
});

describe('the profile', () => {
  test('is chosen by a word, and taken back by another', () => {
    const tracker = newTracker();
    const values = () => tracker.sysctls.names().map((name) => `${name} ${tracker.sysctls.get(name)}`);
    const kernel = values();
    setSetting(tracker, 'sekisho.profile', 'rfc6092');
    expect(values()).not.toEqual(kernel);
    setSetting(tracker, 'net.netfilter.nf_conntrack_udp_timeout', 200);
    expect(tracker.sysctls.get('net.netfilter.nf_conntrack_udp_timeout')).toBe(200);
    setSetting(tracker, 'sekisho.profile', 'kernel');
    expect(values()).toEqual(kernel);
    expect(() => setSetting(tracker, 'sekisho.profile', 'rfc9999')).toThrow('no profile: kernel, rfc6092');
  });
});
