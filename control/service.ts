// A daemon as a service: its signals, its log, what the service manager is told. Runs in the foreground until it is told to end.
//
// systemd (Type=notify): READY when packets flow, RELOADING with the clock's time and READY again, STOPPING, STATUS with a line for people,
// WATCHDOG as often as it asks for. sd_notify(3), sd_watchdog_enabled(3).

import { notifyServiceManager } from '../tun/os.ts';
import { Daemon } from './daemon.ts';
import { needsRestart, type Settings, same } from './settings.ts';
import { type LogOutput, openLog } from './watch/log-output.ts';
import { type MetricsServer, serveMetrics } from './watch/metrics-server.ts';

/** Reads the settings again, and throws an Error whose text is all that is wrong with them. */
export type Reread = () => Promise<Settings>;

export class Service {
  private settings: Settings;
  private log: LogOutput;
  private readonly reread: Reread;
  private daemon: Daemon | undefined;
  private metrics: MetricsServer | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private finish: (code: number) => void = () => {};
  private reloading: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, reread: Reread) {
    this.settings = settings;
    this.reread = reread;
    this.log = openLog(settings.log);
  }

  readonly say = (line: string): void => this.log.say(line);

  /** Says it to who started us, too, wherever the log goes. */
  announce(line: string): void {
    this.say(line);
    if (this.settings.log.to !== 'stderr') process.stderr.write(`sekisho: ${line}\n`);
  }

  /** Runs until SIGTERM, SIGINT, or a client that says stop; the value is the exit code. Rejects when it cannot start. */
  async run(): Promise<number> {
    const finished = new Promise<number>((resolve) => {
      this.finish = resolve;
    });
    this.daemon = await Daemon.start({
      settings: this.settings,
      log: { lost: () => this.log.lost, packet: ({ level, text }) => this.log.packet(level, text) },
      say: this.say,
      reload: () => this.reload(),
      onGone: (error) => {
        this.say(`the data plane is gone for good, nothing passes any more: ${error.message}`);
        this.finish(1);
      },
      onStop: () => this.finish(0),
    });
    try {
      await this.changeMetrics(this.settings);
    } catch (error) {
      await this.daemon.stop();
      throw error;
    }
    const { mode, devices, paths } = this.settings;
    const what = `${mode} between ${devices.map(({ name }) => name).join(' and ')}`;
    this.announce(`${what}; control socket ${paths.socket}`);
    notifyServiceManager(`READY=1\nSTATUS=${what}`);
    this.watch();
    this.listenToSignals();
    const code = await finished;
    clearInterval(this.watchdog);
    notifyServiceManager('STOPPING=1\nSTATUS=saving');
    await this.metrics?.close();
    await this.daemon.stop();
    this.log.close();
    return code;
  }

  private listenToSignals(): void {
    process.once('SIGTERM', () => this.finish(0));
    process.once('SIGINT', () => this.finish(0));
    process.on('SIGHUP', () => {
      this.reload().then(
        (notes) => this.say(`rules loaded again${notes}`),
        (error: Error) => this.say(`the rules were not loaded, those before stay: ${error.message}`),
      );
    });
  }

  /** One at a time. Resolves with what else there is to say. */
  private reload(): Promise<string> {
    const done = this.reloading.then(() => this.reloadNow());
    this.reloading = done.catch(() => {});
    return done;
  }

  private async reloadNow(): Promise<string> {
    notifyServiceManager(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    try {
      const next = await this.reread();
      const kept = needsRestart(this.settings, next);
      await this.daemon?.change(next);
      this.changeLog(next);
      if (!same(next.metrics, this.settings.metrics)) await this.changeMetrics(next);
      // What cannot change stays as it is, also in what the next reload is compared with.
      const { mode, devices, namespace, paths } = this.settings;
      this.settings = { ...next, mode, devices, namespace, paths };
      return kept.length === 0 ? '' : `; changed, but not without a restart: ${kept.join(', ')}`;
    } finally {
      notifyServiceManager('READY=1');
    }
  }

  private async changeMetrics({ metrics }: Settings): Promise<void> {
    await this.metrics?.close();
    const { daemon } = this;
    this.metrics = metrics && daemon && (await serveMetrics(metrics, () => daemon.metrics()));
  }

  private changeLog({ log }: Settings): void {
    if (same(log, this.settings.log)) {
      this.log.reopen();
      return;
    }
    const before = this.log;
    this.log = openLog(log);
    before.close();
  }

  /** Tells the service manager that this thread turns, twice as often as it wants to hear it. */
  private watch(): void {
    const { WATCHDOG_USEC, WATCHDOG_PID } = process.env;
    const span = Number(WATCHDOG_USEC) / 1_000 / 2;
    if (!(span > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid)) return;
    this.watchdog = setInterval(() => notifyServiceManager('WATCHDOG=1'), span);
    this.watchdog.unref();
  }
}
