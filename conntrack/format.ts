// Connections as the objects that scenarios have for an entry, which is what reading a line of /proc/net/nf_conntrack gives; and, by id,
// the lines that text/ makes.

import { formatAddress } from '../packet/address.ts';
import { IPPROTO_DCCP, IPPROTO_GRE } from '../packet/numbers.ts';
import { type Flow, type FlowTuple, isIcmp, PORT_PROTOCOLS, readFlow } from './flow.ts';
import { IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY } from './status.ts';
import { icmpCode, icmpType, stateName } from './text/names.ts';
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

/** The connection as scenarios have it. */
export const describe = (tracker: ConnectionTracker, id: number, now: number): Entry =>
  entryOf(readFlow(tracker, id, now));

export function entryOf(flow: Flow): Entry {
  const { status, zoneOrig, zoneReply } = flow;
  const timed = flow.timeout !== undefined && !(status & IPS_OFFLOAD);
  const entry: Entry = {
    family: flow.family === 4 ? 'ipv4' : 'ipv6',
    proto: flow.protocol,
    timeout: timed ? Math.floor((flow.timeout as number) / 1_000) : null,
    state: stateName(flow) ?? null,
    flags: [],
    orig: { ...privateFields(flow), ...tupleFields(flow, flow.orig) },
    reply: tupleFields(flow, flow.reply),
    mark: flow.mark,
  };
  if (!(status & IPS_SEEN_REPLY)) entry.flags.push('UNREPLIED');
  if (status & IPS_OFFLOAD) entry.flags.push('OFFLOAD');
  else if (status & IPS_ASSURED) entry.flags.push('ASSURED');
  if (zoneOrig === zoneReply) entry.zone = zoneOrig;
  else if (zoneReply === 0) entry['zone-orig'] = zoneOrig;
  else entry['zone-reply'] = zoneReply;
  if (flow.age !== undefined) entry['delta-time'] = Math.floor(flow.age / 1_000);
  return entry;
}

/** /proc prints GRE's two timeouts in front of the addresses, with a comma after the first. gre_print_conntrack() */
function privateFields({ timeouts }: Flow): TupleFields {
  if (!timeouts) return {};
  return { timeout: `${timeouts[0] / 1_000},`, stream_timeout: timeouts[1] / 1_000 };
}

function tupleFields({ family, protocol, state }: Flow, tuple: FlowTuple): TupleFields {
  const { srcKey, dstKey, counters } = tuple;
  const fields: TupleFields = { src: formatAddress(tuple.src, family), dst: formatAddress(tuple.dst, family) };
  if (protocol === IPPROTO_DCCP && state === undefined) return Object.assign(fields, counters);
  if (PORT_PROTOCOLS.has(protocol)) Object.assign(fields, { sport: srcKey, dport: dstKey });
  else if (isIcmp(protocol)) Object.assign(fields, { type: icmpType(tuple), code: icmpCode(tuple), id: srcKey });
  else if (protocol === IPPROTO_GRE) Object.assign(fields, { srckey: srcKey, dstkey: dstKey });
  return Object.assign(fields, counters);
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
