// The firewall under test: rules, devices and a clock, in memory. It is the engine that filters inline, with a virtual wire around it.
//
//   const fw = firewall({ v6: 'rules.v6' });
//   const result = fw.send(tcp('2001:db8::1', '2001:db8:9::80', { dport: 443 }));
//   result.verdict; result.out[0].device; console.log(result.walk);
//
// Packets go through the plain interpreter, which sees every rule at work and is tested to decide as the compiled tables do.

import { dump, type Entry } from '../conntrack/format.ts';
import type { Condition } from '../engine/conditions.ts';
import { Firewall, type Mode } from '../engine/firewall.ts';
import { type Module, Registry } from '../engine/registry.ts';
import type { LogRecord } from '../engine/services.ts';
import { createRoutes, type RouteTable, type Topology } from '../engine/stack/index.ts';
import { type Names, noNames } from '../grammar/names.ts';
import { type Printing, printRule } from '../grammar/print.ts';
import type { RuleSpec } from '../grammar/rule-spec.ts';
import type { TableName } from '../grammar/tables.ts';
import { matches } from '../matches/index.ts';
import { addressAt } from '../packet/address.ts';
import { fromHex } from '../packet/bytes.ts';
import type { Family } from '../packet/numbers.ts';
import type { Owner, Packet } from '../packet/packet.ts';
import { packetFromWords } from '../packet/words.ts';
import { targets } from '../targets/index.ts';
import { seeded } from './bare-services.ts';
import { type CoverageLine, coverageOf } from './coverage.ts';
import { milliseconds } from './duration.ts';
import { Flow, type FlowOptions } from './flow.ts';
import { Outcome } from './outcome.ts';
import { type LoadedRules, loadRules, type RuleSources, textsOf } from './rule-source.ts';

/** Addresses with their prefix length ('10.0.1.1/24'), and 'default' where the default routes lead; or all of it apart. */
export type Device =
  | readonly string[]
  | {
      readonly addresses?: readonly string[];
      /** '10.1.0.0/16', '2001:db8::/32 via fd00:a::9', 'default'. */
      readonly routes?: readonly string[];
      readonly mtu?: number;
    };

export interface FirewallSetup extends RuleSources {
  /** `router` (default) has addresses and routes; `bridge` passes packets from one device to the other. */
  readonly mode?: 'router' | 'bridge';
  /**
   * By name, as rules say it. Left out: `inside` (10.0.1.1/24, fd00:a::1/64; 10.1.0.0/16 and fd00:1::/32 behind it) and `outside`
   * (10.0.2.1/24, fd00:b::1/64; everything else). Of a bridge: two names.
   */
  readonly devices?: Readonly<Record<string, Device>> | readonly [string, string];
  /** Kernel names: { 'net.netfilter.nf_conntrack_tcp_loose': 0 }. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** Names of services, users and the like in rules. Save files hold numbers, so none are known unless given. */
  readonly names?: Names;
  /** Extensions instead of the built-in ones. */
  readonly extensions?: Module;
  /** For what is random (`-m statistic`, port choice): the same seed, the same run. */
  readonly seed?: number;
  /** Time of day at the start, for `-m time`: '2026-03-01T12:00:00Z'. */
  readonly date?: string | Date;
}

export interface SendOptions {
  /** Device that it comes in by. Left out: the one that its source is behind; the router's own, when the source is. */
  readonly in?: string;
  /** The router itself sends it. */
  readonly local?: boolean;
  readonly mark?: number;
  /** Of a packet of the router's own. */
  readonly owner?: Owner;
  /** Source address of the Ethernet frame that it came in: '02:00:00:00:00:01'. */
  readonly mac?: string;
}

/** Octets from the IP header on, or words for them. */
export type PacketGiven = Uint8Array | string;

