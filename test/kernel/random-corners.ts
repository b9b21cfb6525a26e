// Random flows where parts of the tracker meet that are seldom together: zones of one direction beside NAT, ranges of ports that run out, NOTRACK in the
// middle of a flow, rules and settings that change on the way, sets with times, limits by connection, marks that go with connections,
// fragments of packets with extension headers. Few hosts and few ports: connections clash.

import type { Scenario } from '../../testing/scenario/scenario-format.ts';
import { Dice } from './dice.ts';
import { type RandomCase, tellsMtu } from './random.ts';
import { sysctlsOf } from './random-flows.ts';
import type { TableText } from './random-rules.ts';
import { randomTraffic, stepOf } from './random-traffic.ts';

type Family = 4 | 6;
type Rule = (dice: Dice, family: Family) => string;

const CLIENT = { 4: '10.0.1.2', 6: 'fd00:a::2' };
const SERVER = { 4: '10.0.2.2', 6: 'fd00:b::2' };
const OTHER = { 4: '192.0.2.9', 6: '2001:db8::9' };
const ROUTER = { 4: '10.0.2.1', 6: 'fd00:b::1' };
const SPARE = { 4: '10.0.2.77', 6: 'fd00:b::77' };
const LAST_SPARE = { 4: '10.0.2.78', 6: 'fd00:b::78' };

const device = (dice: Dice): string => dice.pick(['-i tunA', '-i tunB', '']);
const protocol = (dice: Dice, family: Family): string =>
  dice.pick(['-p tcp', '-p udp', family === 4 ? '-p icmp' : '-p icmpv6', '', '']);
const port = (dice: Dice): string =>
  dice.pick(['-p tcp --dport 80', '-p tcp --dport 443', '-p tcp --sport 80', '-p udp --dport 53', '-p udp --sport 53']);
const some = (dice: Dice, family: Family): string => dice.pick([protocol(dice, family), port(dice)]);
const zone = (dice: Dice): string =>
  `${dice.pick(['--zone', '--zone', '--zone-orig', '--zone-orig', '--zone-reply', '--zone-reply'])} ${dice.int(1, 2)}`;
/** An address with ports behind it. */
const at = (family: Family, address: string, ports: string): string =>
  family === 6 ? `[${address}]:${ports}` : `${address}:${ports}`;
const ports = (dice: Dice): string => dice.pick(['7000', '7000-7001', '1024-1030', '600-601']);

const RAW: readonly Rule[] = [
  (dice, family) => `-A PREROUTING ${device(dice)} ${some(dice, family)} -j CT ${zone(dice)}`,
  (dice, family) => `-A PREROUTING ${device(dice)} ${some(dice, family)} -j CT ${zone(dice)}`,
  (dice, family) => `-A OUTPUT ${some(dice, family)} -j CT ${zone(dice)}`,
  (dice, family) => `-A PREROUTING ${device(dice)} ${some(dice, family)} -j CT --notrack`,
  (dice) => `-A PREROUTING ${port(dice)} -m statistic --mode nth --every ${dice.int(2, 5)} --packet 0 -j CT --notrack`,
  (dice) => `-A PREROUTING -p tcp --dport 80 -j CT --helper ftp ${dice.pick(['', zone(dice)])}`,
  (dice) => `-A PREROUTING -p udp --dport 53 -j CT --helper tftp ${dice.pick(['', zone(dice)])}`,
  (dice, family) => `-A PREROUTING -s ${dice.pick([CLIENT, OTHER])[family]} -j CT ${zone(dice)}`,
];

const MANGLE: readonly Rule[] = [
  (dice) => `-A PREROUTING -j CONNMARK --restore-mark ${dice.pick(['', '--nfmask 0xff --ctmask 0xff'])}`,
  () => '-A POSTROUTING -j CONNMARK --save-mark',
  (dice, family) => `-A PREROUTING ${some(dice, family)} -j MARK --set-xmark ${dice.int(1, 3)}/0xff`,
  (dice, family) =>
    `-A FORWARD ${some(dice, family)} -j CONNMARK --set-xmark 0x${dice.int(1, 255)}/0x${dice.int(1, 255)}`,
  (dice) => `-A ${dice.pick(['PREROUTING', 'POSTROUTING', 'OUTPUT'])} -m connmark --mark ${dice.int(0, 3)}`,
  (dice) => `-A FORWARD -m mark --mark ${dice.int(0, 3)} -j DROP`,
  (dice) => `-A FORWARD -m connbytes --connbytes ${dice.int(1, 4)} --connbytes-dir both --connbytes-mode packets`,
  () => '-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
];

