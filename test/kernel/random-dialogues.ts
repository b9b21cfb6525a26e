// Random dialogues of protocols that have helpers, with random rules around them: translated or not, let through or only what is RELATED.

import type { Scenario } from '../../testing/scenario/scenario-format.ts';
import { Connection, datagram, type Family, type Host, type Place, Wire } from './dialogues.ts';
import { Dice } from './dice.ts';

const INSIDE: Record<Family, readonly string[]> = { 4: ['10.1.0.5', '10.1.200.77'], 6: ['fd00:1::5', 'fd00:1::9:8:7'] };
const OUTSIDE: Record<Family, readonly string[]> = {
  4: ['192.0.2.9', '198.51.100.200'],
  6: ['2001:db8::9', '2001:db8:7::77'],
};
/** What the inside is translated to; '' for none. Shorter and longer than what the payload says. */
const SOURCES: Record<Family, readonly string[]> = {
  4: ['', '', 'MASQUERADE', 'SNAT --to-source 9.9.9.9', 'SNAT --to-source 203.0.113.200'],
  6: ['', '', 'MASQUERADE', 'SNAT --to-source 2001:db8::1', 'SNAT --to-source 2001:db8:1:2:3:4:5:6'],
};
const ROUTER: Record<Family, string> = { 4: '10.0.2.1', 6: 'fd00:b::1' };

interface Setting {
  readonly family: Family;
  /** Address that the inside host has for the outside when it is forwarded to; undefined: its own. */
  readonly forwarded: string | undefined;
  readonly inside: Host;
  readonly outside: Host;
}

export function randomDialogue(seed: number): Scenario {
  const dice = new Dice(seed);
  const family = dice.pick([4, 6] as const);
  const inside: Host = { address: dice.pick(INSIDE[family]), side: 'A' };
  const outside: Host = { address: dice.pick(OUTSIDE[family]), side: 'B' };
  const forwarded = dice.chance(0.4) ? ROUTER[family] : undefined;
  const rules = rulesFor(dice, family, inside, forwarded);
  const sysctls = {
    ...(dice.chance(0.3) && { 'net.netfilter.nf_conntrack_acct': 1 }),
    ...(dice.chance(0.1) && { 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 }),
  };
  const wire = new Wire(dice, family === 4 ? rules : '', family === 6 ? rules : '', sysctls);
  const talks = Array.from({ length: dice.int(1, 3) }, (_, index) =>
    talk(wire, { family, inside, outside, forwarded }, 100 * index),
  );
  while (talks.length > 0) {
    const one = dice.pick(talks);
    if (one.next().done) talks.splice(talks.indexOf(one), 1);
    if (dice.chance(0.05)) wire.steps.push({ ct: true });
  }
  const steps = [...wire.steps, { counters: true as const }, { ct: true as const }];
  return { name: `seed ${seed}`, [`v${family}rules`]: rules, sysctls, steps };
}

// --- Rules ------------------------------------------------------------------------------------------------------------

const HELPERS: readonly (readonly [name: string, protocol: string, port: number, only4?: true])[] = [
  ['ftp', 'tcp', 21],
  ['tftp', 'udp', 69],
  ['irc', 'tcp', 6667, true],
  ['sane', 'tcp', 6566],
  ['amanda', 'udp', 10_080],
];