const DEFAULT_DEVICES: Readonly<Record<string, Device>> = {
  inside: { addresses: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'] },
  outside: { addresses: ['10.0.2.1/24', 'fd00:b::1/64'], routes: ['default'] },
};

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
  private engine: Firewall;
  private logged: LogRecord[] = [];
  private marks: number[] = [];

  constructor(setup: FirewallSetup, rules?: LoadedRules) {
    this.setup = setup;
    this.mode = modeOf(setup);
    this.routes = this.mode.kind === 'router' ? createRoutes(this.mode.topology) : undefined;
    this.registry = new Registry(setup.extensions ?? { matches, targets });
    this.rules = rules ?? loadRules(textsOf(setup), this.registry, setup.names ?? noNames);
    this.engine = this.start();
  }

  private start(): Firewall {
    const { setup, mode, registry } = this;
    const engine = new Firewall({
      mode,
      registry,
      random: seeded(setup.seed ?? 1),
      sysctls: setup.sysctls,
      openPorts: true,
      interpreted: true,
      wallClock: setup.date === undefined ? undefined : clockFrom(setup.date),
      transmit: (_device, pkt) => this.marks.push(pkt.mark),
      onLog: (record) => this.logged.push(record),
    });
    engine.advance(START);
    engine.install(this.rules.tables);
    return engine;
  }

  // --- Packets -------------------------------------------------------------------------------------------------------

  /** Sends one packet through, and says what became of it. */
  send(given: PacketGiven, options: SendOptions = {}): Outcome {
    const octets = typeof given === 'string' ? packetFromWords(given) : given;
    const device = this.deviceOf(octets, options);
    const linkHeader = options.mac === undefined ? undefined : frameFrom(options.mac, octets);
    this.marks = [];
    const { mark, owner } = options;
    const trace = this.engine.trace(octets, { device: device || undefined, mark, owner, linkHeader, live: true });
    return new Outcome({ firewall: this, octets, device, at: this.now, trace, marks: this.marks, linkHeader });
  }

  /** Several packets one after the other: fragments, or packets in flight. */
  sendAll(packets: readonly PacketGiven[], options: SendOptions = {}): Outcome[] {
    return packets.map((each) => this.send(each, options));
  }

  /** A conversation that `first` would open: `fw.flow(tcp(...)).connect()`. Nothing is sent yet. */
  flow(first: PacketGiven, options: FlowOptions = {}): Flow {
    return new Flow(this, typeof first === 'string' ? packetFromWords(first) : first, options);
  }

  /** '' for the router itself. */
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
    this.engine.advance(this.engine.now + milliseconds(span));
    return this;
  }

  // --- State ---------------------------------------------------------------------------------------------------------

  /** Connections as /proc/net/nf_conntrack would list them, as data. */
  get connections(): Entry[] {
    return dump(this.engine.tracker, this.engine.now);
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
    this.engine.close();
    this.logged = [];
    this.engine = this.start();
    return this;
  }

  setSysctl(name: string, value: string | number): this {
    this.engine.setSysctl(name, value);
    return this;
  }

  /** Another firewall with the same rules, without reading them again. */
  fresh(): TestFirewall {
    return new TestFirewall(this.setup, this.rules);
  }

  // --- For explanations ------------------------------------------------------------------------------------------------

  get printing(): Printing {
    return { lookup: this.registry, names: this.setup.names ?? noNames };
  }

  textOf(chain: string, rule: RuleSpec): string {
    return printRule(chain, rule, this.printing);
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

function modeOf({ mode, devices }: FirewallSetup): Mode {
  if (mode === 'bridge') {
    const names = Array.isArray(devices) ? (devices as readonly string[]) : Object.keys(devices ?? DEFAULT_DEVICES);
    if (names.length !== 2) throw new Error(`a bridge has two devices, not ${names.length}`);
    return { kind: 'bridge', ports: [names[0], names[1]] };
  }
  if (Array.isArray(devices))
    throw new Error("a router has addresses: devices: { lan0: ['10.0.0.1/24'], wan0: [...] }");
  const given = Object.entries((devices as Readonly<Record<string, Device>> | undefined) ?? DEFAULT_DEVICES);
  return { kind: 'router', topology: Object.fromEntries(given.map(([name, device]) => [name, placeOf(device)])) };
}

function placeOf(device: Device): Topology[string] {
  if (!Array.isArray(device)) {
    const { addresses = [], routes = [], mtu = 1500 } = device as Exclude<Device, readonly string[]>;
    return { addresses, routes: routes.flatMap(routesOf), mtu };
  }
  const words = device as readonly string[];
  return {
    addresses: words.filter((word) => !isRoute(word)),
    routes: words.filter(isRoute).flatMap(routesOf),
    mtu: 1500,
  };
}

const isRoute = (word: string): boolean => word === 'default' || word.startsWith('route ') || word.includes(' via ');

const routesOf = (word: string): string[] =>
  word === 'default' ? ['0.0.0.0/0', '::/0'] : [word.replace(/^route /, '')];

/** An Ethernet header to nobody in particular. */
function frameFrom(mac: string, octets: Uint8Array): Uint8Array {
  const source = fromHex(mac.replace(/[:-]/g, ''));
  if (source?.length !== 6) throw new RangeError(`not a MAC address: ${mac}`);
  const frame = new Uint8Array(14);
  frame.set(source, 6);
  frame.set(octets[0] >>> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
  return frame;
}

function clockFrom(date: string | Date): { seconds(now: number): number; minutesWest: number } {
  const start = new Date(date).getTime();
  if (Number.isNaN(start)) throw new RangeError(`not a date: ${date}`);
  return { seconds: (now) => Math.floor((start + now - START) / 1_000), minutesWest: 0 };
}
