// What the rows of defrag.rows.ts cannot say of fragments: time, size, devices, limits and rules. The kernel and we, step by step.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario, Side, Step } from '../../testing/scenario/scenario-format.ts';
import { beside } from './beside.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const sent = (octets: Uint8Array, side: Side = 'A'): Step => ({ in: side, hex: toHex(octets) });
const datagram = build.ip6({}, build.udp({ sport: 1_000, dport: 2_000, data: 200 }));

const piece6 = (fields: build.FragmentFields, layer: build.Layer, head: build.Ip6Fields = {}) =>
  build.ip6(head, build.fragment({ id: 7, ...fields }), layer);
const piece4 = (fields: build.Ip4Fields, data: build.Data, protocol = 17) =>
  build.ip4({ id: 7, ...fields }, build.raw(protocol, data));

/** Everything that the rules see is counted. */
const COUNTING = [
  '*raw',
  ...['', ' -p udp', ' -p tcp', ' -p udp --dport 2000'].map((words) => `-A PREROUTING${words}`),
  'COMMIT',
  '*filter',
  ...['FORWARD', 'INPUT'].flatMap((chain) =>
    [
      '',
      ' -p udp',
      ' -p tcp',
      ...['INVALID', 'NEW', 'UNTRACKED'].map((state) => ` -m conntrack --ctstate ${state}`),
    ].map((words) => `-A ${chain}${words}`),
  ),
  'COMMIT',
  '',
].join('\n');

/** Each once with and without NOTRACK where that says something. */
const UNTRACKED = COUNTING.replace('*raw\n', '*raw\n-A PREROUTING -j NOTRACK\n');

const own = (name: string): string => `net.netfilter.nf_conntrack_frag6_${name}`;

