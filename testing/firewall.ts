// The firewall under test: rules, devices and a clock, in memory. It is the engine that filters inline, with a virtual wire around it.
//
//   const fw = firewall({ v6: 'rules.v6' });
//   const result = fw.send(tcp('2001:db8::1', '2001:db8:9::80', { dport: 443 }));
//   result.verdict; result.out[0].device; console.log(result.walk);
//
// Packets go through the plain interpreter, which sees every rule at work and is tested to decide as the compiled tables do.

import { Conntrack } from '../conntrack/conntrack.ts';
import { dump, type Entry } from '../conntrack/format.ts';
import { helpers } from '../conntrack/helpers/index.ts';
import { apply, Ruleset } from '../engine/edit/ruleset.ts';
import { Firewall, type Mode } from '../engine/firewall.ts';
import { Registry } from '../engine/registry.ts';
import type { LogRecord } from '../engine/services.ts';
import { withSets } from '../engine/sets/for-rules.ts';
import { runIpset } from '../engine/sets/index.ts';
import { createRoutes, type RouteTable } from '../engine/stack/index.ts';
import type { Condition } from '../engine/trace/conditions.ts';
import { noNames } from '../grammar/names.ts';
import { parseCommand } from '../grammar/parse-rule.ts';
import { type Printing, printRule, printSave } from '../grammar/print.ts';
import type { RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import type { TableName } from '../grammar/tables.ts';
import { matches } from '../matches/index.ts';
import { addressAt } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { packetFromWords } from '../packet/words.ts';
import { targets } from '../targets/index.ts';
import { seeded } from './bare-services.ts';
import { type CoverageLine, coverageOf } from './coverage/coverage.ts';
import { Observations } from './coverage/observations.ts';
import { milliseconds } from './duration.ts';
import { Flow, type FlowOptions } from './flow.ts';
import { type FtpOptions, FtpSession } from './ftp.ts';
import { backendWanted, KernelMirror } from './kernel-backend/mirror.ts';
import { KernelDifference } from './kernel-backend/unavailable.ts';
import { INSPECT, Outcome } from './outcome.ts';
import { type LoadedRules, loadRules, type RuleSources, RulesError, textsOf } from './rule-source.ts';
import { fillSets, setsFor, setsText } from './set-source.ts';
import { type FirewallSetup, frameFrom, type PacketGiven, type SendOptions } from './setup.ts';
import { modeOf } from './topology.ts';

/** Monotonic ms at the start: far from zero, so that "long ago" can be told from "never". */
const START = 1_000_000_000;

/** Builds a firewall. Throws RulesError with everything that is wrong with the rules. */
export const firewall = (setup: FirewallSetup): TestFirewall => new TestFirewall(setup);

export class TestFirewall {
  readonly setup: FirewallSetup;
  readonly mode: Mode;
  readonly rules: LoadedRules;
  private readonly registry: Registry;
  private readonly routes: RouteTable | undefined;
  private readonly sets: string;
  private engine: Firewall;
  private rulesets: Record<Family, Ruleset>;
  private logged: LogRecord[] = [];
  private marks: number[] = [];
  /** Does the same on a real kernel, and compares. */
  private readonly kernel: KernelMirror | undefined;
  private texts = new WeakMap<RuleSpec, string>();
  /** What the packets since the start or the last reset showed of the rules. */
  observations = new Observations();

  constructor(setup: FirewallSetup, rules?: LoadedRules) {
    this.setup = setup;
    this.mode = modeOf(setup);
    this.routes = this.mode.kind === 'router' ? createRoutes(this.mode.topology) : undefined;
    this.registry = new Registry(setup.extensions ?? { matches, targets, helpers }, ...(setup.attach ?? []));
    this.sets = setsText(setup.sets);
    this.rules = rules ?? this.read(setup);
    this.engine = this.start();
    this.rulesets = this.editable();
    this.kernel = (setup.backend ?? backendWanted()) === 'kernel' ? new KernelMirror(this) : undefined;
  }

  private start(): Firewall {
    const { setup, mode, registry } = this;
    const engine = new Firewall({
      mode,
      registry,
      random: seeded(setup.seed ?? 1),
      sysctls: setup.sysctls,
      host: setup.host,
      openPorts: true,
      interpreted: true,
      wallClock: setup.date === undefined ? undefined : clockFrom(setup.date),
      transmit: (_device, pkt) => this.marks.push(pkt.mark),
      onLog: (record) => this.logged.push(record),
    });
    engine.advance(START);
    fillSets(engine.sets, this.sets, START);
    engine.install(this.rules.tables);
    return engine;
  }

  private read(sources: RuleSources): LoadedRules {
    const names = withSets(this.setup.names ?? noNames, setsFor(this.sets));
    return loadRules(textsOf(sources), this.registry, names);
  }

  private editable(): Record<Family, Ruleset> {
    const { engine, registry, setup } = this;
    const names = withSets(setup.names ?? noNames, engine.sets);
    const ruleset = (family: Family): Ruleset => {
      const counters = engine.counterStore(family);
      const install = (table: TableSpec): void => engine.install([table]);
      const made = new Ruleset(family, { lookup: registry, names, counters, install });
      for (const table of this.rules.tables) if (table.family === family) made.adopt(table);
      return made;
    };
    return { 4: ruleset(4), 6: ruleset(6) };
  }

  // --- Packets -------------------------------------------------------------------------------------------------------

  /** Sends one packet through, and says what became of it. */
  send(given: PacketGiven, options: SendOptions = {}): Outcome {
    const octets = typeof given === 'string' ? packetFromWords(given) : given;
    const device = this.deviceOf(octets, options);
    const linkHeader = options.mac === undefined ? options.linkHeader : frameFrom(options.mac, octets);
    this.marks = [];
    const { mark, owner, ipsec } = options;
    const said = { device: device || undefined, mark, owner, linkHeader, ipsec };
    const trace = this.engine.trace(octets, { ...said, live: true });
    this.observations.note(trace);
    const observed = { firewall: this, octets, device, at: this.now, trace, marks: this.marks, linkHeader };
    const outcome = new Outcome(observed);
    this.kernel?.sent(outcome, options);
    return outcome;
  }

  /** Several packets one after the other: fragments, or packets in flight. */
  sendAll(packets: readonly PacketGiven[], options: SendOptions = {}): Outcome[] {
    return packets.map((each) => this.send(each, options));
  }

  /** A conversation that `first` would open: `fw.flow(tcp(...)).connect()`. Nothing is sent yet. */
  flow(first: PacketGiven, options: FlowOptions = {}): Flow {
    return new Flow(this, typeof first === 'string' ? packetFromWords(first) : first, options);
  }

  /** An FTP session of `client` with `server`, and the data connections that it agrees upon. Nothing is sent yet. */
  ftp(client: string, server: string, options: FtpOptions = {}): FtpSession {
    return new FtpSession(this, client, server, options);
  }

  /** Device that a packet comes in by when nobody says otherwise: the one that its source is behind; '' for the router itself. */
  deviceFor(packet: Uint8Array): string {
    return this.deviceOf(packet, {});
  }

  private deviceOf(octets: Uint8Array, { in: given, local }: SendOptions): string {
    const { devices } = this;
    if (local) return '';
    if (given !== undefined) {
      if (!devices.includes(given)) throw new Error(`no device ${given} here: there are ${devices.join(', ')}`);
      return given;
    }
    const version = octets[0] >>> 4;
    if (!this.routes || octets.length < (version === 4 ? 20 : 40) || (version !== 4 && version !== 6))
      return devices[0];
    const source = addressAt(octets, version === 4 ? 12 : 8, version);
    if (this.routes.type(source, version) === 'LOCAL') return '';
    return this.routes.lookup(source, version)?.device ?? devices[0];
  }

  /** Names of the devices that packets may come in by. */
  get devices(): readonly string[] {
    return this.mode.kind === 'bridge' ? this.mode.ports : Object.keys(this.mode.topology);
  }

  // --- Time ----------------------------------------------------------------------------------------------------------

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.engine.now - START;
  }

  /** Lets time pass: '300ms', '90s', '2h', '5d', or milliseconds. Connections and fragments that run out are gone after it. */
  advance(span: string | number): this {
    const ms = milliseconds(span);
    this.engine.advance(this.engine.now + ms);
    this.kernel?.advanced(ms);
    return this;
  }

  // --- State ---------------------------------------------------------------------------------------------------------

  /** Connections as /proc/net/nf_conntrack would list them, as data. */
  get connections(): Entry[] {
    return dump(this.engine.tracker, this.engine.now);
  }

  /** The same, with filters; made, changed, ended and watched by hand. Of the firewall as it is: after reset() ask for it anew. */
  get conntrack(): Conntrack {
    const { engine } = this;
    return new Conntrack(engine.tracker, () => engine.now);
  }

  /** Every log line since the start or the last reset. */
  get logs(): readonly string[] {
    return this.logged.map(({ text, nflog }) => text || (nflog?.prefix ?? ''));
  }

  /** Every rule and policy with what it counted, in the order of the file's tables. */
  get counters(): readonly CoverageLine[] {
    return coverageOf(this);
  }

  /** As it was when it was made: counters, connections, fragments, limits and the clock start anew; the rules stay. */
  reset(): this {
    this.check();
    this.engine.close();
    this.logged = [];
    this.observations = new Observations(this.observations);
    this.engine = this.start();
    this.rulesets = this.editable();
    this.kernel?.reset();
    return this;
  }

  /** With the kernel as second backend: throws KernelDifference when its counters or connections are others. Done by reset() and Coverage.add(). */
  check(): this {
    this.kernel?.check();
    return this;
  }

  /** The rules as save text, as they are now; '' where none are loaded. */
  saved(family: Family, counters = false): string {
    return this.rulesets[family].save({ counters });
  }

  /** One command on the rules while it runs, as the tool takes it: `fw.iptables('-I FORWARD -s 192.0.2.9 -j DROP')`. Gives what it prints. */
  iptables(words: string): string {
    return this.command(4, words);
  }

  ip6tables(words: string): string {
    return this.command(6, words);
  }

  private command(family: Family, words: string): string {
    const ruleset = this.rulesets[family];
    const { lookup, names } = ruleset.printing;
    try {
      const isChain = (table: string, name: string): boolean => ruleset.isChain(table, name);
      const command = parseCommand(words, { family, lookup, names, isChain });
      const draft = ruleset.open(command.table);
      if (!draft) throw new Error(`there is no table ${command.table}`);
      const said = apply(command, draft, ruleset.printing);
      ruleset.commit(draft);
      this.kernel?.command(family === 4 ? 'iptables' : 'ip6tables', words);
      return said;
    } catch (error) {
      if (error instanceof KernelDifference) throw error;
      throw new RulesError(`${family === 4 ? 'iptables' : 'ip6tables'} ${words}: ${(error as Error).message}`);
    }
  }

  /** Other rules while it runs, as by a restore: connections, sets and the clock stay. reset() brings the first ones back. */
  load(sources: RuleSources): this {
    const { tables } = this.read(sources);
    this.engine.install(tables);
    for (const table of tables) this.rulesets[table.family].adopt(table);
    for (const family of new Set(tables.map((table) => table.family))) {
      this.kernel?.loaded(
        family,
        printSave(
          tables.filter((table) => table.family === family),
          this.printing,
        ),
      );
    }
    return this;
  }

  /** A command on the sets, as ipset takes it: `fw.ipset('add bad 192.0.2.9')`. Gives what it prints; throws RulesError. */
  ipset(words: string): string {
    const argv = words.trim().split(/\s+/);
    const { names = noNames } = this.setup;
    const { stdout, stderr, exitCode } = runIpset(this.engine.sets, { argv, names, now: this.engine.now });
    if (exitCode !== 0) throw new RulesError(`ipset ${words}: ${stderr.trim()}`);
    this.kernel?.command('ipset', words);
    return stdout;
  }

  setSysctl(name: string, value: string | number): this {
    this.engine.setSysctl(name, value);
    this.kernel?.setSysctl(name, value);
    return this;
  }

  /** A list of recent as /proc/net/xt_recent shows it, after the edits (`+ADDRESS`, `-ADDRESS`, `/`). Throws where no rule names it. */
  recent(name: string, ...edits: readonly string[]): string {
    const path = `xt_recent/${name}`;
    for (const edit of edits) this.engine.writeProc(path, edit);
    return this.proc(path);
  }

  /** A table of hashlimit as /proc/net/ipt_hashlimit, for IPv6 ip6t_hashlimit, shows it. Throws where no rule names it. */
  hashlimit(name: string, family: Family): string {
    return this.proc(`${family === 4 ? 'ipt' : 'ip6t'}_hashlimit/${name}`);
  }

  private proc(path: string): string {
    const text = this.engine.readProc(path);
    if (text !== undefined) return text;
    const files = this.engine.procFiles();
    throw new Error(`no rule keeps ${path}; there ${files.length === 0 ? 'is none' : `are ${files.join(', ')}`}`);
  }

  /** Another firewall with the same rules, without reading them again. */
  fresh(): TestFirewall {
    const another = new TestFirewall(this.setup, this.rules);
    another.observations = new Observations(this.observations);
    return another;
  }

  // --- For explanations ------------------------------------------------------------------------------------------------

  get printing(): Printing {
    return { lookup: this.registry, names: this.setup.names ?? noNames };
  }

  textOf(chain: string, rule: RuleSpec): string {
    const text = this.texts.get(rule) ?? printRule(chain, rule, this.printing);
    this.texts.set(rule, text);
    return text;
  }

  /** What console.log() shows. */
  [INSPECT](): string {
    const { mode, devices, rules, connections, now } = this;
    const names = [...new Set(rules.texts.map(({ name }) => name))].join(', ');
    return `TestFirewall { ${mode.kind} of ${devices.join(', ')}; rules: ${names}; ${connections.length} connections; at ${now} ms }`;
  }

  /** The engine itself. */
  get core(): Firewall {
    return this.engine;
  }

  conditions(pkt: Packet, table: TableName, rule: RuleSpec): Condition[] {
    return this.engine.conditions(pkt, table, rule);
  }

  /** Families for which some table is loaded. */
  has(family: Family): boolean {
    return this.rules.tables.some((table) => table.family === family);
  }
}

function clockFrom(date: string | Date): { seconds(now: number): number; minutesWest: number } {
  const start = new Date(date).getTime();
  if (Number.isNaN(start)) throw new RangeError(`not a date: ${date}`);
  return { seconds: (now) => Math.floor((start + now - START) / 1_000), minutesWest: 0 };
}
