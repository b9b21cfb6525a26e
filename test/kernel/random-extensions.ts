// Every match and target that random rules may use, as text about what the packets carry. One line each where it can be; a name that
// is not attached is not used, so lines may stand here before their extension does.

import type { Dice } from './dice.ts';
import type { Hints } from './random-rules.ts';

export interface Context {
  dice: Dice;
  hints: Hints;
  table: string;
  chain: string;
  userChain: boolean;
  /** The rule's -p, unless inverted. */
  protocol: string | undefined;
  jumps: readonly string[];
  /** "! " now and then. */
  not(): string;
}

export interface RandomExtension {
  name: string;
  weight?: number;
  /** Whether the rule may have it here; may put words in front that it needs. */
  fits?(context: Context): boolean;
  /** The options, without `-m name`. */
  write(context: Context): string;
}

const is4 = ({ hints }: Context): boolean => hints.family === 4;
const is6 = ({ hints }: Context): boolean => hints.family === 6;
const proto =
  (...names: string[]) =>
  ({ protocol }: Context): boolean =>
    protocol !== undefined && names.includes(protocol);
const inTable =
  (...names: string[]) =>
  ({ table }: Context): boolean =>
    names.includes(table);
/** User chains may be reached from anywhere in their table. */
const inChain =
  (...names: string[]) =>
  ({ chain, userChain }: Context): boolean =>
    !userChain && names.includes(chain);

/**
 * Differs: an IPv6 packet that is tracked, longer than 76 octets, changed in its IPv6 header before INPUT and for the router itself is
 * dropped by the kernel with a wrong checksum: nf_ip6_checksum() leaves CHECKSUM_COMPLETE with a sum over the old header
 * (net/netfilter/utils.c), which xt_DSCP and xt_HL do not mend. So such targets leave packets to the router alone there.
 */
const notToSelf = (context: Context): string =>
  is6(context) && !inChain('FORWARD', 'OUTPUT', 'POSTROUTING')(context) ? ' -m addrtype ! --dst-type LOCAL' : '';

const MARKS = ['0', '1', '2', '0x10', '0xff', '0xffffffff'];
const MASKS = ['', '', '/0xff', '/0xf0', '/0x1', '/0xffffffff', '/0'];
const mark = ({ dice }: Context): string => dice.pick(MARKS) + dice.pick(MASKS);

/** A value of the traffic, or one near it, or any. */
function near({ dice }: Context, seen: readonly number[], most: number): number {
  const base = seen.length > 0 && dice.chance(0.9) ? dice.pick(seen) : dice.int(0, most);
  return Math.min(
    most,
    Math.max(
      0,
      base +
        dice.weighted([
          [6, 0],
          [1, 1],
          [1, -1],
          [1, dice.int(-50, 50)],
        ]),
    ),
  );
}

function range(context: Context, seen: readonly number[], most: number): string {
  const { dice } = context;
  const low = near(context, seen, most);
  if (dice.chance(0.6)) return String(low);
  const high = Math.min(most, low + dice.int(0, 3_000));
  return dice.pick([`${low}:${high}`, `:${high}`, `${low}:`]);
}

const sport = (context: Context): string =>
  `${context.not()}--sport ${range(context, context.hints.sourcePorts, 65_535)}`;
const dport = (context: Context): string =>
  `${context.not()}--dport ${range(context, context.hints.destinationPorts, 65_535)}`;
const ports = (context: Context): string[] => context.dice.some([sport, dport], 0.4).map((write) => write(context));

const FLAGS = ['SYN', 'ACK', 'FIN', 'RST', 'URG', 'PSH'];
const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];

function tcpFlags(dice: Dice): string {
  const mask = dice.chance(0.2) ? FLAGS : dice.some(FLAGS, 0.4);
  const set = dice.chance(0.2) ? ['NONE'] : dice.some(mask, 0.5);
  return `--tcp-flags ${mask.join(',')} ${set.join(',')}`;
}

function addressOf({ dice, hints }: Context, seen: readonly string[]): string {
  return seen.length > 0 ? dice.pick(seen) : hints.family === 4 ? '10.0.0.1' : 'fd00::1';
}

/** From an address of the traffic to one not far behind. */
function addressRange(context: Context, seen: readonly string[]): string {
  const low = addressOf(context, seen);
  if (context.hints.family === 4) {
    const parts = low.split('.');
    return `${low}-${parts.slice(0, 3).join('.')}.${context.dice.int(Number(parts[3]), 255)}`;
  }
  // Only where the last group can simply be made larger.
  return /:[0-9a-f]{1,4}$/.test(low) && !low.includes('.')
    ? `${low}-${low.replace(/:[0-9a-f]{1,4}$/, ':ffff')}`
    : `${low}-${low}`;
}

