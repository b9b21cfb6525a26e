// Random rulesets about given traffic: conditions are mostly taken from what its packets carry, so that rules match and decide, and
// now and then from elsewhere. Rules are text, as a person would type them. A target or match appears when it is attached.

import { addressAt, formatAddress } from '../../packet/address.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Dice } from './dice.ts';
import { type Context, MATCHES, TARGETS } from './random-extensions.ts';
import type { Sent } from './random-traffic.ts';

/** A table as lines that can be taken out one by one. */
export interface TableText {
  name: string;
  /** ":FORWARD DROP [0:0]", built-in chains and then user chains. */
  chains: string[];
  /** "-A FORWARD ..." */
  rules: string[];
}

export const rulesText = (tables: readonly TableText[]): string =>
  tables.map(({ name, chains, rules }) => [`*${name}`, ...chains, ...rules, 'COMMIT', ''].join('\n')).join('');

/** What the packets of one family carry: values worth asking for. */
export interface Hints {
  family: Family;
  sources: string[];
  destinations: string[];
  protocols: number[];
  sourcePorts: number[];
  destinationPorts: number[];
  /** "type/code" */
  icmpTypes: string[];
  lengths: number[];
  ttls: number[];
  tos: number[];
  /** Names of sets of the family. */
  sets: string[];
}

export function hintsOf(family: Family, sent: readonly Sent[]): Hints {
  const hints: Hints = {
    family,
    sources: [],
    destinations: [],
    protocols: [],
    sourcePorts: [],
    destinationPorts: [],
    icmpTypes: [],
    lengths: [],
    ttls: [],
    tos: [],
    sets: [],
  };
  for (const { octets } of sent) {
    const pkt = Packet.of(octets);
    if (pkt.family === family) note(hints, pkt);
  }
  return hints;
}

