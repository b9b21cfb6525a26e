// The daemon: rules and control here, packets in the data plane's thread, files where the state directory says.
//
// Life: devices are made, sets and rules read and installed, and only then the devices are brought to their places and up: no packet
// passes before the rules do. Rules are written to the state directory before a tool hears that it changed them, and with their last
// counters at intervals and when the daemon stops. When the data plane ends by itself its devices are closed: nothing passes until another
// one has the same rules (keeper.ts).
//
// What clients ask for is in requests.ts. The state directory has one writer at a time (state-locks.ts): the daemon holds the tools' lock until
// its socket answers, and again from there on where it stops answering.

import { isPolicySetting } from '../conntrack/settings.ts';
import { notePolicy } from '../engine/policies.ts';
import type { LogRecord } from '../engine/services.ts';
import { provideNamespace } from '../tun/namespace.ts';
import { peerCredentials } from '../tun/os.ts';
import { placeDevice } from './devices.ts';
import { builtinRegistry } from './extensions.ts';
import { hostNames } from './host-names.ts';
import { loadAll } from './later.ts';
import { happenings } from './live/conntrack-feed.ts';
import type { EngineEvent, EngineOptions, LastWords } from './live/engine.ts';
import { type BackOff, Keeper } from './live/keeper.ts';
import { LiveConnections } from './live/live-connections.ts';
import { LiveDevices } from './live/live-devices.ts';
import { LiveExtensions } from './live/live-extensions.ts';
import { type AskEngine, LiveRules } from './live/live-rules.ts';
import { LiveSets } from './live/live-sets.ts';
import { OwnProgram } from './own-program.ts';
import { builtModule } from './package-root.ts';
import { changedSysctls, droppedSysctls, modeOf, type Settings, sysctlsOf } from './settings.ts';
import { Requests } from './socket/requests.ts';
import { type ControlServer, listen } from './socket/server.ts';
import { factsOf, statusOf } from './socket/status.ts';
import type { Lock } from './stored/lock.ts';
import { RuleStore } from './stored/rule-store.ts';
import { lockState, stateLock } from './stored/state-locks.ts';
import { EventBus, logged } from './watch/event-stream.ts';
import { Observer } from './watch/observer.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  /** Program of the data plane's threads, module of the engine, the pauses between two tries to start one: others in tests of what fails. */
  readonly program?: string;
  readonly engine?: string;
  readonly backOff?: BackOff;
  /** Where lines of LOG rules go, and how many nobody took. */
  readonly log: { packet(record: LogRecord): void; lost(): number };
  /** Something that the person who runs it should know. */
  say(line: string): void;
  /** A client asked to load everything again. Resolves with what there is to say about it. */
  reload(): Promise<string>;
  /** The data plane is gone for good, and with it the devices. */
  onGone(error: Error): void;
  /** A client asked for the end. */
  onStop(): void;
}

export class Daemon {
  private readonly options: DaemonOptions;
  private settings: Settings;
  private readonly guard: Lock;
  private readonly bus = new EventBus((kinds) => void this.ask({ op: 'watch', kinds: [...kinds] }).catch(() => {}));
  private readonly devices: LiveDevices;
  private readonly sets: LiveSets;
  private readonly rules: LiveRules;
  private readonly connections: LiveConnections;
  private readonly extensions: LiveExtensions;
  private readonly store: RuleStore;
  private readonly observer: Observer;
  /** Rules may name the timeout policies of settings. */
  private readonly notePolicies: (settings: Settings) => void;
  private readonly started = performance.now();
  private keeper: Keeper | undefined;
  private askFirst: AskEngine | undefined;
  private server: ControlServer | undefined;
  private saving: NodeJS.Timeout | undefined;

  /** Resolves when packets flow and the socket answers. Rejects, with nothing left behind, when that cannot be. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths } = options.settings;
    const guard = lockState(paths);
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
    this.settings = options.settings;
    this.guard = guard;
    const { paths, devices, namespace, host } = this.settings;
    this.devices = new LiveDevices(devices, namespace, host);
    this.sets = new LiveSets(this.ask, paths);
    const names = { ...hostNames(), set: this.sets.find };
    const registry = builtinRegistry();
    this.notePolicies = (settings) => {
      for (const [name, value] of Object.entries(sysctlsOf(settings))) notePolicy(registry, name, value);
    };
    this.notePolicies(this.settings);
    this.extensions = new LiveExtensions(registry, this.ask);
    this.rules = new LiveRules({ registry, names, ask: this.ask });
    this.observer = new Observer(this.ask, this.rules, { lookup: registry, names }, () =>
      factsOf(this.settings, this.keeper, options.log.lost()),
    );
    this.store = new RuleStore(this.rules, paths, (error) => this.sayNotSaved(error));
    this.connections = new LiveConnections(this.ask, paths.connections, options.say);
  }

  private async begin(): Promise<void> {
    const { say, onGone, backOff } = this.options;
    const { devices, queues, io, busyPollUs, namespace, paths, saveEveryMs } = this.settings;
    const { program = builtModule('tun/worker.js'), engine = builtModule('control/live/engine.js').href } =
      this.options;
    const files = new OwnProgram([program, engine.startsWith('file:') ? new URL(engine) : engine]);
    const options: EngineOptions = { mode: modeOf(this.settings), sysctls: sysctlsOf(this.settings) };
    this.keeper = await Keeper.start({
      plane: {
        program,
        engine,
        devices: devices.map(({ name, mtu }) => ({ name, mtu, up: false })),
        queues,
        io,
        busyPollUs,
        namespace: namespace && provideNamespace(namespace),
        options,
        onEvent: (event) => this.happened(event as EngineEvent),
      },
      prepare: (ask, lastWords, row) => this.prepare(ask, lastWords as LastWords | undefined, row),
      unable: (lastWords) => (files.replaced ? this.leaveToNext(lastWords as LastWords | undefined) : undefined),
      say: (line) => {
        this.bus.publish({ kind: 'note', text: line });
        say(line);
      },
      onGone,
      backOff,
    });
    const requests = this.requests();
    try {
      this.server = await listen(paths.socket, (request) => requests.serve(request), { refuse: stranger });
    } catch (error) {
      await this.keeper.stop();
      throw error;
    }
    this.saving = setInterval(() => void this.save(), saveEveryMs);
    this.saving.unref();
    this.devices.watch(() => (this.keeper?.running ? this.ask : undefined));
    await loadAll();
  }

  private requests(): Requests {
    const { ask, bus, rules, store, sets, extensions, connections, observer, options } = this;
    const parts = { ask, bus, rules, store, sets, extensions, connections, observer };
    const status = () => statusOf(this.settings, this.keeper, this.started, ask, extensions.list());
    return new Requests({ ...parts, status, reload: () => options.reload(), stop: () => options.onStop() });
  }

  /** Asks the engine; while it is being started again, waits for it. */
  private readonly ask: AskEngine = async (request) => this.keeper?.request(request) ?? this.askFirst?.(request);