function conntrackCondition(context: Context): string {
  const { dice, hints, not } = context;
  const one = dice.weighted<() => string>([
    [10, () => `${not()}--ctstate ${dice.some([...STATES, 'SNAT', 'DNAT'], 0.3).join(',')}`],
    [1, () => `${not()}--ctproto ${dice.pick(['tcp', 'udp', 'icmp', '58', '47'])}`],
    [1, () => `${not()}--ctorigsrc ${addressOf(context, hints.sources)}`],
    [
      1,
      () =>
        `${not()}--ctorigdst ${addressOf(context, hints.destinations)}${dice.pick(['', is4(context) ? '/16' : '/32'])}`,
    ],
    [1, () => `${not()}--ctreplsrc ${addressOf(context, hints.destinations)}`],
    [1, () => `${not()}--ctrepldst ${addressOf(context, hints.sources)}`],
    [
      1,
      () =>
        `${not()}--ctorigsrcport ${range(context, hints.sourcePorts, 65_535).replace(/^:/, '0:').replace(/:$/, ':65535')}`,
    ],
    [1, () => `${not()}--ctorigdstport ${near(context, hints.destinationPorts, 65_535)}`],
    [1, () => `${not()}--ctreplsrcport ${near(context, hints.destinationPorts, 65_535)}`],
    [1, () => `${not()}--ctrepldstport ${near(context, hints.sourcePorts, 65_535)}`],
    [
      2,
      () =>
        `${not()}--ctstatus ${dice.some(['NONE', 'EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'], 0.3).join(',')}`,
    ],
    [1, () => `${not()}--ctexpire ${dice.pick(['50:200', '250:400', '400000:500000', '0:45'])}`],
    [2, () => `--ctdir ${dice.pick(['ORIGINAL', 'REPLY'])}`],
  ]);
  return one();
}

