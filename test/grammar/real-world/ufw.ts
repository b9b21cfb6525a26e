// A server behind ufw: the six families of ufw6- chains, neighbour discovery by type and hop limit, logging with limits, and a long list
// of user rules. ufw writes no masks for
// hosts, lists of ports with --dports, targets before matches, and comment lines between the rules.

import { Dice } from '../../kernel/dice.ts';

const DIRECTIONS = ['input', 'output', 'forward'] as const;

export function ufw(): string {
  const dice = new Dice(0x756677);
  const chains = ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track'].flatMap((stage) =>
    DIRECTIONS.map((direction) => `ufw6-${stage}-${direction}`),
  );
  const lines = ['*filter', ':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]'];
  for (const chain of [...chains, ...OTHER_CHAINS]) lines.push(`:${chain} - [0:0]`);
  for (const direction of DIRECTIONS) {
    for (const stage of ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track']) {
      lines.push(`-A ${direction.toUpperCase()} -j ufw6-${stage}-${direction}`);
    }
  }
  lines.push('# rules', ...before(), ...logging(), '### RULES ###', ...users(dice), '### END RULES ###', 'COMMIT', '');
  return lines.join('\n');
}

const OTHER_CHAINS = [
  'ufw6-logging-deny',
  'ufw6-logging-allow',
  'ufw6-skip-to-policy-input',
  'ufw6-skip-to-policy-output',
  'ufw6-skip-to-policy-forward',
  'ufw6-user-input',
  'ufw6-user-output',
  'ufw6-user-forward',
  'ufw6-user-limit',
  'ufw6-user-limit-accept',
  'ufw6-user-logging-input',
];

/** Error types, then discovery (hop limit 255), then listener reports (link-local). */
function before(): string[] {
  const lines = ['-A ufw6-before-input -i lo -j ACCEPT', '-A ufw6-before-output -o lo -j ACCEPT'];
  for (const direction of DIRECTIONS) {
    lines.push(`-A ufw6-before-${direction} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`);
    for (const type of [
      'destination-unreachable',
      'packet-too-big',
      'time-exceeded',
      'parameter-problem',
      'echo-request',
      'echo-reply',
    ]) {
      lines.push(`-A ufw6-before-${direction} -p icmpv6 --icmpv6-type ${type} -j ACCEPT`);
    }
  }
  for (const type of [
    'router-solicitation',
    'router-advertisement',
    'neighbor-solicitation',
    'neighbor-advertisement',
    '141',
    '142',
  ]) {
    lines.push(`-A ufw6-before-input -p icmpv6 --icmpv6-type ${type} -m hl --hl-eq 255 -j ACCEPT`);
    lines.push(`-A ufw6-before-output -p icmpv6 --icmpv6-type ${type} -m hl --hl-eq 255 -j ACCEPT`);
  }
  for (const type of [130, 131, 132, 143, 151, 152, 153]) {
    const hops = type > 150 ? ' -m hl --hl-eq 1' : '';
    lines.push(`-A ufw6-before-input -p icmpv6 --icmpv6-type ${type} -s fe80::/10${hops} -j ACCEPT`);
  }
  lines.push(
    '-A ufw6-before-input -m conntrack --ctstate INVALID -j ufw6-logging-deny',
    '-A ufw6-before-input -m conntrack --ctstate INVALID -j DROP',
    '-A ufw6-before-input -p udp -s fe80::/10 --sport 547 -d fe80::/10 --dport 546 -j ACCEPT',
    '-A ufw6-before-input -p udp -d ff02::fb --dport 5353 -j ACCEPT',
    '-A ufw6-before-input -p udp -d ff02::f --dport 1900 -j ACCEPT',
    '-A ufw6-before-input -j ufw6-user-input',
    '-A ufw6-before-output -j ufw6-user-output',
    '-A ufw6-before-forward -j ufw6-user-forward',
  );
  for (const port of [137, 138, 139, 445, 546, 547]) {
    const protocol = port === 139 || port === 445 ? 'tcp' : 'udp';
    lines.push(`-A ufw6-after-input -p ${protocol} --dport ${port} -j ufw6-skip-to-policy-input`);
  }
  lines.push(
    '-A ufw6-skip-to-policy-input -j DROP',
    '-A ufw6-skip-to-policy-output -j ACCEPT',
    '-A ufw6-skip-to-policy-forward -j DROP',
    '-A ufw6-track-output -p tcp -m conntrack --ctstate NEW -j ACCEPT',
    '-A ufw6-track-output -p udp -m conntrack --ctstate NEW -j ACCEPT',
  );
  return lines;
}

function logging(): string[] {
  const limit = '-m limit --limit 3/min --limit-burst 10';
  return [
    `-A ufw6-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " ${limit}`,
    `-A ufw6-after-logging-forward -j LOG --log-prefix "[UFW BLOCK] " ${limit}`,
    `-A ufw6-logging-deny -m conntrack --ctstate INVALID -j LOG --log-prefix "[UFW AUDIT INVALID] " ${limit}`,
    `-A ufw6-logging-deny -j LOG --log-prefix "[UFW BLOCK] " ${limit}`,
    `-A ufw6-logging-allow -j LOG --log-prefix "[UFW ALLOW] " ${limit}`,
    `-A ufw6-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "`,
    '-A ufw6-user-limit -j REJECT',
    '-A ufw6-user-limit-accept -j ACCEPT',
  ];
}

const PROFILES = ['OpenSSH', 'Nginx Full', 'Postfix', 'Dovecot IMAP', 'Bind9', 'WireGuard', 'Samba', 'CUPS'];

function users(dice: Dice): string[] {
  const lines: string[] = [];
  for (let rule = 0; rule < 420; rule++) {
    const from = dice.chance(0.6) ? `-s ${source(dice)} ` : '';
    const to = dice.chance(0.2) ? `-d 2001:db8:${dice.int(1, 9)}::${dice.int(1, 200)} ` : '';
    const device = dice.chance(0.2) ? `-i ${dice.pick(['eth0', 'eth1', 'wg0', 'tun+'])} ` : '';
    const target = dice.weighted([
      [7, '-j ACCEPT'],
      [2, '-j DROP'],
      [1, '-j REJECT --reject-with tcp-reset'],
    ] as const);
    const protocol = target.includes('tcp-reset') ? 'tcp' : dice.pick(['tcp', 'udp']);
    const ports = dice.chance(0.3)
      ? `-m multiport --dports ${dice.int(1, 1000)},${dice.int(2000, 2999)},${dice.int(3000, 3999)}:${dice.int(4000, 4999)}`
      : `--dport ${dice.pick(['22', '80', '443', '25', '993', '51820', '6000:6007', String(dice.int(1024, 65_535))])}`;
    const profile = dice.chance(0.3) ? ` -m comment --comment "dapp_${dice.pick(PROFILES)}"` : '';
    lines.push(
      `-A ufw6-user-input ${device}-p ${protocol} ${to}${from}${ports} ${target}${profile}`.replace(/ {2,}/g, ' '),
    );
  }
  return lines;
}

function source(dice: Dice): string {
  const net = `2001:db8:${dice.int(0, 0xffff).toString(16)}`;
  return dice.pick([
    `${net}::/48`,
    `${net}::${dice.int(1, 0xffff).toString(16)}`,
    `${net}:0:0:0:0:${dice.int(1, 255)}/128`,
    'fd00::/8',
  ]);
}
