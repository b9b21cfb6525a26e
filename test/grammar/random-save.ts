// Random save files: mostly right, in every spelling that the tools take, and now and then wrong. Seeded.

import { HOOKS, TABLES, type TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Dice } from '../kernel/dice.ts';

/** Spellings of a rule's parts; the wrong ones are drawn with `mistakes`. */
interface Spellings {
  readonly right: readonly string[];
  readonly wrong: readonly string[];
}

const ADDRESSES: Record<Family, Spellings> = {
  4: {
    right: [
      '10.0.0.1',
      '10.1.2.3/8',
      '192.168.1.0/24',
      '10/8',
      '010.0x1.2.3',
      '1.2.3.4/255.0.255.0',
      '0/0',
      '1.2.3.4/0',
      '10.1/16',
      '167772161',
      '1.1.1.1/32',
      '1.2.3.4/255.255.255.0',
      '128.0.0.0/1',
    ],
    wrong: [
      '1.2.3.4/33',
      '300.1.1.1',
      '1.2.3',
      '::1',
      '1.2.3.4/255.255',
      '',
      '1.2.3.4/',
      'no.such.invalid',
      '1.2.3.4,',
      '1.2.3.4/24/8',
    ],
  },
  6: {
    right: [
      '::1',
      '2001:db8::/32',
      '2001:db8::5/64',
      '::/0',
      'fe80::1/10',
      '::ffff:1.2.3.4',
      '1::/ffff::ffff',
      '1:2:0:0:5:0:0:8',
      '::1.2.3.4/127',
      '1::/0x40',
      '2001:DB8:0:0::1',
      '1::/ffff:ff00::',
    ],
    wrong: ['::1/129', '1::2::3', '1.2.3.4', '::1/x', '', '12345::', '::1/', '[::1]'],
  },
};

const INTERFACES: Spellings = {
  right: ['eth0', 'eth+', '+', 'a.b-c_d', 'wlp3s0', 'x', '0123456789abcde'],
  wrong: ['0123456789abcdef', '""'],
};

const PROTOCOLS: Spellings = {
  right: [
    'tcp',
    'udp',
    'TCP',
    '6',
    '17',
    '0x11',
    '021',
    'all',
    'icmp',
    'ipv6-icmp',
    'icmpv6',
    'sctp',
    'gre',
    '47',
    '253',
    'esp',
    '0',
    'udplite',
    'mh',
    'vrrp',
  ],
  wrong: ['tcpx', '256', '-1', 'ip-encap', ''],
};

const EXTENSIONS: Record<Family, Spellings> = {
  4: {
    right: [
      '-m ttl --ttl-eq 5',
      '-m ttl ! --ttl 0x10',
      '-m icmp --icmp-type 8',
      '-p icmp --icmp-type echo-request',
      '-p icmp -m icmp ! --icmp-type 3/1',
    ],
    wrong: ['-m hl --hl-eq 5', '-m ttl', '-m ttl --ttl-eq 256', '-p icmp --icmp-type foo'],
  },
  6: {
    right: [
      '-m hl --hl-eq 5',
      '-m hl ! --hl 0x10',
      '-m hl --hl-gt=9',
      '-m frag --fragid 1:5 --fragfirst',
      '-p icmpv6 --icmpv6-type 128',
      '-p 58 -m icmp6 --icmpv6-type echo-reply',
      '-m frag --fragmore',
    ],
    wrong: [
      '-m hl',
      '-m hl --hl-eq 5 --hl-lt 3',
      '-m hl --hl-gt 256',
      '-m ttl --ttl-eq 4',
      '-m frag --fragid 1 --fragid 2',
    ],
  },
};

const COMMON: Spellings = {
  right: [
    '-p tcp --dport 22',
    '-p tcp -m tcp --sport 1024: ! --dport 0x50',
    '-p tcp --dport 010:20 ! --syn',
    '-p tcp --tcp-flags SYN,RST ACK',
    '-p tcp ! --tcp-flags ALL NONE --tcp-option 5',
    '-p udp --sport :53',
    '-p udp -m udp --dport 67:68',
    '-p udp ! --dport :',
    '-m conntrack --ctstate ESTABLISHED,RELATED',
    '-m conntrack ! --ctstate INVALID',
    '-m state --state NEW',
    '-m comment --comment "two words"',
    `-m comment --comment "it's \\"quoted\\" \\\\ and more"`,
    '-m comment --comment -p -m comment --comment --dport',
    '-m limit',
    '-m limit --limit 60/min --limit-burst 7',
    '-p tcp -m multiport --dports 80,443,8000:8080',
    '-p udp -m multiport ! --ports 1,2',
    '-m mark --mark 0x1/0xff',
    '-m mark ! --mark 7',
    '-m connmark --mark 3',
    '-m mark --mark 1 -m connmark --mark 2',
    '-m length --length 40:1500',
    '-m length ! --length 64',
    '-m mac --mac-source 00:11:22:AA:BB:CC',
    '-m physdev --physdev-in eth0',
    '-m addrtype --dst-type LOCAL',
  ],
  wrong: [
    '--dport 22',
    '-p tcp --dport 5:1',
    '-p tcp --dport 70000',
    '-p tcp --dport',
    '-p tcp --dprot 22',
    '-p udp --dport 1:2:3',
    '-p tcp --dport 1 --dport 2',
    '-m nosuch',
    '-m conntrack',
    '-m conntrack --ctstate NOW',
    '-m limit --limit x',
    '-m length --length 1:70000',
    '-m length',
    '-m multiport --dports 80',
    '-m comment',
    '! -m tcp',
    '-p tcp ! ! --syn',
    '!',
    'stray',
    '-p tcp -p udp',
    '-n',
    '-t nat',
    '-w',
    '--s ::1',
    '-m tcp --dport 5',
    '-Q',
    '-c 1',
    '-c x 1',
    '-m mark --mark 1/2x',
    '-m mac --mac-source 1:2',
    '-m state --state ESTABLISHED -m state',
  ],
};

