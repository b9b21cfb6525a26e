// Random flows while somebody works on the firewall: rules are put in, taken out and counted anew one by one or by restores, connections deleted, changed and made by hand,
// sets edited, helpers given to connections that NAT translates; and rules that remember (recent, hashlimit, limit, quota, statistic, connbytes)
// across all of it. What a rule remembers in the table that is edited is another matter: docs/differences.md.

import type { Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import { Dice } from './dice.ts';
import { type RandomCase, tellsMtu } from './random.ts';
import { sysctlsOf } from './random-flows.ts';
import { rulesText, type TableText } from './random-rules.ts';
import { PORTS, randomTraffic, stepOf } from './random-traffic.ts';

type Family = 4 | 6;
type Rule = (dice: Dice, family: Family) => string;

const CLIENT = { 4: '10.0.1.2', 6: 'fd00:a::2' };
const SERVER = { 4: '10.0.2.2', 6: 'fd00:b::2' };
const OTHER = { 4: '192.0.2.9', 6: '2001:db8::9' };
const SPARE = { 4: '10.0.2.77', 6: 'fd00:b::77' };
const HOSTS = [CLIENT, SERVER, OTHER];

const protocol = (dice: Dice, family: Family): string =>
  dice.pick(['-p tcp', '-p udp', family === 4 ? '-p icmp' : '-p icmpv6', '']);
const device = (dice: Dice): string => dice.pick(['-i tunA', '-i tunB', '']);
const state = (dice: Dice): string =>
  `-m conntrack --ctstate ${dice.pick(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'NEW,ESTABLISHED'])}`;

/** Rules that edits put in; few, so that -D and -C often find one. */
const FILTER: readonly Rule[] = [
  (dice, family) => `${protocol(dice, family)} ${state(dice)}`,
  (dice) => `${state(dice)} -j ${dice.pick(['ACCEPT', 'RETURN', 'DROP', 'REJECT'])}`,
  (dice, family) => `-s ${dice.pick(HOSTS)[family]} -j ${dice.pick(['ACCEPT', 'side', 'DROP'])}`,
  (dice, family) => `-d ${dice.pick(HOSTS)[family]} -g side`,
  (dice) => `-p ${dice.pick(['tcp', 'udp'])} --dport ${dice.pick(PORTS)} -j ${dice.pick(['ACCEPT', 'side', 'DROP'])}`,
  (_, family) => `-m set --match-set plain${family} src,dst`,
  (dice, family) => `-m set --match-set ${dice.pick(['plain', 'timed'])}${family} src -j ACCEPT`,
  (dice, family) => `-j SET --${dice.pick(['add', 'del'])}-set timed${family} ${dice.pick(['src', 'dst'])}`,
  (dice) => `-m connmark --mark ${dice.int(0, 3)}`,
  () => '-m helper --helper ftp',
];
const MANGLE: readonly Rule[] = [
  (dice) => `-j CONNMARK --set-xmark ${dice.int(1, 3)}/0x${dice.pick(['ff', '3'])}`,
  (dice, family) => `${protocol(dice, family)} -j MARK --set-mark ${dice.int(1, 3)}`,
  () => '-j CONNMARK --save-mark',
  () => '-j CONNMARK --restore-mark',
  () => '-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 900',
  (dice) => `-m connmark --mark ${dice.int(0, 3)} -j ${dice.pick(['ACCEPT', 'DROP'])}`,
];
const NAT: Readonly<Record<string, readonly Rule[]>> = {
  PREROUTING: [
    (dice, family) =>
      `-i tunA ${protocol(dice, family)} -d ${OTHER[family]} -j DNAT --to-destination ${SERVER[family]}`,
    (dice) => `-i tunA -p ${dice.pick(['tcp', 'udp'])} --dport ${dice.pick(PORTS)} -j REDIRECT --to-ports 8080`,
    () => '-j ACCEPT',
  ],
  POSTROUTING: [
    (dice, family) => `-o tunB ${protocol(dice, family)} -j SNAT --to-source ${SPARE[family]}`,
    () => '-o tunB -j MASQUERADE',
    (_, family) => `-o tunB -j NETMAP --to ${family === 4 ? '203.0.113.0/24' : '2001:db8:c::/48'}`,
    () => '-j ACCEPT',
  ],
};
const RAW: readonly Rule[] = [
  (dice) => `${device(dice)} -p tcp --dport ${dice.pick([80, 22])} -j CT --helper ftp`,
  (dice) => `${device(dice)} -p udp --dport ${dice.pick([53, 5060])} -j CT --helper tftp`,
  (dice, family) => `${device(dice)} ${protocol(dice, family)} -m statistic --mode nth --every 4 --packet 1 -j NOTRACK`,
  (dice) => `-p udp --dport ${dice.pick(PORTS)} -j CT --ctevents new,destroy`,
];

/** Not beside -U, which forgets the zone of what it found: docs/differences.md. */
const ZONES: Rule = (dice) =>
  `${device(dice)} -p tcp --dport 443 -j CT --zone${dice.pick(['', '-orig', '-reply'])} ${dice.int(1, 2)}`;

/** They are in a table that nobody edits, only restores put anew. */
const REMEMBERING: readonly Rule[] = [
  (dice) => `-m recent --name r${dice.int(1, 2)} --set ${dice.pick(['', '--rdest'])}`,
  (dice) =>
    `-m recent --name r${dice.int(1, 2)} --${dice.pick(['rcheck', 'update'])} ${dice.pick(['', '--hitcount 3', '--seconds 999', '--rdest'])} ${dice.pick(['', '-j DROP'])}`,
  (dice) => `-m recent --name r${dice.int(1, 2)} --remove`,
  (dice, family) =>
    `-m hashlimit --hashlimit-${dice.pick(['upto', 'above'])} 10/hour --hashlimit-burst ${dice.int(2, 9)} --hashlimit-mode ${dice.pick(['srcip', 'dstip', 'srcip,dstport'])} --hashlimit-name h${family}${dice.int(1, 2)} --hashlimit-htable-expire 3000000`,
  (dice) => `-m limit --limit 10/hour --limit-burst ${dice.int(2, 9)} ${dice.pick(['', '-j DROP'])}`,
  (dice) => `-m quota --quota ${dice.int(1, 20) * 100} ${dice.pick(['', '-j DROP'])}`,
  (dice) =>
    `-m statistic --mode nth --every ${dice.int(2, 5)} --packet ${dice.int(0, 1)} ${dice.pick(['', '-j DROP'])}`,
  (dice) =>
    `-m connbytes --connbytes ${dice.int(1, 4)}: --connbytes-dir ${dice.pick(['both', 'original', 'reply'])} --connbytes-mode packets`,
];

const COUNTED = ['FORWARD', 'INPUT', 'OUTPUT'].flatMap((chain) =>
  ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].map((one) => `-A ${chain} -m conntrack --ctstate ${one}`),
);

