// Connections as text and as data: the lines of /proc/net/nf_conntrack (6.18), those of `conntrack -L` (1.4.7), and the object that
// scenarios have for an entry, which is what reading a /proc line gives.
//
// A line in three parts: what it is (family, protocol, seconds left, state), both tuples with what belongs to each, and the rest.

import { formatAddress, parseAddress } from '../packet/address.ts';
import { toHex } from '../packet/bytes.ts';
import { IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../packet/numbers.ts';
import { type Direction, IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY } from './status.ts';
import type { ConnectionTracker } from './tracker.ts';

/** A tuple as its line has it: src, dst, sport, dport (or type, code, id; srckey, dstkey), packets, bytes. */
export type TupleFields = Record<string, string | number>;

export interface Entry {
  family: 'ipv4' | 'ipv6';
  proto: number;
  /** Seconds, rounded down; null for an offloaded flow. */
  timeout: number | null;
  state: string | null;
  flags: string[];
  orig: TupleFields;
  reply: TupleFields;
  mark: number;
  zone?: number;
  'zone-orig'?: number;
  'zone-reply'?: number;
  'delta-time'?: number;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

const PORTS = new Set(['tcp', 'udp', 'udplite', 'sctp', 'dccp']);

/** What is the same in all three forms. */
export function describe(tracker: ConnectionTracker, id: number, now: number): Entry {
  const { table, connections, accounting } = tracker;
  const status = table.status(id);
  const l4 = tracker.l4s[table.protocol(id)];
  const entry: Entry = {
    family: table.family(id) === 4 ? 'ipv4' : 'ipv6',
    proto: table.protocol(id),
    timeout: status & IPS_OFFLOAD ? null : Math.floor(connections.timeLeft(id, now) / 1_000),
    state: l4.states?.[table.state(id)] ?? null,
    flags: [],
    orig: { ...privateFields(tracker, id), ...tupleFields(tracker, id, 0) },
    reply: tupleFields(tracker, id, 1),
    mark: connections.mark(id),
  };
  if (!(status & IPS_SEEN_REPLY)) entry.flags.push('UNREPLIED');
  if (status & IPS_OFFLOAD) entry.flags.push('OFFLOAD');
  else if (status & IPS_ASSURED) entry.flags.push('ASSURED');
  const [original, reply] = [table.zone(id, 0), table.zone(id, 1)];
  if (original === reply) entry.zone = original;
  else if (reply === 0) entry['zone-orig'] = original;
  else entry['zone-reply'] = reply;
  const birth = accounting.birth(id);
  if (birth !== undefined) entry['delta-time'] = Math.floor((now - birth) / 1_000);
  return entry;
}

/** /proc prints GRE's two timeouts in front of the addresses, with a comma after the first. gre_print_conntrack() */
function privateFields(tracker: ConnectionTracker, id: number): TupleFields {
  if (tracker.table.protocol(id) !== IPPROTO_GRE) return {};
  const [unreplied, replied] = tracker.timeouts(id, IPPROTO_GRE);
  return { timeout: `${unreplied / 1_000},`, stream_timeout: replied / 1_000 };
}

function tupleFields(tracker: ConnectionTracker, id: number, direction: Direction): TupleFields {
  const { connections, accounting } = tracker;
  const fields: TupleFields = {
    src: addressText(tracker, id, direction, 0),
    dst: addressText(tracker, id, direction, 4),
  };
  const source = connections.sourceKey(id, direction);
  const destination = connections.destinationKey(id, direction);
  const protocol = connections.protocol(id);
  if (PORTS.has(tracker.l4s[protocol].name)) Object.assign(fields, { sport: source, dport: destination });
  else if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6)
    Object.assign(fields, { type: destination >>> 8, code: destination & 0xff, id: source });
  else if (protocol === IPPROTO_GRE) Object.assign(fields, { srckey: source, dstkey: destination });
  return Object.assign(fields, accounting.counted(id, direction));
}

function addressText(tracker: ConnectionTracker, id: number, direction: Direction, from: 0 | 4): string {
  const { connections } = tracker;
  const octets = Uint8Array.from({ length: 16 }, (_, index) =>
    from === 0 ? connections.sourceOctet(id, direction, index) : connections.destinationOctet(id, direction, index),
  );
  return formatAddress(octets, connections.family(id));
}

/** All entries, sorted as the scenarios' results are: by family, protocol, original tuple and zone, each as text. */
export function dump(tracker: ConnectionTracker, now: number): Entry[] {
  const keyed = Array.from(tracker.entries(now), (id) => {
    const entry = describe(tracker, id, now);
    return { entry, key: sortKey(entry) };
  });
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ entry }) => entry);
}

