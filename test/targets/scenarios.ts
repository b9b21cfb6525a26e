// Targets that do more than change their packet, as whole scenarios: test/kernel/targets-scenarios.test.ts plays them beside the kernel,
// test/targets/scenarios.test.ts says what comes of some of them.

import { fragment, icmp, icmp6, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario, Step } from '../../testing/scenario/scenario-format.ts';

const A4 = { src: '10.1.0.5', dst: '192.0.2.7', ttl: 9 };
const A6 = { src: 'fd00:1::5', dst: '2001:db8::7', hopLimit: 9 };
const small4 = ip4(A4, udp({ data: 'abc' }));
const small6 = ip6(A6, udp({ data: 'abc' }));
const from = (side: 'A' | 'B', ...packets: readonly Uint8Array[]): Step[] => [
  ...packets.map((packet): Step => ({ in: side, hex: toHex(packet) })),
  { counters: true },
];

const mangle = (...rules: readonly string[]): string =>
  `*mangle\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

interface Titled extends Scenario {
  readonly name: string;
}

const both = (
  name: string,
  rules: (gateway: { a: string; b: string; own: string }) => readonly string[],
  more: Partial<Scenario> = {},
): Titled[] => [
  {
    name: `IPv4: ${name}`,
    v4rules: mangle(...rules({ a: '10.0.1.9', b: '10.0.2.9', own: '10.0.1.1' })),
    steps: from(
      'A',
      small4,
      ip4({ ...A4, ttl: 1 }, udp()),
      ip4({ ...A4, ttl: 2 }, udp()),
      ip4({ src: '10.1.0.5', dst: '10.0.1.1' }, icmp({ id: 5 })),
    ),
    ...more,
  },
  {
    name: `IPv6: ${name}`,
    v6rules: mangle(...rules({ a: 'fd00:a::9', b: 'fd00:b::9', own: 'fd00:a::1' })),
    steps: from(
      'A',
      small6,
      ip6({ ...A6, hopLimit: 1 }, udp()),
      ip6({ ...A6, hopLimit: 2 }, udp()),
      ip6({ src: 'fd00:1::5', dst: 'fd00:a::1' }, icmp6()),
    ),
    ...more,
  },
];

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

const long4 = ip4(A4, udp({ data: 1300 }));
const long6 = ip6(A6, udp({ data: 1400 }));
const pieces4 = [ip4({ ...A4, id: 7, mf: true }, raw(17, 800)), ip4({ ...A4, id: 7, offset: 800 }, raw(17, 600))];
const pieces6 = [
  ip6(A6, fragment({ id: 7, more: true }), raw(17, 800)),
  ip6(A6, fragment({ id: 7, offset: 800 }), raw(17, 700)),
];
const uneven4 = [
  ip4({ ...A4, id: 8, mf: true }, raw(17, 400)),
  ip4({ ...A4, id: 8, mf: true, offset: 400 }, raw(17, 800)),
  ip4({ ...A4, id: 8, offset: 1200 }, raw(17, 100)),
];
const uneven6 = [
  ip6(A6, fragment({ id: 8, more: true }), raw(17, 400)),
  ip6(A6, fragment({ id: 8, more: true, offset: 400 }), raw(17, 800)),
  ip6(A6, fragment({ id: 8, offset: 1200 }), raw(17, 100)),
];
const narrow = { A: { addrs: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'], mtu: 1280 } };

export const tee: readonly Titled[] = [
  ...HOOKS.flatMap((hook) => both(`a copy from ${hook}`, ({ a }) => [`${hook} -j TEE --gateway ${a}`])),
  ...both('a copy to the other side', ({ b }) => [`PREROUTING -j TEE --gateway ${b}`]),
  ...both('the copy as it is at the rule', ({ a }) => [
    `FORWARD -j TOS --set-tos 0x10`,
    `FORWARD -j TEE --gateway ${a}`,
    `FORWARD -j TOS --set-tos 0x20`,
  ]),
  ...both('a device that has a route there', ({ a }) => [`PREROUTING -j TEE --gateway ${a} --oif tunA`]),
  ...both('a device that has none', ({ a }) => [`PREROUTING -j TEE --gateway ${a} --oif tunB`]),
  ...both('a device that is not there', ({ a }) => [`PREROUTING -j TEE --gateway ${a} --oif eth7`]),
  ...both('the copy meets the rules of OUTPUT and POSTROUTING, and no TEE there', ({ a }) => [
    `PREROUTING -j TEE --gateway ${a}`,
    `OUTPUT -j TOS --set-tos 0x08`,
    `OUTPUT -j TEE --gateway ${a}`,
    `POSTROUTING -o tunA -j TEE --gateway ${a}`,
  ]),
  ...both(
    'POSTROUTING takes the device of the gateway for that of arrival',
    ({ a, b }) => [
      `FORWARD -j TEE --gateway ${a}`,
      `OUTPUT -m length --length 31:51 -j TOS --set-tos 0x10`,
      `POSTROUTING -j LOG`,
      `PREROUTING -j TEE --gateway ${b}`,
    ],
    { log: true },
  ),
  ...both('two copies', ({ a, b }) => [`FORWARD -j TEE --gateway ${a}`, `FORWARD -j TEE --gateway ${b}`]),
  ...both('a copy of what is dropped then', ({ a }) => [`FORWARD -j TEE --gateway ${a}`, `FORWARD -j DROP`]),
  ...both('a copy that is dropped', ({ a }) => [`FORWARD -j TEE --gateway ${a}`, `OUTPUT -j DROP`]),
  ...both('the mark goes with the copy', ({ a }) => [
    `FORWARD -j MARK --set-mark 5`,
    `FORWARD -j TEE --gateway ${a}`,
    `OUTPUT -m mark --mark 5 -j TOS --set-tos 0x10`,
  ]),
  ...both('the copy is not tracked', ({ a }) => [
    `FORWARD -j TEE --gateway ${a}`,
    `OUTPUT -m conntrack --ctstate UNTRACKED -j TOS --set-tos 0x10`,
  ]),
  {
    name: 'IPv4: too long for the way of the copy',
    v4rules: mangle('FORWARD -j TEE --gateway 10.0.1.9'),
    topology: narrow,
    steps: from('A', long4),
  },
  {
    name: 'IPv6: too long for the way of the copy',
    v6rules: mangle('FORWARD -j TEE --gateway fd00:a::9'),
    topology: narrow,
    steps: from('A', long6),
  },
  {
    name: 'IPv4: fragments',
    v4rules: mangle('FORWARD -j TEE --gateway 10.0.1.9'),
    steps: from('A', ...pieces4),
  },
  {
    name: 'IPv6: fragments',
    v6rules: mangle('FORWARD -j TEE --gateway fd00:a::9'),
    steps: from('A', ...pieces6),
  },
  {
    name: 'IPv4: fragments that the tracker puts together',
    v4rules: mangle('FORWARD -j TEE --gateway 10.0.1.9'),
    force_ct: true,
    topology: narrow,
    steps: from('A', ...pieces4, ...uneven4),
  },
  {
    name: 'IPv6: fragments that the tracker puts together',
    v6rules: mangle('FORWARD -j TEE --gateway fd00:a::9'),
    force_ct: true,
    topology: narrow,
    steps: from('A', ...pieces6, ...uneven6),
  },
  {
    name: 'IPv6: a copy to a link-local address, routed again, has no way',
    v6rules: mangle('PREROUTING -j TEE --gateway fd00:1::9', 'OUTPUT -j MARK --set-mark 16'),
    steps: from('A', ip6({ src: 'fd00:a::77', dst: 'fe80::1' }, udp())),
  },
  {
    name: 'IPv6: a fragment header on a whole packet, which the tracker takes off',
    v6rules: mangle('FORWARD -j TEE --gateway fd00:a::9'),
    force_ct: true,
    steps: from('A', ip6(A6, fragment({ id: 9 }), fragment({ id: 10 }), udp({ data: 'abc' }))),
  },
  {
    name: 'IPv4: options and DF',
    v4rules: mangle('FORWARD -j TEE --gateway 10.0.1.9'),
    steps: from(
      'A',
      ip4({ ...A4, options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, udp()),
      ip4({ ...A4, df: true }, udp()),
    ),
  },
  {
    name: 'IPv4: copies of our own packets',
    v4rules: mangle('OUTPUT -j TEE --gateway 10.0.2.9'),
    steps: [{ local: toHex(ip4({ src: '10.0.1.1', dst: '10.1.0.5' }, udp())) }, { counters: true }],
  },
];

const SYN = tcp({ flags: 'S', sport: 1000, dport: 80 });

/** Without a transparent socket. */
export const tproxy: readonly Titled[] = [
  {
    name: 'IPv4: nobody listens',
    v4rules: mangle('PREROUTING -p tcp -j TPROXY --on-port 3128 --tproxy-mark 1', 'FORWARD -j ACCEPT'),
    steps: from('A', ip4(A4, SYN), ip4(A4, udp()), ip4(A4, raw(6, 5))),
  },
  {
    name: 'IPv6: nobody listens',
    v6rules: mangle('PREROUTING -p udp -j TPROXY --on-port 0 --on-ip fd00:a::1', 'FORWARD -j ACCEPT'),
    steps: from('A', ip6(A6, SYN), ip6(A6, udp()), ip6(A6, raw(17, 5))),
  },
];

const HASH = '-j HMARK --hmark-mod 0xffffffff --hmark-rnd 7';
const marks = (chain: string, tuple: string): string => mangle(`${chain} ${HASH} ${tuple}`, `${chain} -j LOG`);
const reply4 = ip4({ src: A4.dst, dst: A4.src }, udp({ sport: 53, dport: 1024 }));
const reply6 = ip6({ src: A6.dst, dst: A6.src }, udp({ sport: 53, dport: 1024 }));

export const hmark: readonly Titled[] = ['src,dst,sport,dport,proto,ct', 'ct', 'ct,src', 'ct,proto,dport'].flatMap(
  (members): Titled[] => [
    {
      name: `IPv4: the connection's mark in both directions, ${members}`,
      v4rules: marks('FORWARD', `--hmark-tuple ${members}`),
      force_ct: true,
      log: true,
      steps: [
        ...from('A', small4, ip4(A4, icmp({ id: 77 }))),
        ...from('B', reply4, ip4({ src: A4.dst, dst: A4.src }, raw(253, 20))),
      ],
    },
    {
      name: `IPv6: the connection's mark in both directions, ${members}`,
      v6rules: marks('FORWARD', `--hmark-tuple ${members}`),
      force_ct: true,
      log: true,
      steps: [
        ...from('A', small6, ip6(A6, icmp6({ id: 77 }))),
        ...from('B', reply6, ip6({ src: A6.dst, dst: A6.src }, raw(253, 20))),
      ],
    },
    {
      name: `IPv4: behind CT and NOTRACK in the raw table, ${members}`,
      v4rules: `*raw\n-A PREROUTING -p udp -j CT --zone 3\n-A PREROUTING -p icmp -j NOTRACK\n-A PREROUTING ${HASH} --hmark-tuple ${members}\n-A PREROUTING -j LOG\nCOMMIT\n`,
      log: true,
      steps: from('A', small4, ip4(A4, icmp()), ip4(A4, SYN)),
    },
  ],
);