const neat = (text: string): string => text.replace(/ +/g, ' ').trim();
const many = <T>(dice: Dice, most: number, make: () => T): T[] => Array.from({ length: dice.int(0, most) }, make);

/** Chains of a table that are edited, and what may be in them. */
function rulesFor(dice: Dice, table: string): readonly [chain: string, rules: readonly Rule[]] {
  if (table === 'filter') return [dice.pick(['FORWARD', 'FORWARD', 'INPUT', 'side']), FILTER];
  if (table === 'mangle') return [dice.pick(['PREROUTING', 'FORWARD', 'POSTROUTING']), MANGLE];
  const chain = dice.pick(['PREROUTING', 'POSTROUTING']);
  return [chain, NAT[chain]];
}

const ruleFor = (dice: Dice, family: Family, table: string): readonly [chain: string, rule: string] => {
  const [chain, rules] = rulesFor(dice, table);
  // No loops, and no way back into the chain that it is in.
  const rule = neat(dice.pick(rules)(dice, family));
  return [chain, chain === 'side' ? rule.replace(/-[jg] side/, '-j ACCEPT') : rule];
};

function tablesFor(dice: Dice, family: Family, zoned: boolean): TableText[] {
  const raw = zoned ? [...RAW, ZONES] : RAW;
  const lines = (table: string, most: number) =>
    many(dice, most, () => {
      const [chain, rule] = ruleFor(dice, family, table);
      return `-A ${chain} ${rule}`;
    });
  return [
    { name: 'raw', chains: [], rules: many(dice, 3, () => neat(`-A PREROUTING ${dice.pick(raw)(dice, family)}`)) },
    { name: 'security', chains: [], rules: remembering(dice, family) },
    { name: 'mangle', chains: [], rules: lines('mangle', 3) },
    ...(dice.chance(0.7) ? [{ name: 'nat', chains: [], rules: lines('nat', 3) }] : []),
    { name: 'filter', chains: [':side - [0:0]'], rules: [...lines('filter', 5), ...COUNTED] },
  ];
}

