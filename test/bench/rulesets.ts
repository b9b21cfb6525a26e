// Rules like those that people have, at any size, from a seed: the three ClassBench shapes, and what kube-proxy, Docker and block lists make.
//
// Shapes: an access list names both ends and a destination port, hardly ever a source port; a firewall leaves one end or the protocol open and has
// ranges of ports; an IP chain lies between, with pairs of ports. That, the five classes of ports (any, 0:1023, 1024:65535, another range, one
// port), TCP before UDP before the rest, prefix lengths that pile up at the ends and at a few lengths between, and that hardly a rule is hidden by
// one before it, is what D. E. Taylor and J. S. Turner report of their twelve seeds ("ClassBench: A Packet Classification Benchmark", IEEE/ACM
// ToN 15(3), 2007, section IV); the piles of IPv6 prefixes at 32, 48, 64 and 128 are those of J. Matoušek et al., "ClassBench-ng" (ANCS 2017).
// The weights are ours, round numbers made to these findings and not copied from any seed. Addresses come from a few networks, the first ones far
// more often than the rest, so that prefixes nest and share their front as in real lists. Whole addresses repeat less than in the seeds: with 60
// and 85 % of them taken from earlier rules a decision by our tree took about 1.1 and 1.3 times as long.

import { formatAddress } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';

export const SHAPES = ['acl', 'fw', 'ipc', 'kube', 'docker', 'blocklist'] as const;
export type Shape = (typeof SHAPES)[number];

/** What is drawn from a seed: the same rules every time. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 to `below` - 1. */
  next(below: number): number {
    // Mulberry32: the plain congruential generators draw the same pairs again and again.
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  /** One of the values, as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.next(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return choices[0][1];
  }

  /** Small numbers far more often than large ones. */
  skewed(below: number): number {
    return Math.floor(below * (this.next(1_000_000) / 1_000_000) ** 2);
  }
}

type PortClass = 'any' | 'high' | 'low' | 'range' | 'exact';
type Weights<T> = readonly (readonly [number, T])[];

interface Style {
  readonly source: Record<Family, Weights<number>>;
  readonly destination: Record<Family, Weights<number>>;
  readonly protocol: Weights<string>;
  readonly sourcePort: Weights<PortClass>;
  readonly destinationPort: Weights<PortClass>;
}

/** Prefix lengths with their weights. */
const STYLES: Record<'acl' | 'fw' | 'ipc', Style> = {
  acl: {
    source: {
      4: [
        [8, 0],
        [4, 8],
        [9, 16],
        [6, 20],
        [28, 24],
        [12, 28],
        [33, 32],
      ],
      6: [
        [8, 0],
        [12, 32],
        [10, 40],
        [22, 48],
        [12, 56],
        [16, 64],
        [20, 128],
      ],
    },
    destination: {
      4: [
        [2, 0],
        [3, 16],
        [5, 20],
        [22, 24],
        [14, 28],
        [54, 32],
      ],
      6: [
        [2, 0],
        [10, 48],
        [12, 56],
        [22, 64],
        [54, 128],
      ],
    },
    protocol: [
      [76, 'tcp'],
      [15, 'udp'],
      [4, 'icmp'],
      [5, 'all'],
    ],
    sourcePort: [
      [97, 'any'],
      [2, 'exact'],
      [1, 'high'],
    ],
    destinationPort: [
      [72, 'exact'],
      [12, 'range'],
      [13, 'any'],
      [3, 'high'],
    ],
  },
  fw: {
    source: {
      4: [
        [38, 0],
        [4, 8],
        [6, 16],
        [12, 24],
        [6, 28],
        [34, 32],
      ],
      6: [
        [38, 0],
        [6, 32],
        [12, 48],
        [12, 64],
        [32, 128],
      ],
    },
    destination: {
      4: [
        [24, 0],
        [4, 8],
        [6, 16],
        [14, 24],
        [8, 28],
        [44, 32],
      ],
      6: [
        [24, 0],
        [6, 32],
        [12, 48],
        [16, 64],
        [42, 128],
      ],
    },
    protocol: [
      [58, 'tcp'],
      [30, 'udp'],
      [5, 'icmp'],
      [7, 'all'],
    ],
    sourcePort: [
      [68, 'any'],
      [18, 'high'],
      [8, 'exact'],
      [6, 'range'],
    ],
    destinationPort: [
      [50, 'exact'],
      [26, 'any'],
      [12, 'range'],
      [9, 'high'],
      [3, 'low'],
    ],
  },
  ipc: {
    source: {
      4: [
        [14, 0],
        [4, 8],
        [10, 16],
        [22, 24],
        [12, 28],
        [38, 32],
      ],
      6: [
        [14, 0],
        [8, 32],
        [18, 48],
        [20, 64],
        [40, 128],
      ],
    },
    destination: {
      4: [
        [10, 0],
        [3, 8],
        [8, 16],
        [22, 24],
        [12, 28],
        [45, 32],
      ],
      6: [
        [10, 0],
        [6, 32],
        [16, 48],
        [20, 64],
        [48, 128],
      ],
    },
    protocol: [
      [54, 'tcp'],
      [30, 'udp'],
      [4, 'icmp'],
      [9, 'all'],
      [3, 'gre'],
    ],
    sourcePort: [
      [60, 'any'],
      [24, 'exact'],
      [10, 'high'],
      [6, 'range'],
    ],
    destinationPort: [
      [52, 'exact'],
      [34, 'any'],
      [8, 'range'],
      [6, 'high'],
    ],
  },
};