const rows: readonly (Scenario & { name: string })[] = [
  {
    name: 'IPv6: time exceeded goes back for a datagram whose first piece came',
    sysctls: { [own('timeout')]: 1 },
    steps: [sent(piece6({ more: true }, build.raw(17, 64))), { sleep_ms: 1_600 }],
  },
  {
    name: 'IPv6: nothing goes back for one whose first piece never came',
    sysctls: { [own('timeout')]: 1 },
    steps: [sent(piece6({ offset: 64, more: true }, build.raw(17, 64))), { sleep_ms: 1_600 }],
  },
  {
    name: 'IPv6: after its time a piece begins anew',
    sysctls: { [own('timeout')]: 1 },
    steps: [
      sent(piece6({ more: true }, build.raw(17, 64))),
      { sleep_ms: 1_600 },
      sent(piece6({ offset: 64 }, build.raw(17, 64))),
      sent(piece6({ more: true }, build.raw(17, 64))),
    ],
  },
  {
    name: 'IPv4: nothing goes back for what would have been forwarded',
    sysctls: { 'net.ipv4.ipfrag_time': 1 },
    steps: [sent(piece4({ mf: true }, 64)), { sleep_ms: 1_600 }],
  },
  {
    name: 'beyond 65,535 octets: IPv6 drops the piece, IPv4 the datagram',
    steps: [
      ...[65_520, 65_528].map((offset) => sent(piece6({ offset }, build.raw(17, 16)))),
      ...[0, 65_512].map((offset) => sent(piece4({ offset, mf: offset === 0 }, offset === 0 ? 64 : 40))),
      sent(piece6({ more: true }, build.raw(17, 64))),
      sent(piece6({ offset: 64 }, build.raw(17, 64))),
    ],
  },
  ...(['tcp', 'icmp6', 'other', 'none'] as const).map((kind) => ({
    name: `IPv6: a first piece without all of its header: ${kind}`,
    steps: [
      sent(
        piece6({ more: true }, build.raw({ tcp: 6, icmp6: 58, other: 253, none: 59 }[kind], kind === 'tcp' ? 16 : 0)),
      ),
      sent(piece6({ more: true, id: 8 }, build.raw({ tcp: 6, icmp6: 58, other: 253, none: 59 }[kind], 24))),
      sent(piece6({ offset: 24, id: 8 }, build.raw(6, 24))),
    ],
  })),
  {
    name: 'ECN: congestion met by one piece is met by all',
    steps: [
      sent(piece6({ more: true }, build.raw(17, 64), { trafficClass: 2 })),
      sent(piece6({ offset: 64 }, build.raw(17, 64), { trafficClass: 3 })),
      sent(piece4({ mf: true, tos: 1 }, 64)),
      sent(piece4({ offset: 64, tos: 3 }, 64)),
    ],
  },
  {
    name: 'the device is no part of what holds pieces together',
    steps: [
      sent(piece6({ more: true }, build.raw(17, 64)), 'A'),
      sent(piece6({ offset: 64 }, build.raw(17, 64)), 'B'),
      sent(piece4({ mf: true }, 64), 'A'),
      sent(piece4({ offset: 64 }, 64), 'B'),
    ],
  },
  {
    name: 'but for groups and addresses of the link',
    steps: ['ff02::1', 'ff05::2'].flatMap((dst) => [
      sent(piece6({ more: true }, build.raw(17, 64), { dst }), 'A'),
      sent(piece6({ offset: 64 }, build.raw(17, 64), { dst }), 'B'),
      sent(piece6({ offset: 64 }, build.raw(17, 64), { dst }), 'A'),
    ]),
  },
  {
    name: 'above the threshold every piece is refused, of old datagrams too',
    sysctls: {
      [own('low_thresh')]: 0,
      [own('high_thresh')]: 3_000,
      'net.ipv4.ipfrag_low_thresh': 0,
      'net.ipv4.ipfrag_high_thresh': 3_000,
    },
    steps: [
      ...[1, 2, 3, 4].map((id) => sent(piece6({ more: true, id }, build.raw(17, 64)))),
      sent(piece6({ offset: 64, id: 1 }, build.raw(17, 64))),
      ...[1, 2, 3, 4].map((id) => sent(piece4({ mf: true, id }, 64))),
      sent(piece4({ offset: 64, id: 1 }, 64)),
    ],
  },
  ...[63, 64, 65].map((between) => ({
    name: `IPv4: ${between} pieces of others in between`,
    steps: [
      sent(piece4({ mf: true }, 64)),
      ...Array.from({ length: between }, (_, index) => sent(piece4({ mf: true, id: 100 + index }, 64))),
      sent(piece4({ offset: 64 }, 64)),
    ],
  })),
  {
    name: 'larger than the way out: packet too big for IPv6, cut anew for IPv4',
    topology: { B: { mtu: 1_280 } },
    steps: [
      ...build.fragments6(build.ip6({}, build.udp({ data: 2_000 })), 1_400, 9).map((octets) => sent(octets)),
      ...build.fragments4(build.ip4({ id: 9 }, build.udp({ data: 2_000 })), 1_400).map((octets) => sent(octets)),
      ...build
        .fragments4(build.ip4({ id: 10, df: true }, build.udp({ data: 2_000 })), 1_400)
        .map((octets) => sent(octets)),
    ],
  },
  {
    name: 'headers in front of the fragment header are those of the first piece',
    steps: [
      sent(build.ip6({}, build.hopByHop(), build.fragment({ id: 7, offset: 64 }), build.raw(17, 64))),
      sent(build.ip6({}, build.destinationOptions(), build.fragment({ id: 7, more: true }), build.raw(17, 64))),
    ],
  },
  {
    name: 'a fragment in a fragment',
    steps: build
      .fragments6(build.ip6({}, build.fragment({ id: 1, more: true }), build.raw(17, 96)), 48, 9)
      .map((octets) => sent(octets)),
  },
  {
    name: 'to the router itself',
    steps: [
      ...build.fragments6(build.ip6({ dst: 'fd00:a::1' }, build.icmp6({ type: 128, id: 7, data: 200 })), 64, 9),
      ...build.fragments4(build.ip4({ dst: '10.0.1.1', id: 5 }, build.icmp({ id: 7, data: 200 })), 64),
    ].map((octets) => sent(octets)),
  },
  { name: 'a whole datagram, for comparison', steps: [sent(datagram)] },
];

describe.skipIf(!ready('fragments beside the kernel', probeTwin()))('fragments', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test.each(rows)('$name', async (row) => {
    for (const rules of [COUNTING, UNTRACKED]) {
      const steps = [...row.steps, { counters: true } as const, { ct: true } as const];
      const scenario: Scenario = { ...row, v4rules: rules, v6rules: rules, steps };
      expect(await beside(twin, scenario)).toEqual([]);
    }
  });
});