const remembering = (dice: Dice, family: Family): string[] =>
  many(dice, 4, () => neat(`-A FORWARD ${device(dice)} ${dice.pick(REMEMBERING)(dice, family)}`));

// --- What is done meanwhile -------------------------------------------------------------------------------------------------------

const words = (text: string): string[] => text.split(' ').filter(Boolean);

function editOfRules(dice: Dice, family: Family): Step {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  const table = dice.pick(['filter', 'filter', 'mangle', 'nat']);
  const [chain, rule] = ruleFor(dice, family, table);
  const line = dice.weighted<() => string>([
    [4, () => `-I ${chain} ${rule}`],
    [3, () => `-A ${chain} ${rule}`],
    [2, () => `-I ${chain} ${dice.int(1, 3)} ${rule}`],
    [3, () => `-D ${chain} ${dice.int(1, 3)}`],
    [2, () => `-D ${chain} ${rule}`],
    [2, () => `-R ${chain} ${dice.int(1, 3)} ${rule}`],
    // That of ip6tables finds too many: docs/differences.md.
    [family === 4 ? 1 : 0, () => `-C ${chain} ${rule}`],
    [1, () => `-Z ${dice.pick(['', chain, `${chain} ${dice.int(1, 3)}`])}`],
    [1, () => `-F ${chain}`],
    [1, () => `-P ${dice.pick(['FORWARD', 'OUTPUT'])} ${dice.pick(['ACCEPT', 'DROP'])}`],
    [0.5, () => `-E side aside`],
    [0.5, () => '-X'],
    [0.5, () => '-N side'],
    [0.5, () => `-nvL ${chain}`],
    [1, () => `-A ${chain} ${rule} -c ${dice.int(0, 99)} ${dice.int(0, 9999)}`],
  ])();
  return { exec: [program, '-t', table, ...words(line)] };
}

/** With -n rules are added and few chains emptied; with -c counters are taken as they stand there. */
function restoreOf(dice: Dice, family: Family, zoned: boolean): Step {
  const program = `ip${family === 4 ? '' : '6'}tables-restore`;
  const flags = dice.pick([[], ['-c'], ['-n'], ['-n', '-c']]);
  const chosen = tablesFor(dice, family, zoned).filter(() => dice.chance(0.4));
  const counted = chosen.map((table) => ({
    ...table,
    rules: table.rules.map((rule) =>
      // Of a restore that adds, what is added stands behind what was there, and remembers for itself.
      dice.chance(0.4) ? `[${dice.int(0, 9)}:${dice.int(0, 999)}] ${rule}` : rule,
    ),
  }));
  const kept = flags.includes('-n') ? counted.filter(({ name }) => name !== 'security' && name !== 'raw') : counted;
  return { exec: [program, ...flags], stdin: rulesText(kept) };
}

