// The daemon: rules and control here, packets in the data plane's thread, files where the state directory says.
//
// Life: devices are made, rules read and installed, and only then the devices are brought to their places and up: no packet passes
// before the rules do. Rules are written to the state directory before a tool hears that it changed them, and with their last counters
// when the daemon stops. When the data plane ends by itself its devices are gone: nothing passes, and this process says so and ends
// as well.
//
// The state directory has one writer at a time: tools under its lock while no daemon serves it, the daemon while one does. So the daemon
// holds the lock until its socket answers, and again from there on where it stops answering.

import { existsSync, readFileSync } from 'node:fs';
import type { DropCount } from '../engine/drops.ts';
import type { Mode } from '../engine/firewall.ts';
import type { Ruleset } from '../engine/ruleset.ts';
import type { LogRecord } from '../engine/services.ts';
import type { Family } from '../packet/numbers.ts';
import { DataPlane } from '../tun/data-plane.ts';
import type { DeviceCounts } from '../tun/device.ts';
import { notifyServiceManager, peerCredentials } from '../tun/os.ts';
import { readIfThere, writeAtomically } from './atomic-file.ts';
import { type HostSide, placeDevice } from './devices.ts';
import type { EngineOptions, EngineRequest, IpsetDone } from './engine.ts';
import { builtinRegistry } from './extensions.ts';
import { hostNames } from './host-names.ts';
import { LiveRules } from './live-rules.ts';
import { Lock } from './lock.ts';
import { builtModule } from './package-root.ts';
import { ensureDirectory, type StatePaths } from './paths.ts';
import type { Request, ToolAnswer, ToolName } from './protocol.ts';
import { Readable } from './readable.ts';
import { type ControlServer, listen } from './server.ts';
import { inOrderOfUse } from './stored-rules.ts';
import { readSetsText } from './stored-sets.ts';
import { familyOf, runTool } from './tool.ts';

export interface RuleFile {
  readonly family: Family;
  readonly path: string;
}

export interface DaemonOptions {
  readonly mode: Mode;
  /** Inside and outside, in this order. */
  readonly devices: readonly HostSide[];
  /** Rules to start with; without any, those of the state directory. */
  readonly rules: readonly RuleFile[];
  readonly paths: StatePaths;
  readonly sysctls?: Readonly<Record<string, string | number>>;
  onLog(record: LogRecord): void;
  /** Something that the person who runs it should know. */
  say(line: string): void;
  /** The data plane is gone, and with it the devices. */
  onDeath(error: Error): void;
  /** A client asked for the end. */
  onStop(): void;
}

export interface Status {
  mode: Mode['kind'];
  /** Seconds since the start. */
  uptime: number;
  devices: Record<string, DeviceCounts>;
  drops: readonly DropCount[];
}

/** Rules that could not be loaded: `message` is the tool's whole complaint. */
export class RulesRefused extends Error {}

/** How long a call of a tool may keep a daemon from starting or ending. */
const LOCK_WAIT_MS = 10_000;

export class Daemon {
  private readonly options: DaemonOptions;
  private readonly plane: DataPlane;
  private readonly guard: Lock;
  private readonly rules: LiveRules;
  private readonly started = performance.now();
  /** By family: what the state directory holds, as far as we know. */
  private readonly written = new Map<Family, string>();
  /** What the engine has, as its last answer said. */
  private sets = new Map<string, { family: Family | undefined }>();
  private readonly readable = new Readable();
  private server: ControlServer | undefined;

  /** Resolves when packets flow and the socket answers. Rejects, with nothing left behind, when that cannot be. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths } = options;
    ensureDirectory(paths);
    const guard = Lock.try(paths.daemonLock);
    if (!guard) throw new Error(`another daemon serves ${paths.directory}`);
    let lock: Lock | undefined;
    try {
      lock = await stateLock(paths);
      return await Daemon.begin(options, guard);
    } catch (error) {
      guard.release();
      throw error;
    } finally {
      lock?.release();
    }
  }

  private static async begin(options: DaemonOptions, guard: Lock): Promise<Daemon> {
    const engine: EngineOptions = { mode: options.mode, sysctls: options.sysctls };
    const plane = await DataPlane.start({
      program: builtModule('tun/worker.js'),
      engine: builtModule('control/engine.js').href,
      devices: options.devices.map(({ name, mtu }) => ({ name, mtu, up: false })),
      options: engine,
      onEvent: (event) => options.onLog((event as { log: LogRecord }).log),
      onDeath: options.onDeath,
    });
    try {
      const daemon = new Daemon(options, plane, guard);
      await daemon.loadSets();
      await daemon.loadRules();
      for (const device of options.devices) placeDevice(device);
      daemon.server = await listen(options.paths.socket, (request) => daemon.serve(request), { refuse: stranger });
      notifyServiceManager('READY=1');
      return daemon;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  private constructor(options: DaemonOptions, plane: DataPlane, guard: Lock) {
    this.options = options;
    this.plane = plane;
    this.guard = guard;
    const ask = (request: EngineRequest): Promise<unknown> => plane.request(request);
    const names = { ...hostNames(), set: (name: string) => this.sets.get(name) };
    this.rules = new LiveRules({ registry: builtinRegistry(), names, ask });
  }

  private async loadSets(): Promise<void> {
    const { text, age } = readSetsText(this.options.paths);
    if (text === '') return;
    const { exitCode, stderr } = await this.ipset(['restore'], text, age);
    if (exitCode !== 0) throw new RulesRefused(`${this.options.paths.sets}:\n${stderr}`);
  }

  /** Runs ipset on the sets; what it changed is stored before it is told. */
  async ipset(argv: readonly string[], stdin?: string, age?: number): Promise<ToolAnswer> {
    const done = (await this.plane.request({ op: 'ipset', argv, stdin, age } satisfies EngineRequest)) as IpsetDone;
    if (done.families) this.sets = new Map(done.families.map(([name, family]) => [name, { family }]));
    if (done.text === undefined || age !== undefined) return done.answer;
    try {
      this.saveSets(done.text);
      return done.answer;
    } catch (error) {
      const stderr = `${done.answer.stderr}ipset: ${(error as Error).message}. The sets are in force, but not stored: they end with the daemon.\n`;
      return { ...done.answer, stderr, exitCode: done.answer.exitCode || 1 };
    }
  }

