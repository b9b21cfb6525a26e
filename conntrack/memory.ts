// Where the memory of connections goes.

import type { ConnectionTracker } from './tracker.ts';

export interface MemoryReport {
  connections: number;
  /** Connections that there is room for before anything grows. */
  room: number;
  /** nf_conntrack_max; 0: no limit. */
  limit: number;
  /** Octets reserved, by what they are for; pages that nobody has touched yet cost the machine nothing. */
  areas: Record<string, number>;
  total: number;
}

/** Columns and areas, the index among them. Cheap: nothing is walked. */
export function memoryReport(tracker: ConnectionTracker): MemoryReport {
  const { table, accounting, nat, events, helping, seqadj, connections, sysctls, l4s } = tracker;
  const areas: Record<string, number> = {};
  for (const [name, octets] of Object.entries(table.memory())) {
    const protocol = /^protocol (\d+)$/.exec(name);
    areas[protocol ? `state of ${l4s[Number(protocol[1])].name}` : (NAMES[name] ?? name)] = octets;
  }
  Object.assign(areas, {
    'accounting and timestamps': accounting.size,
    'NAT: sources by address': nat.size,
    events: events.size,
    labels: connections.labelling.size,
    'helpers and expectations': helping.size,
    'shifted sequence numbers': seqadj.size,
  });
  const used = Object.fromEntries(Object.entries(areas).filter(([, octets]) => octets > 0));
  const total = Object.values(used).reduce((sum, octets) => sum + octets, 0);
  return { connections: table.count, room: table.expires.length, limit: sysctls.limits.max, areas: used, total };
}

const NAMES: Readonly<Record<string, string>> = {
  records: 'base: addresses, keys, status',
  columns: 'base: expiry, own word',
  index: 'index (hash and id)',
  marks: 'marks',
  zones: 'zones',
  addresses6: 'IPv6 addresses',
  replies: 'NAT: reply tuples',
};
