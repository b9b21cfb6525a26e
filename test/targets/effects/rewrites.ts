import { expect } from 'vitest';
import { destinationOptions, fragment, ip4, ip6, raw, type TcpFields, tcp, udp } from '../../../packet/build.ts';
import { CHECKSUM } from '../../../targets/CHECKSUM.ts';
import { CLASSIFY } from '../../../targets/CLASSIFY.ts';
import { DSCP } from '../../../targets/DSCP.ts';
import { ECN } from '../../../targets/ECN.ts';
import { HL } from '../../../targets/HL.ts';
import { MARK } from '../../../targets/MARK.ts';
import { TCPMSS } from '../../../targets/TCPMSS.ts';
import { TCPOPTSTRIP } from '../../../targets/TCPOPTSTRIP.ts';
import { TOS } from '../../../targets/TOS.ts';
import { TRACE } from '../../../targets/TRACE.ts';
import { TTL } from '../../../targets/TTL.ts';
import type { EffectRow, Effects } from './effect.ts';

/** `after` left out: the packet stays as it is. */
const row = (shows: string, options: string, packet: Uint8Array, after = packet): EffectRow => ({
  shows,
  options,
  packet,
  answer: { verdict: 'CONTINUE', packet: after },
});
const dropped = (shows: string, options: string, packet: Uint8Array): EffectRow => ({
  shows,
  options,
  packet,
  answer: 'DROP',
});

// --- The IP header ----------------------------------------------------------------------------------------------------

const hops = (name: 'ttl' | 'hl', build: (hops: number) => Uint8Array): EffectRow[] =>
  (
    [
      ['set', 9, 64, 9],
      ['set', 0, 64, 0],
      ['set', 255, 64, 255],
      ['inc', 1, 64, 65],
      ['inc', 200, 64, 255],
      ['dec', 1, 64, 63],
      ['dec', 200, 64, 0],
    ] as const
  ).map(([operation, value, from, to]) =>
    row(`${from} becomes ${to}`, `--${name}-${operation} ${value}`, build(from), build(to)),
  );

const classes = (option: string, value: string, from: number, to: number): EffectRow[] => [
  row(`${from} becomes ${to}`, `--${option} ${value}`, ip4({ tos: from }, udp()), ip4({ tos: to }, udp())),
  row(
    `${from} becomes ${to}`,
    `--${option} ${value}`,
    ip6({ trafficClass: from, flowLabel: 0xabcde }, udp()),
    ip6({ trafficClass: to, flowLabel: 0xabcde }, udp()),
  ),
];

const dscp: readonly EffectRow[] = [
  ...classes('set-dscp', '0x2e', 0x00, 0xb8),
  ...classes('set-dscp', '0', 0xff, 0x03),
  ...classes('set-dscp-class', 'AF41', 0x01, 0x89),
  row('a wrong header checksum stays as wrong', '--set-dscp 1', ip4({}, udp()), ip4({ tos: 4 }, udp())),
];

const tos: readonly EffectRow[] = [
  ...classes('set-tos', '0x10', 0xff, 0x10),
  ...classes('set-tos', '0x10/0x3f', 0xff, 0xd0),
  ...classes('set-tos', '1/2', 0x03, 0x00),
  ...classes('and-tos', '0x0f', 0xff, 0x0f),
  ...classes('or-tos', '0x81', 0x10, 0x91),
  ...classes('xor-tos', '0xff', 0x55, 0xaa),
];

// --- TCP --------------------------------------------------------------------------------------------------------------

const syn = '-p tcp -m tcp --tcp-flags SYN,RST SYN ;';
const both = (shows: string, options: string, from: TcpFields, to: TcpFields | undefined): EffectRow[] =>
  [ip4, ip6].map((ip) => row(shows, options, ip({}, tcp(from)), to ? ip({}, tcp(to)) : undefined));

const mss = (value: number): Uint8Array => Uint8Array.of(2, 4, value >>> 8, value & 0xff);
const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