function rulesFor(dice: Dice, family: Family, inside: Host, forwarded: string | undefined): string {
  const zone = dice.chance(0.1) ? ' --zone 5' : '';
  const raw = HELPERS.filter(([, , , only4]) => family === 4 || !only4).map(
    ([name, protocol, port]) => `-A PREROUTING -p ${protocol} --dport ${port} -j CT --helper ${name}${zone}`,
  );
  if (zone !== '') raw.push('-A PREROUTING -j CT --zone 5');
  const marks = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID'].map(
    (state) => `-A FORWARD -m conntrack --ctstate ${state}`,
  );
  const mangle = [...marks, '-A FORWARD -m helper --helper ftp', '-A FORWARD -m conntrack --ctstatus EXPECTED'];
  if (dice.chance(0.3)) mangle.unshift('-A PREROUTING -p tcp --dport 21 -j CONNMARK --set-mark 3');
  const source = dice.pick(SOURCES[family]);
  const nat = source === '' ? [] : [`-A POSTROUTING -o tunB -j ${source}`];
  if (forwarded !== undefined) {
    const to = family === 4 ? inside.address : `[${inside.address}]`;
    for (const [, protocol, port] of HELPERS) {
      const target = port === 21 && dice.chance(0.5) ? `${to}:2121` : inside.address;
      nat.push(
        `-A PREROUTING -i tunB -p ${protocol} -d ${forwarded} --dport ${port} -j DNAT --to-destination ${target}`,
      );
    }
  }
  const strict = dice.chance(0.5);
  const allowed = [
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ...HELPERS.map(([, protocol, port]) => `-A FORWARD -p ${protocol} --dport ${port} -j ACCEPT`),
    '-A FORWARD -p tcp --dport 2121 -j ACCEPT',
  ];
  const table = (name: string, lines: readonly string[]) => `*${name}\n${lines.join('\n')}\nCOMMIT\n`;
  return [
    table('raw', raw),
    table('mangle', mangle),
    nat.length > 0 || dice.chance(0.2) ? table('nat', nat) : '',
    table('filter', strict ? [':FORWARD DROP [0:0]', ...allowed] : []),
  ].join('');
}

// --- Talks ------------------------------------------------------------------------------------------------------------

interface Parties {
  readonly client: Host;
  readonly server: Host;
  /** Where the client finds the server's port. */
  seen(port: number): Place;
  /** The port that the server has for it. */
  at(port: number): number;
}

function parties(dice: Dice, { inside, outside, forwarded }: Setting): Parties {
  if (dice.chance(forwarded === undefined ? 0.25 : 0.6)) {
    const address = forwarded ?? inside.address;
    return { client: outside, server: inside, seen: (port) => ({ address, port }), at: (port) => port };
  }
  return { client: inside, server: outside, seen: (port) => ({ address: outside.address, port }), at: (port) => port };
}

type Talk = Generator<void, void>;

function talk(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  return dice.weighted<() => Talk>([
    [8, () => ftp(wire, setting, index)],
    [setting.family === 4 ? 2 : 0, () => irc(wire, setting, index)],
    [2, () => tftp(wire, setting, index)],
    [1, () => amanda(wire, setting, index)],
    [1, () => sane(wire, setting, index)],
    [3, () => junk(wire, setting, index)],
  ])();
}

const COMMAS = /(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)/;
const BARS = /\|\d\|([^|]+)\|(\d+)\|/;

function* ftp(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const { family } = setting;
  const who = parties(dice, setting);
  // The rule may forward to another port: the server hears at both.
  const control = (at: number) =>
    new Connection(wire, family, who.client, 40_000 + index, who.seen(21), who.server, at);
  let session = control(21);
  if (!session.open()) {
    session = control(2121);
    if (!session.open()) return;
  }
  yield;
  session.say('server', '220 ready\r\n');
  yield;
  for (let turn = 0, port = 5_000 + index; turn < dice.int(2, 7); turn++, port++) {
    const active = dice.chance(0.5);
    yield* small(session, dice);
    const said = active ? announce(dice, family, who.client, port) : dice.pick(['PASV\r\n', 'EPSV\r\n', 'epsv\r\n']);
    session.heard.server = '';
    session.say('client', said);
    yield;
    session.heard.client = '';
    session.say('server', active ? '200 ok\r\n' : reply(dice, family, who.server, port));
    yield;
    const place = active ? announced(session.heard.server) : announced(session.heard.client, who.seen(21).address);
    if (place && dice.chance(0.85)) yield* data(wire, family, who, active, place, port, index + turn);
  }
  if (dice.chance(0.7)) session.close(dice.pick(['client', 'server'] as const));
}

/** Words that mean nothing to the helper, or should not. */
function* small(session: Connection, dice: Dice): Talk {
  while (dice.chance(0.4)) {
    const words = ['USER x', 'NOOP', 'PORT', 'PORT 1,2', 'EPRT |3|x|1|', 'LIST', 'POR', ''];
    session.say('client', `${dice.pick(words)}${dice.chance(0.9) ? '\r\n' : ''}`.padEnd(1, '\n'));
    yield;
    session.say('server', dice.pick(['200 ok\r\n', '331 go on\r\n', '227\r\n', '22', '229 (|\r\n', '150 data']));
    yield;
  }
}

