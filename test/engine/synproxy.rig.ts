// Talks through SYNPROXY: scenarios in which each end answers what it saw, and what came out of them in words that do not depend on
// the cookie and the clock. For the engine's rows, and beside the kernel.

import { ip, tcp } from '../../packet/build.ts';
import type { TcpFields } from '../../packet/build-transport.ts';
import { fromHex, toHex, u16, u32 } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import type { Copy, Emitted, Result, Scenario, Step } from '../../testing/scenario/scenario-format.ts';

export const CLIENT: Record<Family, string> = { 4: '10.1.0.1', 6: 'fd00:1::1' };
export const SERVER: Record<Family, string> = { 4: '10.9.0.1', 6: 'fd00:9::1' };
/** First sequence numbers and times of the two ends. */
export const CLIENT_SEQUENCE = 1_000;
export const SERVER_SEQUENCE = 5_000_000;
export const CLIENT_TIME = 2_000_000_000;
export const SERVER_TIME = 3_100_000_000;

const HEADERS: Record<Family, number> = { 4: 20, 6: 40 };

/** Where a number of an earlier packet stands and where it goes, in octets of the TCP header; 20 is the first option. */
export type Seen = readonly [step: number, from: number, to: number, add?: number, packet?: number];

function step(family: Family, side: 'A' | 'B', fields: TcpFields, seen: readonly Seen[]): Step {
  const [near, far] = [CLIENT[family], SERVER[family]];
  const [src, dst] = side === 'A' ? [near, far] : [far, near];
  const [sport, dport] = side === 'A' ? [4000, 80] : [80, 4000];
  const copies = seen.map(
    ([from, at, to, add = 0, packet = 0]): Copy => ({
      step: from,
      packet,
      from: HEADERS[family] + at,
      to: HEADERS[family] + to,
      add,
    }),
  );
  return { in: side, hex: toHex(ip(family, { src, dst }, tcp({ sport, dport, ...fields }))), copies };
}

export const client = (family: Family, fields: TcpFields, ...seen: readonly Seen[]): Step =>
  step(family, 'A', fields, seen);
export const server = (family: Family, fields: TcpFields, ...seen: readonly Seen[]): Step =>
  step(family, 'B', fields, seen);

/** Rules as the manual has them, or with the client's SYN tracked. */
export function rules(options: string, untracked = true): string {
  const raw = untracked ? '*raw\n-A PREROUTING -i tunA -p tcp -m tcp --syn -j CT --notrack\nCOMMIT\n' : '';
  const state = untracked ? 'INVALID,UNTRACKED' : 'NEW,INVALID';
  return `${raw}*filter\n-A FORWARD -i tunA -p tcp -m conntrack --ctstate ${state} -j SYNPROXY ${options}\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n`;
}

export function talk(name: string, family: Family, text: string, steps: readonly Step[]): Scenario {
  return {
    name,
    [family === 4 ? 'v4rules' : 'v6rules']: text,
    sysctls: { 'net.netfilter.nf_conntrack_tcp_loose': 0 },
    steps: [...steps, { counters: true }, { ct: true }, { read: '/proc/net/stat/synproxy' }],
  };
}

// --- What came out ---------------------------------------------------------------------------------------------------

/** What the run drew: cookies, and the times of the answers that they were in without what is hidden there. */
interface Drawn {
  readonly cookies: number[];
  readonly times: number[];
}

/** A line for each packet, counter and connection, and one for the counts of all. */
export function told({ steps }: Result): string[] {
  const drawn: Drawn = { cookies: [], times: [] };
  return steps.flatMap((one, index) => [
    ...(one.out ?? []).map((packet) => `${index} ${describe(packet, drawn)}`),
    ...(one.err === undefined ? [] : [`${index} ${one.err}`]),
    ...(one.v4_text ?? '').split('\n').filter((line) => line !== ''),
    ...(one.v6_text ?? '').split('\n').filter((line) => line !== ''),
    ...(one.text === undefined ? [] : [`statistics ${summed(one.text)}`]),
    ...(one.ct ?? []).map(({ timeout, state, flags }) => `${state} ${Math.round((timeout ?? 0) / 5) * 5} ${flags}`),
  ]);
}

/** The kernel has a line of counts for each processor. */
function summed(text: string): string {
  const sums: number[] = [];
  for (const line of text.trimEnd().split('\n').slice(1))
    line.split('\t').forEach((count, index) => {
      sums[index] = (sums[index] ?? 0) + Number.parseInt(count, 16);
    });
  return sums.join(' ');
}

