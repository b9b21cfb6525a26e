// UDP, UDP-Lite, ICMP, ICMPv6, GRE and the rest as the tracker sees them, and errors about them. All rows were confirmed by a 6.18
// kernel (test/kernel/conntrack.test.ts asks again), but for what takes too long.

import * as build from '../../packet/build.ts';
import { type Family, type Made, ORIGINATOR, RESPONDER, type Row, type Trace } from './player.ts';

type Ends = 'there' | 'back';

/** A packet between the two ends, the same in both families. */
const made = (name: string, ends: Ends, layer: (family: Family) => build.Layer): Made => ({
  name,
  octets: (family) => {
    const [from, to] = ends === 'there' ? [ORIGINATOR, RESPONDER] : [RESPONDER, ORIGINATOR];
    return build.ip(family, { src: from.address[family], dst: to.address[family] }, layer(family));
  },
});

const ports = (ends: Ends): { sport: number; dport: number } =>
  ends === 'there'
    ? { sport: ORIGINATOR.port, dport: RESPONDER.port }
    : { sport: RESPONDER.port, dport: ORIGINATOR.port };

const udp = (ends: Ends, fields: build.UdpFields = {}, name = ''): Made =>
  made(name || `udp ${JSON.stringify(fields)}`, ends, () => build.udp({ ...ports(ends), data: 4, ...fields }));

const echo = (ends: Ends, type: 'request' | 'reply', id = 7, code = 0): Made =>
  made(`echo ${type} ${id}`, ends, (family) =>
    family === 4
      ? build.icmp({ type: type === 'request' ? 8 : 0, code, id, seq: 1 })
      : build.icmp6({ type: type === 'request' ? 128 : 129, code, id, seq: 1 }),
  );

const icmp = (ends: Ends, type: number, fields: build.IcmpFields = {}): Made =>
  made(`icmp type ${type}`, ends, () => build.icmp({ type, id: 7, ...fields }));

const icmp6 = (ends: Ends, type: number, fields: build.Icmp6Fields = {}): Made =>
  made(`icmpv6 type ${type}`, ends, () => build.icmp6({ type, id: 7, ...fields }));

const raw = (ends: Ends, protocol: number, data: build.Data = 8): Made =>
  made(`protocol ${protocol}`, ends, () => build.raw(protocol, data));

interface Report {
  type?: number;
  quote?: number;
  from?: Record<Family, string>;
  to?: Record<Family, string>;
  change?: (quoted: Uint8Array) => void;
}

/** An error about `packet`, sent back to its source. */
const errorAbout = (packet: Made, { type, quote, from, to, change }: Report = {}, name = 'error'): Made => ({
  name: `${name} about ${packet.name}`,
  octets(family) {
    const quoted = packet.octets(family);
    change?.(quoted);
    const outer = { ...(from ? { src: from[family] } : {}), ...(to ? { dst: to[family] } : {}) };
    return family === 4
      ? build.icmpErrorAbout(quoted, {
          quote: quote ?? quoted.length,
          outer,
          ...(type === undefined ? {} : { type, code: 0 }),
        })
      : build.icmp6ErrorAbout(quoted, {
          quote: quote && quote + 20,
          outer,
          ...(type === undefined ? {} : { type, code: 0 }),
        });
  },
});

const ROUTER: Record<Family, string> = { 4: '10.0.2.99', 6: 'fd00:b::99' };
const STRANGER: Record<Family, string> = { 4: '10.1.0.9', 6: 'fd00:1::9' };

const opened: Row = [0, '>', udp('there'), 'NEW', '30 unreplied'];

