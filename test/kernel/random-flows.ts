// Random flows: few rules, many connections at a time, with losses, duplicates, packets that overtake each other, resets, fragments, errors,
// translation and time that passes. What the tracker makes of them is looked at again and again on the way.

import { DEFAULT_TOPOLOGY, type Scenario } from '../../testing/scenario/scenario-format.ts';
import { Dice } from './dice.ts';
import type { RandomCase } from './random.ts';
import type { TableText } from './random-rules.ts';
import { randomTraffic, type Seen, stepOf } from './random-traffic.ts';

/** A way to translate, for both families: rules of the nat table, and what the ends see of it. */
interface Translation {
  readonly rules: Record<4 | 6, readonly string[]>;
  see(seen: Seen): void;
}

const VIRTUAL = { 4: '198.51.100.200', 6: '2001:db8:ffff::200' };
const REAL = { 4: '10.0.2.2', 6: 'fd00:b::2' };
const OUTSIDE = { 4: '10.0.2.77', 6: 'fd00:b::77' };
const ROUTER = { 4: '10.0.2.1', 6: 'fd00:b::1' };
const INNER_ROUTER = { 4: '10.0.1.1', 6: 'fd00:a::1' };
const INSIDE = { 4: '10.0.1.2', 6: 'fd00:a::2' };

const sourceAs = (address: Record<4 | 6, string>) => (seen: Seen) => {
  if (seen.side === 'A') seen.client = address[seen.family];
};

const both = (rules: (family: 4 | 6) => string[]): Record<4 | 6, readonly string[]> => ({ 4: rules(4), 6: rules(6) });

/** Answers in the name of INSIDE come from what was reached through the router's own address. */
const forwardedTo = (seen: Seen) => {
  if (seen.side === 'B' && seen.server === ROUTER[seen.family]) seen.server = INSIDE[seen.family];
};

const masqueraded = (seen: Seen) => {
  if (seen.side === 'B') seen.client = INNER_ROUTER[seen.family];
};

const virtual = (seen: Seen) => {
  if (seen.server === VIRTUAL[seen.family]) seen.server = REAL[seen.family];
};

/** Every inside host by its last octets behind another prefix. */
function mapped(seen: Seen): void {
  if (seen.side !== 'A') return;
  seen.client =
    seen.family === 4 ? `203.0.113.${seen.client.split('.')[3]}` : seen.client.replace(/^fd00:[a1]:/, '2001:db8:c:');
}

const TRANSLATIONS: readonly Translation[] = [
  {
    rules: both((family) => [`-A POSTROUTING -o tunB -j SNAT --to-source ${OUTSIDE[family]}`]),
    see: sourceAs(OUTSIDE),
  },
  { rules: both(() => ['-A POSTROUTING -o tunB -j MASQUERADE']), see: sourceAs(ROUTER) },
  {
    rules: both((family) => [`-A PREROUTING -d ${VIRTUAL[family]} -j DNAT --to-destination ${REAL[family]}`]),
    see: virtual,
  },
  { rules: both(() => ['-A POSTROUTING -o nothing -j MASQUERADE']), see: () => {} }, // null bindings
  {
    rules: both((family) => [
      `-A PREROUTING -d ${VIRTUAL[family]} -j DNAT --to-destination ${REAL[family]}`,
      `-A POSTROUTING -o tunB -j SNAT --to-source ${OUTSIDE[family]}`,
    ]),
    see(seen) {
      virtual(seen);
      sourceAs(OUTSIDE)(seen);
    },
  },
  {
    rules: both((family) => [
      `-A PREROUTING -i tunB -d ${ROUTER[family]} -j DNAT --to-destination ${INSIDE[family]}`,
      '-A POSTROUTING -o tunA -j MASQUERADE',
      `-A INPUT -i tunA -p udp -j SNAT --to-source ${family === 4 ? '10.0.1.200' : 'fd00:a::200'}`,
    ]),
    see(seen) {
      forwardedTo(seen);
      masqueraded(seen);
    },
  },
  {
    rules: both((family) => [
      `-A POSTROUTING -o tunB -j NETMAP --to ${family === 4 ? '203.0.113.0/24' : '2001:db8:c::/48'}`,
    ]),
    see: mapped,
  },
  {
    rules: both((family) => [
      '-A PREROUTING -i tunA -p tcp --dport 80 -j REDIRECT --to-ports 8080',
      '-A PREROUTING -i tunA -p udp --dport 53 -j REDIRECT',
      `-A OUTPUT -d ${REAL[family]} -j DNAT --to-destination ${family === 4 ? '10.0.2.3' : 'fd00:b::3'}`,
      '-A POSTROUTING -p tcp -o tunB -j MASQUERADE',
    ]),
    see: () => {},
  },
];