const NAT: readonly Rule[] = [
  (dice, family) => `-A POSTROUTING -o tunB ${protocol(dice, family)} -j SNAT --to-source ${SPARE[family]}`,
  (dice, family) =>
    `-A POSTROUTING -o tunB -j SNAT --to-source ${SPARE[family]}-${LAST_SPARE[family]}${persistent(dice)}`,
  (dice, family) =>
    `-A POSTROUTING -o tunB -p ${dice.pick(['tcp', 'udp'])} -j SNAT --to-source ${at(family, SPARE[family], ports(dice))}`,
  () => '-A POSTROUTING -o tunB -j MASQUERADE',
  (dice) => `-A POSTROUTING -o ${dice.pick(['tunA', 'tunB'])} -p tcp -j MASQUERADE --to-ports ${ports(dice)}`,
  (dice, family) =>
    `-A PREROUTING -i tunA -d ${OTHER[family]} ${protocol(dice, family)} -j DNAT --to-destination ${SERVER[family]}`,
  (dice, family) =>
    `-A PREROUTING -p tcp --dport ${dice.pick([80, 443])} -j DNAT --to-destination ${at(family, SERVER[family], '22')}`,
  (_, family) => `-A PREROUTING -i tunB -d ${ROUTER[family]} -j DNAT --to-destination ${CLIENT[family]}`,
  (dice) => `-A PREROUTING -p ${dice.pick(['tcp', 'udp'])} --dport ${dice.pick([53, 80])} -j REDIRECT --to-ports 8080`,
  (dice, family) =>
    `-A OUTPUT ${protocol(dice, family)} -d ${SERVER[family]} -j DNAT --to-destination ${OTHER[family]}`,
  (dice, family) => `-A INPUT ${protocol(dice, family)} -j SNAT --to-source ${SPARE[family]}`,
  (_, family) => `-A POSTROUTING -o tunB -j NETMAP --to ${family === 4 ? '203.0.113.0/24' : '2001:db8:c::/48'}`,
  (dice, family) => `-A PREROUTING ${some(dice, family)} -j ACCEPT`,
];
const persistent = (dice: Dice): string => dice.pick(['', ' --persistent']);

const LIMITS: readonly Rule[] = [
  (dice) =>
    `-A FORWARD -p tcp -m connlimit --connlimit-above ${dice.int(0, 3)} ${dice.pick(['', '--connlimit-daddr'])}`,
  (dice) => `-A FORWARD -m connlimit --connlimit-upto ${dice.int(1, 3)} --connlimit-mask ${dice.int(0, 32)}`,
];

const FILTER: readonly Rule[] = [
  (dice, family) => `-A FORWARD ${some(dice, family)} -m conntrack --ctstate INVALID -j DROP`,
  (dice) => `-A FORWARD -m conntrack --ctstate ${dice.pick(['UNTRACKED', 'NEW', 'INVALID'])} -j REJECT`,
  (dice) =>
    `-A FORWARD -p tcp -m conntrack --ctstate ${dice.pick(['NEW', 'INVALID'])} -j REJECT --reject-with tcp-reset`,
  (dice, family) => `-A FORWARD -m set --match-set ${dice.pick(SETS)}${family} ${dice.pick(['src', 'dst'])}`,
  (dice, family) =>
    `-A FORWARD ${some(dice, family)} -j SET --add-set ${dice.pick(SETS)}${family} ${dice.pick(['src', 'dst'])} --exist`,
  (dice, family) => `-A FORWARD ${some(dice, family)} -j SET --del-set ${dice.pick(SETS)}${family} src`,
  (dice) => `-A FORWARD -m conntrack --ctstatus ${dice.pick(['NONE', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'])}`,
  (dice) =>
    `-A FORWARD -m conntrack --ctstate ${dice.pick(['SNAT', 'DNAT'])} --ctdir ${dice.pick(['ORIGINAL', 'REPLY'])}`,
  (dice) => `-A FORWARD -m conntrack --ctexpire ${dice.pick(['250:', '20:45', ':115'])}`,
  (dice, family) => `-A FORWARD -m conntrack --ctorigdst ${OTHER[family]} --ctproto ${dice.pick(['tcp', 'udp'])}`,
];
const SETS = ['timed', 'plain'];

