// The daemon: rules and control here, packets in the data plane's thread, files where the state directory says.
//
// Life: devices are made, sets and rules read and installed, and only then the devices are brought to their places and up: no packet
// passes before the rules do. Rules are written to the state directory before a tool hears that it changed them, and with their last
// counters at intervals and when the daemon stops. When the data plane ends by itself its devices are closed: nothing passes until another
// one has the same rules (keeper.ts).
//
// The state directory has one writer at a time: tools under its lock while no daemon serves it, the daemon while one does. So the daemon
// holds the lock until its socket answers, and again from there on where it stops answering.

import type { DropCount } from '../engine/drops.ts';
import type { Mode } from '../engine/firewall.ts';
import type { LogRecord } from '../engine/services.ts';
import type { DeviceCounts } from '../tun/device.ts';
import { notifyServiceManager, peerCredentials } from '../tun/os.ts';
import { type HostSide, placeDevice } from './devices.ts';
import type { EngineEvent, EngineOptions, LastWords } from './engine.ts';
import { compileFilter, type EventFilter } from './event-filter.ts';
import { EVENT_KINDS, EventBus, logged, type Watcher } from './event-stream.ts';
import { builtinRegistry } from './extensions.ts';
import { hostNames } from './host-names.ts';
import { type BackOff, type Death, Keeper } from './keeper.ts';
import { type AskEngine, LiveRules } from './live-rules.ts';
import { LiveSets } from './live-sets.ts';
import { Lock } from './lock.ts';
import { builtModule } from './package-root.ts';
import { ensureDirectory, type StatePaths } from './paths.ts';
import type { Request, ToolAnswer, ToolName } from './protocol.ts';
import { type RuleFile, RuleStore } from './rule-store.ts';
import { type ControlServer, listen } from './server.ts';
import { familyOf, runTool } from './tool.ts';

export interface DaemonOptions {
  readonly mode: Mode;
  /** Inside and outside, in this order. */
  readonly devices: readonly HostSide[];
  /** Rules to start with; without any, those of the state directory. */
  readonly rules: readonly RuleFile[];
  readonly paths: StatePaths;
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** Module of the engine, and the pauses between two tries to start one: other than usual in tests of what happens when it fails. */
  readonly engine?: string;
  readonly backOff?: BackOff;
  onLog(record: LogRecord): void;
  /** Something that the person who runs it should know. */
  say(line: string): void;
  /** The data plane is gone for good, and with it the devices. */
  onGone(error: Error): void;
  /** A client asked for the end. */
  onStop(): void;
}

export interface Status {
  mode: Mode['kind'];
  /** Seconds since the start. */
  uptime: number;
  /** No counts while the data plane is being started again. */
  devices: Record<string, DeviceCounts | undefined>;
  drops: readonly DropCount[];
  dataPlane: DataPlaneStatus;
}

export interface DataPlaneStatus {
  state: 'running' | 'down';
  restarts: number;
  lastDeath?: Death;
  /** Log lines and events that came faster than this program could take them. */
  eventsLost: number;
}

/** How long a call of a tool may keep a daemon from starting or ending. */
const LOCK_WAIT_MS = 10_000;

/** Between two savings of counters and sets that packets changed. */
const SAVE_MS = 60_000;

export class Daemon {
  private readonly options: DaemonOptions;
  private readonly guard: Lock;
  private readonly bus = new EventBus((kinds) => void this.ask({ op: 'watch', kinds: [...kinds] }).catch(() => {}));
  private readonly sets: LiveSets;
  private readonly rules: LiveRules;
  private readonly store: RuleStore;
  private readonly started = performance.now();
  private keeper: Keeper | undefined;
  private askFirst: AskEngine | undefined;
  private server: ControlServer | undefined;
  private saving: NodeJS.Timeout | undefined;

  /** Resolves when packets flow and the socket answers. Rejects, with nothing left behind, when that cannot be. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths } = options;
    ensureDirectory(paths);
    const guard = Lock.try(paths.daemonLock);
    if (!guard) throw new Error(`another daemon serves ${paths.directory}`);
    let lock: Lock | undefined;
    try {
      lock = await stateLock(paths);
      const daemon = new Daemon(options, guard);
      await daemon.begin();
      return daemon;
    } catch (error) {
      guard.release();
      throw error;
    } finally {
      lock?.release();
    }
  }

  private constructor(options: DaemonOptions, guard: Lock) {
    this.options = options;
    this.guard = guard;
    this.sets = new LiveSets(this.ask, options.paths);
    const names = { ...hostNames(), set: this.sets.find };
    this.rules = new LiveRules({ registry: builtinRegistry(), names, ask: this.ask });
    this.store = new RuleStore(this.rules, options.paths);
  }

  private async begin(): Promise<void> {
    const { mode, sysctls, devices, paths, say, onGone, backOff } = this.options;
    const engine: EngineOptions = { mode, sysctls };
    this.keeper = await Keeper.start({
      plane: {
        program: builtModule('tun/worker.js'),
        engine: this.options.engine ?? builtModule('control/engine.js').href,
        devices: devices.map(({ name, mtu }) => ({ name, mtu, up: false })),
        options: engine,
        onEvent: (event) => this.happened(event as EngineEvent),
      },
      prepare: (ask, lastWords) => this.prepare(ask, lastWords as LastWords | undefined),
      say: (line) => {
        this.bus.publish({ kind: 'note', text: line });
        say(line);
      },
      onGone,
      backOff,
    });
    try {
      this.server = await listen(paths.socket, (request) => this.serve(request), { refuse: stranger });
    } catch (error) {
      await this.keeper.stop();
      throw error;
    }
    this.saving = setInterval(() => void this.save(), SAVE_MS);
    this.saving.unref();
    notifyServiceManager('READY=1');
  }

  /** Asks the engine; while it is being started again, waits for it. */
  private readonly ask: AskEngine = async (request) => this.keeper?.request(request) ?? this.askFirst?.(request);