export const MATCHES: readonly RandomExtension[] = [
  {
    name: 'tcp',
    weight: 5,
    fits: proto('tcp'),
    write: (context) => {
      const { dice, not } = context;
      const more = dice.weighted<() => string>([
        [5, () => ''],
        [2, () => `${not()}--syn`],
        [3, () => `${not()}${tcpFlags(dice)}`],
        [1, () => `${not()}--tcp-option ${dice.pick([2, 3, 4, 5, 8, 30])}`],
      ])();
      return [...(more === '' || dice.chance(0.4) ? ports(context) : []), more].join(' ').trim();
    },
  },
  { name: 'udp', weight: 4, fits: proto('udp'), write: (context) => ports(context).join(' ') },
  {
    name: 'sctp',
    fits: proto('sctp'),
    write: (context) =>
      context.dice.pick([
        () => ports(context).join(' '),
        () =>
          `${context.not()}--chunk-types ${context.dice.pick(['any', 'all', 'only'])} ${context.dice.pick(['DATA', 'INIT', 'SACK,DATA', 'ABORT'])}`,
      ])(),
  },
  { name: 'udplite', fits: proto('udplite'), write: (context) => ports(context).join(' ') },
  {
    name: 'icmp',
    weight: 4,
    fits: (context) => is4(context) && proto('icmp')(context),
    write: ({ dice, hints, not }) =>
      `${not()}--icmp-type ${hints.icmpTypes.length > 0 && dice.chance(0.7) ? dice.pick(hints.icmpTypes) : dice.pick(['any', 'echo-request', '3', '11', 'host-unreachable', '3/4'])}`,
  },
  {
    name: 'icmp6',
    weight: 4,
    fits: (context) => is6(context) && proto('icmpv6')(context),
    write: ({ dice, hints, not }) =>
      `${not()}--icmpv6-type ${hints.icmpTypes.length > 0 && dice.chance(0.7) ? dice.pick(hints.icmpTypes) : dice.pick(['echo-request', '1', '128', 'packet-too-big', '1/4'])}`,
  },
  {
    name: 'multiport',
    weight: 2,
    fits: proto('tcp', 'udp', 'udplite'),
    write: (context) => {
      const { dice, hints, not } = context;
      const seen = [...hints.sourcePorts, ...hints.destinationPorts];
      const list = Array.from({ length: dice.int(1, 5) }, () => {
        const low = near(context, seen, 65_000);
        return dice.chance(0.8) ? `${low}` : `${low}:${low + dice.int(1, 500)}`;
      });
      return `${not()}${dice.pick(['--sports', '--dports', '--ports'])} ${list.join(',')}`;
    },
  },
  { name: 'conntrack', weight: 9, write: conntrackCondition },
  { name: 'state', weight: 2, write: ({ dice, not }) => `${not()}--state ${dice.some(STATES, 0.35).join(',')}` },
  {
    name: 'comment',
    weight: 0.5,
    write: ({ dice }) => `--comment ${dice.pick(['x', '"two words"', '"it\'s"', '--dport'])}`,
  },
  { name: 'mark', weight: 3, write: (context) => `${context.not()}--mark ${mark(context)}` },
  { name: 'connmark', weight: 3, write: (context) => `${context.not()}--mark ${mark(context)}` },
  // So slow that no token comes back while a scenario runs.
  {
    name: 'limit',
    weight: 2,
    write: ({ dice }) => `--limit ${dice.pick(['1/hour', '4/hour'])} --limit-burst ${dice.int(1, 12)}`,
  },
  {
    name: 'iprange',
    write: (context) =>
      context.dice.pick([
        () => `${context.not()}--src-range ${addressRange(context, context.hints.sources)}`,
        () => `${context.not()}--dst-range ${addressRange(context, context.hints.destinations)}`,
      ])(),
  },
  {
    name: 'length',
    weight: 2,
    write: (context) =>
      `${context.not()}--length ${range(context, context.hints.lengths, 65_535).replace(/:$/, ':65535')}`,
  },
  {
    name: 'ttl',
    fits: is4,
    write: (context) => `--ttl-${context.dice.pick(['eq', 'lt', 'gt'])} ${near(context, context.hints.ttls, 255)}`,
  },
  {
    name: 'hl',
    fits: is6,
    write: (context) => `--hl-${context.dice.pick(['eq', 'lt', 'gt'])} ${near(context, context.hints.ttls, 255)}`,
  },
  {
    name: 'mac',
    weight: 0.2,
    fits: inChain('PREROUTING', 'INPUT', 'FORWARD'),
    write: ({ not }) => `${not()}--mac-source 00:11:22:33:44:55`,
  },
  {
    name: 'addrtype',
    weight: 2,
    write: ({ dice, chain, hints, not }) => {
      // IPv6 has no broadcast: the kernel refuses the word.
      const types = [
        'UNICAST',
        'LOCAL',
        'MULTICAST',
        'UNSPEC',
        'ANYCAST',
        'UNREACHABLE',
        ...(hints.family === 4 ? ['BROADCAST'] : []),
      ];
      const written = `${not()}${dice.pick(['--src-type', '--dst-type'])} ${dice.some(types, 0.25).join(',')}`;
      if (chain === 'INPUT' || chain === 'PREROUTING')
        return dice.chance(0.2) ? `${written} --limit-iface-in` : written;
      if (chain === 'POSTROUTING') return dice.chance(0.2) ? `${written} --limit-iface-out` : written;
      return written;
    },
  },
  {
    name: 'frag',
    weight: 1,
    fits: is6,
    write: ({ dice, not }) =>
      dice.pick([
        () => '--fragfirst',
        () => '--fragmore',
        () => '--fraglast',
        () => '--fragres',
        () => `${not()}--fragid 0:${dice.int(1, 0xffff)}`,
      ])(),
  },
  {
    name: 'dscp',
    write: (context) =>
      `${context.not()}--dscp ${near(
        context,
        context.hints.tos.map((tos) => tos >> 2),
        63,
      )}`,
  },
  {
    name: 'tos',
    write: (context) =>
      `${context.not()}--tos ${near(context, context.hints.tos, 255)}${context.dice.pick(['', '/0xff', '/0x3f'])}`,
  },
  {
    name: 'ecn',
    fits: proto('tcp'),
    write: ({ dice, not }) =>
      dice.pick([`${not()}--ecn-tcp-ece`, `${not()}--ecn-tcp-cwr`, `${not()}--ecn-ip-ect ${dice.int(0, 3)}`]),
  },
  {
    name: 'tcpmss',
    weight: 2,
    fits: proto('tcp'),
    write: ({ dice, not }) => `${not()}--mss ${dice.pick(['1:1000', '1460', '536:1440'])}`,
  },
  {
    name: 'statistic',
    weight: 2,
    write: ({ dice, not }) => `--mode nth ${not()}--every ${dice.int(2, 5)} --packet ${dice.int(0, 1)}`,
  },
  { name: 'quota', write: ({ dice, not }) => `${not()}--quota ${dice.pick([100, 1_000, 5_000])}` },
  {
    name: 'pkttype',
    weight: 0.5,
    write: ({ dice, not }) => `${not()}--pkt-type ${dice.pick(['unicast', 'broadcast', 'multicast'])}`,
  },
  // Not in the IP header, where own packets have numbers drawn at random.
  {
    name: 'string',
    write: ({ dice, not }) =>
      `--algo ${dice.pick(['bm', 'kmp'])} --from ${dice.pick([40, 48])} --to ${dice.pick([100, 65_535])} ${not()}--hex-string "|${dice.pick(['00', '0a', '1000', '6162'])}|"`,
  },
  {
    name: 'u32',
    write: ({ dice }) =>
      `--u32 "${dice.pick(['0>>22&0x3C@0>>16=0:1023', '6&0xFF=6', '4&0x1FFF=0', '0&0xFFFF=0x28:0x100'])}"`,
  },
  { name: 'ah', fits: proto('ah'), write: ({ dice, not }) => `${not()}--ahspi 0:${dice.int(1, 3)}` },
  { name: 'esp', fits: proto('esp'), write: ({ dice, not }) => `${not()}--espspi 0:${dice.int(1, 3)}` },
  { name: 'dst', fits: is6, write: ({ not }) => `${not()}--dst-len 6` },
  { name: 'hbh', fits: is6, write: ({ not }) => `${not()}--hbh-len 6` },
  { name: 'rt', fits: is6, write: ({ dice, not }) => `${not()}--rt-type ${dice.pick([0, 2, 4])}` },
  {
    name: 'ipv6header',
    fits: is6,
    write: ({ dice, not }) =>
      `${not()}--header ${dice.some(['hop', 'dst', 'route', 'frag', 'auth', 'esp', 'none'], 0.3).join(',')} ${dice.pick(['', '--soft'])}`,
  },
  {
    name: 'connbytes',
    write: ({ dice, not }) =>
      `${not()}--connbytes ${dice.int(0, 200)}:${dice.int(200, 3_000)} --connbytes-dir ${dice.pick(['original', 'reply', 'both'])} --connbytes-mode ${dice.pick(['packets', 'bytes', 'avgpkt'])}`,
  },
  {
    name: 'recent',
    write: ({ dice, not }) =>
      `--name r${dice.int(0, 1)} ${dice.pick(['--set', `${not()}--rcheck`, `${not()}--update --hitcount 2`, '--remove'])} ${dice.pick(['--rsource', '--rdest'])}`,
  },
  // So slow that no token comes back while a scenario runs; rules of a name share a table that one of them has made.
  {
    name: 'hashlimit',
    weight: 2,
    write: ({ dice, hints }) => {
      const limit = dice.pick(['upto', 'above']);
      const mode = dice.some(['srcip', 'dstip', 'srcport', 'dstport'], 0.4).join(',');
      const size = dice.pick(['', '', ` --hashlimit-htable-size 1 --hashlimit-htable-max ${dice.int(1, 4)}`]);
      const mask = dice.pick(['', '', ` --hashlimit-srcmask ${dice.int(0, hints.family === 4 ? 32 : 128)}`]);
      const common = `--hashlimit-mode ${mode} --hashlimit-htable-expire 600000${size}${mask}`;
      return dice.weighted<() => string>([
        [
          4,
          () =>
            `--hashlimit-${limit} 4/hour --hashlimit-burst ${dice.int(1, 9)} ${common} --hashlimit-name p${dice.int(0, 2)}`,
        ],
        [
          1,
          () =>
            `--hashlimit-${limit} ${dice.int(1, 9)}/hour --hashlimit-rate-match ${common} --hashlimit-name r${dice.int(0, 2)}`,
        ],
      ])();
    },
  },
  {
    name: 'connlabel',
    weight: 2,
    write: ({ dice, not }) => `${not()}--label ${dice.pick([0, 1, 127])}${dice.chance(0.5) ? ' --set' : ''}`,
  },
  // There is no IPsec, and no socket, in the twin.
  {
    name: 'policy',
    weight: 0.5,
    fits: ({ userChain }) => !userChain,
    write({ dice, chain }) {
      const ways = { PREROUTING: ['in'], INPUT: ['in'], FORWARD: ['in', 'out'], OUTPUT: ['out'], POSTROUTING: ['out'] };
      return `--dir ${dice.pick(ways[chain as keyof typeof ways])} --pol ${dice.pick(['none', 'ipsec'])}`;
    },
  },
  {
    name: 'socket',
    weight: 0.5,
    fits: inChain('PREROUTING', 'INPUT'),
    write: ({ dice }) => dice.pick(['', '--transparent', '--nowildcard']),
  },
  {
    name: 'bpf',
    weight: 1.5,
    write: ({ dice }) =>
      `--bytecode "${dice.pick([
        '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0',
        '4,48 0 0 6,21 0 1 17,6 0 0 1,6 0 0 0',
        '4,128 0 0 0,37 0 1 100,6 0 0 1,6 0 0 0',
        '5,128 0 0 0,84 0 0 1,21 0 1 0,6 0 0 1,6 0 0 0',
        '4,177 0 0 0,72 0 0 2,6 0 0 1,6 0 0 0',
      ])}"`,
  },
  {
    name: 'cluster',
    write: ({ dice, not }) =>
      `--cluster-total-nodes 4 ${not()}--cluster-local-node ${dice.int(1, 4)} --cluster-hash-seed ${dice.int(0, 9)}`,
  },
  // The machine has not that many.
  { name: 'cpu', weight: 0.3, write: ({ dice, not }) => `${not()}--cpu ${dice.int(4_000, 5_000)}` },
  {
    name: 'devgroup',
    weight: 0.5,
    fits: inChain('PREROUTING', 'INPUT', 'FORWARD'),
    write: ({ dice, not }) => `${not()}--src-group ${dice.pick(['0', '1', '0x2/0x2'])}`,
  },
  { name: 'dccp', weight: 3, fits: proto('dccp'), write: (context) => ports(context).join(' ') },
  { name: 'helper', weight: 0.5, write: ({ dice, not }) => `${not()}--helper ${dice.pick(['ftp', 'sip', '""'])}` },
  {
    name: 'ipcomp',
    weight: 3,
    fits: proto('ipcomp'),
    write: ({ dice, not }) => `${not()}--ipcompspi ${dice.pick(['0:300', '0', ':65535'])}`,
  },
  {
    name: 'mh',
    weight: 3,
    fits: (context) => is6(context) && proto('mh')(context),
    write: ({ dice, not }) => `${not()}--mh-type ${dice.pick(['0', '1:5', 'binding-update'])}`,
  },
  // Nobody has loaded fingerprints.
  {
    name: 'osf',
    weight: 0.5,
    fits: proto('tcp'),
    write: ({ dice, not }) => `${not()}--genre ${dice.pick(['Linux', 'Windows'])}`,
  },
  // Answers of the router's own have sockets of the kernel's, or none, as it happens: these count for --socket-exists and for cgroup.
  {
    name: 'owner',
    fits: inChain('OUTPUT', 'POSTROUTING'),
    write: ({ dice, not }) =>
      dice.pick([`${not()}--uid-owner ${dice.int(0, 1)}`, `${not()}--gid-owner 0-${dice.int(0, 9)}`]),
  },
  {
    name: 'physdev',
    weight: 0.5,
    fits: inChain('PREROUTING', 'INPUT', 'FORWARD'),
    write: ({ dice, not }) => `${not()}${dice.pick(['--physdev-is-bridged', '--physdev-in tunA', '--physdev-is-in'])}`,
  },
  {
    name: 'realm',
    weight: 0.5,
    fits: (context) => is4(context) && inChain('INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING')(context),
    write: ({ dice, not }) => `${not()}--realm ${dice.pick(['0', '1', '0/0xff00'])}`,
  },
  {
    name: 'set',
    weight: 6,
    fits: ({ hints }) => hints.sets.length > 0,
    write: ({ dice, hints, not }) =>
      `${not()}--match-set ${dice.pick(hints.sets)} ${dice.pick(['src', 'dst'])}${dice.pick(['', '', ' --return-nomatch', ' ! --update-counters'])}`,
  },
  {
    name: 'srh',
    weight: 0.7,
    fits: is6,
    write: ({ dice, not }) =>
      `${not()}--srh-${dice.pick(['next-hdr-eq 17', 'segs-left-gt 0', 'last-entry-eq 1', 'tag 0'])}`,
  },
  {
    name: 'rpfilter',
    fits: (context) => inTable('raw', 'mangle')(context) && inChain('PREROUTING')(context),
    write: ({ dice }) => dice.pick(['', '--loose', '--invert', '--validmark']),
  },
];