const TARGETS: Spellings = {
  right: [
    '-j ACCEPT',
    '-j DROP',
    '-j RETURN',
    '',
    '-j LOG --log-prefix "in: " --log-level 6',
    '-j REJECT',
    '--jump ACCEPT',
    '-j MARK --set-mark 1/2',
    '-j LOG',
  ],
  wrong: [
    '-j NOSUCH',
    '-g nowhere',
    '-j',
    '! -j ACCEPT',
    '-j ACCEPT -j DROP',
    '-j LOG --log-level 9',
    '-j INPUT',
    '-j DROP --reject-with x',
    '-j 01234567890123456789012345678',
  ],
};

const NEW_CHAINS = ['web', 'a', 'Z-chain', 'LOGDROP', 'x.y+z', 'ACCEPT'];

/** Save text's quoting is near enough to the shell's for what stands in the tables above. */
const shellWords = (line: string): string[] =>
  [...line.matchAll(/"((?:\\.|[^"])*)"|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted.replace(/\\(.)/g, '$1'));

export interface Shape {
  readonly family: Family;
  /** Chance of a mistake, for each part of a rule. */
  readonly mistakes: number;
}

export class RandomSave {
  private readonly dice: Dice;
  private readonly shape: Shape;

  constructor(dice: Dice, shape: Shape) {
    this.dice = dice;
    this.shape = shape;
  }

  /** A whole file of one to three tables. */
  file(): string {
    const { dice } = this;
    const names = dice.shuffled(Object.keys(TABLES) as TableName[]).slice(0, dice.int(1, 3));
    let text = dice.chance(0.5) ? '# a comment\n\n' : '';
    for (const name of names) text += this.table(name);
    return this.slip() && dice.chance(0.2) ? text.slice(0, -1) : text;
  }

  private table(name: TableName): string {
    const { dice } = this;
    const lines = [this.slip() && dice.chance(0.1) ? '*nosuch' : `*${name}`];
    const builtin = TABLES[name] as readonly string[];
    for (const chain of builtin)
      if (dice.chance(0.8)) lines.push(`:${chain} ${this.policy()} [${dice.int(0, 9)}:${dice.int(0, 999)}]`);
    const users = dice
      .shuffled(['web', 'a', 'Z-chain', 'ufw6-before-input', 'x.y+z', 'LOGDROP', '0'])
      .slice(0, dice.int(0, 4));
    for (const chain of users) lines.push(dice.chance(0.8) ? `:${chain} - [0:0]` : `-N ${chain}`);
    const chains = [...builtin, ...users];
    const count = dice.int(0, 12);
    for (let rule = 0; rule < count; rule++) lines.push(this.line(name, chains, users));
    if (this.slip() && dice.chance(0.1))
      lines.push(dice.pick(['', '  ', '# between', ':late - [0:0]', 'COMMIT ', '*filter', '-X', '-L']));
    lines.push(this.slip() && dice.chance(0.05) ? 'commit' : 'COMMIT');
    return `${lines.join('\n')}\n`;
  }

