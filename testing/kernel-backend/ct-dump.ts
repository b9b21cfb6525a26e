// Reading what the kernel prints of its connections into the shapes of scenario results.

import { formatAddress, parseAddress } from '../../packet/address.ts';
import type { CtEntry, CtTuple } from '../scenario/scenario-format.ts';

const ENTRY = /^(ipv4|ipv6)\s+\d+\s+\S+\s+(\d+)\s+(?:(\d+)\s+)?(.*)$/;
/** Words that belong to the connection, not to one of its directions. */
const OF_CONNECTION = new Set(['mark', 'zone', 'secctx', 'delta-time', 'helper', 'labels', 'zone-orig', 'zone-reply']);

/** One line of /proc/net/nf_conntrack. The timeout is kept apart: it runs. net/netfilter/nf_conntrack_standalone.c ct_seq_show(). */
export function parseCtLine(line: string): CtEntry {
  const found = ENTRY.exec(line);
  if (!found) return { raw: line };
  const [, family, proto, timeout, rest] = found;
  const tuples: [CtTuple, CtTuple] = [{}, {}];
  const entry: CtEntry = {
    family: family as 'ipv4' | 'ipv6',
    proto: Number(proto),
    timeout: timeout === undefined ? null : Number(timeout),
    state: null,
    flags: [],
    orig: tuples[0],
    reply: tuples[1],
  };
  let direction = 0;
  for (const word of rest.split(/\s+/).filter((word) => word !== '')) {
    const [key, value] = splitOnce(word, '=');
    if (word.startsWith('[')) entry.flags?.push(word.replace(/[[\]]/g, ''));
    else if (value === undefined) entry.state = word;
    else if (OF_CONNECTION.has(key)) entry[key] = /^\d+$/.test(value) ? Number(value) : value;
    else if (key !== 'use') {
      if (key === 'src' && 'src' in tuples[0]) direction = 1;
      tuples[direction][key] = tupleValue(key, value);
    }
  }
  return entry;
}

function tupleValue(key: string, value: string): string | number {
  if (key === 'src' || key === 'dst') return shortAddress(value);
  return /^(\d+|0x[0-9a-f]+)$/.test(value) ? Number(value) : value;
}

/** /proc writes all 39 characters of an IPv6 address. */
function shortAddress(text: string): string {
  const family = text.includes(':') ? 6 : 4;
  const address = parseAddress(text, family);
  return address ? formatAddress(address, family) : text;
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

/** The order of dumps: by family, protocol and the original direction, its members by name. The kernel's own is that of its hash. */
export const ctKey = (entry: CtEntry): string =>
  JSON.stringify([
    entry.family,
    entry.proto,
    byName(entry.orig ?? {}),
    entry.zone,
    entry['zone-orig'],
    entry['zone-reply'],
    entry.raw,
  ]);

const byName = (tuple: CtTuple): CtTuple =>
  Object.fromEntries(Object.entries(tuple).sort(([a], [b]) => (a < b ? -1 : 1)));

export function parseCtDump(text: string): CtEntry[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return sortedBy(lines.map(parseCtLine), ctKey);
}

export function sortedBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  const keyed = items.map((item) => [key(item), item] as const);
  keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return keyed.map(([, item]) => item);
}
