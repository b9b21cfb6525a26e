// Connections as the objects that scenarios have for an entry, which is what reading a line of /proc/net/nf_conntrack gives; and, by id,
// the lines that text/ makes.

import { formatAddress } from '../packet/address.ts';
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../packet/numbers.ts';
import { readFlow } from './flow.ts';
import { type Direction, IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY } from './status.ts';
import { type PlainOptions, plainLine } from './text/plain.ts';
import { procText } from './text/proc.ts';
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

/** Its line in /proc/net/nf_conntrack. */
export const procLine = (tracker: ConnectionTracker, id: number, now: number): string =>
  procText(readFlow(tracker, id, now));

/** Its line in `conntrack -L`. */
export const toolLine = (
  tracker: ConnectionTracker,
  id: number,
  now: number,
  options: Pick<PlainOptions, 'extended' | 'id'> = {},
): string => plainLine(readFlow(tracker, id, now), options);
