// Random flows: few rules, many connections at a time, with losses, duplicates, packets that overtake each other, resets, fragments, errors,
// translation and time that passes. What the tracker makes of them is looked at again and again on the way.

import type { Scenario, Step } from '../../testing/scenario-format.ts';
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

const sourceAs = (address: Record<4 | 6, string>) => (seen: Seen) => {
  if (seen.side === 'A') seen.client = address[seen.family];
};

const both = (rules: (family: 4 | 6) => string[]): Record<4 | 6, readonly string[]> => ({ 4: rules(4), 6: rules(6) });

const TRANSLATIONS: readonly Translation[] = [
  {
    rules: both((family) => [`-A POSTROUTING -o tunB -j SNAT --to-source ${OUTSIDE[family]}`]),
    see: sourceAs(OUTSIDE),
  },
  { rules: both(() => ['-A POSTROUTING -o tunB -j MASQUERADE']), see: sourceAs(ROUTER) },
  {
    rules: both((family) => [`-A PREROUTING -d ${VIRTUAL[family]} -j DNAT --to-destination ${REAL[family]}`]),
    see(seen) {
      if (seen.server === VIRTUAL[seen.family]) seen.server = REAL[seen.family];
    },
  },
  { rules: both(() => ['-A POSTROUTING -o nothing -j MASQUERADE']), see: () => {} }, // null bindings
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
  [
    '-A PREROUTING -i tunA -p tcp --dport 443 -j CT --zone 5',
    '-A PREROUTING -i tunB -p tcp --sport 443 -j CT --zone 5',
  ],
  ['-A PREROUTING -p tcp --dport 80 -j CT --zone-orig 7'],
];

const SYSCTLS: readonly (readonly [string, readonly number[]])[] = [
  ['tcp_loose', [0]],
  ['tcp_be_liberal', [1]],
  ['checksum', [0]],
  ['acct', [1]],
  ['tcp_max_retrans', [0, 1, 5]],
  ['tcp_ignore_invalid_rst', [1]],
  ['tcp_timeout_close', [33]],
  ['tcp_timeout_unacknowledged', [100]],
  ['tcp_timeout_max_retrans', [70]],
  ['udp_timeout_stream', [77]],
];

/** Seconds, and the time that passes once: what is shorter ends, what is longer stays. */
const SHORT = 3;
const JUMP_MS = 4_500;
const SHORTENED = ['tcp_timeout_syn_sent', 'tcp_timeout_close', 'udp_timeout', 'icmp_timeout', 'icmpv6_timeout'];

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
  const translation = dice.chance(0.5) ? dice.pick(TRANSLATIONS) : undefined;
  // Queries that end in seconds would be over on a busy machine.
  const protocols = ['gre', 'udplite', 'esp', 'ah', 'other', ...(jumps ? [] : ['sctp'])];
  const sent = randomTraffic(dice, {
    packets: jumps ? Math.min(packets, 100) : packets,
    families,
    protocols: new Set(protocols),
    talks: dice.pick([8, 30, 100]),
    late: dice.pick([0, 0.03, 0.1]),
    translate: (seen) => translation?.see(seen),
  });
  const [raw, dropping] = [dice.pick(RAW), dice.pick(DROPPING)];
  const tables = (family: 4 | 6): TableText[] =>
    (families as readonly number[]).includes(family)
      ? [
          { name: 'filter', chains: [], rules: [...COUNTING, ...dropping] },
          ...(raw.length > 0 ? [{ name: 'raw', chains: [], rules: [...raw] }] : []),
          ...(translation ? [{ name: 'nat', chains: [], rules: [...translation.rules[family]] }] : []),
        ]
      : [];
  const steps: Step[] = sent.flatMap((one, index): Step[] =>
    (index + 1) % every === 0 ? [stepOf(one), { ct: true }] : [stepOf(one)],
  );
  if (jumps) steps.splice(steps.length >> 1, 0, { sleep_ms: JUMP_MS }, { ct: true });
  return {
    seed,
    v4: tables(4),
    v6: tables(6),
    rest: { sysctls: sysctlsOf(dice, jumps) },
    steps: [...steps, { counters: true }, { ct: true }],
  };
}

function sysctlsOf(dice: Dice, jumps: boolean): NonNullable<Scenario['sysctls']> {
  const chosen = dice.chance(0.5) ? dice.some(SYSCTLS, 0.2) : [];
  const values = chosen.map(([name, choices]) => [sysctl(name), dice.pick(choices)] as const);
  const short = jumps ? dice.some(SHORTENED, 0.5).map((name) => [sysctl(name), SHORT] as const) : [];
  return Object.fromEntries([...values, ...short]);
}