function note(hints: Hints, pkt: Packet): void {
  const { bytes, l3, l4, end, family } = pkt;
  const is4 = family === 4;
  const at = is4 ? ipv4 : ipv6;
  if (family === 0) return;
  hints.sources.push(formatAddress(addressAt(bytes, l3 + at.SOURCE_AT, family), family));
  hints.destinations.push(formatAddress(addressAt(bytes, l3 + at.DESTINATION_AT, family), family));
  hints.lengths.push(pkt.length);
  hints.ttls.push(is4 ? ipv4.ttl(bytes, l3) : ipv6.hopLimit(bytes, l3));
  hints.tos.push(is4 ? ipv4.tos(bytes, l3) : ipv6.trafficClass(bytes, l3));
  if (pkt.protocol > 0) hints.protocols.push(pkt.protocol);
  if (l4 + 4 > end || pkt.fragmentOffset !== 0) return;
  if (pkt.protocol === IPPROTO_TCP || pkt.protocol === IPPROTO_UDP) {
    hints.sourcePorts.push(tcp.sourcePort(bytes, l4));
    hints.destinationPorts.push(tcp.destinationPort(bytes, l4));
  }
  if (pkt.protocol === (is4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) hints.icmpTypes.push(`${bytes[l4]}/${bytes[l4 + 1]}`);
}

const BUILTIN: Record<string, readonly string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export interface RuleOptions {
  /** Names that may appear. */
  matches: ReadonlySet<string>;
  targets: ReadonlySet<string>;
  /** Tables beyond filter, with how likely each is. */
  tables: Readonly<Record<string, number>>;
}

export function randomTables(dice: Dice, hints: Hints, options: RuleOptions): TableText[] {
  const names = Object.keys(BUILTIN).filter((name) => dice.chance(options.tables[name] ?? 0));
  return names.map((name) => randomTable(dice, name, hints, options));
}

function randomTable(dice: Dice, name: string, hints: Hints, options: RuleOptions): TableText {
  const own = Array.from({ length: dice.pick([0, 0, 1, 2, 3]) }, (_, index) => `chain${index}`);
  const policy = () => (name === 'filter' && dice.chance(0.3) ? 'DROP' : 'ACCEPT');
  const chains = [
    ...BUILTIN[name].map((chain) => `:${chain} ${policy()} [0:0]`),
    ...own.map((chain) => `:${chain} - [0:0]`),
  ];
  const rules: string[] = [];
  for (const chain of [...BUILTIN[name], ...own]) {
    // Most packets are forwarded: there the rules are.
    const most = chain === 'FORWARD' || chain === 'PREROUTING' ? 8 : own.includes(chain) ? 5 : 3;
    for (let count = dice.int(0, most); count > 0; count--) {
      // Only to later chains: no loops. A chain that nothing jumps to is fine, too.
      const after = own.slice(own.indexOf(chain) + 1);
      rules.push(
        `-A ${chain} ${randomRule(dice, { table: name, chain, userChain: own.includes(chain), hints, jumps: after }, options)}`,
      );
    }
  }
  return { name, chains, rules };
}

interface Place {
  table: string;
  chain: string;
  userChain: boolean;
  hints: Hints;
  jumps: readonly string[];
}

function randomRule(dice: Dice, place: Place, options: RuleOptions): string {
  const { hints } = place;
  const words: string[] = [];
  const not = () => (dice.chance(0.1) ? '! ' : '');
  const protocol = dice.chance(0.55) ? protocolOf(dice, hints) : undefined;
  const inverted = protocol !== undefined && protocol !== '0' && dice.chance(0.06);
  const context: Context = { ...place, dice, protocol: inverted ? undefined : protocol, not };
  if (dice.chance(0.2)) words.push(`${not()}-s ${addressSpec(dice, hints.sources, hints.family)}`);
  if (dice.chance(0.2)) words.push(`${not()}-d ${addressSpec(dice, hints.destinations, hints.family)}`);
  words.push(...interfaces(dice, place, not));
  if (protocol !== undefined) words.push(`${inverted ? '! ' : ''}-p ${protocol}`);
  if (hints.family === 4 && dice.chance(0.03)) words.push(`${not()}-f`);
  words.push(...conditions(context, options));
  words.push(action(context, options));
  return words.filter((word) => word !== '').join(' ');
}

function protocolOf(dice: Dice, hints: Hints): string {
  const icmp = hints.family === 4 ? 'icmp' : 'icmpv6';
  const names: Record<number, string> = {
    1: 'icmp',
    6: 'tcp',
    17: 'udp',
    58: 'icmpv6',
    47: 'gre',
    50: 'esp',
    51: 'ah',
    136: 'udplite',
    132: 'sctp',
    33: 'dccp',
    108: 'ipcomp',
    135: 'mh',
  };
  if (hints.protocols.length > 0 && dice.chance(0.7)) {
    const number = dice.pick(hints.protocols);
    return names[number] ?? String(number);
  }
  return dice.pick(['tcp', 'tcp', 'udp', icmp, 'esp', '253', '0']);
}

function addressSpec(dice: Dice, hints: readonly string[], family: Family): string {
  const address = hints.length > 0 ? dice.pick(hints) : family === 4 ? '10.0.0.1' : 'fd00::1';
  const lengths = family === 4 ? [32, 32, 24, 16, 8, 31, 0] : [128, 128, 64, 32, 16, 127, 0];
  return `${address}/${dice.pick(lengths)}`;
}

function interfaces(dice: Dice, { chain, userChain }: Place, not: () => string): string[] {
  const names = ['tunA', 'tunB', 'tun+', 'eth0', 'tunB+', 'lo'];
  const words: string[] = [];
  const mayIn = userChain || chain === 'PREROUTING' || chain === 'INPUT' || chain === 'FORWARD';
  const mayOut = userChain || chain === 'POSTROUTING' || chain === 'OUTPUT' || chain === 'FORWARD';
  if (mayIn && dice.chance(0.15)) words.push(`${not()}-i ${dice.pick(names)}`);
  if (mayOut && dice.chance(0.12)) words.push(`${not()}-o ${dice.pick(names)}`);
  return words;
}

function conditions(context: Context, options: RuleOptions): string[] {
  const { dice } = context;
  const able = MATCHES.filter(({ name, fits }) => options.matches.has(name) && (fits?.(context) ?? true));
  const words: string[] = [];
  for (
    let count = dice.weighted([
      [35, 0],
      [45, 1],
      [15, 2],
      [5, 3],
    ]);
    count > 0 && able.length > 0;
    count--
  ) {
    const chosen = dice.weighted(able.map((match) => [match.weight ?? 1, match] as const));
    words.push(`-m ${chosen.name} ${chosen.write(context)}`.trim());
  }
  return words;
}

function action(context: Context, options: RuleOptions): string {
  const { dice, jumps, table, userChain } = context;
  const able = TARGETS.filter(({ name, fits }) => options.targets.has(name) && (fits?.(context) ?? true));
  const kind = dice.weighted<() => string>([
    [4, () => '-j ACCEPT'],
    [table === 'nat' ? 0 : 2, () => '-j DROP'],
    [userChain ? 2 : 0.5, () => '-j RETURN'],
    [jumps.length > 0 ? 4 : 0, () => `${dice.chance(0.8) ? '-j' : '-g'} ${dice.pick(jumps)}`],
    [1.5, () => ''],
    [
      able.length > 0 ? 7 : 0,
      () => {
        const chosen = dice.weighted(able.map((target) => [target.weight ?? 1, target] as const));
        return `-j ${chosen.name} ${chosen.write(context)}`.trim();
      },
    ],
  ]);
  return kind();
}
