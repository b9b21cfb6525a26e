// Scenarios in memory, on virtual time: the same JSON that the kernel twin runs, with results of the same shape. A router with the
// devices tunA and tunB; packets go in, what comes out, the counters, the connections and the log are the result.
//
//   const result = play({ v6rules, steps: [{ in: 'A', hex }, { counters: true }] });

import { dump } from '../../conntrack/format.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { expectProcLine } from '../../conntrack/text/expect.ts';
import { type RestoreResult, restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import { runNfacct } from '../../engine/host/nfacct.ts';
import { inOneLine } from '../../engine/log-line.ts';
import type { Module } from '../../engine/registry.ts';
import { Registry } from '../../engine/registry.ts';
import type { LogRecord } from '../../engine/services.ts';
import { withSets } from '../../engine/sets/for-rules.ts';
import { runIpset } from '../../engine/sets/index.ts';
import type { Topology } from '../../engine/stack/index.ts';
import type { SendResult } from '../../engine/walk.ts';
import { type Names, noNames } from '../../grammar/names.ts';
import { TABLES, type TableName } from '../../grammar/tables.ts';
import { matches } from '../../matches/index.ts';
import { fromHex, putU16, toHex } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Family } from '../../packet/numbers.ts';
import { type Owner, Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { seeded } from '../bare-services.ts';
import { parseSaveCounters } from '../save-counters.ts';
import { withCopies } from './scenario-copies.ts';
import {
  type Copy,
  DEFAULT_TOPOLOGY,
  type Emitted,
  type Result,
  type Rules,
  type Scenario,
  type Side,
  type Step,
  type StepResult,
} from './scenario-format.ts';
import { runConntrackTool, runIptables, runRestore } from './scenario-programs.ts';

export interface PlayOptions {
  /** Names of services, protocols and users in rules; none unless given. */
  readonly names?: Names;
  /** Extensions instead of the built-in ones. */
  readonly extensions?: Module;
  /** Extensions of one's own beside them. */
  readonly attach?: readonly Module[];
  readonly seed?: number;
  /** By the plain interpreter instead of compiled tables. */
  readonly interpreted?: boolean;
  /** When each step is due, in ms since the first: those that a kernel needed, so that what ends there while it works ends here too. */
  readonly times?: readonly number[];
}

const SIDES: readonly Side[] = ['A', 'B'];

/** Runs a scenario. Throws an Error when its first rules or sysctls are refused, or for a step that needs a kernel. */
export function play(scenario: Scenario, options: PlayOptions = {}): Result {
  const player = new Player(scenario, options);
  const steps: StepResult[] = [];
  scenario.steps.forEach((step, index) => {
    player.waitUntil(options.times?.[index] ?? 0);
    steps.push(player.step(step, steps));
  });
  return { name: scenario.name, steps, late: [] };
}

/** The same for scenarios that call conntrack, whose answers have to be waited for. */
export async function playWithConntrack(scenario: Scenario, options: PlayOptions = {}): Promise<Result> {
  const player = new Player(scenario, options);
  const steps: StepResult[] = [];
  for (const [index, step] of scenario.steps.entries()) {
    player.waitUntil(options.times?.[index] ?? 0);
    const isConntrack = 'exec' in step && step.exec[0] === 'conntrack';
    steps.push(isConntrack ? await player.conntrack(step.exec.slice(1)) : player.step(step, steps));
  }
  return { name: scenario.name, steps, late: [] };
}

/** Monotonic ms at the start: far from zero, so that "long ago" can be told from "never". */
const START = 1_000_000_000;

class Player {
  private readonly firewall: Firewall;
  private readonly rulesets: Record<Family, Ruleset>;
  private readonly random: () => number;
  private readonly pkt = new Packet();
  private readonly names: Names;
  private now = START;
  private emitted: Emitted[] = [];
  private logged: LogRecord[] | undefined;

  constructor(scenario: Scenario, options: PlayOptions) {
    const { names = noNames, extensions = { matches, targets, helpers }, attach = [], seed = 1, interpreted } = options;
    const registry = new Registry(extensions, ...attach);
    this.random = seeded(seed);
    this.firewall = new Firewall({
      mode: { kind: 'router', topology: topologyOf(scenario) },
      registry,
      random: this.random,
      transmit: (device, pkt) =>
        this.emitted.push({ out: device.slice(-1) as Side, hex: toHex(pkt.bytes, pkt.l3, pkt.end) }),
      // NFLOG's packets and what targets tell are for others than the kernel's log.
      onLog: (record) => !record.nflog && !record.event && this.logged?.push(record),
      forceTracking: scenario.force_ct,
      host: scenario.host,
      interpreted,
    });
    this.firewall.advance(this.now);
    if (scenario.log) this.logged = [];
    this.names = names;
    for (const argv of scenario.setup ?? []) this.setUp(argv);
    const ruleset = (family: Family) =>
      new Ruleset(family, {
        lookup: registry,
        names: withSets(names, this.firewall.sets),
        counters: this.firewall.counterStore(family),
        install: (table) => this.firewall.install([table]),
      });
    this.rulesets = { 4: ruleset(4), 6: ruleset(6) };
    const settings = Object.entries(scenario.sysctls ?? {});
    const ours = ([name]: readonly [string, unknown]) => name.startsWith('sekisho.');
    // What rules may name is there before them, as what a scenario's setup makes.
    this.setSysctls(Object.fromEntries(settings.filter(ours)));
    const refused = this.load({ v4: scenario.v4rules, v6: scenario.v6rules });
    if (refused !== undefined) throw new Error(refused);
    this.setSysctls(Object.fromEntries(settings.filter((one) => !ours(one))));
  }

  /** Milliseconds since the start; time does not go back. */
  waitUntil(time: number): void {
    if (START + time <= this.now) return;
    this.now = START + Math.floor(time);
    this.firewall.advance(this.now);
  }

  step(step: Step, before: readonly StepResult[] = []): StepResult {
    const result = this.take(step, before);
    const lines = (this.logged ?? [])
      .map(({ level, text }) => ({ level, msg: inOneLine(text) }))
      .filter(({ msg }) => ofDevices(msg));
    if (lines.length > 0) result.log = lines;
    if (this.logged) this.logged = [];
    return result;
  }

  private take(step: Step, before: readonly StepResult[]): StepResult {
    if ('in' in step) return this.inject(step.in, hexesOf(step, before));
    if ('local' in step) return this.send(octetsOf(step.local));
    if ('sleep_ms' in step) {
      this.now += step.sleep_ms;
      this.firewall.advance(this.now);
      return { out: this.drain() };
    }
    const { tracker } = this.firewall;
    if ('ct' in step)
      return {
        ct: dump(tracker, this.now).map((entry) => ({ ...entry })),
        expect: Array.from(tracker.expectations.entries(), (one) => expectProcLine(tracker, one)),
      };
    if ('counters' in step) return this.counters();
    if ('rules' in step) return optionalError(this.load(step.rules));
    if ('exec' in step) return this.execute(step.exec, step.stdin);
    if ('read' in step) return this.read(step.read);
    if ('write' in step) return this.write(step.write, step.text);
    if ('sysctls' in step) this.setSysctls(step.sysctls);
    else if ('flush_ct' in step) this.firewall.tracker.flush();
    else throw new Error(`a step that is none, or needs a kernel: ${JSON.stringify(step)}`);
    return {};
  }

  private setUp(argv: readonly string[]): void {
    const { rc, stderr } = this.execute(argv);
    if (rc !== 0) throw new Error(`setup: ${argv.join(' ')}: ${stderr}`);
  }

  conntrack(argv: readonly string[]): Promise<StepResult> {
    return runConntrackTool(argv, this.firewall.tracker, this.now);
  }

  /** Of the programs beside a kernel, ipset works on our sets, nfacct on our accounts, the iptables programs on our rules. */
  private execute([program, ...argv]: readonly string[], stdin = ''): StepResult {
    const [, six, restores] = /^ip(6?)tables(-restore)?$/.exec(program) ?? [];
    if (six !== undefined) {
      const ruleset = this.rulesets[six === '6' ? 6 : 4];
      return restores ? runRestore(program, argv, stdin, ruleset) : runIptables(argv, ruleset);
    }
    if (program === 'nfacct') {
      const done = runNfacct(this.firewall.accounts, argv);
      return { rc: done.exitCode, stdout: done.stdout, stderr: done.stderr };
    }
    if (program !== 'ipset') throw new Error(`"${program}" runs beside a kernel: not in memory`);
    const { stdout, stderr, exitCode } = runIpset(this.firewall.sets, { argv, names: this.names, now: this.now });
    return { rc: exitCode, stdout, stderr };
  }

  /** What extensions keep below /proc/net. */
  private read(path: string): StepResult {
    const text = this.firewall.readProc(belowProcNet(path));
    if (text === undefined) throw new Error(`${path}: no such file in memory`);
    return { text };
  }

  private write(path: string, text: string): StepResult {
    try {
      this.firewall.writeProc(belowProcNet(path), text);
      return {};
    } catch (error) {
      return { err: (error as Error).message };
    }
  }

  private inject(side: Side, packets: readonly string[]): StepResult {
    const out: Emitted[] = [];
    let err: string | undefined;
    for (const hex of packets) {
      const octets = octetsOf(hex);
      // A TUN device takes nothing that does not begin as an IP packet does: drivers/net/tun.c tun_get_user().
      if (octets[0] >>> 4 !== 4 && octets[0] >>> 4 !== 6) {
        err = 'Invalid argument';
        continue;
      }
      const { pkt } = this;
      pkt.bytes.set(octets);
      pkt.load(0, octets.length, this.now);
      pkt.parse();
      this.firewall.receive(`tun${side}`, pkt);
      out.push(...this.drain());
    }
    return { out, ...optionalError(err) };
  }

  /** What one packet caused, side A first: so the twin reads its devices. */
  private drain(): Emitted[] {
    const out = SIDES.flatMap((side) => this.emitted.filter((one) => one.out === side));
    this.emitted = [];
    return out;
  }

  private send(octets: Uint8Array): StepResult {
    const result = this.firewall.sendLocal(this.asRawSocket(octets), this.now, SENDER);
    return { out: this.drain(), ...optionalError(ERRORS[result]) };
  }

  /** What a raw socket with a header of its own fills in: net/ipv4/raw.c raw_send_hdrinc(). */
  private asRawSocket(octets: Uint8Array): Uint8Array {
    if (octets[0] >>> 4 !== 4 || octets.length < ipv4.MIN_LENGTH) return octets;
    putU16(octets, 2, octets.length);
    if (ipv4.id(octets, 0) === 0) putU16(octets, ipv4.ID_AT, this.random() & 0xffff);
    ipv4.fillChecksum(octets, 0);
    return octets;
  }

  private setSysctls(values: Readonly<Record<string, string | number>>): void {
    for (const [name, value] of Object.entries(values)) this.firewall.setSysctl(name, value);
  }

  // --- Rules ---------------------------------------------------------------------------------------------------------

  /** The first refusal, in the twin's words; undefined: all is loaded. */
  private load({ v4, v6 }: Rules): string | undefined {
    return this.loadFamily(4, v4) ?? this.loadFamily(6, v6);
  }

  /** Tables that were loaded before and are not in the text are emptied. */
  private loadFamily(family: Family, text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    const given = new Set(Array.from(text.matchAll(/^\*(\S+)/gm), ([, name]) => name));
    const missing = this.firewall.tables(family).filter((name) => !given.has(name));
    const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const result = restore(missing.sort().map(emptySave).join('') + text, this.rulesets[family], { program });
    return result.diagnostics.length > 0 ? `restore v${family}: ${refusal(result, program)}` : undefined;
  }

  private counters(): StepResult {
    const [v4, v6] = [this.rulesets[4].save({ counters: true }), this.rulesets[6].save({ counters: true })];
    return { v4: parseSaveCounters(v4), v6: parseSaveCounters(v6), v4_text: v4, v6_text: v6 };
  }
}

/** The packets that go in. */
export const hexesOf = (
  { hex, copies }: { hex: string | string[]; copies?: Copy[] },
  before: readonly StepResult[],
): string[] => (copies ? [withCopies(String(hex), copies, before)] : [hex].flat());

const belowProcNet = (path: string): string => path.replace(/^\/proc\/(self\/|thread-self\/)?net\//, '');

/** A raw socket is root's. */
const SENDER: Owner = { uid: 0, gid: 0 };

/** What sendto() says. */
const ERRORS: Record<SendResult, string | undefined> = {
  sent: undefined,
  taken: undefined,
  dropped: 'Operation not permitted',
  'no route': 'Network is unreachable',
  malformed: 'Invalid argument',
};

function optionalError(err: string | undefined): { err?: string } {
  return err === undefined ? {} : { err };
}

function octetsOf(hex: string): Uint8Array {
  const octets = fromHex(hex);
  if (!octets) throw new Error(`not hex: ${hex.slice(0, 40)}`);
  return octets;
}

function topologyOf({ topology = {} }: Scenario): Topology {
  const place = (side: Side) => {
    const { addrs, routes, mtu } = { ...DEFAULT_TOPOLOGY[side], ...topology[side] };
    return { addresses: addrs, routes, mtu };
  };
  return { tunA: place('A'), tunB: place('B') };
}

/** As the twin picks the kernel's log lines: those of packets on its devices. */
const ofDevices = (line: string): boolean => line.includes('IN=') && (line.includes('tunA') || line.includes('tunB'));

function emptySave(name: TableName): string {
  const chains = TABLES[name].map((chain) => `:${chain} ACCEPT [0:0]\n`);
  return `*${name}\n${chains.join('')}COMMIT\n`;
}

/** What the real program writes to stderr. */
function refusal({ diagnostics: [{ first, code, line }] }: RestoreResult, program: string): string {
  if (code !== 2) return first;
  // Some messages of libxtables end in a line break of their own.
  const blank = /: Couldn't load (match|target) |: option "--[^"]+" (can only|cannot|also|must) /.test(first)
    ? '\n'
    : '';
  return `${first}\n${blank}Error occurred at line: ${line}\nTry \`${program} -h' or '${program} --help' for more information.`;
}
