// Random calls and their signalling: SIP, H.323 and PPTP, those of SIP and PPTP with octets and lines changed as a stranger would, translated or not. The ends talk through
// our engine; the kernel gets the same packets (dialogues.ts).

import { gre, ip } from '../../packet/build.ts';
import type { Scenario } from '../../testing/scenario/scenario-format.ts';
import * as h323 from '../conntrack/helpers/h323-messages.ts';
import { Connection, datagram, type Family, type Host, type Place, Wire } from './dialogues.ts';
import { Dice } from './dice.ts';

const INSIDE: Record<Family, string> = { 4: '10.1.0.5', 6: 'fd00:1::5' };
const OUTSIDE: Record<Family, string> = { 4: '192.0.2.9', 6: '2001:db8::9' };
const STRANGER: Record<Family, string> = { 4: '198.51.100.200', 6: '2001:db8:7::77' };
const ROUTER: Record<Family, string> = { 4: '10.0.2.1', 6: 'fd00:b::1' };
const SOURCES: Record<Family, readonly string[]> = {
  4: ['', 'MASQUERADE', 'SNAT --to-source 9.9.9.9', 'SNAT --to-source 203.0.113.200'],
  6: ['', 'MASQUERADE', 'SNAT --to-source 2001:db8:1:2:3:4:5:6'],
};

interface Helper {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly families: readonly Family[];
  /** What an end may say, in octets as characters. */
  say(voice: Voice): string;
}

/** Who speaks, what he may name, and chance. */
interface Voice {
  readonly dice: Dice;
  readonly family: Family;
  readonly client: boolean;
  /** Addresses that mean something here. */
  readonly addresses: readonly string[];
}

const HELPERS: readonly Helper[] = [
  { name: 'sip', protocol: 'udp', port: 5060, families: [4, 6], say: sayOfSip },
  { name: 'sip', protocol: 'tcp', port: 5060, families: [4, 6], say: sayOfSip },
  { name: 'Q.931', protocol: 'tcp', port: 1720, families: [4, 6], say: sayOfCall },
  { name: 'RAS', protocol: 'udp', port: 1719, families: [4, 6], say: sayOfRas },
  { name: 'pptp', protocol: 'tcp', port: 1723, families: [4], say: sayOfPptp },
];

export function randomSignalling(seed: number): Scenario {
  const dice = new Dice(seed);
  const helper = dice.pick(HELPERS);
  const family = dice.pick(helper.families);
  const source = dice.pick(SOURCES[family]);
  const rules = rulesFor(helper, source);
  const wire = new Wire(dice, family === 4 ? rules : '', family === 6 ? rules : '', {});
  // The kernel lets helpers read errors as if they were what they quote (docs/differences.md).
  wire.complains = false;
  const inside: Host = { address: INSIDE[family], side: 'A' };
  const outside: Host = { address: OUTSIDE[family], side: 'B' };
  const seen = source === '' ? inside.address : (/to-source (\S+)/.exec(source)?.[1] ?? ROUTER[family]);
  const addresses = [INSIDE[family], OUTSIDE[family], seen, STRANGER[family]];
  const say = (client: boolean): string => helper.say({ dice, family, client, addresses });
  if (helper.protocol === 'udp') overDatagrams(wire, family, helper.port, inside, outside, say);
  else overConnection(wire, family, helper.port, inside, outside, say);
  for (let frame = dice.int(0, 4); frame > 0; frame--) sendFrame(wire, family, dice.chance(0.5), seen);
  const steps = [...wire.steps, { counters: true as const }, { ct: true as const }];
  return { name: `seed ${seed}`, [`v${family}rules`]: rules, steps };
}

function rulesFor({ name, protocol, port }: Helper, source: string): string {
  const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID'].map(
    (state) => `-A FORWARD -m conntrack --ctstate ${state}\n`,
  );
  return [
    `*raw\n-A PREROUTING -p ${protocol} --dport ${port} -j CT --helper ${name}\nCOMMIT\n`,
    `*mangle\n${states.join('')}COMMIT\n`,
    source === '' ? '' : `*nat\n-A POSTROUTING -o tunB -j ${source}\nCOMMIT\n`,
  ].join('');
}

