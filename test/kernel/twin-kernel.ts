// The kernel between two TUN devices, as an oracle: this thread's network namespace is replaced for every scenario.
//
//   inside hosts <-> [tunA]  PREROUTING / FORWARD / POSTROUTING of the real kernel  [tunB] <-> outside hosts
//
// Why the output is exact: a write to a TUN device runs receive, hooks, forwarding and transmission before it returns, so reading
// both devices until EAGAIN right afterwards takes what that packet caused, all of it and nothing else.
//
// Why nothing else is on the wire: no duplicate address detection, no router solicitation, no link-local address, and IFF_MULTICAST
// cleared before forwarding is turned on (which would join ff02::2 and report it).

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';
import { KernelLog } from '../../testing/kernel-backend/kernel-log.ts';
import { EARLY, LATE } from '../../testing/kernel-backend/quiet-router.ts';
import { parseSaveCounters } from '../../testing/save-counters.ts';
import { hexesOf } from '../../testing/scenario/scenario.ts';
import {
  DEFAULT_TOPOLOGY,
  type Emitted,
  type Place,
  type Result,
  type Scenario,
  type Side,
  type Step,
  type StepResult,
} from '../../testing/scenario/scenario-format.ts';
import { BUFFER_LENGTH } from '../../tun/device.ts';
import { libc, must, SystemError } from '../../tun/libc.ts';
import { type LinuxTun, openTun, Poller } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { flushConnections, type Netlink, withNetlink } from '../../tun/netlink.ts';
import { sendRaw } from '../../tun/os.ts';
import { parseCtDump } from './twin-dumps.ts';

const SIDES: readonly Side[] = ['A', 'B'];

const CHAINS: Record<string, readonly string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const emptyTable = (table: string): string =>
  `*${table}\n${CHAINS[table].map((chain) => `:${chain} ACCEPT [0:0]\n`).join('')}COMMIT\n`;

type Version = 'v4' | 'v6';
const VERSIONS: readonly Version[] = ['v4', 'v6'];
const PROGRAM = { v4: 'iptables-legacy', v6: 'ip6tables-legacy' };

export class KernelTwin {
  private readonly devices = new Map<Side, LinuxTun>();
  private readonly tables: Record<Version, Set<string>> = { v4: new Set(), v6: new Set() };
  private readonly lock = join(tmpdir(), `sekisho-twin-${process.pid}.lock`);
  // An own lock file: other users of the xtables lock never make us wait, nor we them.
  private readonly environment = { ...process.env, XTABLES_LOCKFILE: this.lock, LC_ALL: 'C', TZ: 'UTC' };
  private readonly packet = new Packet(BUFFER_LENGTH);
  private readonly kernelLog = new KernelLog();
  private poller: Poller | undefined;

  /** Runs one scenario in a namespace of its own. Throws when it cannot be set up (rules that the real tool refuses). */
  run(scenario: Scenario): Result {
    const started = performance.now();
    this.fresh(scenario.topology ?? {});
    if (scenario.log) this.kernelLog.start();
    try {
      for (const argv of scenario.setup ?? []) this.command(argv);
      if (scenario.force_ct) this.forceTracking();
      this.load('v4', scenario.v4rules ?? '');
      this.load('v6', scenario.v6rules ?? '');
      writeSysctls(scenario.sysctls ?? {});
      const stray = this.drain(); // never seen: what is there before the first step
      const ready = performance.now();
      const steps: StepResult[] = [];
      const times: number[] = [];
      for (const step of scenario.steps) {
        times.push(round(performance.now() - ready));
        steps.push(this.withLog(this.step(step, steps)));
      }
      return {
        name: scenario.name,
        steps,
        ...(stray.length > 0 && { stray }),
        late: this.drain(),
        times,
        setup_ms: round(ready - started),
        run_ms: round(performance.now() - ready),
      };
    } finally {
      this.kernelLog.stop();
    }
  }

  close(): void {
    this.leave();
    rmSync(this.lock, { force: true });
  }

  // --- Set-up -------------------------------------------------------------------------------------------------------

  private leave(): void {
    for (const device of this.devices.values()) {
      // It dies with its namespace, in a worker of the kernel; close() alone would wait for that here, 20 to 70 ms.
      device.persist(true);
      device.close();
    }
    this.devices.clear();
  }