  /** What a data plane needs before it may pass packets: the first one, and each that takes over from another. */
  private async prepare(ask: AskEngine, lastWords: LastWords | undefined, row: number): Promise<void> {
    if (this.keeper) {
      await this.extensions.giveBack(ask);
      await this.sets.giveBack(ask, lastWords?.sets);
      await this.rules.giveBack(ask, lastWords?.counters);
    } else {
      this.askFirst = ask;
      await this.extensions.load(this.settings.extensions);
      await this.sets.load(this.settings.sets);
      await this.store.load(this.settings.rules);
    }
    // It may be a connection that the engine fails on: the second in a row gets those that were saved last, the third none.
    if (row <= 2) await this.connections.giveBack(ask, row <= 1 ? lastWords?.connections : undefined);
    else this.options.say('started without the connections: they may be what it fails on');
    await ask({ op: 'watch', kinds: [...this.bus.kinds] });
    for (const device of this.settings.devices) await placeDevice(device, this.settings.namespace);
    await this.devices.tell(ask);
  }

  /** Stores what a data plane left, for a daemon of the new build: what this one still is cannot talk to threads of that. Says so. */
  private leaveToNext(lastWords: LastWords | undefined): string {
    try {
      if (lastWords) {
        this.sets.keep(lastWords.sets);
        this.connections.keep(lastWords.connections);
      }
    } catch (error) {
      this.options.say(`what the data plane left could not be stored: ${(error as Error).message}`);
    }
    return 'the program on disk is another one than this daemon (upgraded?), which ends for a new one to be started';
  }

  private happened(event: EngineEvent): void {
    if ('happened' in event) this.bus.publish(event.happened);
    else if ('connections' in event) for (const one of happenings(event.connections)) this.bus.publish(one);
    else {
      this.bus.publish(logged(event.log));
      this.options.log.packet(event.log);
    }
  }

  /** Becomes what `next` says as far as that can be while packets pass: rules, all of them or none (RulesRefused), and sysctls. */
  async change(next: Settings): Promise<void> {
    await this.makePolicies(next);
    await this.store.load(next.rules);
    await this.ask({ op: 'sysctl-reset', names: droppedSysctls(this.settings, next) });
    for (const [name, value] of changedSysctls(this.settings, next)) await this.ask({ op: 'sysctl', name, value });
    await this.devices.tell(this.ask, next.host);
    this.settings = { ...this.settings, rules: next.rules, sysctls: next.sysctls, host: next.host };
    this.bus.publish({ kind: 'note', text: 'rules loaded again' });
  }

  /** What rules may name is there before them. */
  private async makePolicies(next: Settings): Promise<void> {
    this.notePolicies(next);
    for (const [name, value] of Object.entries(next.sysctls))
      if (isPolicySetting(name)) await this.ask({ op: 'sysctl', name, value });
  }

  /** Prometheus' text format. */
  async metrics(): Promise<string> {
    return (await this.observer.metrics()).text;
  }

  private async save(): Promise<void> {
    // What tools changed is stored already; without an engine there is nothing newer.
    if (!this.keeper?.running) return;
    try {
      await this.store.save();
      await this.sets.save();
    } catch (error) {
      this.sayNotSaved(error as Error);
    }
    try {
      await this.connections.save();
    } catch (error) {
      this.options.say(`the connections could not be saved: ${(error as Error).message}`);
    }
  }

  private sayNotSaved({ message }: Error): void {
    this.options.say(`the rules could not be saved: ${message}`);
  }

  /** No more requests, rules saved, devices closed. */
  async stop(): Promise<void> {
    clearInterval(this.saving);
    this.devices.close();
    let lock: Lock | undefined;
    try {
      lock = await stateLock(this.settings.paths);
    } catch (error) {
      this.options.say(`saved without the lock: ${(error as Error).message}`);
    }
    this.bus.close('the daemon ends');
    await this.server?.close();
    await this.save();
    this.store.close();
    await this.keeper?.stop();
    lock?.release();
    this.guard.release();
  }
}

/** The socket's mode keeps others out already; this holds where its folder was opened up by hand. */
function stranger(descriptor: number): string | undefined {
  const { uid } = peerCredentials(descriptor);
  return uid === 0 || uid === process.getuid?.() ? undefined : 'only root and the user of the daemon may ask';
}
