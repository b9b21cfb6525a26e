// Command lines for the conntrack tool: connections to begin with, words of every option, and random lines made of them.

import type { Dice } from './dice.ts';

/** Connections of every kind, made by hand. */
export const SEED_COMMANDS: readonly string[] = [
  '-I -p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1000 --dport 80 -t 1000 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 7',
  '-I -p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1001 --dport 80 -t 1000 --state SYN_SENT',
  '-I -p tcp -s 10.1.0.2 -d 10.2.0.2 --sport 1002 --dport 443 -t 1000 --state TIME_WAIT -u SEEN_REPLY,ASSURED -n 10.2.0.200',
  '-I -p tcp -s 10.1.0.2 -d 10.2.0.2 --sport 1003 --dport 443 -t 1000 --state CLOSE -g 10.2.0.99:8443 -m 0x70',
  '-I -p udp -s 10.1.0.1 -d 10.2.0.53 --sport 5000 --dport 53 -t 1000',
  '-I -p udp -s 10.1.0.1 -d 10.2.0.53 --sport 5001 --dport 53 -t 1000 -u SEEN_REPLY -m 1',
  '-I -p udp -s 10.1.0.3 -d 10.2.0.53 --sport 5004 --dport 53 -t 1000 --reply-zone 7',
  '-I -p udp -s 10.1.0.4 -d 10.2.0.53 --sport 5005 --dport 53 -t 1000 -n 10.9.9.9:777 -g 10.8.8.8:888',
  '-I -p udp -s fd00:1::1 -d fd00:2::1 --sport 5006 --dport 53 -t 1000',
  '-I -p tcp -s fd00:1::1 -d fd00:2::1 --sport 5007 --dport 22 -t 1000 --state ESTABLISHED -u ASSURED,SEEN_REPLY -m 7',
  '-I -p udp -s fd00:1::2 -d fd00:2::1 --sport 5008 --dport 53 -t 1000 -n fd00:2::99',
  '-I -p icmp -s 10.1.0.1 -d 10.2.0.1 --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 1000',
  '-I -p icmp -s 10.1.0.1 -d 10.2.0.1 --icmp-type 13 --icmp-code 0 --icmp-id 78 -t 1000 -u SEEN_REPLY',
  '-I -p icmpv6 -s fd00:1::1 -d fd00:2::1 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 79 -t 1000',
  '-I -p sctp -s 10.1.0.5 -d 10.2.0.5 --sport 9 --dport 10 --state ESTABLISHED -t 1000 --orig-vtag 11 --reply-vtag 12',
  '-I -p sctp -s 10.1.0.5 -d 10.2.0.5 --sport 9 --dport 11 --state COOKIE_WAIT -t 1000 --orig-vtag 13 --reply-vtag 14 -u SEEN_REPLY',
  '-I -p dccp -s 10.1.0.6 -d 10.2.0.6 --sport 9 --dport 10 --state OPEN --role client -t 1000',
  '-I -p gre -s 10.1.0.7 -d 10.2.0.7 --srckey 5 --dstkey 6 -t 1000',
  '-I -p udplite -s 10.1.0.8 -d 10.2.0.8 --sport 5 --dport 6 -t 1000',
  '-I -p 50 -s 10.1.0.9 -d 10.2.0.9 -t 1000',
  '-A -p ah -s fd00:1::9 -d fd00:2::9 -t 1000',
];

/** In a zone in the original direction: -U of the real tool forgets the zone, and does not find them. */
export const ZONED: readonly string[] = [
  '-I -p udp -s 10.1.0.3 -d 10.2.0.53 --sport 5002 --dport 53 -t 1000 -w 5',
  '-I -p udp -s 10.1.0.3 -d 10.2.0.53 --sport 5003 --dport 53 -t 1000 --orig-zone 6',
];