type Say = (client: boolean) => string;

function overDatagrams(wire: Wire, family: Family, port: number, inside: Host, outside: Host, say: Say): void {
  const { dice } = wire;
  const client = { ...inside, port };
  const server = { ...outside, port };
  let heard: Place | undefined;
  for (let turn = dice.int(2, 10); turn > 0; turn--) {
    const asked = datagram(wire, family, client, { address: outside.address, port }, server, say(true));
    heard = asked?.from ?? heard;
    if (heard && dice.chance(0.8)) datagram(wire, family, server, heard, client, say(false));
    if (dice.chance(0.2)) wire.steps.push({ ct: true });
  }
}

function overConnection(wire: Wire, family: Family, port: number, inside: Host, outside: Host, say: Say): void {
  const { dice } = wire;
  const talk = new Connection(wire, family, inside, 40_000, { address: outside.address, port }, outside, port);
  if (!talk.open()) return;
  for (let turn = dice.int(2, 12); turn > 0; turn--) {
    const client = dice.chance(0.6);
    talk.say(client ? 'client' : 'server', say(client));
    if (dice.chance(0.2)) wire.steps.push({ ct: true });
  }
  if (dice.chance(0.3)) talk.close(dice.pick(['client', 'server'] as const));
}

/** What may have been expected: a frame of a tunnel, or sound. */
function sendFrame(wire: Wire, family: Family, up: boolean, seen: string): void {
  const { dice } = wire;
  if (family === 4 && dice.chance(0.5)) {
    const ends = up ? { src: INSIDE[4], dst: OUTSIDE[4] } : { src: OUTSIDE[4], dst: seen };
    wire.put(up ? 'A' : 'B', ip(4, ends, gre({ version: 1, callId: dice.pick(CALL_IDS), seq: 1, data: 'frame' })));
    return;
  }
  const inside = { address: INSIDE[family], side: 'A' as const, port: dice.pick(PORTS) };
  const outside = { address: OUTSIDE[family], side: 'B' as const, port: dice.pick(PORTS) };
  if (up) datagram(wire, family, inside, outside, outside, 'sound');
  else datagram(wire, family, outside, { address: seen, port: inside.port }, inside, 'sound');
}

const latin = (octets: Uint8Array): string => String.fromCharCode(...octets);
const octetsOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Some octets are others, and the end may be missing. */
function bent(dice: Dice, text: string): string {
  if (dice.chance(0.6)) return text;
  const octets = octetsOf(text);
  for (let turn = dice.int(1, 3); turn > 0; turn--) {
    const at = dice.int(0, octets.length - 1);
    octets[at] = dice.chance(0.5) ? dice.u32() : octets[at] ^ (1 << dice.int(0, 7));
  }
  return latin(dice.chance(0.2) ? octets.subarray(0, dice.int(1, octets.length)) : octets);
}

// --- SIP ----------------------------------------------------------------------------------------------------------------------

const PORTS = [5060, 5061, 4_000, 4_001, 6_000, 1_024, 80];
const METHODS = ['INVITE', 'INVITE', 'UPDATE', 'ACK', 'PRACK', 'BYE', 'REGISTER', 'OPTIONS', 'CANCEL'];
const CODES = ['100 Trying', '180 Ringing', '183 Progress', '200 OK', '200 OK', '404 Not Found', '603 Decline'];

