// Looks at a running daemon: what it counts, as metrics and as an overview with rates.

import { type Flow, type FlowPage, PORT_PROTOCOLS, unpack } from '../../conntrack/flow.ts';
import { byProtocol } from '../../conntrack/l4/index.ts';
import type { MemoryReport } from '../../conntrack/memory.ts';
import type { Statistics } from '../../conntrack/statistics.ts';
import type { DropCount } from '../../engine/drops.ts';
import { type Printing, printRule } from '../../grammar/print.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { formatAddress } from '../../packet/address.ts';
import type { CountsByQueue } from '../../tun/data-plane.ts';
import type { AskEngine, LiveRules } from '../live/live-rules.ts';
import { programVersion } from '../package-root.ts';
import type { Exposition } from './exposition.ts';
import { type EngineStats, metricsOf } from './metrics.ts';
import {
  deviceLines,
  dropLines,
  type FlowSample,
  flowLines,
  type Overview,
  type OverviewWish,
  queueLines,
  ruleLines,
  type Sample,
} from './overview.ts';

/** What the daemon knows without asking the engine. */
export interface Facts {
  readonly mode: string;
  readonly running: boolean;
  readonly restarts: number;
  readonly eventsLost: number;
  readonly linesLost: number;
  readonly devices: readonly (readonly [name: string, counts: CountsByQueue | undefined])[];
}

/** Samples are shared by who looks within this time. */
const FRESH_MS = 500;

/** Pages of connections that are looked at for their rates: some 16,000. What is beyond is not in the overview. */
const MOST_PAGES = 16;

export class Observer {
  private readonly ask: AskEngine;
  private readonly rules: LiveRules;
  private readonly printing: Printing;
  private readonly facts: () => Facts;
  private readonly startedAt = Date.now();
  private readonly version = programVersion();
  private latest: Sample | undefined;
  private before: Sample | undefined;
  private sampling: Promise<void> = Promise.resolve();

  constructor(ask: AskEngine, rules: LiveRules, printing: Printing, facts: () => Facts) {
    this.ask = ask;
    this.rules = rules;
    this.printing = printing;
    this.facts = facts;
  }

  async metrics(): Promise<Exposition> {
    const facts = this.facts();
    return metricsOf({
      ...facts,
      version: this.version,
      startedAt: this.startedAt,
      engine: facts.running ? await this.stats() : undefined,
      tables: facts.running ? await this.rules.countedTables() : [],
    });
  }

  private async stats(): Promise<EngineStats> {
    return {
      memory: (await this.ask({ op: 'conntrack', request: { do: 'memory' } })) as MemoryReport,
      statistics: (await this.ask({ op: 'conntrack', request: { do: 'statistics' } })) as Statistics,
      drops: (await this.ask({ op: 'drops' })) as DropCount[],
    };
  }

  async overview(wish: OverviewWish): Promise<Overview> {
    const facts = this.facts();
    if (facts.running) await this.sample();
    const sample = this.latest ?? { at: 0, tables: [], drops: [], devices: facts.devices, flows: [] };
    const { before } = this;
    const memory = facts.running
      ? ((await this.ask({ op: 'conntrack', request: { do: 'memory' } })) as MemoryReport)
      : undefined;
    const print = (rule: RuleSpec, chain: string): string =>
      printRule(chain, rule, this.printing).slice(`-A ${chain} `.length);
    return {
      span: before ? sample.at - before.at : 0,
      mode: facts.mode,
      uptime: Math.floor((Date.now() - this.startedAt) / 1_000),
      state: facts.running ? 'running' : 'down',
      restarts: facts.restarts,
      connections: memory?.connections ?? 0,
      connectionLimit: memory?.limit ?? 0,
      devices: deviceLines(sample, before),
      queues: queueLines(sample, before, wish),
      rules: ruleLines(sample, before, wish, print),
      rulesTotal: sample.tables.reduce(
        (sum, { chains }) => sum + chains.reduce((all, { rules }) => all + rules.length, 0),
        0,
      ),
      drops: dropLines(sample, before, wish),
      flows: flowLines(sample, before, wish),
      accounting: sample.flows.length === 0 || sample.flows.some(({ packets }) => packets > 0),
    };
  }

  /** One after the other; whoever comes while the last is fresh shares it. */
  private sample(): Promise<void> {
    const done = this.sampling.then(async () => {
      if (this.latest && performance.now() - this.latest.at < FRESH_MS) return;
      const sample: Sample = {
        at: performance.now(),
        tables: await this.rules.countedTables(),
        drops: (await this.ask({ op: 'drops' })) as DropCount[],
        devices: this.facts().devices,
        flows: await this.flows(),
      };
      this.before = this.latest;
      this.latest = sample;
    });
    this.sampling = done.catch(() => {});
    return done;
  }

  private async flows(): Promise<FlowSample[]> {
    const samples: FlowSample[] = [];
    let from = 0;
    for (let page = 0; page < MOST_PAGES && from >= 0; page++) {
      const got = (await this.ask({ op: 'conntrack', request: { do: 'list', from } })) as FlowPage;
      for (const flow of unpack(got)) samples.push(flowSample(flow));
      from = got.next;
    }
    return samples;
  }
}

function flowSample(flow: Flow): FlowSample {
  const { family, protocol, orig, reply } = flow;
  const end = (address: typeof orig.src, key: number): string => {
    const text = formatAddress(address, family);
    if (!PORT_PROTOCOLS.has(protocol)) return text;
    return family === 6 ? `[${text}]:${key}` : `${text}:${key}`;
  };
  const name = byProtocol[protocol].name;
  const key = `${name === 'unknown' ? protocol : name} ${end(orig.src, orig.srcKey)} > ${end(orig.dst, orig.dstKey)}`;
  const sum = (of: 'packets' | 'bytes'): number => (orig.counters?.[of] ?? 0) + (reply.counters?.[of] ?? 0);
  return { key, packets: sum('packets'), bytes: sum('bytes') };
}
