// A gateway under firewalld: a chain of each zone for log, deny, allow, pre and post in mangle, raw and filter, dispatch by device and
// source with goto, rich rules with limits, and the reject at the end of every zone.

import { Dice } from '../../kernel/dice.ts';

const ZONES = ['block', 'dmz', 'drop', 'external', 'home', 'internal', 'public', 'trusted', 'work', 'libvirt'];
const PARTS = ['pre', 'log', 'deny', 'allow', 'post'];

const SERVICES: readonly (readonly [protocol: string, port: string])[] = [
  ['tcp', '22'],
  ['udp', '546'],
  ['udp', '5353'],
  ['tcp', '631'],
  ['udp', '137:138'],
  ['tcp', '80'],
  ['tcp', '443'],
  ['udp', '443'],
  ['tcp', '9090'],
  ['tcp', '5900:5903'],
];

export function firewalld(): string {
  const dice = new Dice(0x66776c64);
  return [
    ...table('raw', ['PREROUTING', 'OUTPUT'], 'PRE', []),
    ...table('mangle', MANGLE, 'PRE', marks(dice)),
    ...filter(dice),
    '',
  ].join('\n');
}

const MANGLE = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

const zoneChains = (prefix: string): string[] =>
  ZONES.flatMap((zone) => [`${prefix}_${zone}`, ...PARTS.map((part) => `${prefix}_${zone}_${part}`)]);

const zoneRules = (prefix: string): string[] =>
  ZONES.flatMap((zone) => PARTS.map((part) => `-A ${prefix}_${zone} -j ${prefix}_${zone}_${part}`));

const device = (zone: string): string =>
  zone === 'libvirt' ? 'virbr+' : zone === 'public' ? 'eth0' : `${zone.slice(0, 4)}0`;

function dispatch(prefix: string, option: string): string[] {
  return [
    ...ZONES.filter((zone) => zone !== 'public').map(
      (zone) => `-A ${prefix}_ZONES ${option} ${device(zone)} -g ${prefix}_${zone}`,
    ),
    `-A ${prefix}_ZONES -g ${prefix}_public`,
  ];
}

function table(name: string, builtin: readonly string[], prefix: string, extra: readonly string[]): string[] {
  return [
    `*${name}`,
    ...builtin.map((chain) => `:${chain} ACCEPT [0:0]`),
    ...['PREROUTING_direct', 'PREROUTING_ZONES_SOURCE', `${prefix}_ZONES`, ...zoneChains(prefix)].map(
      (chain) => `:${chain} - [0:0]`,
    ),
    '-A PREROUTING -j PREROUTING_direct',
    '-A PREROUTING -j PREROUTING_ZONES_SOURCE',
    `-A PREROUTING -j ${prefix}_ZONES`,
    ...dispatch(prefix, '-i'),
    ...zoneRules(prefix),
    ...extra,
    'COMMIT',
  ];
}

/** Forwarded ports are marked before they are translated elsewhere. */
const marks = (dice: Dice): string[] =>
  Array.from({ length: 30 }, (_, index) => {
    const zone = dice.pick(ZONES);
    return `-A PRE_${zone}_allow -p tcp --dport ${dice.int(1024, 65_535)} -j MARK --set-mark ${100 + index}`;
  });

function filter(dice: Dice): string[] {
  const lines = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]'];
  const prefixes = ['IN', 'FWDI', 'FWDO'];
  const chains = [
    'INPUT_direct',
    'INPUT_ZONES_SOURCE',
    'FORWARD_direct',
    'OUTPUT_direct',
    ...prefixes.map((prefix) => `${prefix}_ZONES`),
  ];
  for (const chain of [...chains, ...prefixes.flatMap(zoneChains)]) lines.push(`:${chain} - [0:0]`);
  lines.push(
    '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -j INPUT_direct',
    '-A INPUT -j INPUT_ZONES_SOURCE',
    '-A INPUT -j IN_ZONES',
    '-A INPUT -m conntrack --ctstate INVALID -j LOG --log-prefix "STATE_INVALID_DROP: "',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    '-A INPUT -j LOG --log-prefix "FINAL_REJECT: "',
    '-A INPUT -j REJECT --reject-with icmp6-adm-prohibited',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
    '-A FORWARD -i lo -j ACCEPT',
    '-A FORWARD -j FORWARD_direct',
    '-A FORWARD -j FWDI_ZONES',
    '-A FORWARD -j FWDO_ZONES',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A FORWARD -j REJECT --reject-with icmp6-adm-prohibited',
    '-A OUTPUT -o lo -j ACCEPT',
    '-A OUTPUT -j OUTPUT_direct',
    ...dispatch('IN', '-i'),
    ...dispatch('FWDI', '-i'),
    ...dispatch('FWDO', '-o'),
  );
  for (const prefix of prefixes) lines.push(...zoneRules(prefix));
  for (const zone of ZONES) {
    for (const [protocol, port] of dice.some(SERVICES, 0.5)) {
      lines.push(`-A IN_${zone}_allow -p ${protocol} --dport ${port} -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT`);
    }
    lines.push(`-A IN_${zone}_allow -p udp --dport 546 -d fe80::/64 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT`);
    for (let rule = 0; rule < 4; rule++) lines.push(...richRule(zone, dice));
    for (const prefix of ['IN', 'FWDI'])
      lines.push(`-A ${prefix}_${zone} -p ipv6-icmp -j ACCEPT`, ...ending(`${prefix}_${zone}`, zone));
  }
  lines.push('COMMIT');
  return lines;
}

function richRule(zone: string, dice: Dice): string[] {
  const source = `2001:db8:${dice.int(1, 0xffff).toString(16)}::/${dice.pick([48, 56, 64])}`;
  const port = dice.int(1, 65_535);
  const match = `-s ${source} -p tcp --dport ${port} -m conntrack --ctstate NEW,UNTRACKED`;
  return [
    `-A IN_${zone}_log ${match} -m limit --limit ${dice.int(1, 9)}/${dice.pick(['s', 'm', 'h', 'sec', 'minute'])} -j LOG --log-prefix "${zone} ${port} " --log-level ${dice.pick(['info', 'notice', '4', 'debug'])}`,
    dice.chance(0.5)
      ? `-A IN_${zone}_deny ${match} -j REJECT --reject-with icmp6-port-unreachable`
      : `-A IN_${zone}_allow ${match} -j ACCEPT`,
  ];
}

function ending(chain: string, zone: string): string[] {
  if (zone === 'trusted') return [`-A ${chain} -j ACCEPT`];
  if (zone === 'drop') return [`-A ${chain} -j DROP`];
  return [
    `-A ${chain} -j LOG --log-prefix "${chain}_REJECT: "`,
    `-A ${chain} -j REJECT --reject-with icmp6-adm-prohibited`,
  ];
}
