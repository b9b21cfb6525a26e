// The firewall: tables of both families over one tracker, between two devices or on a router. What a program, a test or the daemon
// holds. It reads no clock: time comes with the packets and with advance(). It does no I/O: packets leave through `transmit`.
//
//   const firewall = new Firewall({ mode: { kind: 'router', topology }, registry, random, transmit });
//   firewall.install(tables);            // all of them, or none and a RuleError
//   firewall.receive('tunA', pkt);       // verdict and everything that comes of it, before it returns

import { Defragmenter } from '../conntrack/defrag/defragmenter.ts';
import { ConnectionTracker } from '../conntrack/tracker.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import type { TableName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import { type Owner, Packet } from '../packet/packet.ts';
import { Bridge } from './bridge.ts';
import { Cloner } from './clone.ts';
import { type DropCount, Drops } from './drops.ts';
import type { CounterStore } from './edit/ruleset.ts';
import type { FirewallOptions, Mode, TraceOptions } from './firewall-options.ts';
import { Accounts } from './host/accounts.ts';
import { associations, type HostFacts } from './host/facts.ts';
import { Known } from './host/known.ts';
import type { Installation } from './install/installation.ts';
import { type InstalledChain, InstalledTables, type PackedCounters } from './install/installed.ts';
import type { Steps } from './install/steps.ts';
import { logLine, NF_LOG_IPOPT, NF_LOG_TCPOPT, NF_LOG_TCPSEQ, NF_LOG_UID } from './log-line.ts';
import { Pipeline } from './pipeline.ts';
import type { Module, Registry } from './registry.ts';
import type { LogRecord, Services } from './services.ts';
import { Sets } from './sets/index.ts';
import { createStack, type Stack, type Topology } from './stack/index.ts';
import { SynProxy } from './synproxy/synproxy.ts';
import { FirewallSysctls } from './sysctls.ts';
import { TimerMap } from './timers.ts';
import { type Condition, conditionsOf } from './trace/conditions.ts';
import { type Trace, Tracer } from './trace/trace.ts';
import type { SendResult } from './walk.ts';

/** What the kernel logs with where nobody says how. net/netfilter/nf_log_syslog.c default_loginfo */
const LOGLEVEL_NOTICE = 5;
const NF_LOG_DEFAULT = NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID;

export type { FirewallOptions, Mode, TraceOptions } from './firewall-options.ts';

export class Firewall {
  readonly drops = new Drops();
  readonly tracker: ConnectionTracker;
  readonly registry: Registry;
  readonly mode: Mode;
  /** What -m set and -j SET name. Empty at first; rules come and go over them. */
  readonly sets: Sets;
  /** What -m nfacct counts into, by name. */
  readonly accounts = new Accounts();
  /** Latest time that a packet or advance() brought. */
  now = 0;
  private readonly options: FirewallOptions;
  private readonly defragmenter = new Defragmenter();
  private readonly stack: Stack | undefined;
  /** Who knows the MTU of each device. */
  private readonly ways: { setMtu(device: string, mtu: number): void };
  private readonly pipeline: Pipeline;
  private readonly services: Services;
  private readonly installed: InstalledTables;
  private readonly timers = new TimerMap();
  private readonly sysctls: FirewallSysctls;
  private readonly known: Known;
  private readonly leaveRegistry: () => void;
  private forced: boolean;
  private tracer: Tracer | undefined = undefined;