const udpTraces: Trace[] = [
  {
    name: 'a query and its answer',
    rows: [opened, [1, '>', udp('there'), 'NEW', '30 unreplied'], [2, '<', udp('back'), 'ESTABLISHED', '30']],
  },
  {
    name: 'still talking after two seconds: a stream',
    kernel: 'sleeping',
    rows: [
      opened,
      [1, '<', udp('back'), 'ESTABLISHED', '30'],
      [1_900, '>', udp('there'), 'ESTABLISHED', '30'],
      [2_600, '>', udp('there'), 'ESTABLISHED', '120 assured'],
      [2_700, '<', udp('back'), 'ESTABLISHED', '120 assured'],
    ],
  },
  {
    name: 'the first answer comes late: the next packet makes it a stream',
    kernel: 'sleeping',
    rows: [
      opened,
      [2_600, '<', udp('back'), 'ESTABLISHED', '30'],
      [2_700, '>', udp('there'), 'ESTABLISHED', '120 assured'],
    ],
  },
  {
    name: 'its time is over',
    kernel: 'never',
    rows: [
      opened,
      [29_999, '<', udp('back'), 'ESTABLISHED', '30'],
      [59_999, '<', udp('back'), 'NEW', '30 unreplied', 'the other way round'],
    ],
  },
  { name: 'port 0', rows: [[0, '>', udp('there', { sport: 0, dport: 0 }), 'NEW', '30 unreplied']] },
  { name: 'no checksum', rows: [[0, '>', udp('there', { checksum: 0 }), 'NEW', '30 unreplied', 'in IPv6 too']] },
  { name: 'a wrong checksum', rows: [[0, '>', udp('there', { badChecksum: true }), 'INVALID', '-']] },
  {
    name: 'a wrong checksum that nobody looks at',
    sysctls: { 'net.netfilter.nf_conntrack_checksum': 0 },
    rows: [[0, '>', udp('there', { badChecksum: true }), 'NEW', '30 unreplied']],
  },
  { name: 'longer than it is', rows: [[0, '>', udp('there', { length: 100, checksum: 0 }), 'INVALID', '-']] },
  { name: 'shorter than a header', rows: [[0, '>', udp('there', { length: 7, checksum: 0 }), 'INVALID', '-']] },
  { name: 'octets behind', rows: [[0, '>', udp('there', { length: 8, checksum: 0 }), 'NEW', '30 unreplied']] },
  { name: 'a header cut short', rows: [[0, '>', raw('there', 17, 7), 'INVALID', '-']] },
  { name: 'not even ports', rows: [[0, '>', raw('there', 17, 3), 'INVALID', '-']] },
  {
    name: 'a sysctl counts from the next packet on',
    sysctls: { 'net.netfilter.nf_conntrack_udp_timeout': 77 },
    rows: [[0, '>', udp('there'), 'NEW', '77 unreplied']],
  },
  {
    name: 'another port is another flow',
    rows: [opened, [1, '<', udp('back', { sport: 81 }), 'NEW', '2 entries']],
  },
];

const udplite = (ends: Ends, fields: build.UdpliteFields = {}): Made =>
  made(`udplite ${JSON.stringify(fields)}`, ends, () => build.udplite({ ...ports(ends), data: 4, ...fields }));
const unverified = { 'net.netfilter.nf_conntrack_checksum': 0 };

const udpliteTraces: Trace[] = [
  {
    name: 'a right UDP-Lite packet is INVALID: the kernel verifies it as UDP',
    rows: [[0, '>', udplite('there'), 'INVALID', '-']],
  },
  {
    name: 'UDP-Lite is assured by the packet after the first answer',
    sysctls: unverified,
    rows: [
      [0, '>', udplite('there'), 'NEW', '30 unreplied'],
      [1, '<', udplite('back'), 'ESTABLISHED', '30'],
      [2, '>', udplite('there'), 'ESTABLISHED', '120 assured'],
    ],
  },
  ...[7, 13, 1].map(
    (coverage): Trace => ({
      name: `UDP-Lite coverage ${coverage} of 12`,
      sysctls: unverified,
      rows: [[0, '>', udplite('there', { coverage }), 'INVALID', '-']],
    }),
  ),
  ...[0, 8, 12].map(
    (coverage): Trace => ({
      name: `UDP-Lite coverage ${coverage} of 12`,
      sysctls: unverified,
      rows: [[0, '>', udplite('there', { coverage }), 'NEW', '30 unreplied']],
    }),
  ),
  {
    name: 'UDP-Lite without a checksum',
    sysctls: unverified,
    rows: [[0, '>', udplite('there', { checksum: 0 }), 'INVALID', '-']],
  },
];