function sayOfSip({ dice, family, client, addresses }: Voice): string {
  const bracketed = (address: string) => (family === 6 ? `[${address}]` : address);
  const [inside, outside] = addresses;
  const own = client ? inside : outside;
  const host = () => bracketed(dice.chance(0.75) ? own : dice.pick(addresses));
  const port = () => (dice.chance(0.5) ? ':5060' : dice.chance(0.7) ? `:${dice.pick(PORTS)}` : '');
  const method = dice.pick(METHODS);
  const cseq = dice.pick([1, 1, 1, 2, 4_294_967_295]);
  const uri = (name: string, spare = '') => `<sip:${name}@${host()}${port()}${spare}>`;
  const parameters = () =>
    dice.pick(['', '', ';expires=600', ';expires=0', ';transport=udp', ';transport=tcp', `;maddr=${host()}`]);
  const first = dice.chance(0.55)
    ? `${method} sip:${dice.chance(0.8) ? 'bob@' : ''}${bracketed(dice.pick(addresses))}${port()} SIP/2.0`
    : `SIP/2.0 ${dice.pick(CODES)}`;
  const via = dice.pick(['', ';rport', ';rport=5060', `;received=${dice.pick(addresses)}`, `;maddr=${host()}`]);
  const body = dice.chance(0.6) ? sdp(dice, family, host, own) : '';
  const headers = [
    `${dice.pick(['Via', 'v', 'VIA'])}: SIP/2.0/${dice.pick(['UDP', 'UDP', 'TCP'])} ${host()}${port()};branch=z${via}`,
    `${dice.pick(['From', 'f'])}: ${uri('alice')};tag=1`,
    `${dice.pick(['To', 't'])}: ${uri('bob')}`,
    `${dice.pick(['Call-ID', 'i'])}: 7@${own}`,
    `CSeq: ${cseq} ${method}`,
    `${dice.pick(['Contact', 'm', 'contact'])}: ${uri('alice', dice.pick(['', ';transport=udp']))}${parameters()}`,
    ...(dice.chance(0.3) ? [`Expires: ${dice.pick([0, 60, 3_600, 'x'])}`] : []),
    ...(dice.chance(0.1) ? [`Contact: ${uri('other')}, ${uri('third')}`] : []),
    ...(body ? ['Content-Type: application/sdp'] : []),
    `${dice.pick(['Content-Length', 'l'])}: ${body !== '' || dice.chance(0.9) ? body.length : dice.int(0, 300)}`,
  ];
  const kept = headers.filter(() => dice.chance(0.96));
  if (dice.chance(0.05)) kept.reverse();
  const spaced = kept.map((line) =>
    dice.chance(0.94) ? line : line.replace(': ', dice.pick([':', ' : ', ':\t', ':\r\n ', ':  '])),
  );
  const text = `${first}\r\n${spaced.join('\r\n')}\r\n\r\n${body}`;
  return body !== '' || dice.chance(0.85) ? text : bent(dice, text);
}

/** With a stream at the least: without one the kernel writes an address that nobody set (docs/differences.md). */
function sdp(dice: Dice, family: Family, host: () => string, own: string): string {
  const address = () => (dice.chance(0.85) ? own : host().replace(/[[\]]/g, ''));
  const kind = () => `IN IP${dice.chance(0.97) ? family : 10 - family} ${address()}`;
  const lines = [
    'v=0',
    `o=- 1 1 ${kind()}`,
    's=-',
    ...(dice.chance(0.85) ? [`c=${kind()}`] : []),
    't=0 0',
    ...(dice.chance(0.1) ? [`m=text ${dice.pick(PORTS)} RTP/AVP 0`] : []),
  ].filter(() => dice.chance(0.98));
  const streams = Array.from({ length: dice.int(1, 3) }, (_, index) => media(dice, index > 0)).flatMap((line) =>
    dice.chance(0.2) ? [line, `c=${kind()}`] : [line],
  );
  return `${[...lines, ...streams].join('\r\n')}\r\n`;
}

const media = (dice: Dice, any: boolean): string =>
  `m=${dice.pick(['audio', 'video', 'image'])} ${dice.pick([5060, 4_000, 6_002, 65_535, ...(any ? [0, 80] : [])])} RTP/AVP 0`;

// --- H.323 --------------------------------------------------------------------------------------------------------------------

const place = ({ dice, addresses, client }: Voice): h323.At => ({
  address: dice.chance(0.7) ? addresses[client ? 0 : 1] : dice.pick(addresses),
  port: dice.pick([1_720, 1_719, 4_001, 5_000, 5_002, 5_003, 6_000]),
});

function channel(voice: Voice): h323.Channel {
  const { dice } = voice;
  return {
    ...(dice.chance(0.8) && { media: place(voice) }),
    ...(dice.chance(0.7) && { control: place(voice) }),
    ...(dice.chance(0.2) && { stack: place(voice) }),
    ...(dice.chance(0.3) && { reverse: true, ...(dice.chance(0.3) && { multiplex: dice.pick(h323.NETWORKS) }) }),
    ...(dice.chance(0.5) && { carries: dice.pick(h323.KINDS) }),
  };
}