  private fresh(topology: Partial<Record<Side, Place>>): void {
    this.leave();
    for (const version of VERSIONS) this.tables[version].clear();
    enterNewNamespace();
    for (const [name, value] of Object.entries(EARLY)) {
      try {
        writeSysctl(name, value);
      } catch {
        // An older kernel lacks some, or has them for the whole machine only.
      }
    }
    for (const side of SIDES) this.devices.set(side, openTun({ name: `tun${side}`, offloads: false }));
    this.poller = new Poller([...this.devices.values()].map((device) => device.descriptor));
    withNetlink((netlink) => this.bringUp(netlink, topology));
  }

  private bringUp(netlink: Netlink, topology: Partial<Record<Side, Place>>): void {
    const places = SIDES.map((side) => ({
      index: netlink.linkIndex(`tun${side}`),
      ...DEFAULT_TOPOLOGY[side],
      ...topology[side],
    }));
    netlink.setLink(netlink.linkIndex('lo'), { up: true });
    for (const { index, mtu } of places) netlink.setLink(index, { multicast: false, mtu });
    for (const [name, value] of Object.entries(LATE)) writeSysctl(name, value);
    for (const { index, addrs } of places) {
      netlink.setLink(index, { up: true });
      for (const address of addrs) netlink.addAddress(index, address);
    }
    for (const { index, routes } of places) for (const route of routes) netlink.addRoute(index, route);
    // Without this wait a busy machine now and then forwards what is meant for the twin itself.
    for (const { addrs } of places) for (const address of addrs) waitUntilLocal(netlink, address);
  }

  /** Loads rules; tables that were loaded before and are not in `text` become empty. */
  private load(version: Version, text: string): void {
    const given = new Set([...text.matchAll(/^\*(\S+)/gm)].map(([, table]) => table));
    const emptied = [...this.tables[version]].filter((table) => !given.has(table));
    if (text.trim() === '' && emptied.length === 0) return;
    const input = emptied.map(emptyTable).join('') + text;
    const done = this.program(`${PROGRAM[version]}-restore`, [], input);
    // Of a refused text, those are there that were begun.
    this.tables[version] = new Set(loadedTables(version));
    if (done.status !== 0) throw new Error(`restore ${version}: ${done.stderr.trim()}`);
  }

  /** Registers the hooks of tracking and defragmentation without touching a counter: an nftables chain that nobody calls. */
  private forceTracking(): void {
    const done = this.program('nft', ['-f', '-'], 'table inet twin {\n chain unused {\n ct state new\n }\n}\n');
    if (done.status !== 0) throw new Error(`nft: ${done.stderr.trim()}`);
  }

  private program(name: string, args: readonly string[], input = ''): SpawnSyncReturns<string> {
    const done = spawnSync(name, args, { input, encoding: 'utf8', env: this.environment, maxBuffer: 1 << 28 });
    if (done.error) throw done.error;
    return done;
  }

  private command([name, ...args]: string[]): void {
    const done = this.program(name, args);
    if (done.status !== 0) throw new Error(`${name} ${args.join(' ')}: ${done.stderr.trim()}`);
  }

  // --- Packets ------------------------------------------------------------------------------------------------------

  private drain(): Emitted[] {
    const emitted: Emitted[] = [];
    for (const side of SIDES) {
      const device = this.devices.get(side);
      // The octets as they came, trailing ones included, whatever parse() thinks of them.
      device?.readRaw(this.packet, (bytes, from, to) => emitted.push({ out: side, hex: toHex(bytes, from, to) }));
    }
    return emitted;
  }

