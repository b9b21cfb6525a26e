// The daemon: rules and control here, packets in the data plane's thread, files where the state directory says.
//
// Life: devices are made, rules read and installed, and only then the devices are brought to their places and up: no packet passes
// before the rules do. The rules with their counters are written to the state directory when it stops. When the data plane ends by
// itself its devices are gone: nothing passes, and this process says so and ends as well.

import { readFileSync } from 'node:fs';
import type { Mode } from '../engine/firewall.ts';
import type { LogRecord } from '../engine/services.ts';
import type { Family } from '../packet/numbers.ts';
import { DataPlane } from '../tun/data-plane.ts';
import type { DeviceCounts } from '../tun/device.ts';
import { notifyServiceManager, peerCredentials } from '../tun/os.ts';
import { writeAtomically } from './atomic-file.ts';
import { type HostSide, placeDevice } from './devices.ts';
import type { EngineOptions, EngineRequest } from './engine.ts';
import { builtinRegistry } from './extensions.ts';
import { hostNames } from './host-names.ts';
import { LiveRules } from './live-rules.ts';
import { builtModule } from './package-root.ts';
import { ensureDirectory, type StatePaths } from './paths.ts';
import type { Request, ToolAnswer, ToolName } from './protocol.ts';
import { type ControlServer, listen } from './server.ts';
import { inOrderOfUse } from './stored-rules.ts';
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
}

export interface Status {
  mode: Mode['kind'];
  /** Seconds since the start. */
  uptime: number;
  devices: Record<string, DeviceCounts>;
  drops: unknown;
}

/** Rules that could not be loaded: `message` is the tool's whole complaint. */
export class RulesRefused extends Error {}

export class Daemon {
  private readonly options: DaemonOptions;
  private readonly plane: DataPlane;
  private readonly rules: LiveRules;
  private readonly started = performance.now();
  private server: ControlServer | undefined;

  /** Resolves when packets flow and the socket answers. Rejects, with nothing left behind, when that cannot be. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    ensureDirectory(options.paths);
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
      const daemon = new Daemon(options, plane);
      await daemon.loadRules();
      for (const device of options.devices) placeDevice(device);
      daemon.server = await listen(options.paths.socket, (request, descriptor) => daemon.serve(request, descriptor));
      notifyServiceManager('READY=1');
      return daemon;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  private constructor(options: DaemonOptions, plane: DataPlane) {
    this.options = options;
    this.plane = plane;
    const ask = (request: EngineRequest): Promise<unknown> => plane.request(request);
    this.rules = new LiveRules({ registry: builtinRegistry(), names: hostNames(), ask });
  }

  /** Loads the rule files given, or what the state directory holds; throws RulesRefused. */
  async loadRules(): Promise<void> {
    const { rules, paths } = this.options;
    if (rules.length > 0) {
      for (const { family, path } of rules) await this.restore(family, path, readFileSync(path, 'utf8'), []);
      return;
    }
    for (const family of [4, 6] as const) {
      const path = paths.rules(family);
      const text = readIfThere(path);
      if (text !== undefined) await this.restore(family, path, inOrderOfUse(text), ['-c']);
    }
  }

  private async restore(family: Family, path: string, text: string, argv: string[]): Promise<void> {
    const program: ToolName = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const answer = await this.rules.edit(family, (ruleset) =>
      runTool({ program, argv: [...argv, path], stdin: text, date: new Date() }, ruleset),
    );
    if (answer.exitCode !== 0) throw new RulesRefused(`${path}:\n${answer.stderr}`);
  }

  private async serve(request: Request, descriptor: number | undefined): Promise<unknown> {
    if (descriptor !== undefined && !mayAsk(descriptor))
      throw new Error('only root and the user of the daemon may ask');
    switch (request.op) {
      case 'tool':
        return this.tool(request.program, request.argv, request.stdin);
      case 'status':
        return this.status();
      case 'connections':
        return this.connections();
      case 'reload':
        await this.loadRules();
        return 'reloaded';
      case 'stop':
        // The answer first, then the end.
        setImmediate(() => process.emit('SIGTERM', 'SIGTERM'));
        return 'stopping';
    }
  }

  tool(program: ToolName, argv: readonly string[], stdin?: string): Promise<ToolAnswer> {
    return this.rules.edit(familyOf(program), (ruleset) =>
      runTool({ program, argv, stdin, date: new Date() }, ruleset),
    );
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
      drops: await this.plane.request({ op: 'drops' } satisfies EngineRequest),
    };
  }

  /** Writes the rules with their counters to the state directory. Throws what the system says. */
  async save(): Promise<void> {
    for (const family of [4, 6] as const) {
      const text = await this.rules.text(family);
      if (text !== '' || readIfThere(this.options.paths.rules(family)) !== undefined) {
        writeAtomically(this.options.paths.rules(family), text);
      }
    }
  }

  /** No more requests, rules saved, devices closed. */
  async stop(): Promise<void> {
    notifyServiceManager('STOPPING=1');
    await this.server?.close();
    try {
      await this.save();
    } catch (error) {
      this.options.say(`the rules could not be saved: ${(error as Error).message}`);
    }
    await this.plane.stop();
  }
}

/** The socket's mode keeps others out already; this holds where its folder was opened up by hand. */
function mayAsk(descriptor: number): boolean {
  const { uid } = peerCredentials(descriptor);
  return uid === 0 || uid === process.getuid?.();
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