const segmentSizes: readonly EffectRow[] = [
  ...both('a larger one is lowered', `${syn} --set-mss 1400`, { options: { mss: 1460 } }, { options: { mss: 1400 } }),
  ...both('a smaller one is not raised', `${syn} --set-mss 1400`, { options: { mss: 1300 } }, undefined),
  ...both('to 0 as well', `${syn} --set-mss 0`, { options: { mss: 1300 } }, { options: { mss: 0 } }),
  ...both(
    'a SYN/ACK is treated alike',
    `${syn} --set-mss 1000`,
    { flags: 'SA', options: { mss: 1460 } },
    { flags: 'SA', options: { mss: 1000 } },
  ),
  ...both(
    'behind other options',
    `${syn} --set-mss 1000`,
    { options: octets(1, 3, 3, 7, 2, 4, 5, 180) },
    { options: octets(1, 3, 3, 7, 2, 4, 3, 232) },
  ),
  ...both(
    'behind the end of the list',
    `${syn} --set-mss 1000`,
    { options: octets(0, 1, 1, 1, 2, 4, 5, 180) },
    { options: octets(0, 1, 1, 1, 2, 4, 3, 232) },
  ),
  ...both(
    'at an odd place the checksum is mended as if it were an even one',
    `${syn} --set-mss 1000`,
    { options: octets(1, 2, 4, 5, 180, 1, 1, 1), checksum: 0x1111 },
    { options: octets(1, 2, 4, 3, 232, 1, 1, 1), checksum: 0x12dd },
  ),
  ...both('only the first one', `${syn} --set-mss 1000`, { options: octets(...mss(900), ...mss(1460)) }, undefined),
  ...both(
    'an option of length 0 is one octet long',
    `${syn} --set-mss 1000`,
    { options: octets(8, 0, ...mss(1460), 1, 1) },
    { options: octets(8, 0, ...mss(1000), 1, 1) },
  ),
  ...both(
    'a wrong checksum stays wrong',
    `${syn} --set-mss 1400`,
    { options: { mss: 1460 }, checksum: 0x1111 },
    { options: { mss: 1400 }, checksum: 0x114d },
  ),
  row(
    'a SYN without one gets 536 at most',
    `${syn} --set-mss 1400`,
    ip4({}, tcp()),
    ip4({}, tcp({ options: { mss: 536 } })),
  ),
  row(
    'a SYN without one gets 1220 at most',
    `${syn} --set-mss 1400`,
    ip6({}, tcp()),
    ip6({}, tcp({ options: { mss: 1220 } })),
  ),
  ...both(
    'as the first option',
    `${syn} --set-mss 500`,
    { options: octets(1, 3, 3, 7) },
    { options: octets(...mss(500), 1, 3, 3, 7) },
  ),
  row(
    'also behind extension headers',
    `${syn} --set-mss 500`,
    ip6({}, destinationOptions(), tcp()),
    ip6({}, destinationOptions(), tcp({ options: mss(500) })),
  ),
  ...both('not in front of data', `${syn} --set-mss 500`, { data: 1 }, undefined),
  ...both('not in a full header', `${syn} --set-mss 500`, { options: new Uint8Array(40).fill(1) }, undefined),
  row('a later fragment', '-p tcp -m tcp --tcp-flags SYN,RST SYN ; --set-mss 500', ip4({ offset: 24 }, raw(6, 20))),
  row(
    '40 off the path MTU',
    `${syn} --clamp-mss-to-pmtu`,
    ip4({}, tcp({ options: { mss: 9000 } })),
    ip4({}, tcp({ options: { mss: 1460 } })),
  ),
  row(
    '60 off the path MTU',
    `${syn} --clamp-mss-to-pmtu`,
    ip6({}, tcp({ options: { mss: 9000 } })),
    ip6({}, tcp({ options: { mss: 1440 } })),
  ),
  {
    ...row(
      'the MTU of the way out',
      `${syn} --clamp-mss-to-pmtu`,
      ip4({}, tcp({ options: { mss: 9000 } })),
      ip4({}, tcp({ options: { mss: 1260 } })),
    ),
    mtu: { tunB: 1300 },
  },
  {
    ...row(
      'the MTU of the way back',
      `${syn} --clamp-mss-to-pmtu`,
      ip6({}, tcp({ options: { mss: 9000 } })),
      ip6({}, tcp({ options: { mss: 1240 } })),
    ),
    mtu: { tunA: 1300 },
  },
  {
    ...row(
      'a partial checksum is not mended for what it does not cover',
      `${syn} --set-mss 1000`,
      ip4({}, tcp({ options: { mss: 1460 }, checksum: 'partial' })),
      ip4({}, tcp({ options: { mss: 1000 }, checksum: 'partial' })),
    ),
    set: (pkt) => {
      pkt.checksumPartial = true;
    },
    oursOnly: 'a virtio-net header',
  },
  {
    ...row(
      'but for the length, which is in the pseudo header',
      `${syn} --set-mss 500`,
      ip6({}, tcp({ checksum: 'partial' })),
      ip6({}, tcp({ options: mss(500), checksum: 'partial' })),
    ),
    set: (pkt) => {
      pkt.checksumPartial = true;
    },
    oursOnly: 'a virtio-net header',
  },
  {
    ...dropped('a header cut short', `${syn} --set-mss 500`, ip4({}, raw(6, 19))),
    oursOnly: 'the tcp match drops it first',
  },
  { ...dropped('a header length beyond the packet', `${syn} --set-mss 500`, ip4({}, tcp({ headerLength: 40 }))) },
  { ...dropped('a header length beyond the packet', `${syn} --set-mss 500`, ip6({}, tcp({ headerLength: 24 }))) },
  { ...dropped('a header length below 20', `${syn} --set-mss 500`, ip6({}, tcp({ headerLength: 16 }))) },
];

