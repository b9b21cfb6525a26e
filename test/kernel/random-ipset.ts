// Random command lines of ipset on a few sets, that meet each other often.

import type { Dice } from './dice.ts';

const TYPES = [
  'hash:ip',
  'hash:net',
  'hash:ip,port',
  'hash:net,port',
  'hash:ip,port,ip',
  'hash:ip,port,net',
  'hash:net,iface',
  'bitmap:ip',
  'bitmap:ip,mac',
  'bitmap:port',
  'list:set',
];

interface Made {
  readonly name: string;
  readonly type: string;
  readonly six: boolean;
  readonly options: readonly string[];
}

export function randomIpset(dice: Dice): string[] {
  const sets = Array.from({ length: dice.int(2, 5) }, (_zero, index) => randomSet(dice, `s${index}`));
  const lines = sets.map(({ name, type, options }) => `create ${name} ${type} ${options.join(' ')}`.trim());
  for (let count = dice.int(10, 50); count > 0; count--) lines.push(randomLine(dice, sets));
  return [...lines, 'list', 'save', 'destroy', 'list -n'];
}

function randomSet(dice: Dice, name: string): Made {
  const type = dice.pick(TYPES);
  const six = dice.chance(0.35) && type.startsWith('hash');
  const options = ['timeout 1000', 'counters', 'comment', 'skbinfo'].filter(() => dice.chance(0.35));
  if (six) options.push('family inet6');
  if (type.startsWith('hash') && dice.chance(0.2)) options.push(`maxelem ${dice.int(0, 6)}`);
  if (type === 'hash:ip' && dice.chance(0.3)) options.push(`netmask ${six ? 64 : dice.int(20, 32)}`);
  if (type.startsWith('bitmap:ip')) options.push('range 10.0.0.0/28');
  if (type === 'bitmap:port') options.push('range 75-90');
  return { name, type, six, options: dice.shuffled(options) };
}

function randomLine(dice: Dice, sets: readonly Made[]): string {
  const set = dice.pick(sets);
  const verb = dice.weighted([
    [10, 'add'],
    [4, 'del'],
    [5, 'test'],
    [0.3, 'flush'],
    [0.3, 'swap'],
    [0.3, 'rename'],
    [0.3, 'save'],
    [0.3, 'list'],
    [0.2, 'destroy'],
  ]);
  if (verb === 'swap' || verb === 'rename') return `${verb} ${set.name} ${dice.pick(sets).name}`;
  if (verb !== 'add' && verb !== 'del' && verb !== 'test') return `${verb} ${set.name}`;
  const member = set.type === 'list:set' ? dice.pick(sets).name : element(dice, set);
  // Its time is over then, and the kernel takes it out some time later.
  const ends = set.type === 'bitmap:ip,mac' && set.options.includes('timeout 1000') && !member.includes(',');
  const exist = dice.chance(0.3) && verb !== 'test' && !ends ? ' -exist' : '';
  return `${verb} ${set.name} ${member}${words(dice, set, verb)}${exist}`;
}

function words(dice: Dice, { type, options }: Made, verb: string): string {
  const given: string[] = [];
  if (type.includes('net') && verb !== 'del' && dice.chance(0.2)) given.push('nomatch');
  if (verb !== 'add') return given.map((word) => ` ${word}`).join('');
  const has = (option: string): boolean => options.some((one) => one.startsWith(option)) || dice.chance(0.02);
  if (has('timeout') && dice.chance(0.5)) given.push(`timeout ${dice.pick([0, 500])}`);
  // A bitmap of the kernel keeps the counters of a member that was deleted for the next one there.
  if (has('counters') && (dice.chance(0.4) || type === 'hash:ip' || type.startsWith('bitmap')))
    given.push(`packets ${dice.int(0, 9)} bytes ${dice.u32()}`);
  if (has('comment') && dice.chance(0.5)) given.push(`comment "${dice.pick(['x', 'a b', ''])}"`);
  if (has('skbinfo') && dice.chance(0.5)) {
    given.push(dice.pick(['skbmark 0x1', 'skbmark 0x10/0xf0', 'skbprio 1:a', 'skbqueue 3']));
  }
  if (type === 'hash:net,iface' && dice.chance(0.2)) given.push('wildcard');
  return given.map((word) => ` ${word}`).join('');
}

const element = (dice: Dice, set: Made): string =>
  (set.type === 'bitmap:ip,mac' && dice.chance(0.3) ? 'bitmap:ip' : set.type)
    .slice(set.type.indexOf(':') + 1)
    .split(',')
    .map((part) => partOf(dice, part, set))
    .join(',');

function partOf(dice: Dice, part: string, { six, type, options }: Made): string {
  // The real tool crashes on ICMP in a bitmap.
  if (type === 'bitmap:port')
    return dice.pick(['80', 'tcp:81', 'udp:80', 'http', '80-82', '90-85', 'foo', '70000', 'sctp:80', '70']);
  if (part === 'port') {
    return dice.weighted([
      [4, dice.pick(['80', '81', 'tcp:80', 'udp:80', 'http', 'tcp:80-82'])],
      [1, dice.pick(['gre:0', six ? 'icmpv6:ping' : 'icmp:ping', 'sctp:80', '90-85'])],
      [0.2, dice.pick(['foo', '70000', 'gre:1'])],
    ]);
  }
  if (part === 'mac') return dice.pick(['2:0:0:0:0:1', '02:00:00:00:00:02', '0:0:0:0:0:0', '2:0:0:0:0']);
  if (part === 'iface') return dice.pick(['eth0', 'eth1', 'eth', 'lan']);
  const last = dice.int(0, 9);
  const host = six ? `fd00::${dice.int(0, 1)}:${last}` : `10.0.${dice.int(0, 1)}.${last}`;
  return dice.weighted([
    [6, host],
    [
      part === 'net' ? 4 : 0.5,
      `${host}/${six ? dice.pick([112, 124, 127]) : dice.pick(part === 'net' ? [8, 24, 28, 30, 31] : [24, 28, 30, 31])}`,
    ],
    // With a netmask the kernel masks the first word of a range only: written backwards, it puts in what no packet meets.
    [
      0.6,
      six ? host : `10.0.0.${last}-10.0.0.${dice.int(options.some((one) => one.startsWith('netmask')) ? last : 0, 9)}`,
    ],
    [0.1, six ? '10.0.0.1' : 'fd00::1'],
    [0.1, `${host}/0`],
    [0.05, six ? '::' : '0.0.0.0'],
  ]);
}