const PORTS = [80, 443, 22, 53, 25, 110, 143, 993, 123, 161, 389, 636, 1433, 1521, 3306, 3389, 5060, 5432, 8080, 8443];

interface Condition {
  readonly text: string;
  /** Bits that it pins down, roughly. */
  readonly narrow: number;
}

/** Words of one rule without `-A CHAIN` and target. */
function condition(style: Style, family: Family, dice: Dice, networks: number): Condition {
  const source = dice.weighted(style.source[family]);
  const destination = dice.weighted(style.destination[family]);
  // Nobody writes a rule for every address into the middle of a list.
  if (source + destination === 0) return condition(style, family, dice, networks);
  const words: string[] = [];
  if (source > 0) words.push('-s', prefix(family, source, dice, networks));
  if (destination > 0) words.push('-d', prefix(family, destination, dice, networks));
  const named = dice.weighted(style.protocol);
  const addresses = (source + destination) * (family === 4 ? 1 : 0.25);
  if (named === 'all') return { text: words.join(' '), narrow: addresses };
  const protocol = named === 'icmp' && family === 6 ? 'ipv6-icmp' : named;
  words.push('-p', protocol);
  if (named !== 'tcp' && named !== 'udp') return { text: words.join(' '), narrow: addresses + 8 };
  const kinds = [dice.weighted(style.sourcePort), dice.weighted(style.destinationPort)];
  const [from, to] = kinds.map((kind) => ports(kind, dice));
  if (from || to) words.push('-m', protocol);
  if (from) words.push('--sport', from);
  if (to) words.push('--dport', to);
  const narrow = kinds.reduce((sum, kind) => sum + NARROW[kind], addresses + 8);
  return { text: words.join(' '), narrow };
}

const NARROW: Record<PortClass, number> = { any: 0, high: 1, low: 6, range: 6, exact: 16 };

function ports(kind: PortClass, dice: Dice): string | undefined {
  switch (kind) {
    case 'any':
      return undefined;
    case 'high':
      return '1024:65535';
    case 'low':
      return '0:1023';
    case 'exact':
      return String(dice.next(3) > 0 ? PORTS[dice.skewed(PORTS.length)] : 1 + dice.next(65_535));
    case 'range': {
      const low = 1_000 + dice.next(60_000);
      return `${low}:${low + 1 + dice.skewed(4_000)}`;
    }
  }
}

/** A prefix of one of `networks` networks (/16 or /32), canonical. */
export function prefix(family: Family, length: number, dice: Dice, networks: number): string {
  const network = Math.imul(dice.skewed(networks) + 1, 0x9e37);
  if (family === 4) {
    const octets = [11 + ((network >>> 8) & 127), network & 255, dice.skewed(256), dice.next(256)];
    const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
    const kept = Math.floor(value / 2 ** (32 - length)) * 2 ** (32 - length);
    return `${[24, 16, 8, 0].map((shift) => Math.floor(kept / 2 ** shift) & 255).join('.')}/${length}`;
  }
  const groups = [
    0x2001,
    network & 0xffff,
    dice.skewed(4096),
    dice.skewed(256),
    0,
    0,
    dice.skewed(16),
    dice.next(65_536),
  ];
  const octets = new Uint8Array(16);
  groups.forEach((group, index) => {
    const bits = Math.min(16, Math.max(0, length - 16 * index));
    octets[2 * index] = (group & (0xffff0000 >> bits)) >>> 8;
    octets[2 * index + 1] = group & (0xffff0000 >> bits);
  });
  return `${formatAddress(octets, 6)}/${length}`;
}

/** How many networks the addresses of `count` rules come from. */
const networksOf = (count: number): number => Math.max(4, Math.ceil(Math.sqrt(count) * 2));

/** Lines `-A FORWARD ...` of a ClassBench shape: narrow rules first, as in its sets, where none is hidden by one before it. */
export function classBench(shape: 'acl' | 'fw' | 'ipc', family: Family, count: number, seed = 1): string[] {
  const dice = new Dice(seed);
  const networks = networksOf(count);
  return Array.from({ length: count }, () => condition(STYLES[shape], family, dice, networks))
    .sort((a, b) => b.narrow - a.narrow)
    .map(({ text }) => `-A FORWARD ${text} -j ${dice.next(3) === 0 ? 'DROP' : 'ACCEPT'}`);
}