  constructor(options: FirewallOptions) {
    const { mode, registry, random } = options;
    this.options = options;
    this.mode = mode;
    this.registry = registry;
    this.forced = options.forceTracking ?? false;
    this.tracker = new ConnectionTracker(random);
    this.sets = new Sets(random);
    this.stack = mode.kind === 'router' ? this.router(mode.topology) : undefined;
    const bridge = mode.kind === 'bridge' ? new Bridge(mode.ports, mode.mtu ?? 1500, random) : undefined;
    this.ways = (this.stack?.routes ?? bridge)!;
    const { tracker, defragmenter, drops, stack } = this;
    this.sysctls = new FirewallSysctls({ tracker, defragmenter, stack, registry });
    const synProxy = new SynProxy({
      tracker,
      random,
      send: (octets, about, cause) => void this.pipeline.send(octets, about.now, { ...cause, about }),
    });
    const { transmit } = options;
    this.pipeline = new Pipeline({ tracker, defragmenter, synProxy, drops, transmit, stack, bridge });
    if (options.interpreted) this.pipeline.observer = {};
    this.known = new Known(tracker.connections);
    this.services = {
      tracker,
      routes: (stack ?? bridge)!.routes,
      random,
      wallClock: options.wallClock,
      sets: this.sets,
      accounts: this.accounts,
      cpu: options.cpu,
      queue: (number) => registry.queue(number),
      ...this.known.services,
      log: (record) => this.log(record),
      send: (octets, about) => void this.pipeline.send(octets, about.now, { about, attached: true }),
      timers: this.timers,
      synProxy,
      duplicate: (pkt, gateway, device) => this.pipeline.duplicate(pkt, gateway, device),
      sendError: stack && ((about, error) => stack.sendError(about, error)),
    };
    this.tracker.complaints.listener = (pkt, text) =>
      this.log({ now: pkt.now, level: LOGLEVEL_NOTICE, text: logLine(pkt, `${text} `, NF_LOG_DEFAULT) });
    this.installed = new InstalledTables(registry, this.services, options.makeCounts);
    this.sets.rulesUsing = (name) => this.installed.usesOfSet(name);
    this.accounts.inUse = (name) => this.installed.namesAccount(name);
    this.setHost(options.host ?? {});
    for (const [name, value] of Object.entries(options.sysctls ?? {})) this.setSysctl(name, value);
    if (stack) tracker.host = stack.routes;
    tracker.helping.find = (name, family, protocol) => registry.helper(name, family, protocol);
    this.leaveRegistry = registry.ask(
      (kind, name) => this.installed.userOf(kind, name),
      (helper) => tracker.helping.detach(helper),
    );
    this.refresh();
  }

  private router(topology: Topology): Stack {
    return createStack({
      topology,
      random: this.options.random,
      openPorts: this.options.openPorts,
      defragmenter: this.defragmenter,
      send: (octets, about, attached) => void this.pipeline.send(octets, about.now, { about, attached }),
    });
  }

  // --- Packets -------------------------------------------------------------------------------------------------------

  /** A packet that came in by `device`: loaded and parsed, `now` set. Everything that it causes has happened when this returns. */
  receive(device: string, pkt: Packet): void {
    // Reassembly may put another buffer under the packet, but the device goes on filling its own.
    const { bytes } = pkt;
    pkt.inDevice = device;
    this.advance(pkt.now);
    this.pipeline.receive(pkt);
    pkt.bytes = bytes;
  }

  /** Sends a whole IP packet from the router itself, as a program of its would. `octets` stays the caller's. */
  sendLocal(octets: Uint8Array, now = this.now, owner?: Owner, mark = 0): SendResult {
    this.advance(now);
    const result = this.pipeline.send(octets, now, { owner, mark });
    this.pipeline.loopBack();
    return result;
  }

  /** Lets time pass up to `now` (monotonic ms): timeouts of fragments and connections. Cheap when nothing is due. */
  advance(now: number): void {
    if (now <= this.now) return;
    this.now = now;
    this.timers.advance(now);
    this.tracker.advance(now);
    if (this.stack) this.stack.advance(now);
    else this.defragmenter.advance(now, () => {});
  }

  // --- Rules ---------------------------------------------------------------------------------------------------------

  /**
   * Replaces the given tables, all at once: throws RuleError and changes nothing when one of them cannot be. Tables that are not
   * given stay. Rules and chains that are the same objects keep their counters and state; others start from the
   * counters of their spec.
   */
  install(tables: readonly TableSpec[]): void {
    const installation = this.prepare(tables);
    while (!installation.proceed());
    installation.commit();
  }