/** Prefixes for NPT, and the last addresses in them. */
const PREFIXES: readonly (readonly [prefix: string, last: string])[] = [
  ['fd00:a::/64', 'fd00:a::ffff:ffff:ffff:ffff'],
  ['fd00:1::/32', 'fd00:1:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::/48', '2001:db8:0:ffff:ffff:ffff:ffff:ffff'],
  ['fd00:b::/56', 'fd00:b::ff:ffff:ffff:ffff:ffff'],
  ['2001:db8:ffff::/49', '2001:db8:ffff:7fff:ffff:ffff:ffff:ffff'],
];

/**
 * Only for addresses that have the prefix: else it makes checksums wrong, and the kernel, which does not sum up twice what was right on
 * the way in, rejects packets that we leave alone.
 */
function prefixes({ dice }: Context, range: string): string {
  const [[from, last], [to]] = [dice.pick(PREFIXES), dice.pick(PREFIXES)];
  return `--src-pfx ${from} --dst-pfx ${to} -m iprange --${range} ${from.split('/')[0]}-${last}`;
}

/** Ports that SNAT rules name: what has one of them was not drawn at random. */
export const FIXED_PORTS: readonly number[] = [7_000, 7_001, 700, 70];

/** Addresses to translate to, and networks for NETMAP. */
const NAT_SOURCES = {
  4: ['10.0.2.50', '10.0.1.50', '10.0.2.1', '203.0.113.5'],
  6: ['fd00:b::50', 'fd00:a::50', 'fd00:b::1', '2001:db8:5::5'],
};
const NAT_DESTINATIONS = {
  4: ['10.0.1.2', '10.1.2.3', '192.0.2.9', '10.0.1.1', '198.51.100.1'],
  6: ['fd00:a::2', 'fd00:1::3', '2001:db8::9', 'fd00:a::1', '2001:db8:6::1'],
};
const NAT_NETWORKS = {
  4: ['10.0.2.64/26', '203.0.113.0/24', '10.1.0.0/16', '10.0.1.77/32'],
  6: ['fd00:b:0:0:5::/80', '2001:db8:6::/48', 'fd00:1::/32', 'fd00:a::77/128'],
};