/** Words that are right, wrong, and nearly right, by option. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  '-s': ['10.1.0.1', '10.1.0.0/24', '10.1.0.1/32', 'fd00:1::1', 'fd00:1::/32', '10.1.0', '10.1.0.1/33', '10.9.0.1'],
  '-d': ['10.2.0.53', '10.2.0.0/16', 'fd00:2::1', '0.0.0.0/0', '::/0', 'x'],
  '-r': ['10.2.0.53', '10.8.8.8', 'fd00:2::1', '10.2.0.0/16'],
  '-q': ['10.1.0.1', '10.9.9.9', '10.2.0.200', 'fd00:2::99'],
  '-p': [
    'tcp',
    'udp',
    'icmp',
    'icmpv6',
    'sctp',
    'dccp',
    'gre',
    'udplite',
    '50',
    '6',
    'UDP',
    'esp',
    'nothing',
    '0',
    '256',
  ],
  '-f': ['ipv4', 'ipv6', 'inet'],
  '-m': ['7', '0', '1', '7/7', '0x10/0xf0', '1/1', '0x70/0xff', 'x', '4294967295', '5/0'],
  '-u': [
    'ASSURED',
    'SEEN_REPLY',
    'ASSURED,SEEN_REPLY',
    'UNREPLIED',
    'UNSET',
    'EXPECTED',
    'assured',
    'OFFLOAD',
    'SRC_NAT,ASSURED',
    'NONE',
  ],
  '-n': ['', '10.2.0.200', '10.9.9.9', '10.9.9.9:777', '10.9.9.9:778', 'fd00:2::99', 'x', '10.9.9.9:0'],
  '-g': ['', '10.2.0.99', '10.2.0.99:8443', '10.8.8.8:888', '10.8.8.8:'],
  '-j': ['', '10.2.0.200', '10.8.8.8:888'],
  '-w': ['5', '0', '6', '65536', 'x'],
  '--orig-zone': ['6', '5', '0'],
  '--reply-zone': ['7', '5'],
  '-t': ['600', '0', '99999999', 'x'],
  '-o': [
    'extended',
    'id',
    'xml',
    'save',
    'extended,id',
    'xml,extended',
    'save,id',
    'ext',
    'ktimestamp',
    'userspace',
    'no',
  ],
  '-i': ['4000000000'],
  '-c': ['5'],
  '-z': [''],
  '-e': ['NEW', 'ALL,x'],
  '--mask-src': ['255.255.0.0', '255.255.255.255', 'ffff::'],
  '--mask-dst': ['255.255.255.0'],
  '--tuple-src': ['10.0.0.1'],
  '-b': ['1000'],
  '--sport': ['1000', '5000', '9', 'x', '70000'],
  '--dport': ['53', '80', '443', '10'],
  '--orig-port-src': ['5001'],
  '--reply-port-src': ['53', '8443'],
  '--reply-port-dst': ['777', '1000'],
  '--state': ['ESTABLISHED', 'SYN_SENT', 'CLOSE', 'COOKIE_WAIT', 'OPEN', 'LISTEN', 'NOTHING'],
  '--icmp-type': ['8', '13', '3'],
  '--icmp-code': ['0', '1'],
  '--icmp-id': ['77', '78'],
  '--icmpv6-type': ['128'],
  '--icmpv6-code': ['0'],
  '--orig-vtag': ['11', '0'],
  '--reply-vtag': ['12'],
  '--role': ['client', 'nobody'],
  '--srckey': ['5', '0x5'],
  '--dstkey': ['6'],
  '--mask-port-src': ['1'],
  '--tuple-port-dst': ['1'],
};

const COMMANDS = [
  '-L',
  '-L',
  '-L',
  '-L',
  '-D',
  '-U',
  '-U',
  '-G',
  '-I',
  '-A',
  '-C',
  '-L conntrack',
  '-L dying',
  '-L expect',
  '-V',
];

/** Options that are likely to make sense together come first. */
const OF_PROTOCOL: Readonly<Record<string, readonly string[]>> = {
  tcp: ['--sport', '--dport', '--reply-port-src', '--reply-port-dst', '--state'],
  udp: ['--sport', '--dport', '--orig-port-src', '--reply-port-src', '--reply-port-dst'],
  sctp: ['--sport', '--dport', '--state', '--orig-vtag', '--reply-vtag'],
  dccp: ['--sport', '--dport', '--state', '--role'],
  icmp: ['--icmp-type', '--icmp-code', '--icmp-id'],
  icmpv6: ['--icmpv6-type', '--icmpv6-code'],
  gre: ['--srckey', '--dstkey'],
};
const GENERAL = Object.keys(WORDS).filter((option) => !Object.values(OF_PROTOCOL).some((own) => own.includes(option)));

/** One line, with nothing in it that the real tool falls over (an unknown state of SCTP ends it with a segmentation fault). */
export function randomCommand(dice: Dice): string {
  const words = [dice.pick(COMMANDS)];
  const add = (option: string): void => {
    const value = dice.pick(WORDS[option]);
    words.push(value === '' ? option : `${option} ${value}`);
  };
  if ('UG'.includes(words[0][1]) && dice.chance(0.7)) {
    add('-s');
    add('-d');
  }
  if ('IA'.includes(words[0][1])) return creation(words[0], dice);
  if (dice.chance(0.6)) {
    add('-p');
    const own = OF_PROTOCOL[words[words.length - 1].slice(3)] ?? [];
    while (own.length > 0 && dice.chance(0.5)) add(dice.pick(own));
  }
  // Of a second -p it takes the options for others than they are.
  const others = Object.keys(WORDS).filter((option) => option !== '-p' || !words.some((word) => word.startsWith('-p')));
  while (dice.chance(0.55)) add(dice.pick(others.filter((option) => GENERAL.includes(option) || dice.chance(0.02))));
  const line = words.join(' ');
  // There the real tool forgets the mask, and deletes all of them.
  if (/^-D.*-u \S*UN/.test(line)) return '-D -u ASSURED';
  // It goes on or gives up, depending on which of several was the first.
  if (/^-U.*EXPECTED/.test(line)) return '-U -s 10.1.0.1 -m 4/4';
  return /sctp/.test(line) && /--state (?!ESTABLISHED|COOKIE_WAIT)/.test(line) ? '-L -p sctp' : line;
}

/** One of the seeds with another port, or with a word too few or too many. */
function creation(command: string, dice: Dice): string {
  const words = dice
    .pick(SEED_COMMANDS)
    .replace(/^-\w/, command)
    .split(/ (?=-)/);
  if (dice.chance(0.3)) words.splice(dice.int(1, words.length - 1), 1);
  if (dice.chance(0.4)) {
    const option = dice.pick(GENERAL.filter((one) => one !== '-p'));
    if (!/zone|-w/.test(option)) words.push(`${option} ${dice.pick(WORDS[option])}`.trim());
  }
  return words
    .map((word) => (dice.chance(0.5) ? word.replace(/port 1\d+$/, `port 1${dice.int(0, 99)}`) : word))
    .join(' ');
}