const all = octets(2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
const without = (...ranges: readonly (readonly [from: number, to: number])[]): Uint8Array => {
  const left = all.slice();
  for (const [from, to] of ranges) left.fill(1, from, to);
  return left;
};

const strips: readonly EffectRow[] = [
  ...both(
    'the octets become no-operations',
    '-p tcp ; --strip-options mss',
    { options: all },
    { options: without([0, 4]) },
  ),
  ...both('at odd places too', '-p tcp ; --strip-options wscale', { options: all }, { options: without([5, 8]) }),
  ...both(
    'several, in any segment',
    '-p tcp ; --strip-options wscale,mss,sack-permitted,timestamp',
    { flags: 'A', options: all, data: 5 },
    { flags: 'A', options: without([0, 4], [5, 20]), data: 5 },
  ),
  ...both('what is not there stays away', '-p tcp ; --strip-options md5', { options: all }, undefined),
  ...both('none', '-p tcp ;', { options: all }, undefined),
  ...both(
    'an option that reaches beyond the header ends the walk',
    '-p tcp ; --strip-options sack',
    { options: octets(5, 9, 0, 0) },
    undefined,
  ),
  ...both(
    'a wrong checksum stays wrong',
    '-p tcp ; --strip-options mss',
    { options: all, checksum: 0x1111 },
    { options: without([0, 4]), checksum: 0x16c7 },
  ),
  row('a later fragment', '-p tcp ; --strip-options mss', ip4({ offset: 24 }, raw(6, 24))),
  row('a later fragment', '-p tcp ; --strip-options mss', ip6({}, fragment({ offset: 8, nextHeader: 6 }), raw(6, 24))),
  dropped('a header cut short', '-p tcp ; --strip-options mss', ip4({}, raw(6, 19))),
  dropped('a header cut short', '-p tcp ; --strip-options mss', ip6({}, raw(6, 19))),
  dropped('a header length beyond the packet', '-p tcp ; --strip-options mss', ip4({}, tcp({ headerLength: 60 }))),
  dropped('a header length below 20', '-p tcp ; --strip-options mss', ip6({}, tcp({ headerLength: 16 }))),
];

const ecn: readonly EffectRow[] = [
  row('both bits', '-p tcp ; --ecn-tcp-remove', ip4({}, tcp({ flags: 'SEC' })), ip4({}, tcp({ flags: 'S' }))),
  row('one of them', '-p tcp ; --ecn-tcp-cwr 0', ip4({}, tcp({ flags: 'SEC' })), ip4({}, tcp({ flags: 'SE' }))),
  row(
    'one set',
    '-p tcp ; --ecn-tcp-ece 1',
    ip4({}, tcp({ flags: 'A', data: 3 })),
    ip4({}, tcp({ flags: 'AE', data: 3 })),
  ),
  row('the IP header', '--ecn-ip-ect 2', ip4({ tos: 0xff }, udp()), ip4({ tos: 0xfe }, udp())),
  row(
    'both headers',
    '-p tcp ; --ecn-ip-ect 0 --ecn-tcp-cwr 1 --ecn-tcp-ece 0',
    ip4({ tos: 3 }, tcp({ flags: 'E' })),
    ip4({ tos: 0 }, tcp({ flags: 'C' })),
  ),
  row(
    'a wrong checksum stays wrong',
    '-p tcp ; --ecn-tcp-remove',
    ip4({}, tcp({ flags: 'EC', checksum: 0x1111 })),
    ip4({}, tcp({ flags: 0, checksum: 0x11d1 })),
  ),
  dropped('a header cut short', '-p tcp ; --ecn-tcp-remove', ip4({}, raw(6, 19))),
];

// --- Metadata ---------------------------------------------------------------------------------------------------------

const marked = (options: string, mark: number, after: number): EffectRow => ({
  shows: `${mark.toString(16)} becomes ${after.toString(16)}`,
  options,
  packet: ip6({}, udp()),
  mark,
  answer: { verdict: 'CONTINUE', mark: after },
});

const marks: readonly EffectRow[] = [
  marked('--set-mark 5', 0xffffffff, 5),
  marked('--set-mark 1/2', 0xffffffff, 0xfffffffd),
  marked('--set-xmark 1/2', 0xffffffff, 0xfffffffc),
  marked('--and-mark 0xf0f0f0f0', 0xffffffff, 0xf0f0f0f0),
  marked('--or-mark 0x80000000', 1, 0x80000001),
  marked('--xor-mark 0xffffffff', 0x0f0f0f0f, 0xf0f0f0f0),
];

const partial = ip4({}, udp({ data: 'xyz', checksum: 'partial' }));

export const rewrites: readonly Effects[] = [
  { target: TTL, table: 'mangle', rows: hops('ttl', (ttl) => ip4({ ttl, id: 5 }, udp())) },
  { target: HL, table: 'mangle', rows: hops('hl', (hopLimit) => ip6({ hopLimit }, udp())) },
  { target: DSCP, table: 'mangle', rows: dscp },
  { target: TOS, table: 'mangle', rows: tos },
  { target: TCPMSS, table: 'mangle', rows: segmentSizes },
  { target: TCPOPTSTRIP, table: 'mangle', rows: strips },
  { target: ECN, table: 'mangle', rows: ecn },
  { target: MARK, table: 'mangle', rows: marks },
  {
    target: CLASSIFY,
    table: 'mangle',
    rows: [
      {
        shows: 'the priority has both halves',
        options: '--set-class 1:a0',
        packet: ip4({}, udp()),
        answer: { verdict: 'CONTINUE', check: (pkt) => expect(pkt.priority).toBe(0x100a0) },
      },
    ],
  },
  {
    target: TRACE,
    table: 'raw',
    rows: [
      {
        shows: 'the packet is traced from here on',
        options: '',
        packet: ip6({}, udp()),
        answer: { verdict: 'CONTINUE', check: (pkt) => expect(pkt.traced).toBe(true) },
        oursOnly: 'raw PREROUTING',
      },
    ],
  },
  {
    target: CHECKSUM,
    table: 'mangle',
    rows: [
      { ...row('a right one stays', '--checksum-fill', ip4({}, udp({ data: 'xyz' }))) },
      { ...row('a wrong one stays too', '--checksum-fill', ip4({}, udp({ data: 'xyz', badChecksum: true }))) },
      {
        ...row(
          'one that was left to the device is finished',
          '--checksum-fill',
          partial,
          ip4({}, udp({ data: 'xyz' })),
        ),
        set: (pkt) => {
          pkt.checksumPartial = true;
          pkt.checksumStart = pkt.l4;
          pkt.checksumField = pkt.l4 + 6;
        },
        oursOnly: 'a virtio-net header',
      },
      {
        ...row('but not that of a super-packet', '--checksum-fill', partial),
        set: (pkt) => {
          pkt.checksumPartial = true;
          pkt.checksumStart = pkt.l4;
          pkt.checksumField = pkt.l4 + 6;
          pkt.gsoSize = 1;
        },
        oursOnly: 'a virtio-net header',
      },
    ],
  },
];