function natAddress(context: Context, from: Readonly<Record<4 | 6, readonly string[]>>, ports: string): string {
  const { dice, hints } = context;
  const low = dice.pick(from[hints.family]);
  const last = dice.int(60, 99);
  const address = dice.chance(0.2) ? `${low}-${low.replace(/[0-9a-f]+$/, String(last))}` : low;
  if (ports === '') return address;
  return hints.family === 6 ? `[${address}]:${ports}` : `${address}:${ports}`;
}

const withPorts = proto('tcp', 'udp', 'icmp');

export const TARGETS: readonly RandomExtension[] = [
  {
    name: 'SNAT',
    weight: 3,
    fits: (context) => inTable('nat')(context) && inChain('POSTROUTING', 'INPUT')(context),
    write: (context) => {
      const { dice } = context;
      const ports = withPorts(context) && dice.chance(0.3) ? String(dice.pick(FIXED_PORTS)) : '';
      return `--to-source ${natAddress(context, NAT_SOURCES, ports)}${dice.chance(0.2) ? ' --persistent' : ''}`;
    },
  },
  {
    name: 'MASQUERADE',
    weight: 3,
    fits: (context) => inTable('nat')(context) && inChain('POSTROUTING')(context),
    write: (context) => (withPorts(context) && context.dice.chance(0.2) ? '--to-ports 7000' : ''),
  },
  {
    name: 'DNAT',
    weight: 4,
    fits: (context) => inTable('nat')(context) && inChain('PREROUTING', 'OUTPUT')(context),
    write: (context) => {
      const { dice } = context;
      const ports =
        withPorts(context) && dice.chance(0.5) ? dice.pick(['80', '8000-8003', '40-1080/22', '1-65535/53']) : '';
      return `--to-destination ${natAddress(context, NAT_DESTINATIONS, ports)}${dice.chance(0.2) ? ' --persistent' : ''}`;
    },
  },
  {
    name: 'REDIRECT',
    weight: 2,
    fits: (context) => inTable('nat')(context) && inChain('PREROUTING', 'OUTPUT')(context),
    write: (context) =>
      withPorts(context) && context.dice.chance(0.5) ? `--to-ports ${context.dice.pick(['80', '8000-8003'])}` : '',
  },
  {
    name: 'NETMAP',
    weight: 2,
    fits: inTable('nat'),
    write: ({ dice, hints }) => `--to ${dice.pick(NAT_NETWORKS[hints.family])}`,
  },
  {
    name: 'SNPT',
    fits: (context) => is6(context) && inTable('mangle')(context) && inChain('INPUT', 'POSTROUTING')(context),
    write: (context) => prefixes(context, 'src-range'),
  },
  {
    name: 'DNPT',
    fits: (context) => is6(context) && inTable('mangle')(context) && inChain('PREROUTING', 'OUTPUT')(context),
    write: (context) => prefixes(context, 'dst-range'),
  },
  {
    name: 'REJECT',
    weight: 5,
    fits: inTable('filter'),
    write: (context) => {
      const { dice } = context;
      if (proto('tcp')(context) && dice.chance(0.4)) return '--reject-with tcp-reset';
      if (dice.chance(0.25)) return '';
      const types = is4(context)
        ? [
            'icmp-net-unreachable',
            'icmp-host-unreachable',
            'icmp-proto-unreachable',
            'icmp-port-unreachable',
            'icmp-net-prohibited',
            'icmp-host-prohibited',
            'icmp-admin-prohibited',
          ]
        : [
            'icmp6-no-route',
            'icmp6-adm-prohibited',
            'icmp6-addr-unreachable',
            'icmp6-port-unreachable',
            'icmp6-policy-fail',
            'icmp6-reject-route',
          ];
      return `--reject-with ${dice.pick(types)}`;
    },
  },
  {
    name: 'LOG',
    weight: 1.5,
    write: ({ dice }) =>
      [
        `--log-prefix "${dice.pick(['p', 'a b ', 'log: '])}"`,
        ...dice.some(
          [
            '',
            '--log-tcp-sequence',
            '--log-tcp-options',
            '--log-ip-options',
            '--log-uid',
            '--log-macdecode',
            '--log-level 6',
          ],
          0.2,
        ),
      ].join(' '),
  },
  {
    name: 'MARK',
    weight: 4,
    write: (context) => `${context.dice.pick(['--set-xmark', '--set-mark'])} ${mark(context)}`,
  },
  {
    name: 'MARK',
    weight: 1,
    write: ({ dice }) => `${dice.pick(['--and-mark', '--or-mark', '--xor-mark'])} ${dice.pick(MARKS)}`,
  },
  {
    name: 'CONNMARK',
    weight: 4,
    write: (context) =>
      context.dice.weighted<() => string>([
        [3, () => `--set-xmark ${mark(context)}`],
        [1, () => `--set-mark ${mark(context)}`],
        [2, () => `--save-mark${context.dice.pick(['', ' --nfmask 0xff --ctmask 0xff', ' --mask 0xf0'])}`],
        [2, () => `--restore-mark${context.dice.pick(['', ' --nfmask 0xff --ctmask 0xff', ' --mask 0x1'])}`],
      ])(),
  },
  { name: 'NOTRACK', weight: 2, fits: inTable('raw'), write: () => '' },
  {
    name: 'CT',
    weight: 3,
    fits: inTable('raw'),
    write: ({ dice }) =>
      dice.pick(['--notrack', `--zone ${dice.int(1, 3)}`, '--zone-orig 2', '--zone-reply 2', '--ctevents new']),
  },
  {
    name: 'TCPMSS',
    weight: 3,
    // Only in these chains, whatever it does: clamping needs a route.
    fits: (context) =>
      proto('tcp')(context) && inTable('mangle')(context) && inChain('FORWARD', 'OUTPUT', 'POSTROUTING')(context),
    write: ({ dice }) =>
      `${dice.pick(['--clamp-mss-to-pmtu', `--set-mss ${dice.pick([536, 1000, 1400, 9000])}`])} -m tcp --tcp-flags SYN,RST SYN`,
  },
  {
    name: 'DSCP',
    weight: 2,
    fits: inTable('mangle'),
    write: (context) => `--set-dscp ${context.dice.int(0, 63)}${notToSelf(context)}`,
  },
  {
    name: 'TOS',
    weight: 2,
    fits: inTable('mangle'),
    write: (context) => {
      const ways = [`--set-tos ${context.dice.int(0, 255)}`, '--set-tos 0x10/0x3f', '--and-tos 0x3c', '--or-tos 4'];
      return context.dice.pick([...ways, '--xor-tos 8']) + notToSelf(context);
    },
  },
  {
    name: 'TTL',
    weight: 2,
    fits: (context) => is4(context) && inTable('mangle')(context),
    write: ({ dice }) =>
      dice.pick([`--ttl-set ${dice.int(0, 255)}`, `--ttl-dec ${dice.int(1, 70)}`, `--ttl-inc ${dice.int(1, 200)}`]),
  },
  {
    name: 'HL',
    weight: 2,
    fits: (context) => is6(context) && inTable('mangle')(context),
    write: (context) => {
      const { dice } = context;
      const ways = [`--hl-set ${dice.int(0, 255)}`, `--hl-dec ${dice.int(1, 70)}`, `--hl-inc ${dice.int(1, 200)}`];
      return dice.pick(ways) + notToSelf(context);
    },
  },
  {
    name: 'CLASSIFY',
    weight: 0.5,
    fits: (context) => inTable('mangle')(context) && inChain('FORWARD', 'OUTPUT', 'POSTROUTING')(context),
    write: () => '--set-class 1:2',
  },
  {
    name: 'ECN',
    fits: (context) => is4(context) && inTable('mangle')(context) && proto('tcp')(context),
    write: () => '--ecn-tcp-remove',
  },
  {
    name: 'TCPOPTSTRIP',
    fits: (context) => inTable('mangle')(context) && proto('tcp')(context),
    write: ({ dice }) =>
      `--strip-options ${dice.some(['mss', 'wscale', 'sack-permitted', 'timestamp', '30'], 0.4).join(',')}`,
  },
  { name: 'CHECKSUM', weight: 0.3, fits: inTable('mangle'), write: () => '--checksum-fill' },
  {
    name: 'NFQUEUE',
    weight: 0.5,
    write: ({ dice }) => `--queue-num ${dice.int(0, 3)}${dice.pick(['', ' --queue-bypass'])}`,
  },
  {
    name: 'HMARK',
    weight: 2,
    write: (context) => {
      const { dice } = context;
      const ends = dice.pick([
        'src,dst',
        'src',
        `src,dst,${dice.pick(['sport,dport', 'spi', 'proto', 'dport,proto'])}`,
      ]);
      const modulus = dice.pick([2, 7, 0x100, 0xffff_ffff]);
      const seed = `--hmark-rnd ${dice.int(0, 9)} --hmark-mod ${modulus}`;
      return `--hmark-tuple ${dice.pick(['', 'ct,'])}${ends} ${seed}${dice.pick(['', ' --hmark-offset 1'])}`;
    },
  },
  {
    name: 'TEE',
    weight: 1.5,
    // A local program whose packet is dropped is told so before the copy is read from the device: the step is over then. Of copies of
    // multicast the kernel hears each, and copies it again, which is not done here.
    fits: inChain('FORWARD'),
    write: (context) => {
      const gateways = is4(context) ? ['10.0.1.9', '10.0.2.9', '10.1.0.9'] : ['fd00:a::9', 'fd00:b::9', 'fd00:1::9'];
      return `--gateway ${context.dice.pick(gateways)}${context.dice.pick(['', '', ' --oif tunA', ' --oif tunB'])}`;
    },
  },
  {
    name: 'TPROXY',
    weight: 0.3,
    fits: (context) => proto('tcp', 'udp')(context) && inTable('mangle')(context) && inChain('PREROUTING')(context),
    write: ({ dice }) => `--on-port ${dice.int(0, 99)} --tproxy-mark ${dice.pick(MARKS)}`,
  },
  { name: 'IDLETIMER', weight: 0.3, write: ({ dice }) => `--timeout 600 --label twin${dice.int(0, 1)}` },
  { name: 'NFLOG', weight: 0.5, write: ({ dice }) => `--nflog-group ${dice.int(0, 3)} --nflog-prefix "p"` },
  {
    name: 'SET',
    weight: 6,
    fits: ({ hints }) => hints.sets.length > 0,
    write: ({ dice, hints }) =>
      `--${dice.pick(['add', 'add', 'del'])}-set ${dice.pick(hints.sets)} ${dice.pick(['src', 'dst'])}${dice.pick(['', ' --exist'])}`.replace(
        /(--del-set .*) --exist/,
        '$1',
      ),
  },
  { name: 'AUDIT', weight: 0.3, write: ({ dice }) => `--type ${dice.pick(['accept', 'drop', 'reject'])}` },
  { name: 'RATEEST', weight: 0.3, write: () => '--rateest-name r --rateest-interval 1s --rateest-ewmalog 2s' },
  {
    name: 'CONNSECMARK',
    weight: 0.3,
    fits: inTable('mangle', 'security'),
    write: ({ dice }) => dice.pick(['--save', '--restore']),
  },
];
