// What Prometheus is told. Names as node_exporter has them: a unit at the end, `_total` for what only grows; counters begin again when the
// data plane does. Series are bounded: rules without a comment are summed by chain, and of what could be many the largest are told singly.

import type { MemoryReport } from '../../conntrack/memory.ts';
import type { Statistics } from '../../conntrack/statistics.ts';
import type { DropCount } from '../../engine/drops.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import type { CountsByQueue } from '../../tun/data-plane.ts';
import type { DeviceCounts } from '../../tun/device.ts';
import type { CountedTable } from '../live/live-rules.ts';
import { Exposition, type Sample } from './exposition.ts';

/** Of the engine, at one moment. */
export interface EngineStats {
  readonly memory: MemoryReport;
  readonly statistics: Statistics;
  readonly drops: readonly DropCount[];
}

export interface Observed {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly running: boolean;
  readonly restarts: number;
  readonly eventsLost: number;
  readonly linesLost: number;
  readonly devices: readonly (readonly [name: string, counts: CountsByQueue | undefined])[];
  /** Not there while the data plane is being started again. */
  readonly engine: EngineStats | undefined;
  readonly tables: readonly CountedTable[];
}

/** Series of rules with comments, and of drops. */
const MOST_SERIES = 500;

export function metricsOf(observed: Observed): Exposition {
  const out = new Exposition();
  out.family('sekisho_build_info', 'gauge', 'Version of the running program.', [
    { labels: { version: observed.version, node: process.version }, value: 1 },
  ]);
  out.single(
    'sekisho_start_time_seconds',
    'gauge',
    'When the daemon was started, since 1970.',
    observed.startedAt / 1_000,
  );
  out.single('sekisho_dataplane_up', 'gauge', 'Whether packets are being decided about.', Number(observed.running));
  out.single(
    'sekisho_dataplane_restarts_total',
    'counter',
    'Starts of the data plane after it failed.',
    observed.restarts,
  );
  out.single('sekisho_events_lost_total', 'counter', 'Log lines and events that came too fast.', observed.eventsLost);
  out.single(
    'sekisho_log_lines_lost_total',
    'counter',
    'Log lines that their reader did not take.',
    observed.linesLost,
  );
  rules(out, observed.tables);
  devices(out, observed.devices);
  if (observed.engine) engine(out, observed.engine);
  ourselves(out);
  return out;
}

// --- Rules -----------------------------------------------------------------------------------------------------------

interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  packets: number;
  bytes: number;
}

function rules(out: Exposition, tables: readonly CountedTable[]): void {
  const tallies = ruleTallies(tables);
  const both = (key: 'packets' | 'bytes', of: readonly Tally[]): Sample[] =>
    of.map((tally) => ({ labels: tally.labels, value: tally[key] }));
  out.family(
    'sekisho_rule_packets_total',
    'counter',
    'Packets that rules matched, by chain and comment.',
    both('packets', tallies),
  );
  out.family(
    'sekisho_rule_bytes_total',
    'counter',
    'Octets that rules matched, by chain and comment.',
    both('bytes', tallies),
  );
  const policies = policyTallies(tables);
  out.family(
    'sekisho_policy_packets_total',
    'counter',
    'Packets that met the policy of a chain.',
    both('packets', policies),
  );
  out.family(
    'sekisho_policy_bytes_total',
    'counter',
    'Octets that met the policy of a chain.',
    both('bytes', policies),
  );
  const sizes = tables.map(({ family, name, chains }) => ({
    labels: { family: `ipv${family}`, table: name },
    value: chains.reduce((sum, { rules: own }) => sum + own.length, 0),
  }));
  out.family('sekisho_rules', 'gauge', 'Rules in force.', sizes);
}

function ruleTallies(tables: readonly CountedTable[]): Tally[] {
  const tallies = new Map<string, Tally>();
  for (const { family, name: table, chains } of tables) {
    for (const { spec, rules: own } of chains) {
      for (const { rule, counters } of own) {
        const comment = commentOf(rule);
        const whole = { family: `ipv${family}`, table, chain: spec.name };
        const full = comment !== '' && tallies.size >= MOST_SERIES;
        const labels = { ...whole, comment: full ? '' : comment };
        const key = JSON.stringify(labels);
        const tally = tallies.get(key) ?? { labels, packets: 0, bytes: 0 };
        tally.packets += counters.packets;
        tally.bytes += counters.bytes;
        tallies.set(key, tally);
      }
    }
  }
  return [...tallies.values()];
}