function describe({ out, hex }: Emitted, drawn: Drawn): string {
  const octets = fromHex(hex)!;
  const pkt = Packet.of(octets);
  const { bytes, l4, end, family } = pkt;
  if (!header.fits(bytes, l4, end)) return `${out} ${hex}`;
  const flags = header.flags(bytes, l4);
  const time = header.timestamps(bytes, l4, end);
  const sequence = header.sequence(bytes, l4);
  if (flags & header.ACK && flags & header.SYN) {
    const known = drawn.cookies.indexOf(sequence);
    const tick = time < 0 ? undefined : u32(bytes, time + 2) & ~0x3f;
    // A SYN that came again is answered by the cookie of before, and by the clock as it is now.
    if (known >= 0 && tick !== undefined && known in drawn.times) drawn.times[known] = tick;
    else if (relative(sequence, drawn.cookies, 'cookie') === String(sequence)) {
      drawn.cookies.push(sequence);
      if (tick !== undefined) drawn.times.push(tick);
    }
  }
  const rest = family === 4 ? toHex(bytes, 0, 4).concat(' ', toHex(bytes, 4, 10)) : toHex(bytes, 0, 8);
  return [
    out,
    rest,
    `${header.sourcePort(bytes, l4)}>${header.destinationPort(bytes, l4)}`,
    `flags ${flags}`,
    `seq ${relative(sequence, drawn.cookies, 'cookie')}`,
    `ack ${relative(header.acknowledgment(bytes, l4), drawn.cookies, 'cookie')}`,
    `win ${header.window(bytes, l4)}`,
    ...options(pkt, drawn),
    `data ${end - l4 - header.headerLength(bytes, l4)}`,
    verify(pkt) ? '' : 'bad checksum',
  ].join(' ');
}

/**
 * Numbers near what was drawn are said by that; and numbers of the server that were shifted without having been so before. The two ends'
 * own come first: one cookie in a hundred is so small that they could be said by it.
 */
function relative(value: number, bases: readonly number[], name: string): string {
  if ([0, CLIENT_SEQUENCE, SERVER_SEQUENCE].some((own) => Math.abs((value - own) | 0) < 2 ** 10)) return String(value);
  const index = bases.findIndex((base) => Math.abs((value - base) | 0) < 2 ** 22);
  if (index >= 0) return `${name}${index}${signed(value - bases[index])}`;
  const taken = bases.findIndex((base) => (value + base) >>> 0 < 2 ** 25);
  return taken < 0 ? String(value) : `${(value + bases[taken]) >>> 0}-${name}${taken}`;
}

const signed = (difference: number): string => {
  const ahead = difference | 0;
  return ahead < 0 ? `${ahead}` : `+${ahead}`;
};

/** As they stand; times by the clock, which an echo to the server is ahead of, or behind. */
function options({ bytes, l4, end }: Packet, { times, cookies }: Drawn): string[] {
  const limit = header.optionsEnd(bytes, l4, end);
  const words: string[] = [];
  for (let here = l4 + header.LENGTH; here < limit; ) {
    const kind = bytes[here];
    const length = kind <= 1 ? 1 : Math.max(2, bytes[here + 1]);
    if (kind === header.TCPOPT_TIMESTAMP)
      words.push(`ts ${moment(u32(bytes, here + 2), times)} ${moment(u32(bytes, here + 6), times)}`);
    else if (kind === header.TCPOPT_MSS) words.push(`mss ${u16(bytes, here + 2)}`);
    else if (kind === header.TCPOPT_SACK && length > 2) {
      const edges = Array.from({ length: (length - 2) >> 2 }, (_, edge) => u32(bytes, here + 2 + 4 * edge));
      words.push(`sack ${edges.map((edge) => relative(edge, cookies, 'cookie')).join(' ')}`);
    } else words.push(toHex(bytes, here, here + length));
    here += length;
  }
  return words;
}

/** By the client's, the server's or our clock; or, where the server's was shifted twice, by twice the server's without ours. */
function moment(value: number, times: readonly number[]): string {
  const bases: readonly (readonly [name: string, at: number])[] = [
    ...times.map((time, index) => [`clock${index}`, time] as const),
    ['client', CLIENT_TIME],
    ['server', SERVER_TIME],
    ...times.map((time, index) => [`server-clock${index}`, SERVER_TIME - time] as const),
    ...times.map((time, index) => [`server+server-clock${index}`, 2 * SERVER_TIME - time] as const),
  ];
  const base = bases.find(([, at]) => Math.abs((value - at) | 0) < 2 ** 16);
  return base ? `${base[0]}${signed(value - base[1])}` : String(value);
}