  /** What a data plane needs before it may pass packets: the first one, and each that takes over from another. */
  private async prepare(ask: AskEngine, lastWords: LastWords | undefined): Promise<void> {
    if (this.keeper) {
      await this.sets.giveBack(ask, lastWords?.sets);
      await this.rules.giveBack(ask, lastWords?.counters);
    } else {
      this.askFirst = ask;
      await this.sets.load();
      await this.store.load(this.options.rules);
    }
    await ask({ op: 'watch', kinds: [...this.bus.kinds] });
    for (const device of this.options.devices) placeDevice(device);
  }

  private happened(event: EngineEvent): void {
    if ('happened' in event) this.bus.publish(event.happened);
    else {
      this.bus.publish(logged(event.log));
      this.options.onLog(event.log);
    }
  }

  private async serve(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'tool':
        return this.tool(request.program, request.argv, request.stdin);
      case 'ipset':
        return this.sets.run(request.argv, request.stdin);
      case 'status':
        return this.status();
      case 'connections':
        return this.ask({ op: 'connections' });
      case 'watch':
        return this.watch(request.filter);
      case 'reload':
        await this.reload();
        return 'reloaded';
      case 'stop':
        // The answer first, then the end.
        setImmediate(() => this.options.onStop());
        return 'stopping';
    }
  }

  private watch(filter: EventFilter): Watcher {
    return this.bus.watch({ kinds: filter.kinds ?? EVENT_KINDS, wants: compileFilter(filter) });
  }

  /** Loads the rules again: all of them, or none, and then it throws RulesRefused. */
  async reload(): Promise<void> {
    await this.store.load(this.options.rules);
    this.bus.publish({ kind: 'note', text: 'rules loaded again' });
  }

  /** Runs a tool on the rules; what it changed is stored before it is told. */
  async tool(program: ToolName, argv: readonly string[], stdin?: string): Promise<ToolAnswer> {
    const family = familyOf(program);
    const { answer, changed } = await this.rules.edit(family, (ruleset) =>
      runTool({ program, argv, stdin, date: new Date() }, ruleset),
    );
    if (!changed) return answer;
    try {
      await this.store.saveFamily(family);
      return answer;
    } catch (error) {
      const stderr = `${answer.stderr}${program}: ${(error as Error).message}. The rules are in force, but not stored: they end with the daemon.\n`;
      return { ...answer, stderr, exitCode: answer.exitCode || 4 };
    }
  }

  async status(): Promise<Status> {
    const { keeper } = this;
    const counts = keeper?.deviceCounts();
    const running = keeper?.running ?? false;
    return {
      mode: this.options.mode.kind,
      uptime: Math.floor((performance.now() - this.started) / 1000),
      devices: Object.fromEntries(this.options.devices.map(({ name }, index) => [name, counts?.[index]])),
      drops: running ? ((await this.ask({ op: 'drops' })) as DropCount[]) : [],
      dataPlane: {
        state: running ? 'running' : 'down',
        restarts: keeper?.restarts ?? 0,
        lastDeath: keeper?.lastDeath,
        eventsLost: keeper?.eventsLost ?? 0,
      },
    };
  }

  private async save(): Promise<void> {
    // What tools changed is stored already; without an engine there is nothing newer.
    if (!this.keeper?.running) return;
    try {
      await this.store.save();
      await this.sets.save();
    } catch (error) {
      this.options.say(`the rules could not be saved: ${(error as Error).message}`);
    }
  }

  /** No more requests, rules saved, devices closed. */
  async stop(): Promise<void> {
    notifyServiceManager('STOPPING=1');
    clearInterval(this.saving);
    let lock: Lock | undefined;
    try {
      lock = await stateLock(this.options.paths);
    } catch (error) {
      this.options.say(`saved without the lock: ${(error as Error).message}`);
    }
    this.bus.close('the daemon ends');
    await this.server?.close();
    await this.save();
    await this.keeper?.stop();
    lock?.release();
    this.guard.release();
  }
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