function commentOf({ matches }: RuleSpec): string {
  const comment = matches.find(({ name }) => name === 'comment')?.checked as { text: string } | undefined;
  return comment?.text ?? '';
}

const policyTallies = (tables: readonly CountedTable[]): Tally[] =>
  tables.flatMap(({ family, name, chains }) =>
    chains.flatMap(({ spec, policy }): Tally[] => {
      if (!policy || spec.policy === undefined) return [];
      const labels = { family: `ipv${family}`, table: name, chain: spec.name, policy: spec.policy };
      return [{ labels, packets: policy.packets, bytes: policy.bytes }];
    }),
  );

// --- Devices ---------------------------------------------------------------------------------------------------------

interface Counted {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: DeviceCounts;
}

function devices(out: Exposition, all: Observed['devices']): void {
  const there = all.flatMap(([device, counts]) => (counts ? [{ labels: { device }, counts }] : []));
  passed(out, 'device', 'by the device', there);
  const drops = there.flatMap(({ labels, counts }) =>
    Object.entries(counts.drops).map(([reason, value]) => ({ labels: { ...labels, reason }, value })),
  );
  out.family('sekisho_device_drops_total', 'counter', 'Packets that the device did not take.', drops);
  const queues = there.flatMap(({ labels, counts }) =>
    (counts.queues ?? []).map((own, queue) => ({ labels: { ...labels, queue: `${queue}` }, counts: own })),
  );
  if (queues.length === 0) return;
  passed(out, 'queue', 'by this queue of the device', queues);
  const held = queues.map(({ labels, counts }) => ({ labels, value: counts.held }));
  out.family(
    'sekisho_queue_held_total',
    'counter',
    'Times that packets were left to the kernel because the engine had not done with those before.',
    held,
  );
}

function passed(out: Exposition, of: string, where: string, all: readonly Counted[]): void {
  for (const [name, help, key] of [
    ['receive_packets', 'Packets that came in', 'receivedPackets'],
    ['receive_bytes', 'Octets that came in', 'receivedBytes'],
    ['transmit_packets', 'Packets that went out', 'sentPackets'],
    ['transmit_bytes', 'Octets that went out', 'sentBytes'],
  ] as const) {
    const samples = all.map(({ labels, counts }) => ({ labels, value: counts[key] }));
    out.family(`sekisho_${of}_${name}_total`, 'counter', `${help} ${where}.`, samples);
  }
}

// --- The engine ------------------------------------------------------------------------------------------------------

function engine(out: Exposition, { memory, statistics, drops }: EngineStats): void {
  out.family('sekisho_drops_total', 'counter', 'Packets dropped, by hook and reason.', dropSamples(drops));
  out.single('sekisho_conntrack_entries', 'gauge', 'Connections in the table.', memory.connections);
  out.single('sekisho_conntrack_entries_limit', 'gauge', 'nf_conntrack_max; 0: no limit.', memory.limit);
  const areas = Object.entries(memory.areas).map(([area, value]) => ({ labels: { area }, value }));
  out.family('sekisho_conntrack_memory_bytes', 'gauge', 'Memory reserved for connections, by what it is for.', areas);
  for (const [name, value] of Object.entries(statistics)) {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    out.single(`sekisho_conntrack_${snake}_total`, 'counter', `As "${snake}" of conntrack -S.`, value as number);
  }
}

/** Reasons name rules, and so may be many: the largest singly, the rest of each hook as "other". */
function dropSamples(drops: readonly DropCount[]): Sample[] {
  const inOrder = drops.toSorted((a, b) => b.packets - a.packets);
  const single = inOrder
    .slice(0, MOST_SERIES)
    .map(({ hook, reason, packets }) => ({ labels: { hook, reason }, value: packets }));
  const rest = new Map<string, number>();
  for (const { hook, packets } of inOrder.slice(MOST_SERIES)) rest.set(hook, (rest.get(hook) ?? 0) + packets);
  return [...single, ...[...rest].map(([hook, value]) => ({ labels: { hook, reason: 'other' }, value }))];
}

// --- This process ----------------------------------------------------------------------------------------------------

function ourselves(out: Exposition): void {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  out.single('process_cpu_seconds_total', 'counter', 'CPU time of user and system.', (user + system) / 1e6);
  out.single('process_resident_memory_bytes', 'gauge', 'Resident memory.', rss);
  out.single('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use, of the main thread.', heapUsed);
}
