// Plays traces of packets on a tracker with a manual clock, and says in words what it thinks of each: the ctstate that rules would see,
// and the entry as /proc prints it. Rows are data, so that the kernel can be asked the same ones (test/kernel/conntrack.test.ts).
//
//   [5, '>', 'S 100 win 1000', 'NEW', 'SYN_SENT 120 unreplied']
//
// Time in ms; '>' from the originator, '<' from the responder; a TCP segment in tcpdump's letters with its sequence number, '+N' octets of
// data, 'ack N', 'win N', and options in <>; then ctstate, and the entry: state, seconds left (rounded), 'unreplied', 'assured'. '-': no entry.

import { ConnectionTracker, IPS_ASSURED, IPS_SEEN_REPLY } from '../../conntrack/tracker.ts';
import * as build from '../../packet/build.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, Packet } from '../../packet/packet.ts';

export type Family = 4 | 6;

export type Row = readonly [
  time: number,
  direction: '>' | '<',
  packet: string | Made,
  ctstate: string,
  entry: string,
  why?: string,
];

/** What the words have no way to say; `octets` gives the packet for either family. */
export interface Made {
  readonly name: string;
  octets(family: Family): Uint8Array;
}

export interface Trace {
  readonly name: string;
  readonly sysctls?: Readonly<Record<string, number>>;
  /**
   * Whether the kernel can be asked too, and how: `now` plays the rows without a pause, so that times are not compared closer than
   * the gaps; `sleeping` waits as the rows say; `never` for what takes longer than a test may.
   */
  readonly kernel?: 'now' | 'sleeping' | 'never';
  /** Only over that family; else over both. */
  readonly family?: Family;
  readonly rows: readonly Row[];
}

export const ORIGINATOR = { address: { 4: '10.0.1.2', 6: 'fd00:a::2' }, port: 40_000 };
export const RESPONDER = { address: { 4: '10.0.2.2', 6: 'fd00:b::2' }, port: 80 };

/** Seeded randomness for trackers in tests. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

export const newTracker = (): ConnectionTracker => new ConnectionTracker(seeded(1));

/** The packet of a row. */
export function packetOf(row: Row, family: Family): Uint8Array {
  const [, direction, packet] = row;
  if (typeof packet !== 'string') return packet.octets(family);
  const [from, to] = direction === '>' ? [ORIGINATOR, RESPONDER] : [RESPONDER, ORIGINATOR];
  const ends = { src: from.address[family], dst: to.address[family] };
  return build.ip(family, ends, layerOf(packet, from.port, to.port));
}

function layerOf(text: string, sport: number, dport: number): build.Layer {
  const words = text.split(/\s+(?![^<]*>)/);
  const kind = words.shift() as string;
  if (kind === 'udp') return build.udp({ sport, dport, data: Number(words[0] ?? 4) });
  if (kind === 'udplite') return build.udplite({ sport, dport, data: 4 });
  return build.tcp({ sport, dport, ...segment(kind, words) });
}

function segment(flags: string, words: string[]): build.TcpFields {
  const fields: { -readonly [Key in keyof build.TcpFields]: build.TcpFields[Key] } = {
    flags: flags === 'none' ? 0 : flags,
    window: 65_535,
  };
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === 'ack') fields.ack = Number(words.shift()) >>> 0;
    else if (word === 'win') fields.window = Number(words.shift());
    else if (word === 'bad') fields.badChecksum = true;
    else if (word.startsWith('<')) fields.options = options(word.slice(1, -1));
    else {
      const [seq, data] = word.split('+');
      fields.seq = Number(seq) >>> 0;
      fields.data = Number(data ?? 0);
    }
  }
  return fields;
}

function options(text: string): build.TcpOptions {
  const found: { windowScale?: number; sackPermitted?: boolean; sack?: [number, number][] } = {};
  for (const option of text.split(',')) {
    const [name, value] = option.trim().split(/\s+/);
    if (name === 'wscale') found.windowScale = Number(value);
    else if (name === 'sackOK') found.sackPermitted = true;
    else if (name === 'sack') found.sack = [value.split('-').map(Number) as [number, number]];
    else throw new RangeError(`no such option: ${option}`);
  }
  return found;
}

const CTSTATES: Record<number, string> = {
  [CT_INVALID]: 'INVALID',
  [CT_NEW]: 'NEW',
  [CT_ESTABLISHED]: 'ESTABLISHED',
  [CT_RELATED]: 'RELATED',
  [CT_UNTRACKED]: 'UNTRACKED',
};

export const ctStateName = (pkt: Packet): string => CTSTATES[pkt.ctState] ?? `ctState ${pkt.ctState}`;

/** One packet through both hooks, at that time. */
export function pass(tracker: ConnectionTracker, octets: Uint8Array, now: number): Packet {
  const pkt = Packet.of(octets);
  pkt.now = now;
  if (tracker.track(pkt) === 0 || tracker.confirm(pkt) === 0) pkt.ctState = 0;
  return pkt;
}

/** The only entry in the table, in words; '-' for none, the number of them for several. */
export function entryText(tracker: ConnectionTracker, now: number): string {
  const ids = [...tracker.entries(now)];
  if (ids.length !== 1) return ids.length === 0 ? '-' : `${ids.length} entries`;
  const [id] = ids;
  const { table } = tracker;
  const words = [Math.round(tracker.connections.timeLeft(id, now) / 1_000).toString()];
  const states = tracker.l4s[table.protocol(id)].states;
  if (states) words.unshift(states[table.state(id)]);
  if (!(table.status(id) & IPS_SEEN_REPLY)) words.push('unreplied');
  if (table.status(id) & IPS_ASSURED) words.push('assured');
  return words.join(' ');
}

/** What a trace gives, row by row, in the form in which it is expected; what is expected as '' is not told. */
export function play(trace: Trace, family: Family): string[] {
  const tracker = newTracker();
  for (const [name, value] of Object.entries(trace.sysctls ?? {})) {
    if (!tracker.sysctls.set(name, value)) throw new RangeError(`sysctl ${name}`);
  }
  return trace.rows.map((row) => {
    const pkt = pass(tracker, packetOf(row, family), row[0]);
    return tell(row, ctStateName(pkt), entryText(tracker, row[0]));
  });
}

export const expected = (trace: Trace): string[] => trace.rows.map((row) => tell(row, row[3], row[4]));

/** A row and what came of it. */
export const tell = (row: Row, ctstate: string, entry: string): string =>
  `${row[0]} ${row[1]} ${shown(row)}: ${row[3] && ctstate}, ${row[4] && entry}`;

const shown = ([, , packet]: Row): string => (typeof packet === 'string' ? packet : packet.name);