  /** A rule in a built-in chain of the filter table or in one of `users`, as words of a command line. */
  command(users: readonly string[]): string[] {
    const { dice } = this;
    const builtin = dice.pick(TABLES.filter as readonly string[]);
    const some = (): string => (users.length > 0 && dice.chance(0.6) ? dice.pick(users) : dice.pick(NEW_CHAINS));
    const chain = dice.chance(0.6) ? builtin : some();
    switch (dice.int(0, 15)) {
      case 0:
        return ['-N', some()];
      case 1:
        return dice.chance(0.5) ? ['-X', some()] : ['-X'];
      case 2:
        return ['-E', some(), dice.pick(NEW_CHAINS)];
      case 3:
        return ['-P', chain, this.policy(), ...(dice.chance(0.3) ? ['-c', '7', '8'] : [])];
      case 4:
        return dice.chance(0.7) ? ['-F', chain] : ['-F', '-v'];
      case 5:
        return dice.chance(0.5) ? ['-Z', chain, ...(dice.chance(0.5) ? ['1'] : [])] : ['-Z', '-v'];
      case 6:
        return ['-S', ...(dice.chance(0.5) ? [chain] : []), ...(dice.chance(0.5) ? ['-v'] : [])];
      case 7:
      case 8:
        return [
          this.dice.pick(['-L', '-nL', '-nvL', '-nvxL', '-vL']),
          ...(dice.chance(0.5) ? [chain] : []),
          ...(dice.chance(0.3) ? ['--line-numbers'] : []),
        ];
      case 9:
        return ['-D', chain, String(dice.int(1, 2))];
      default: {
        const line = this.line('filter', [chain], users);
        const verb = dice.chance(0.2) ? line.replace(/-A /, dice.pick(['-D ', '-C '])) : line;
        return shellWords(verb.replace(/^\[.*?\] */, '').trim());
      }
    }
  }

  private slip(): boolean {
    return this.dice.chance(this.shape.mistakes);
  }

  private policy(): string {
    const { dice } = this;
    return this.slip() && dice.chance(0.1) ? dice.pick(['REJECT', 'accept']) : dice.pick(['ACCEPT', 'DROP', '-']);
  }

  private line(table: TableName, chains: readonly string[], users: readonly string[]): string {
    const { dice } = this;
    const chain = dice.pick(this.slip() && dice.chance(0.1) ? ['nowhere', 'input', ...HOOKS] : chains);
    const prefix = dice.chance(0.1) ? '[5:600] ' : '';
    const kind = dice.int(0, 19);
    if (kind === 0) return `-F ${chain}`;
    if (kind === 1 && this.slip()) return `-D ${chain} ${dice.int(1, 3)}`;
    if (kind === 2) return `-Z ${chain}`;
    const verb =
      kind === 3
        ? `-I ${chain}`
        : kind === 4
          ? `-I ${chain} 1`
          : kind === 5 && this.slip()
            ? `-R ${chain} 1`
            : `-A ${chain}`;
    const parts = dice.shuffled([...this.conditions(chain), this.target(table, users)]).filter((part) => part !== '');
    const words = dice.chance(0.9) ? [verb, ...parts] : [...parts, verb];
    return `${prefix}${dice.chance(0.05) ? '  ' : ''}${words.join(dice.chance(0.1) ? '  ' : ' ')}`;
  }

  private pick(spellings: Spellings): string {
    return this.dice.pick(this.slip() ? spellings.wrong : spellings.right);
  }

  private not(): string {
    return this.dice.chance(0.2) ? '! ' : '';
  }

  private conditions(chain: string): string[] {
    const { dice } = this;
    const { family } = this.shape;
    const parts: string[] = [];
    const list = (): string => {
      const one = this.pick(ADDRESSES[family]);
      return dice.chance(0.1) ? `${one},${this.pick(ADDRESSES[family])}` : one === '' ? '""' : one;
    };
    if (dice.chance(0.3)) parts.push(`${this.not()}${dice.pick(['-s', '--source', '--src', '--sourc'])} ${list()}`);
    if (dice.chance(0.3)) parts.push(`${this.not()}${dice.pick(['-d', '--destination', '--dst'])} ${list()}`);
    const input = chain !== 'OUTPUT' && chain !== 'POSTROUTING';
    const output = chain !== 'INPUT' && chain !== 'PREROUTING';
    if (dice.chance(0.2) && (input || this.slip())) parts.push(`${this.not()}-i ${this.pick(INTERFACES)}`);
    if (dice.chance(0.2) && (output || this.slip())) parts.push(`${this.not()}-o ${this.pick(INTERFACES)}`);
    if (family === 4 && dice.chance(0.05)) parts.push(`${this.not()}-f`);
    if (dice.chance(0.1)) parts.push('-c 1 2');
    const more = dice.int(0, 3);
    if (more < 2) parts.push(this.pick(dice.chance(0.8) ? COMMON : EXTENSIONS[family]));
    if (more === 2) parts.push(`${this.not()}-p ${this.pick(PROTOCOLS) || '""'}`);
    if (dice.chance(0.1))
      parts.push(this.pick({ right: ['-m comment --comment x', '-m limit --limit 5/s'], wrong: COMMON.wrong }));
    return parts;
  }

  private target(table: TableName, users: readonly string[]): string {
    const { dice } = this;
    if (users.length > 0 && dice.chance(0.3)) return `${dice.pick(['-j', '-g'])} ${dice.pick(users)}`;
    const picked = this.pick(TARGETS);
    if (!this.slip() && picked.includes('REJECT') && table !== 'filter') return '-j ACCEPT';
    if (!this.slip() && table === 'nat' && picked.includes('DROP')) return '-j ACCEPT';
    return picked;
  }
}