/** What is counted in any case. */
const COUNTED = ['FORWARD', 'INPUT', 'OUTPUT'].flatMap((chain) =>
  ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].map(
    (state) => `-A ${chain} -m conntrack --ctstate ${state}`,
  ),
);

function tablesFor(dice: Dice, family: Family, counts: boolean): TableText[] {
  const rules = (from: readonly Rule[], most: number) =>
    Array.from({ length: dice.int(0, most) }, () => dice.pick(from)(dice, family).replace(/ +/g, ' ').trim());
  const table = (name: string, lines: string[]): TableText => ({ name, chains: [], rules: lines });
  return [
    table('raw', rules(RAW, 3)),
    table('mangle', rules(MANGLE, 4)),
    ...(dice.chance(0.8) ? [table('nat', rules(NAT, 4))] : []),
    table('filter', [...(counts ? rules(LIMITS, 3) : []), ...rules(FILTER, 4), ...COUNTED]),
  ];
}

const PACKETS = 150;
const EVERY = 30;
/**
 * Limits of connections hang on the kernel's tick: within one it does not look which of those counted are gone, and for two it takes a
 * stranger's word for them that another processor counted. So time passes between those packets. nf_conncount.c find_or_evict()
 */
const FEW_PACKETS = 40;
const TICKS_MS = 13;

export function randomCorner(seed: number): RandomCase {
  const dice = new Dice(seed);
  const families = dice.pick([[4], [6], [4, 6]] as const);
  const counts = seed % 10 === 0;
  const tables = () => ({
    v4: (families as readonly number[]).includes(4) ? tablesFor(dice, 4, counts) : [],
    v6: (families as readonly number[]).includes(6) ? tablesFor(dice, 6, counts) : [],
  });
  const sent = randomTraffic(dice, {
    packets: counts ? FEW_PACKETS : PACKETS,
    families,
    protocols: new Set(['gre', 'udplite', 'sctp']),
    talks: dice.pick([3, 8, 20]),
    late: dice.pick([0, 0.05]),
    hosts: 2,
    cut: dice.pick([9, 9, 40]),
    extended: dice.pick([0.12, 0.5]),
  });
  const passing = sent.filter(({ octets }) => !tellsMtu(octets));
  const steps = passing.flatMap((one, index): RandomCase['steps'] => [
    stepOf(one),
    ...(counts ? [{ sleep_ms: TICKS_MS }] : []),
    ...((index + 1) % EVERY === 0 ? [{ ct: true as const }] : []),
  ]);
  for (let changes = dice.int(0, 4); changes > 0; changes--) {
    const change = dice.weighted<() => RandomCase['steps'][number]>([
      [4, () => ({ reload: tables() })],
      [2, () => ({ sysctls: sysctlsOf(dice, false) })],
      [1, () => ({ flush_ct: true })],
    ]);
    steps.splice(dice.int(0, steps.length), 0, change());
  }
  const rest: RandomCase['rest'] = { setup: families.flatMap(setsOf), sysctls: sysctlsOf(dice, false) };
  return { seed, ...tables(), rest, steps: [...steps, { counters: true }, { ct: true }] };
}

const setsOf = (family: Family): NonNullable<Scenario['setup']> => {
  const inet = family === 4 ? 'inet' : 'inet6';
  return [
    ['ipset', 'create', `timed${family}`, 'hash:ip', 'family', inet, 'timeout', '600', 'counters'],
    ['ipset', 'create', `plain${family}`, 'hash:ip', 'family', inet],
    ['ipset', 'add', `plain${family}`, SERVER[family]],
  ];
};