function sayOfCall(voice: Voice): string {
  const { dice } = voice;
  const fast = dice.chance(0.5) ? Array.from({ length: dice.int(1, 3) }, () => channel(voice)) : undefined;
  const control = dice.chance(0.6) ? place(voice) : undefined;
  const rich = dice.chance(0.2);
  const body = dice.weighted([
    [3, () => h323.setup({ control, fast, rich, ...(dice.chance(0.5) && { from: place(voice), to: place(voice) }) })],
    [1, () => h323.underWay(dice.pick([1, 3] as const), { control, fast, rich })],
    [1, () => h323.connect({ control, fast })],
    [1, () => h323.facility({ control, alternative: place(voice), reason: dice.int(0, 3) })],
    [1, () => h323.progress({ control, fast })],
  ])();
  const tunnelled = dice.chance(0.4)
    ? Array.from({ length: dice.int(1, 2) }, () => dice.pick([h323.olc, h323.olcAck])(channel(voice)))
    : [];
  const message = h323.q931(body, tunnelled);
  return latin(h323.tpkt(dice.chance(0.6) ? message : octetsOf(bent(dice, latin(message)))));
}

function sayOfRas(voice: Voice): string {
  const { dice } = voice;
  const [one, other] = [place(voice), place(voice)];
  const signal = dice.chance(0.3) ? [dice.pick(h323.ELSEWHERES), one] : [one, ...(dice.chance(0.3) ? [other] : [])];
  const seconds = dice.pick([0, 60, 600]);
  const whole = latin(
    dice.weighted<() => Uint8Array>([
      [1, () => h323.grq(one)],
      [1, () => h323.gcf(one)],
      [4, () => h323.rrq(signal, [other], seconds)],
      [2, () => h323.rcf([one], seconds)],
      [1, () => h323.urq([one])],
      [1, () => h323.arq({ from: one, to: other })],
      [1, () => h323.acf(one)],
      [1, () => h323.lrq(one)],
      [1, () => h323.lcf(one, other)],
      [1, () => h323.irr(one, [other])],
    ])(),
  );
  return bent(dice, whole);
}

// --- PPTP ---------------------------------------------------------------------------------------------------------------------

const CALL_IDS = [0x1111, 0x2222, 7, 40_000, 0];

/** A control message: type, length of its body, and 16-bit numbers of that. RFC 2637 */
const CONTROL: readonly (readonly [type: number, length: number, numbers: (id: () => number) => number[]])[] = [
  [1, 144, () => [0x0100]],
  [2, 144, () => [0x0100, 0x0100]],
  [3, 4, () => [0x0100]],
  [4, 4, () => [0x0100]],
  [7, 156, (id) => [id(), 1]],
  [8, 20, (id) => [id(), id(), 0x0100]],
  [9, 208, (id) => [id(), 1]],
  [10, 12, (id) => [id(), id(), 0x0100]],
  [11, 16, (id) => [id(), 0]],
  [12, 4, (id) => [id(), 0]],
  [13, 136, (id) => [id(), 0x0100]],
  [14, 12, (id) => [id(), 0]],
  [15, 12, (id) => [id(), 0]],
];
const OF_CLIENT = [0, 0, 2, 4, 4, 4, 7, 9, 11, 12];
const OF_SERVER = [1, 1, 3, 5, 5, 5, 6, 8, 10, 11];

function sayOfPptp({ dice, client }: Voice): string {
  const index = dice.chance(0.9) ? dice.pick(client ? OF_CLIENT : OF_SERVER) : dice.int(0, CONTROL.length - 1);
  const [type, length, numbers] = CONTROL[index];
  const octets = new Uint8Array(12 + length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, octets.length);
  view.setUint16(2, 1);
  view.setUint32(4, 0x1a2b_3c4d);
  view.setUint16(8, type);
  for (const [at, number] of numbers(() => dice.pick(CALL_IDS)).entries()) view.setUint16(12 + 2 * at, number);
  return dice.chance(0.8) ? latin(octets) : bent(dice, latin(octets));
}