  private saveSets(text: string): void {
    if (text === '' && !existsSync(this.options.paths.sets)) return;
    writeAtomically(this.options.paths.sets, text);
  }

  /** Loads the rule files given, or what the state directory holds: all of them, or none, and then it throws RulesRefused. */
  async loadRules(): Promise<void> {
    const sources = this.options.rules.length > 0 ? this.givenRules() : this.storedRules();
    if (sources.length === 0) return;
    let reading = '';
    const { answer } = await this.rules.load(
      sources.map(({ family, path, text, argv }) => [
        family,
        (ruleset) => {
          reading = path;
          return restoreInto(ruleset, path, text, argv);
        },
      ]),
    );
    if (answer.exitCode !== 0) throw new RulesRefused(`${reading}:\n${answer.stderr}`);
    await this.save();
  }

  private givenRules(): RuleSource[] {
    return this.options.rules.map(({ family, path }) => ({ family, path, text: readFileSync(path, 'utf8'), argv: [] }));
  }

  /** What was changed there by hand since it was written last. */
  private storedRules(): RuleSource[] {
    const { paths } = this.options;
    return ([4, 6] as const).flatMap((family) => {
      const path = paths.rules(family);
      const text = readIfThere(path);
      if (text === undefined || text === this.written.get(family)) return [];
      return [{ family, path, text: inOrderOfUse(text), argv: ['-c'] }];
    });
  }

  private async serve(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'tool':
        return this.tool(request.program, request.argv, request.stdin);
      case 'ipset':
        return this.ipset(request.argv, request.stdin);
      case 'status':
        return this.status();
      case 'connections':
        return this.connections();
      case 'reload':
        await this.loadRules();
        return 'reloaded';
      case 'stop':
        // The answer first, then the end.
        setImmediate(() => this.options.onStop());
        return 'stopping';
    }
  }

  /** Runs a tool on the rules; what it changed is stored before it is told. */
  async tool(program: ToolName, argv: readonly string[], stdin?: string): Promise<ToolAnswer> {
    const family = familyOf(program);
    const { answer, changed } = await this.rules.edit(family, (ruleset) =>
      runTool({ program, argv, stdin, date: new Date() }, ruleset),
    );
    if (!changed) return answer;
    try {
      await this.saveFamily(family);
      return answer;
    } catch (error) {
      const stderr = `${answer.stderr}${program}: ${(error as Error).message}. The rules are in force, but not stored: they end with the daemon.\n`;
      return { ...answer, stderr, exitCode: answer.exitCode || 4 };
    }
  }

  /** Lines of /proc/net/nf_conntrack. */
  async connections(): Promise<string[]> {
    return (await this.plane.request({ op: 'connections' } satisfies EngineRequest)) as string[];
  }

  async status(): Promise<Status> {
    const counts = this.plane.deviceCounts();
    return {
      mode: this.options.mode.kind,
      uptime: Math.floor((performance.now() - this.started) / 1000),
      devices: Object.fromEntries(this.options.devices.map(({ name }, index) => [name, counts[index]])),
      drops: (await this.plane.request({ op: 'drops' } satisfies EngineRequest)) as DropCount[],
    };
  }

  /** Writes the rules with their counters to the state directory. Throws what the system says. */
  private async save(): Promise<void> {
    for (const family of [4, 6] as const) await this.saveFamily(family);
  }

  private async saveFamily(family: Family): Promise<void> {
    const path = this.options.paths.rules(family);
    const text = await this.rules.text(family);
    await this.readable.check(this.rules.ruleset(family));
    if (text === this.written.get(family) || (text === '' && !existsSync(path))) return;
    writeAtomically(path, text);
    this.written.set(family, text);
  }

  /** No more requests, rules saved, devices closed. */
  async stop(): Promise<void> {
    notifyServiceManager('STOPPING=1');
    let lock: Lock | undefined;
    try {
      lock = await stateLock(this.options.paths);
      await this.server?.close();
      await this.save();
      const { stdout } = await this.ipset(['save']);
      this.saveSets(stdout);
    } catch (error) {
      this.options.say(`the rules could not be saved: ${(error as Error).message}`);
    }
    await this.plane.stop();
    lock?.release();
    this.guard.release();
  }
}

interface RuleSource {
  readonly family: Family;
  readonly path: string;
  readonly text: string;
  readonly argv: readonly string[];
}

function restoreInto(ruleset: Ruleset, path: string, text: string, argv: readonly string[]): Promise<ToolAnswer> {
  const program: ToolName = ruleset.family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  return runTool({ program, argv: [...argv, '--', path], stdin: text, date: new Date() }, ruleset);
}

async function stateLock({ lock: path }: StatePaths): Promise<Lock> {
  const lock = await Lock.within(path, LOCK_WAIT_MS);
  if (!lock) throw new Error(`${path}: held by another program for more than ${LOCK_WAIT_MS / 1000} s`);
  return lock;
}

/** The socket's mode keeps others out already; this holds where its folder was opened up by hand. */
function stranger(descriptor: number): string | undefined {
  const { uid } = peerCredentials(descriptor);
  return uid === 0 || uid === process.getuid?.() ? undefined : 'only root and the user of the daemon may ask';
}