function announce(dice: Dice, family: Family, { address }: Host, port: number): string {
  const other = dice.chance(0.06);
  const own = other ? (family === 4 ? '10.1.0.99' : 'fd00:1::99') : address;
  if (family === 6) return `EPRT |2|${own}|${port}|\r\n`;
  if (dice.chance(0.4)) return `EPRT |1|${own}|${port}|\r\n`;
  return `${dice.pick(['PORT', 'port'])} ${own.replaceAll('.', ',')},${port >>> 8},${port & 0xff}\r\n`;
}

const reply = (dice: Dice, family: Family, { address }: Host, port: number): string =>
  family === 6 || dice.chance(0.5)
    ? `229 Extended (|||${port}|)\r\n`
    : `227 Passive (${address.replaceAll('.', ',')},${port >>> 8},${port & 0xff}).\r\n`;

/** Where a listener says that it is; its own address where it says none. */
function announced(text: string, address?: string): Place | undefined {
  const commas = COMMAS.exec(text)?.slice(1).map(Number);
  if (commas) return { address: commas.slice(0, 4).join('.'), port: commas[4] * 256 + commas[5] };
  const bars = BARS.exec(text);
  if (bars) return { address: compressed(bars[1]), port: Number(bars[2]) };
  const port = /\|\|\|(\d+)\|/.exec(text);
  return port && address !== undefined ? { address, port: Number(port[1]) } : undefined;
}

/** The kernel writes IPv6 addresses in full. */
const compressed = (address: string): string =>
  address.includes(':') ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;

function* data(
  wire: Wire,
  family: Family,
  who: Parties,
  active: boolean,
  place: Place,
  port: number,
  index: number,
): Talk {
  const { dice } = wire;
  const [from, to] = active ? [who.server, who.client] : [who.client, who.server];
  const connection = new Connection(wire, family, from, active ? 20 : 45_000 + index, place, to, port);
  if (!connection.open()) return;
  yield;
  for (let count = dice.int(0, 3); count > 0; count--) {
    connection.say(dice.pick(['client', 'server'] as const), 'PORT 1,2,3,4,5,6\r\ndata');
    yield;
  }
  connection.close(dice.pick(['client', 'server'] as const));
  yield;
}

function* irc(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const who = parties(dice, setting);
  const session = new Connection(wire, 4, who.client, 41_000 + index, who.seen(6667), who.server, 6667);
  if (!session.open()) return;
  session.say('server', ':welcome\r\n');
  yield;
  for (let turn = dice.int(1, 4); turn > 0; turn--) {
    const port = 6_000 + index + turn;
    const own = who.client.address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    const said = `PRIVMSG bob :\x01DCC ${dice.pick(['SEND', 'CHAT', 'NONE'])} f.txt ${own} ${port}\x01\r\n`;
    session.say('client', said);
    yield;
    session.say('server', 'PING\r\n');
    session.say('client', 'PONG\r\n');
    yield;
    const [, address, at] = /f\.txt (\d+) (\d+)/.exec(session.heard.server) ?? [];
    if (address === undefined || !dice.chance(0.7)) continue;
    const place = {
      address: [24, 16, 8, 0].map((shift) => (Number(address) >>> shift) & 0xff).join('.'),
      port: Number(at),
    };
    const direct = new Connection(wire, 4, who.server, 7_000 + index + turn, place, who.client, port);
    if (direct.open()) direct.close('client');
    yield;
  }
}

function* tftp(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const who = parties(dice, setting);
  const client = { ...who.client, port: 2_000 + index };
  const opcode = dice.pick(['\0\x01', '\0\x02', '\0\x03']);
  const asked = datagram(
    wire,
    setting.family,
    client,
    who.seen(69),
    { ...who.server, port: 69 },
    `${opcode}boot\0octet\0`,
  );
  yield;
  if (!asked) return;
  const server = { ...who.server, port: 3_000 + index };
  const answered = datagram(wire, setting.family, server, asked.from, client, '\0\x03\0\x01data');
  yield;
  if (answered) datagram(wire, setting.family, client, answered.from, server, '\0\x04\0\x01');
}