const icmpTraces: Trace[] = [
  {
    name: 'ping',
    rows: [
      [0, '>', echo('there', 'request'), 'NEW', '30 unreplied'],
      [1, '<', echo('back', 'reply'), 'ESTABLISHED', '30'],
      [2, '<', echo('back', 'reply'), 'ESTABLISHED', '30', 'a duplicate'],
      [3, '>', echo('there', 'request'), 'ESTABLISHED', '30'],
    ],
  },
  { name: 'an answer that nobody asked for', rows: [[0, '<', echo('back', 'reply'), 'INVALID', '-']] },
  {
    name: 'an answer to another ping',
    rows: [
      [0, '>', echo('there', 'request', 7), 'NEW', '30 unreplied'],
      [1, '<', echo('back', 'reply', 8), 'INVALID', '30 unreplied'],
      [2, '<', echo('back', 'reply', 7, 1), 'INVALID', '30 unreplied', 'another code'],
    ],
  },
  {
    name: 'both ping with the same id',
    rows: [
      [0, '>', echo('there', 'request'), 'NEW', '30 unreplied'],
      [1, '<', echo('back', 'request'), 'NEW', '2 entries'],
    ],
  },
  {
    name: 'an answer has the code of its query',
    rows: [
      [0, '>', echo('there', 'request', 7, 3), 'NEW', '30 unreplied'],
      [1, '<', echo('back', 'reply', 7, 0), 'INVALID', '30 unreplied'],
      [2, '<', echo('back', 'reply', 7, 3), 'ESTABLISHED', '30'],
    ],
  },
  ...[13, 15, 17].map(
    (type): Trace => ({
      name: `ICMP ${type} and its answer`,
      family: 4,
      rows: [
        [0, '>', icmp('there', type), 'NEW', '30 unreplied'],
        [1, '<', icmp('back', type + 1), 'ESTABLISHED', '30'],
      ],
    }),
  ),
  ...[1, 2, 6, 7, 9, 10, 14, 16, 18, 19, 42, 255].map(
    (type): Trace => ({
      name: `ICMP ${type} opens nothing`,
      family: 4,
      rows: [[0, '>', icmp('there', type), 'INVALID', '-']],
    }),
  ),
  {
    name: 'node information and its answer',
    family: 6,
    rows: [
      [0, '>', icmp6('there', 139), 'NEW', '30 unreplied'],
      [1, '<', icmp6('back', 140), 'ESTABLISHED', '30'],
    ],
  },
  ...[130, 131, 132, 133, 134, 135, 136, 143, 151, 152].map(
    (type): Trace => ({
      name: `ICMPv6 ${type} is not tracked`,
      family: 6,
      rows: [[0, '>', icmp6('there', type), 'UNTRACKED', '-']],
    }),
  ),
  ...[137, 138, 140, 141, 144, 150, 153, 160, 200, 255].map(
    (type): Trace => ({
      name: `ICMPv6 ${type} opens nothing`,
      family: 6,
      rows: [[0, '>', icmp6('there', type), 'INVALID', '-']],
    }),
  ),
  {
    name: 'ICMPv6 in IPv4',
    family: 4,
    rows: [
      [
        0,
        '>',
        made('echo', 'there', () => build.raw(58, Uint8Array.of(128, 0, 0x7f, 0xff, 0, 0, 0, 0))),
        'INVALID',
        '-',
      ],
    ],
  },
  {
    name: 'ICMP in IPv6',
    family: 6,
    rows: [
      [0, '>', made('echo', 'there', () => build.raw(1, Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0))), 'INVALID', '-'],
    ],
  },
  { name: 'a wrong checksum', family: 4, rows: [[0, '>', icmp('there', 8, { badChecksum: true }), 'INVALID', '-']] },
  { name: 'a wrong checksum', family: 6, rows: [[0, '>', icmp6('there', 128, { badChecksum: true }), 'INVALID', '-']] },
  {
    name: 'a header cut short',
    rows: [[0, '>', made('7 octets', 'there', (family) => build.raw(family === 4 ? 1 : 58, 7)), 'INVALID', '-']],
  },
];