  /**
   * The same in steps, between which packets may pass: for tables so long that packets would have to wait. `checked`: a Ruleset with the same extensions has
   * committed them, so that they need no check here.
   */
  prepare(tables: readonly TableSpec[], checked = false): Installation {
    return this.installed.prepare(tables, checked, () => this.changed());
  }

  /** The tables that were ever loaded, latest first. */
  tables(family: Family): readonly TableName[] {
    return this.installed.names(family);
  }

  /** Chains of a table with their counters as they are now, in the order of the spec; undefined: never loaded. */
  chains(family: Family, name: TableName): InstalledChain[] | undefined {
    return this.installed.chains(family, name);
  }

  /**
   * All counters of a table in a row, read in steps between which packets may pass: to make a hundred thousand objects, or to look at as many places at
   * once, would keep them waiting.
   */
  packedCounters(family: Family, name: TableName): Steps<PackedCounters> {
    return this.installed.packedCounters(family, name);
  }

  /** A copy of a table with the counters of this moment in it, for printing. Its rules are new objects. */
  snapshot(family: Family, name: TableName): TableSpec | undefined {
    const chains = this.chains(family, name);
    if (!chains) return undefined;
    const copies = chains.map(({ spec, policy, rules }): [string, ChainSpec] => [
      spec.name,
      {
        ...spec,
        counters: policy ?? spec.counters,
        rules: spec.rules.map((rule, index) => ({ ...rule, counters: rules[index] })),
      },
    ]);
    return { family, name, chains: new Map(copies) };
  }

  /** Live counters for engine/edit/ruleset.ts. */
  counterStore(family: Family): CounterStore {
    return this.installed.counterStore(family);
  }

  /** -Z: sets the counters of a table, a chain, or the rule at `index` of it to zero. A built-in chain's policy counts with its chain. */
  zero(family: Family, name: TableName, chain?: string, index?: number): void {
    this.installed.zero(family, name, chain, index);
  }

  /** Adds extensions while running; throws when a name is taken. */
  attach(module: Module): void {
    this.registry.attach(module);
  }

  /** Takes an extension away; throws while a rule uses it. */
  detach(name: string): void {
    this.registry.detach(name);
  }

  // --- Files of /proc ------------------------------------------------------------------------------------------------

  /**
   * The files below /proc/net that extensions of the installed rules keep: `xt_recent/NAME`, `ipt_hashlimit/NAME`, `ip6t_hashlimit/NAME`.
   * Those of both families that share a path are the same.
   */
  procFiles(): string[] {
    return this.installed.procFiles().map(({ path }) => path);
  }

  /** What such a file says now; undefined: there is none of that path. */
  readProc(path: string): string | undefined {
    return this.installed.procFile(path)?.read(this.now);
  }

  /** Writes to such a file as one write() does: `+ADDRESS`, `-ADDRESS` and `/` to one of xt_recent. Throws for what is refused. */
  writeProc(path: string, text: string): void {
    const file = this.installed.procFile(path);
    if (!file) throw new Error(`${path}: no rule keeps such a file`);
    if (!file.write) throw new Error(`${path}: is for reading only`);
    file.write(text, this.now);
  }

  // --- Tracing -------------------------------------------------------------------------------------------------------

  /**
   * What would happen to a packet, step by step. On a copy of all state unless `live`: counters, connections, fragment queues,
   * limits and the clock stay as they are, and nothing is sent. `octets` stays the caller's.
   */
  trace(octets: Uint8Array, options: TraceOptions = {}): Trace {
    const firewall = options.live ? this : this.shadow();
    const now = Math.max(options.now ?? this.now, this.now);
    const { observer } = firewall.pipeline;
    const tracer = new Tracer(firewall.services);
    firewall.pipeline.observer = tracer;
    firewall.tracer = tracer;
    if (options.device === undefined) {
      firewall.sendLocal(octets, now, options.owner, options.mark);
    } else {
      const pkt = Packet.of(octets);
      pkt.now = now;
      pkt.mark = options.mark ?? 0;
      pkt.linkHeader = options.linkHeader;
      if (options.ipsec) pkt.ipsec = associations(options.ipsec);
      firewall.receive(options.device, pkt);
    }
    firewall.pipeline.observer = observer;
    firewall.tracer = undefined;
    if (firewall !== this) firewall.close();
    return tracer.trace;
  }