/** Every class of packets is counted on its own. */
const COUNTING = ['FORWARD', 'INPUT', 'OUTPUT'].flatMap((chain) => [
  ...['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].map(
    (state) => `-A ${chain} -m conntrack --ctstate ${state}`,
  ),
  `-A ${chain} -m conntrack --ctdir REPLY`,
  `-A ${chain} -m conntrack --ctstatus ASSURED`,
  `-A ${chain} -m conntrack --ctstate SNAT,DNAT`,
]);

const DROPPING: readonly (readonly string[])[] = [
  [],
  [],
  ['-A FORWARD -m conntrack --ctstate INVALID -j DROP'],
  ['-A FORWARD -i tunB -m conntrack --ctstate NEW -j DROP'],
  ['-A FORWARD -i tunB -m conntrack --ctstate NEW -j REJECT'],
  ['-A FORWARD -p tcp -m conntrack --ctstate INVALID -j REJECT --reject-with tcp-reset'],
];

const RAW: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ['-A PREROUTING -p udp --dport 53 -j NOTRACK'],
  ['-A PREROUTING -i tunB -p udp -j NOTRACK', '-A OUTPUT -p icmp -j NOTRACK', '-A OUTPUT -p ipv6-icmp -j NOTRACK'],
  [
    '-A PREROUTING -i tunA -p tcp --dport 443 -j CT --zone 5',
    '-A PREROUTING -i tunB -p tcp --sport 443 -j CT --zone 5',
  ],
  ['-A PREROUTING -p tcp --dport 80 -j CT --zone-orig 7'],
  ['-A PREROUTING -p udp -j CT --zone-reply 9'],
  ['-A PREROUTING -i tunB -j CT --zone 3'],
];

/** Marks that connections keep, and what is known of each by the way. */
const MANGLE: readonly (readonly string[])[] = [
  [],
  [],
  [
    '-A PREROUTING -j CONNMARK --restore-mark',
    '-A PREROUTING -m mark --mark 7 -j RETURN',
    '-A PREROUTING -p tcp -m conntrack --ctstate NEW -j MARK --set-mark 7',
    '-A POSTROUTING -j CONNMARK --save-mark',
    '-A FORWARD -m connmark --mark 7',
  ],
  ['-A POSTROUTING -m conntrack --ctstate RELATED -j CONNMARK --set-mark 9', '-A FORWARD -m connmark --mark 9'],
  ['-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000'],
];

const SYSCTLS: readonly (readonly [string, readonly number[]])[] = [
  ['tcp_loose', [0]],
  ['tcp_be_liberal', [1]],
  ['checksum', [0]],
  ['acct', [1]],
  ['tcp_max_retrans', [0, 1, 5]],
  ['tcp_ignore_invalid_rst', [1]],
  ...[
    'tcp_timeout_syn_sent',
    'tcp_timeout_syn_recv',
    'tcp_timeout_established',
    'tcp_timeout_fin_wait',
    'tcp_timeout_close_wait',
    'tcp_timeout_last_ack',
    'tcp_timeout_time_wait',
    'tcp_timeout_close',
    'tcp_timeout_unacknowledged',
    'tcp_timeout_max_retrans',
    'udp_timeout',
    'udp_timeout_stream',
    'icmp_timeout',
    'icmpv6_timeout',
    'generic_timeout',
    'gre_timeout',
    'gre_timeout_stream',
    'sctp_timeout_closed',
    'sctp_timeout_cookie_wait',
    'sctp_timeout_cookie_echoed',
    'sctp_timeout_established',
    'sctp_timeout_shutdown_sent',
    'sctp_timeout_shutdown_recd',
    'sctp_timeout_shutdown_ack_sent',
    'sctp_timeout_heartbeat_sent',
  ].map((name) => [name, [33, 70, 100, 200]] as const),
];

/** Seconds, and the time that passes once: what is shorter ends, what is longer stays. */
const SHORT = 3;
const JUMP_MS = 4_500;
const SHORTENED = [
  'tcp_timeout_syn_sent',
  'tcp_timeout_established',
  'tcp_timeout_time_wait',
  'tcp_timeout_close',
  'udp_timeout',
  'icmp_timeout',
  'icmpv6_timeout',
  'generic_timeout',
  'gre_timeout',
  'sctp_timeout_established',
];
/** Octets that the outside takes at once. */
const NARROW: Record<4 | 6, readonly number[]> = { 4: [600, 1_000, 1_280], 6: [1_280, 1_400] };