function editOfConnections(dice: Dice, family: Family, zoned: boolean): Step {
  const changes = zoned ? 0 : 1;
  const ends = `-s ${CLIENT[family]} -d ${SERVER[family]}`;
  const one = dice.pick(['tcp', 'udp']);
  const ports = `--sport ${dice.int(1_024, 1_040)} --dport ${dice.pick(PORTS)}`;
  const line = dice.weighted<() => string>([
    [2, () => `-D -f ipv${family} -p ${one}`],
    [1, () => `-D -f ipv${family} -p ${one} --dport ${dice.pick(PORTS)}`],
    [2, () => `-D -f ipv${family} -s ${dice.pick(HOSTS)[family]}`],
    [1, () => `-D -f ipv${family} -d ${dice.pick(HOSTS)[family]}`],
    [1, () => `-D -f ipv${family} ${dice.pick(['-n', '-g', '-j'])}`],
    [1, () => `-D -f ipv${family} -m ${dice.int(1, 3)}`],
    [2 * changes, () => `-U -f ipv${family} -p ${one} -m ${dice.int(0, 3)}${dice.pick(['', '/1'])}`],
    [changes, () => `-U -f ipv${family} -p ${one} -t ${dice.pick([77, 300])}`],
    [changes, () => `-U -f ipv${family} -p tcp --state ${dice.pick(['ESTABLISHED', 'TIME_WAIT', 'CLOSE_WAIT'])}`],
    [1, () => `-I -p udp ${ends} ${ports} -t 120 ${dice.pick(['', '-u SEEN_REPLY', '-u SEEN_REPLY,ASSURED', '-m 2'])}`],
    [
      2,
      () =>
        `-I -p tcp ${ends} ${ports} -t 300 --state ${dice.pick(['ESTABLISHED', 'SYN_SENT', 'TIME_WAIT', 'CLOSE'])} ${dice.pick(['', '-u SEEN_REPLY', '-u SEEN_REPLY,ASSURED'])}`,
    ],
    [1, () => `-I -p ${one} ${ends} ${ports} -t 300 ${one === 'tcp' ? '--state ESTABLISHED' : ''} -n ${SPARE[family]}`],
    [1, () => `-F`],
  ])();
  return { exec: ['conntrack', ...words(line)] };
}

function editOfSets(dice: Dice, family: Family): Step {
  const [name, address] = [dice.pick(['plain', 'timed']), dice.pick(HOSTS)[family]];
  const line = dice.weighted([
    [4, `-exist add ${name}${family} ${address}`],
    [4, `-exist del ${name}${family} ${address}`],
    [1, `flush ${name}${family}`],
    [1, `swap plain${family} spare${family}`],
    [1, `add ${name}${family} ${address}`],
    [1, `destroy ${name}${family}`],
  ]);
  return { exec: ['ipset', ...words(line)] };
}

const PACKETS = 120;
const EVERY = 20;

export function randomEdits(seed: number): RandomCase {
  const dice = new Dice(seed);
  const families = dice.pick([[4], [6], [4, 6]] as const);
  const zoned = dice.chance(0.3);
  const tables = () => ({
    v4: (families as readonly number[]).includes(4) ? tablesFor(dice, 4, zoned) : [],
    v6: (families as readonly number[]).includes(6) ? tablesFor(dice, 6, zoned) : [],
  });
  const sent = randomTraffic(dice, {
    packets: PACKETS,
    families,
    protocols: new Set(['gre', 'sctp']),
    talks: dice.pick([3, 8, 20]),
    hosts: 2,
  }).filter(({ octets }) => !tellsMtu(octets));
  const steps = sent.flatMap((one, index): RandomCase['steps'] => [
    stepOf(one),
    ...((index + 1) % EVERY === 0 ? [{ ct: true as const }] : []),
  ]);
  for (let edits = dice.int(4, 25); edits > 0; edits--) {
    const family = dice.pick(families);
    const edit = dice.weighted<() => RandomCase['steps'][number]>([
      [8, () => editOfRules(dice, family)],
      [2, () => restoreOf(dice, family, zoned)],
      [4, () => editOfConnections(dice, family, zoned)],
      [2, () => editOfSets(dice, family)],
      [1, () => ({ reload: tables() })],
      [1, () => ({ sysctls: sysctlsOf(dice, false) })],
      [1, () => ({ counters: true })],
    ])();
    steps.splice(dice.int(0, steps.length), 0, edit);
  }
  const rest: RandomCase['rest'] = { setup: families.flatMap(setsOf), sysctls: sysctlsOf(dice, false) };
  return { seed, ...tables(), rest, steps: [...steps, { counters: true }, { ct: true }] };
}

const setsOf = (family: Family): NonNullable<Scenario['setup']> => {
  const inet = family === 4 ? 'inet' : 'inet6';
  return [
    ['ipset', 'create', `timed${family}`, 'hash:ip', 'family', inet, 'timeout', '600', 'counters'],
    ['ipset', 'create', `plain${family}`, 'hash:ip', 'family', inet],
    ['ipset', 'create', `spare${family}`, 'hash:ip', 'family', inet],
    ['ipset', 'add', `plain${family}`, SERVER[family]],
  ];
};
