// What is going on, with rates: for sekisho top. Rates are those between two samples of what was counted, and all who look share the
// samples: one is taken when the last is older than half a second.

import type { DropCount } from '../../engine/drops.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import type { CountsByQueue } from '../../tun/data-plane.ts';
import type { DeviceCounts } from '../../tun/device.ts';
import type { CountedTable } from '../live/live-rules.ts';

export interface Rated {
  readonly packets: number;
  readonly bytes: number;
  /** A second. */
  readonly packetRate: number;
  readonly byteRate: number;
}

export interface RuleLine extends Rated {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  /** From 1; 0: the policy. */
  readonly number: number;
  readonly text: string;
}

export interface ConnectionLine extends Rated {
  readonly text: string;
}

export interface DropLine {
  readonly hook: string;
  readonly reason: string;
  readonly packets: number;
  readonly packetRate: number;
}

export interface DeviceLine {
  readonly name: string;
  readonly received: Rated;
  readonly sent: Rated;
  readonly drops: number;
}

/** One queue of a device. */
export interface QueueLine extends DeviceLine {
  readonly queue: number;
  /** How often packets were left in the kernel's queue because the engine had not done with those before. */
  readonly held: number;
}

export interface Overview {
  /** Milliseconds that the rates are of; 0: the first sample, no rates yet. */
  readonly span: number;
  readonly mode: string;
  readonly uptime: number;
  readonly state: 'running' | 'down';
  readonly restarts: number;
  readonly connections: number;
  readonly connectionLimit: number;
  readonly devices: readonly DeviceLine[];
  /** Of devices that have several. */
  readonly queues: readonly QueueLine[];
  /** The busiest first; `rulesTotal` counts all. */
  readonly rules: readonly RuleLine[];
  readonly rulesTotal: number;
  readonly drops: readonly DropLine[];
  readonly flows: readonly ConnectionLine[];
  /** Whether connections are counted (net.netfilter.nf_conntrack_acct): without, they have no rates. */
  readonly accounting: boolean;
}

export type SortBy = 'rate' | 'total';

export interface OverviewWish {
  /** Lines of each list. */
  readonly lines: number;
  readonly sort: SortBy;
  /** Only lines with that text. */
  readonly filter: string;
}

/** Of one connection, by a key that no other has. */
export interface FlowSample {
  readonly key: string;
  readonly packets: number;
  readonly bytes: number;
}

export interface Sample {
  /** Monotonic ms. */
  readonly at: number;
  readonly tables: readonly CountedTable[];
  readonly drops: readonly DropCount[];
  readonly devices: readonly (readonly [name: string, counts: CountsByQueue | undefined])[];
  readonly flows: readonly FlowSample[];
}

interface Count {
  readonly packets: number;
  readonly bytes: number;
}

const NOTHING: Count = { packets: 0, bytes: 0 };

/** How fast a count went on from `before`; one that is smaller than it began anew. */
function rated(now: Count, before: Count | undefined, seconds: number): Rated {
  const from = before && before.packets <= now.packets ? before : NOTHING;
  const rate = (value: number): number => (before && seconds > 0 ? value / seconds : 0);
  return {
    packets: now.packets,
    bytes: now.bytes,
    packetRate: rate(now.packets - from.packets),
    byteRate: rate(now.bytes - from.bytes),
  };
}

const busiest =
  (sort: SortBy) =>
  (a: { packets: number; packetRate: number }, b: { packets: number; packetRate: number }): number =>
    (sort === 'rate' ? b.packetRate - a.packetRate : 0) || b.packets - a.packets;

export interface RuleCount {
  readonly packets: number;
  readonly bytes: number;
}

/** A rule's text; asked only for lines that are shown, or filtered. */
export type PrintRule = (rule: RuleSpec, chain: string) => string;

interface Candidate extends Rated {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  readonly rule: RuleSpec | undefined;
  readonly policy: string;
}

/** The busiest rules and policies of `sample`. */
export function ruleLines(
  sample: Sample,
  before: Sample | undefined,
  wish: OverviewWish,
  print: PrintRule,
): RuleLine[] {
  const seconds = before ? (sample.at - before.at) / 1_000 : 0;
  const earlier = before && countsOf(before.tables);
  const inOrder = [...candidates(sample.tables, earlier, seconds)].sort(busiest(wish.sort));
  const lines: RuleLine[] = [];
  for (const { rule, policy, ...line } of inOrder) {
    if (lines.length === wish.lines) break;
    const text = rule ? print(rule, line.chain) : `policy ${policy}`;
    if (contains(`${line.table} ${line.chain} ${text}`, wish.filter)) lines.push({ ...line, text });
  }
  return lines;
}