function* amanda(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const who = parties(dice, setting);
  const client = { ...who.client, port: 900 + index };
  const server = { ...who.server, port: 10_080 };
  const asked = datagram(wire, setting.family, client, who.seen(10_080), server, 'Amanda REQ\n');
  yield;
  if (!asked) return;
  const port = 1_100 + index;
  const says = `REP\nCONNECT DATA ${port} MESG ${port + 1} INDEX ${dice.pick([port + 2, 'x', 0])}\n`;
  const answered = datagram(wire, setting.family, server, asked.from, client, says);
  yield;
  const found = /DATA (\d+)/.exec(answered?.text ?? '');
  if (!found) return;
  const place = { address: who.seen(0).address, port: Number(found[1]) };
  const stream = new Connection(wire, setting.family, who.client, 42_000 + index, place, who.server, port);
  if (stream.open()) stream.close('client');
}

function* sane(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const who = parties(dice, setting);
  const session = new Connection(wire, setting.family, who.client, 43_000 + index, who.seen(6566), who.server, 6566);
  if (!session.open()) return;
  yield;
  const port = 8_000 + index;
  session.say('client', `\0\0\0${dice.pick(['\x07', '\x06'])}\0\0\0\0`);
  session.say('server', `\0\0\0\0\0\0${String.fromCharCode(port >>> 8, port & 0xff)}\0\0`);
  yield;
  const place = { address: who.seen(0).address, port };
  const picture = new Connection(wire, setting.family, who.client, 44_000 + index, place, who.server, port);
  if (picture.open()) picture.close('server');
}

// --- Junk -------------------------------------------------------------------------------------------------------------

/** Pieces of what helpers look for, in any order. */
const PIECES: Readonly<Record<string, readonly string[]>> = {
  ftp: [
    'PORT ',
    'EPRT ',
    '227 ',
    '229 (',
    '10,1,0,5,',
    '192,0,2,9,',
    '5,6',
    '|1|10.1.0.5|',
    '|2|fd00:1::5|',
    '|||',
    '1286|',
    ')',
    '0',
  ],
  irc: [
    'PRIVMSG x',
    ' :',
    '\x01DCC ',
    'SEND ',
    'CHAT ',
    'f ',
    '167837701 ',
    '3221226021 ',
    '5000',
    '\x01',
    '0',
    '99999999999 ',
  ],
  sane: ['\0\0\0\x07', '\0\0\0\0', '\x1b\x58', '\0\0', '\x01'],
  amanda: ['CONNECT ', 'DATA ', 'MESG ', 'INDEX ', 'STATE ', '1001', ' ', '0', '99999', 'x'],
  tftp: ['\0\x01', '\0\x02', '\0\x03', '\0', 'boot'],
};
const ANY = ['\r\n', '\r\n', '\n', '\r', ' ', ',', '|', 'x', '\xff', '7'];

function nonsense(dice: Dice, helper: string): string {
  const pieces = () => dice.pick(dice.chance(0.75) ? PIECES[helper] : ANY);
  const text = Array.from({ length: dice.int(1, 9) }, pieces).join('');
  return `${text}${dice.chance(0.6) ? '\r\n' : ''}`.slice(0, 400);
}

function* junk(wire: Wire, setting: Setting, index: number): Talk {
  const { dice } = wire;
  const { family } = setting;
  const who = parties(dice, setting);
  const [helper, protocol, port] = dice.pick(HELPERS.filter(([, , , only4]) => family === 4 || !only4));
  if (protocol === 'udp') {
    const client = { ...who.client, port: 2_500 + index };
    const server = { ...who.server, port };
    for (let count = dice.int(1, 6), heard: Place | undefined; count > 0; count--) {
      const asked = datagram(wire, family, client, who.seen(port), server, nonsense(dice, helper));
      heard = asked?.from ?? heard;
      yield;
      if (heard) datagram(wire, family, server, heard, client, nonsense(dice, helper));
      yield;
    }
    return;
  }
  let session = new Connection(wire, family, who.client, 46_000 + index, who.seen(port), who.server, port);
  if (!session.open()) {
    session = new Connection(wire, family, who.client, 46_500 + index, who.seen(port), who.server, 2121);
    if (!session.open()) return;
  }
  session.say('server', '220 hello\r\n');
  session.say('client', 'hello\r\n');
  for (let count = dice.int(2, 14); count > 0; count--) {
    session.say(dice.pick(['client', 'server'] as const), nonsense(dice, helper));
    yield;
  }
}