  private wait(milliseconds: number): Emitted[] {
    const emitted = this.drain();
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = until - performance.now()) {
      this.poller?.wait(Math.ceil(left));
      emitted.push(...this.drain());
    }
    return emitted;
  }

  private inject(side: Side, octets: Uint8Array): Emitted[] {
    must(libc().write(this.devices.get(side)?.descriptor ?? -1, octets, octets.length), `tun${side}`);
    return this.drain();
  }

  // --- Steps --------------------------------------------------------------------------------------------------------

  private step(step: Step, before: readonly StepResult[]): StepResult {
    if ('in' in step) return this.injectAll(step.in, hexesOf(step, before));
    if ('local' in step) return this.local(step.local);
    if ('sleep_ms' in step) return { out: this.wait(step.sleep_ms) };
    if ('ct' in step) return readTracking();
    if ('counters' in step) return this.counters();
    if ('rules' in step) return this.reload(step.rules);
    if ('read' in step) return { text: readFileSync(inThread(step.read), 'utf8') };
    if ('write' in step) return writeFile(inThread(step.write), step.text);
    if ('exec' in step) return this.execute(step.exec, step.stdin);
    if ('sysctls' in step) writeSysctls(step.sysctls);
    else if ('flush_ct' in step) flushConnections();
    else throw new Error(`unknown step ${JSON.stringify(step)}`);
    return {};
  }

  private injectAll(side: Side, hexes: readonly string[]): StepResult {
    const result: StepResult = { out: [] };
    for (const hex of hexes) {
      try {
        result.out?.push(...this.inject(side, octetsOf(hex)));
      } catch (error) {
        result.err = reasonOf(error);
      }
    }
    return result;
  }

  private local(hex: string): StepResult {
    try {
      sendRaw(octetsOf(hex));
      return { out: this.drain() };
    } catch (error) {
      return { out: [], err: reasonOf(error) };
    }
  }

  private counters(): StepResult {
    const result: StepResult = {};
    for (const version of VERSIONS) {
      // Asking for a family without tables would only start a program that prints nothing.
      const text = this.tables[version].size === 0 ? '' : this.program(`${PROGRAM[version]}-save`, ['-c']).stdout;
      result[version] = parseSaveCounters(text);
      result[`${version}_text`] = text.replace(/^#.*\n/gm, '');
    }
    return result;
  }

  private reload(rules: { v4?: string; v6?: string }): StepResult {
    try {
      for (const version of VERSIONS) {
        const text = rules[version];
        if (text !== undefined) this.load(version, text);
      }
      return {};
    } catch (error) {
      return { err: reasonOf(error) };
    }
  }

  private execute([name, ...args]: string[], stdin?: string): StepResult {
    const done = this.program(name.replace(/^(ip6?tables)/, '$1-legacy'), args, stdin);
    // What is there then is to be counted, and emptied by the next rules.
    for (const version of VERSIONS)
      if (name.startsWith(`ip${version === 'v4' ? '' : '6'}tables`))
        this.tables[version] = new Set(loadedTables(version));
    return { rc: done.status, stdout: done.stdout, stderr: done.stderr };
  }

  private withLog(result: StepResult): StepResult {
    const lines = this.kernelLog.read(['tunA', 'tunB']);
    return lines.length > 0 ? { ...result, log: lines } : result;
  }
}

const loadedTables = (version: Version): string[] =>
  readFileSync(inThread(`/proc/net/ip${version === 'v4' ? '' : '6'}_tables_names`), 'utf8')
    .split('\n')
    .filter(Boolean);

/** Below /proc/net, this thread's file: /proc/self would be the main thread's namespace. */
const inThread = (path: string): string => path.replace(/^\/proc\/net\//, '/proc/thread-self/net/');

function writeFile(path: string, text: string): StepResult {
  try {
    writeFileSync(path, text);
    return {};
  } catch (error) {
    return { err: reasonOf(error) };
  }
}

function readTracking(): StepResult {
  const text = readFileSync(inThread('/proc/net/nf_conntrack'), 'utf8');
  let expected = '';
  try {
    expected = readFileSync(inThread('/proc/net/nf_conntrack_expect'), 'utf8');
  } catch {
    // The file is there only once something has asked for helpers.
  }
  const lines = (of: string) => of.split('\n').filter((line) => line !== '');
  return {
    ct: parseCtDump(text),
    ct_raw: lines(text).sort(),
    expect: lines(expected)
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .sort(),
  };
}

function writeSysctl(name: string, value: string | number): void {
  writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`);
}

function writeSysctls(values: Record<string, string | number>): void {
  for (const [name, value] of Object.entries(values)) {
    try {
      writeSysctl(name, value);
    } catch (cause) {
      throw new Error(`sysctl ${name}=${value} was refused`, { cause });
    }
  }
}

function waitUntilLocal(netlink: Netlink, address: string): void {
  const until = performance.now() + 5_000;
  const text = address.split('/')[0];
  while (!netlink.isLocal(text)) {
    if (performance.now() > until) throw new Error(`${text} does not become local`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.2);
  }
}

function octetsOf(hex: string): Uint8Array {
  const octets = fromHex(hex);
  if (!octets) throw new Error(`"${hex}" is no hex text`);
  return octets;
}

const reasonOf = (error: unknown): string =>
  error instanceof SystemError ? error.reason : error instanceof Error ? error.message : String(error);

const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;