const contains = (text: string, filter: string): boolean => text.toLowerCase().includes(filter.toLowerCase());

/** By rule, and by chain for its policy. */
function countsOf(tables: readonly CountedTable[]): Map<object, Count> {
  const counts = new Map<object, Count>();
  for (const { chains } of tables) {
    for (const { spec, policy, rules } of chains) {
      if (policy) counts.set(spec, policy);
      for (const { rule, counters } of rules) counts.set(rule, counters);
    }
  }
  return counts;
}

function* candidates(
  tables: readonly CountedTable[],
  earlier: ReadonlyMap<object, Count> | undefined,
  seconds: number,
): Generator<Candidate> {
  for (const { family, name: table, chains } of tables) {
    for (const { spec, policy, rules } of chains) {
      const place = { family, table, chain: spec.name, policy: spec.policy ?? '' };
      // A rule that was not there before has rates from its first sample on.
      const rate = (part: object, now: Count): Rated => rated(now, earlier && (earlier.get(part) ?? now), seconds);
      if (policy) yield { ...place, number: 0, rule: undefined, ...rate(spec, policy) };
      for (let index = 0; index < rules.length; index++) {
        const { rule, counters } = rules[index];
        yield { ...place, number: index + 1, rule, ...rate(rule, counters) };
      }
    }
  }
}

export function dropLines(
  sample: Sample,
  before: Sample | undefined,
  { lines, sort, filter }: OverviewWish,
): DropLine[] {
  const seconds = before ? (sample.at - before.at) / 1_000 : 0;
  const earlier = new Map(before?.drops.map((drop) => [`${drop.hook} ${drop.reason}`, drop.packets]));
  return sample.drops
    .filter(({ hook, reason }) => contains(`${hook} ${reason}`, filter))
    .map(({ hook, reason, packets }) => {
      const from = before && { packets: earlier.get(`${hook} ${reason}`) ?? 0, bytes: 0 };
      return { hook, reason, packets, packetRate: rated({ packets, bytes: 0 }, from, seconds).packetRate };
    })
    .sort(busiest(sort))
    .slice(0, lines);
}

export function deviceLines(sample: Sample, before: Sample | undefined): DeviceLine[] {
  const seconds = before ? (sample.at - before.at) / 1_000 : 0;
  const earlier = new Map(before?.devices);
  return sample.devices.flatMap(([name, counts]) =>
    counts ? [deviceLine(name, counts, earlier.get(name), seconds)] : [],
  );
}

function deviceLine(name: string, counts: DeviceCounts, old: DeviceCounts | undefined, seconds: number): DeviceLine {
  return {
    name,
    received: rated(received(counts), old && received(old), seconds),
    sent: rated(sent(counts), old && sent(old), seconds),
    drops: Object.values(counts.drops).reduce((sum, drops) => sum + drops, 0),
  };
}

/** Device by device. */
export function queueLines(
  sample: Sample,
  before: Sample | undefined,
  { lines, filter }: Pick<OverviewWish, 'lines' | 'filter'>,
): QueueLine[] {
  const seconds = before ? (sample.at - before.at) / 1_000 : 0;
  const earlier = new Map(before?.devices);
  return sample.devices
    .flatMap(([name, counts]) =>
      (counts?.queues ?? []).map((own, queue) => ({
        ...deviceLine(name, own, earlier.get(name)?.queues?.[queue], seconds),
        queue,
        held: own.held,
      })),
    )
    .filter(({ name, queue }) => contains(`${name} ${queue}`, filter))
    .slice(0, lines);
}

const received = ({ receivedPackets, receivedBytes }: DeviceCounts): Count => ({
  packets: receivedPackets,
  bytes: receivedBytes,
});
const sent = ({ sentPackets, sentBytes }: DeviceCounts): Count => ({ packets: sentPackets, bytes: sentBytes });

export function flowLines(
  sample: Sample,
  before: Sample | undefined,
  { lines, sort, filter }: OverviewWish,
): ConnectionLine[] {
  const seconds = before ? (sample.at - before.at) / 1_000 : 0;
  const earlier = new Map(before?.flows.map((flow) => [flow.key, flow]));
  return sample.flows
    .filter(({ key }) => contains(key, filter))
    .map((flow) => ({ text: flow.key, ...rated(flow, before && (earlier.get(flow.key) ?? NOTHING), seconds) }))
    .sort(busiest(sort))
    .slice(0, lines);
}