/** Every line -s ADDRESS -j DROP, the shape of a block list or of fail2ban. */
export function blocklist(family: Family, count: number, seed = 1): string[] {
  const dice = new Dice(seed);
  const lengths: Weights<number> =
    family === 4
      ? [
          [85, 32],
          [15, 24],
        ]
      : [
          [60, 64],
          [30, 128],
          [10, 48],
        ];
  return Array.from(
    { length: count },
    () => `-A FORWARD -s ${prefix(family, dice.weighted(lengths), dice, 20_000)} -j DROP`,
  );
}

/** One of some two million. */
function host(family: Family, index: number, service: boolean): string {
  if (family === 4) {
    return `10.${(service ? 96 : 200) + ((index >>> 16) & 31)}.${(index >>> 8) & 255}.${index & 255}/32`;
  }
  const groups = [(index + 1) >>> 16, (index + 1) & 0xffff].map((group) => group.toString(16));
  return `fd00:${service ? '10' : '20'}::${groups.join(':')}/128`;
}

const withoutLength = (address: string): string => address.slice(0, address.indexOf('/'));

/** kube-proxy's nat table: one chain of services, a chain for each service that picks an end point, a chain for each end point. */
function kube(family: Family, count: number, seed: number): string[] {
  const dice = new Dice(seed);
  const lines: string[] = [];
  const chains: string[] = [];
  const rules: string[] = [];
  for (let service = 0; lines.length + rules.length < count - 3; service++) {
    const name = `KUBE-SVC-${service.toString(36).toUpperCase().padStart(8, '0')}`;
    const port = PORTS[dice.next(PORTS.length)];
    const what = `-p tcp -m comment --comment "ns${service % 40}/svc${service}:http cluster IP" -m tcp --dport ${port}`;
    chains.push(name);
    lines.push(`-A KUBE-SERVICES -d ${host(family, service, true)} ${what} -j ${name}`);
    const ends = 1 + dice.skewed(5);
    for (let end = 0; end < ends; end++) {
      const chain = `KUBE-SEP-${service.toString(36).toUpperCase()}-${end}`;
      const address = host(family, (service * 5 + end) & 0xffff, false);
      const share = (1 / (ends - end)).toFixed(11);
      const pick = end < ends - 1 ? ` -m statistic --mode random --probability ${share}` : '';
      chains.push(chain);
      rules.push(
        `-A ${name}${pick} -j ${chain}`,
        `-A ${chain} -s ${address} -j KUBE-MARK-MASQ`,
        `-A ${chain} -p tcp -m tcp -j DNAT --to-destination ${family === 6 ? `[${withoutLength(address)}]` : withoutLength(address)}:${port}`,
      );
    }
  }
  return [
    ...['KUBE-SERVICES', 'KUBE-MARK-MASQ', ...chains].map((name) => `:${name} - [0:0]`),
    '-A PREROUTING -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-SERVICES',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    ...lines,
    ...rules,
  ];
}

/** Docker's filter table: an accept for each published port of a container, behind the jumps that Docker puts in FORWARD. */
function docker(family: Family, count: number, seed: number): string[] {
  const dice = new Dice(seed);
  const published = Array.from({ length: Math.max(0, count - 6) }, (_, index) => {
    const bridge = `br-${(index >>> 6).toString(16).padStart(8, '0')}`;
    return `-A DOCKER -d ${host(family, index, false)} ! -i ${bridge} -o ${bridge} -p tcp -m tcp --dport ${PORTS[dice.next(PORTS.length)]} -j ACCEPT`;
  });
  return [
    ...['DOCKER', 'DOCKER-USER', 'DOCKER-ISOLATION'].map((name) => `:${name} - [0:0]`),
    '-A FORWARD -j DOCKER-USER',
    '-A FORWARD -j DOCKER-ISOLATION',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -j DOCKER',
    '-A DOCKER-USER -j RETURN',
    '-A DOCKER-ISOLATION -i docker0 ! -o docker0 -j DROP',
    ...published,
  ];
}

const FILTER = ['INPUT', 'FORWARD', 'OUTPUT'];
const NAT = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];

/** A whole save file of about `count` rules. */
export function saveText(shape: Shape, family: Family, count: number, seed = 1): string {
  const lines =
    shape === 'kube'
      ? kube(family, count, seed)
      : shape === 'docker'
        ? docker(family, count, seed)
        : shape === 'blocklist'
          ? blocklist(family, count, seed)
          : classBench(shape, family, count, seed);
  const [table, builtin] = shape === 'kube' ? ['nat', NAT] : ['filter', FILTER];
  return [`*${table}`, ...builtin.map((name) => `:${name} ACCEPT [0:0]`), ...lines, 'COMMIT', ''].join('\n');
}