  /**
   * Each condition of `rule`, an installed rule of that table, asked by itself of `pkt`, which stands where the rule would meet it
   * (hook, devices, ctstate). For explaining what is missing; changes nothing.
   */
  conditions(pkt: Packet, table: TableName, rule: RuleSpec): Condition[] {
    const installed = this.installed.table(rule.family, table);
    if (!installed?.ruleOf.has(rule)) throw new Error(`not an installed rule of table ${table}`);
    return conditionsOf(installed, rule, pkt, this.services);
  }

  /** A firewall in the same state that shares nothing with this one and sends nothing. */
  private shadow(): Firewall {
    let seed = 0;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed;
    };
    const silent = { transmit: () => {}, onLog: () => {}, makeCounts: undefined };
    const sysctls = Object.fromEntries(this.sysctls.given);
    const { host } = this;
    const copy = new Firewall({ ...this.options, ...silent, random, sysctls, host, forceTracking: this.forced });
    const cloner = new Cloner();
    cloner.overlay(copy.tracker, this.tracker);
    cloner.overlay(copy.defragmenter, this.defragmenter);
    cloner.overlay(copy.sets, this.sets);
    cloner.overlay(copy.accounts, this.accounts);
    copy.timers.now = this.timers.now;
    copy.installed.adopt(this.installed, cloner);
    copy.refresh();
    copy.now = this.now;
    return copy;
  }

  // --- The rest ------------------------------------------------------------------------------------------------------

  /** By its kernel name. Throws when nobody knows it or the value is none of its. */
  setSysctl(name: string, value: string | number): void {
    this.sysctls.set(name, value);
  }

  /** Gives settings the values that they have without anybody's doing. Throws for one that nobody knows. */
  resetSysctls(names: readonly string[]): void {
    this.sysctls.reset(names);
  }

  /** Value of a setting of the tracker or of reassembly, by its kernel name; undefined: none of theirs. */
  sysctl(name: string): number | undefined {
    return this.sysctls.get(name);
  }

  /** Whether the tracker and reassembly take part. */
  tracks(family: Family): boolean {
    return this.pipeline.tables[family].tracking;
  }

  /** What is known of the host, in place of what was. Throws a RangeError for what cannot be read, and changes nothing. */
  setHost(facts: HostFacts): void {
    this.known.learn(facts);
    for (const account of facts.accounts ?? []) this.accounts.add(account);
  }

  /** The MTU of a device is another one: the packets that follow are held to it. Nothing happens for a device that is none. */
  setMtu(device: string, mtu: number): void {
    this.ways.setMtu(device, mtu);
  }

  /** The facts given last. */
  get host(): HostFacts {
    return this.known.facts;
  }

  forceTracking(on: boolean): void {
    this.forced = on;
    this.changed();
  }

  /** Drops by hook and reason since the start, or since drops.reset(). */
  dropCounts(): DropCount[] {
    return this.drops.list();
  }

  /** Lets go of the registry. No packet may come any more. */
  close(): void {
    this.leaveRegistry();
  }

  /** Other rules than before, or other wishes. */
  private changed(): void {
    const idle = ([4, 6] as const).filter((family) => !this.tracks(family));
    this.refresh();
    if (this.installed.wantsAccounting) this.setSysctl('net.netfilter.nf_conntrack_acct', 1);
    for (const family of idle) if (this.tracks(family)) this.tracker.resume(family);
  }

  private refresh(): void {
    const { installed } = this;
    this.tracker.connections.labelling.wanted = installed.wantsLabels;
    for (const family of [4, 6] as const) {
      this.pipeline.tables[family] = installed.familyTables(family, this.forced);
    }
  }

  private log(record: LogRecord): void {
    this.tracer?.logged(record);
    this.options.onLog?.(record);
  }
}