function sortKey({ family, proto, orig, zone }: Entry): string {
  const fields = Object.keys(orig)
    .sort()
    .map((name) => `"${name}": ${JSON.stringify(orig[name])}`);
  return `["${family}", ${proto}, {${fields.join(', ')}}, ${zone ?? 'null'}]`;
}

/** net/netfilter/nf_conntrack_standalone.c ct_seq_show() */
export function procLine(tracker: ConnectionTracker, id: number, now: number): string {
  const entry = describe(tracker, id, now);
  const family = entry.family === 'ipv4' ? 2 : 10;
  const words = [
    `${entry.family.padEnd(8)} ${family} ${tracker.l4s[entry.proto].name.padEnd(8)} ${entry.proto}`,
    entry.timeout,
    entry.state,
    ...bothTuples(entry, expanded),
    `mark=${entry.mark}`,
    entry.zone === undefined ? null : `zone=${entry.zone}`,
    entry['delta-time'] === undefined ? null : `delta-time=${entry['delta-time']}`,
    'use=2',
  ];
  return words.filter((word) => word !== null).join(' ');
}

export interface ToolOptions {
  /** -o extended: the family in front. */
  extended?: boolean;
  /** -o id. */
  id?: boolean;
}

/** libnetfilter_conntrack snprintf_default.c, as `conntrack -L` prints. */
export function toolLine(tracker: ConnectionTracker, id: number, now: number, options: ToolOptions = {}): string {
  const entry = describe(tracker, id, now);
  if (entry.proto === IPPROTO_GRE) for (const name of ['timeout', 'stream_timeout']) delete entry.orig[name];
  // The tool knows DCCP's name, and prints the ports also where the kernel did not give it any.
  if (entry.proto === IPPROTO_DCCP && entry.state === null) {
    entry.orig = withoutPorts(entry.orig);
    entry.reply = withoutPorts(entry.reply);
  }
  const name = entry.proto === IPPROTO_DCCP ? 'dccp' : tracker.l4s[entry.proto].name;
  const words = [
    options.extended ? `${entry.family.padEnd(8)} ${entry.family === 'ipv4' ? 2 : 10}` : null,
    `${name.padEnd(8)} ${entry.proto}`,
    entry.timeout,
    entry.state,
    ...bothTuples(entry, (address) => address),
    `mark=${entry.mark}`,
    entry.zone ? `zone=${entry.zone}` : null,
    entry['delta-time'] === undefined ? null : `delta-time=${entry['delta-time']}`,
    'use=1',
    options.id ? `id=${id}` : null,
  ];
  return words.filter((word) => word !== null).join(' ');
}

const withoutPorts = ({ src, dst, ...rest }: TupleFields): TupleFields => ({ src, dst, sport: 0, dport: 0, ...rest });

/** From the original tuple to the assured flag. */
function bothTuples(entry: Entry, address: (text: string) => string): (string | null)[] {
  const [unreplied, ...rest] = entry.flags[0] === 'UNREPLIED' ? entry.flags : [null, ...entry.flags];
  return [
    ...tupleWords(entry.orig, address, entry['zone-orig'] === undefined ? null : `zone-orig=${entry['zone-orig']}`),
    unreplied === null ? null : `[${unreplied}]`,
    ...tupleWords(entry.reply, address, entry['zone-reply'] === undefined ? null : `zone-reply=${entry['zone-reply']}`),
    ...rest.map((flag) => `[${flag}]`),
  ];
}

function tupleWords(fields: TupleFields, address: (text: string) => string, zone: string | null): (string | null)[] {
  const words: (string | null)[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'packets') words.push(zone);
    if (name === 'src' || name === 'dst') words.push(`${name}=${address(String(value))}`);
    else words.push(`${name}=${name.endsWith('key') ? hex(Number(value)) : value}`);
  }
  if (!('packets' in fields)) words.push(zone);
  return words;
}

/** /proc writes IPv6 addresses in full. lib/vsprintf.c %pI6 */
function expanded(text: string): string {
  const octets = text.includes(':') ? parseAddress(text, 6) : undefined;
  if (!octets) return text;
  return toHex(octets).replace(/(.{4})(?=.)/g, '$1:');
}