const sysctl = (name: string): string => `net.netfilter.nf_conntrack_${name}`;

export interface FlowOptions {
  readonly packets: number;
  /** Connections are compared each time that so many packets went in. */
  readonly every: number;
}

/** The case of a seed; one in twenty is short, and time passes in its middle. */
export function randomFlows(seed: number, { packets, every }: FlowOptions): RandomCase {
  const dice = new Dice(seed);
  const jumps = seed % 20 === 0;
  const families = dice.pick([[4], [6], [4, 6]] as const);
  const translation = dice.chance(0.6) ? dice.pick(TRANSLATIONS) : undefined;
  const sent = randomTraffic(dice, {
    packets: jumps ? Math.min(packets, 100) : packets,
    families,
    protocols: new Set(['gre', 'udplite', 'esp', 'ah', 'other', 'sctp']),
    talks: dice.pick([8, 30, 100]),
    late: dice.pick([0, 0.03, 0.1]),
    translate: (seen) => translation?.see(seen),
  });
  const [raw, mangle, dropping] = [dice.pick(RAW), dice.pick(MANGLE), dice.pick(DROPPING)];
  const table = (name: string, rules: readonly string[]): TableText[] =>
    rules.length > 0 ? [{ name, chains: [], rules: [...rules] }] : [];
  const tables = (family: 4 | 6): TableText[] =>
    (families as readonly number[]).includes(family)
      ? [
          ...table('raw', raw),
          ...table('mangle', mangle),
          ...table('nat', translation?.rules[family] ?? []),
          ...table('filter', [...COUNTING, ...dropping]),
        ]
      : [];
  const steps = sent.flatMap((one, index): RandomCase['steps'] =>
    (index + 1) % every === 0 ? [stepOf(one), { ct: true }] : [stepOf(one)],
  );
  const meanwhile = whatHappens(dice, { v4: withoutNat(tables(4)), v6: withoutNat(tables(6)) });
  for (const step of jumps ? [{ sleep_ms: JUMP_MS }] : meanwhile)
    steps.splice(dice.int(0, steps.length), 0, step, { ct: true });
  const rest = { sysctls: sysctlsOf(dice, jumps), ...topologyOf(dice, families) };
  // What is broken may look like IPv6, which a device without it does not take.
  const only = rest.topology && families.length === 1 ? families[0] : undefined;
  return {
    seed,
    v4: tables(4),
    v6: tables(6),
    rest,
    steps: [...steps.filter((step) => !isOther(step, only)), { counters: true }, { ct: true }],
  };
}

const isOther = (step: RandomCase['steps'][number], only: 4 | 6 | undefined): boolean =>
  only !== undefined && 'in' in step && [step.hex].flat()[0][0] === String(10 - only);

/** Old flows stay translated, and new ones are not. */
const withoutNat = (tables: TableText[]): TableText[] =>
  tables.map((table) => (table.name === 'nat' ? { ...table, rules: [] } : table));

/** On the way, now and then: settings and rules change, connections are forgotten. */
function whatHappens(dice: Dice, reload: { v4: TableText[]; v6: TableText[] }): RandomCase['steps'] {
  if (!dice.chance(0.4)) return [];
  return dice.some(
    [{ sysctls: sysctlsOf(dice, false) }, { sysctls: sysctlsOf(dice, false) }, { flush_ct: true }, { reload }] as const,
    0.3,
  );
}

/** Below 1280 octets a device has no IPv6. */
function topologyOf(dice: Dice, families: readonly (4 | 6)[]): Pick<Scenario, 'topology'> {
  if (!dice.chance(0.3)) return {};
  const [only4, side] = [!families.includes(6), dice.pick(['A', 'B'] as const)];
  const kept = (places: readonly string[]) => places.filter((place) => !only4 || !place.includes(':'));
  const { addrs, routes } = DEFAULT_TOPOLOGY[side];
  return {
    topology: { [side]: { mtu: dice.pick(NARROW[only4 ? 4 : 6]), addrs: kept(addrs), routes: kept(routes) } },
  };
}

export function sysctlsOf(dice: Dice, jumps: boolean): NonNullable<Scenario['sysctls']> {
  const chosen = dice.chance(0.5) ? dice.some(SYSCTLS, 0.1) : [];
  const values = chosen.map(([name, choices]) => [sysctl(name), dice.pick(choices)] as const);
  const short = jumps ? dice.some(SHORTENED, 0.5).map((name) => [sysctl(name), SHORT] as const) : [];
  return Object.fromEntries([...values, ...short]);
}