const segment = (flags: string): Made =>
  made(`tcp ${flags}`, 'there', () => build.tcp({ ...ports('there'), flags, seq: 100 }));

const errorTraces: Trace[] = [
  {
    name: 'an error about a flow does not prolong it',
    kernel: 'sleeping',
    rows: [opened, [2_000, '<', errorAbout(udp('there')), 'RELATED', '28 unreplied']],
  },
  {
    name: 'from a router on the way',
    rows: [opened, [1, '<', errorAbout(udp('there'), { from: ROUTER }), 'RELATED', '30 unreplied']],
  },
  {
    name: 'about an answer',
    rows: [opened, [1, '<', udp('back'), 'ESTABLISHED', '30'], [2, '>', errorAbout(udp('back')), 'RELATED', '30']],
  },
  {
    name: 'not to the one who is quoted',
    rows: [opened, [1, '<', errorAbout(udp('there'), { to: STRANGER }), 'INVALID', '30 unreplied']],
  },
  { name: 'about no flow', rows: [[0, '<', errorAbout(udp('there')), 'INVALID', '-']] },
  {
    name: 'ports are enough of a quote',
    rows: [
      opened,
      [1, '<', errorAbout(udp('there'), { quote: 24 }), 'RELATED', '30 unreplied'],
      [2, '<', errorAbout(udp('there'), { quote: 23 }), 'INVALID', '30 unreplied'],
      [3, '<', errorAbout(udp('there'), { quote: 19 }), 'INVALID', '30 unreplied'],
    ],
  },
  {
    name: 'about a ping: eight octets of it',
    rows: [
      [0, '>', echo('there', 'request'), 'NEW', '30 unreplied'],
      [1, '<', errorAbout(echo('there', 'request'), { quote: 28 }), 'RELATED', '30 unreplied'],
      [2, '<', errorAbout(echo('there', 'request'), { quote: 27 }), 'INVALID', '30 unreplied'],
    ],
  },
  {
    name: 'about a TCP connection: nothing happens to it',
    rows: [
      [0, '>', segment('S'), 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', errorAbout(segment('S')), 'RELATED', 'SYN_SENT 120 unreplied'],
    ],
  },
  {
    name: 'an error about an error',
    rows: [opened, [1, '>', errorAbout(errorAbout(udp('there'))), 'INVALID', '30 unreplied']],
  },
  {
    name: 'a quoted later fragment',
    family: 4,
    rows: [
      opened,
      [1, '<', errorAbout(udp('there'), { change: (quoted) => quoted.set([0, 1], 6) }), 'INVALID', '30 unreplied'],
    ],
  },
  {
    name: 'checksums and lengths of the quote are not looked at',
    rows: [opened, [1, '<', errorAbout(udp('there', { badChecksum: true, length: 9 })), 'RELATED', '30 unreplied']],
  },
  ...[3, 4, 5, 11, 12].map(
    (type): Trace => ({
      name: `ICMP ${type} is an error`,
      family: 4,
      rows: [opened, [1, '<', errorAbout(udp('there'), { type }), 'RELATED', '30 unreplied']],
    }),
  ),
  ...[0, 1, 2, 3, 4, 5, 99, 100, 127].map(
    (type): Trace => ({
      name: `ICMPv6 ${type} is an error`,
      family: 6,
      rows: [opened, [1, '<', errorAbout(udp('there'), { type }), 'RELATED', '30 unreplied']],
    }),
  ),
];

const HEADERS: Readonly<Record<string, build.Layer>> = {
  'hop-by-hop options': build.hopByHop(),
  'destination options': build.destinationOptions(),
  'a routing header': build.routing({ type: 2, segmentsLeft: 0, addresses: [RESPONDER.address[6]] }),
  AH: build.ah(),
};

/** UDP of the originator behind that header. */
const behind = (header: build.Layer): Made => ({
  name: 'udp behind it',
  octets: () =>
    build.ip6(
      { src: ORIGINATOR.address[6], dst: RESPONDER.address[6] },
      header,
      build.udp({ ...ports('there'), data: 4 }),
    ),
});

const otherTraces: Trace[] = [
  ...[4, 33, 41, 50, 89, 112, 253].map(
    (protocol): Trace => ({
      name: `protocol ${protocol} has addresses only, and is never assured`,
      rows: [
        [0, '>', raw('there', protocol), 'NEW', '600 unreplied'],
        [1, '<', raw('back', protocol, 3), 'ESTABLISHED', '600'],
        [2, '>', raw('there', protocol, 0), 'ESTABLISHED', '600'],
      ],
    }),
  ),
  { name: 'AH is a protocol of IPv4', family: 4, rows: [[0, '>', raw('there', 51, 24), 'NEW', '600 unreplied']] },
  {
    name: 'mobility ends the chain of IPv6 headers',
    family: 6,
    rows: [[0, '>', raw('there', 135), 'NEW', '600 unreplied']],
  },
  ...Object.entries(HEADERS).map(
    ([name, header]): Trace => ({
      name: `${name} stands in front of a flow, and is no part of it`,
      family: 6,
      rows: [
        [0, '>', behind(header), 'NEW', '30 unreplied'],
        [1, '<', udp('back'), 'ESTABLISHED', '30'],
        [2, '>', udp('there'), 'ESTABLISHED', '30'],
      ],
    }),
  ),
  {
    name: 'headers that run out of the packet',
    family: 6,
    rows: [[0, '>', raw('there', 60, Uint8Array.of(17, 9, 1, 4, 0, 0, 0, 0)), 'INVALID', '-']],
  },
  { name: 'no next header', family: 6, rows: [[0, '>', raw('there', 59), 'INVALID', '-']] },
  {
    name: 'GRE without keys is one flow, assured by the packet after the first answer',
    rows: [
      [0, '>', raw('there', 47, Uint8Array.of(0, 0, 8, 0)), 'NEW', '30 unreplied'],
      [1, '<', raw('back', 47, Uint8Array.of(0x20, 0, 8, 0, 0, 0, 0, 9)), 'ESTABLISHED', '30'],
      [2, '>', raw('there', 47, Uint8Array.of(0, 0, 8, 0)), 'ESTABLISHED', '180 assured'],
    ],
  },
  {
    name: 'PPTP calls',
    rows: [
      [0, '>', made('call 1', 'there', () => build.gre({ version: 1, callId: 1 })), 'NEW', '30 unreplied'],
      [1, '>', made('call 2', 'there', () => build.gre({ version: 1, callId: 2 })), 'NEW', '2 entries'],
    ],
  },
  {
    name: 'version 1 of GRE carries PPP only',
    rows: [[0, '>', made('not PPP', 'there', () => build.gre({ version: 1, protocol: 0x0800 })), 'INVALID', '-']],
  },
];

export const flowTraces: readonly Trace[] = [
  ...udpTraces,
  ...udpliteTraces,
  ...icmpTraces,
  ...errorTraces,
  ...otherTraces,
];
