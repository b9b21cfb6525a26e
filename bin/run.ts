// sekisho run: the daemon in the foreground.

import { accessSync, constants } from 'node:fs';
import { Daemon } from '../control/daemon.ts';
import { statePaths } from '../control/paths.ts';
import { RulesRefused } from '../control/rule-store.ts';
import type { Mode } from '../engine/firewall.ts';
import { type DeviceArgument, parseDevice } from './device-spec.ts';
import { type RuleOptions, ruleFiles } from './rule-files.ts';

export interface RunOptions extends RuleOptions {
  inside: string;
  outside: string;
  mode: 'bridge' | 'router';
  sysctl?: readonly string[];
  stateDir?: string;
}

const NO_PRIVILEGE = 77;

/** Runs until SIGTERM or SIGINT; the value is the exit code. */
export async function run(options: RunOptions): Promise<number> {
  const say = (line: string): void => {
    process.stderr.write(`sekisho: ${line}\n`);
  };
  let devices: DeviceArgument[];
  let sysctls: Record<string, string>;
  try {
    devices = [parseDevice(options.inside), parseDevice(options.outside)];
    if (devices[0].name === devices[1].name) throw new Error('--inside and --outside are two devices');
    sysctls = Object.fromEntries((options.sysctl ?? []).map(sysctl));
    for (const { path } of ruleFiles(options)) checkReadable(path);
  } catch (error) {
    say((error as Error).message);
    return 2;
  }
  return serve(options, devices, sysctls, say);
}

async function serve(
  options: RunOptions,
  devices: readonly DeviceArgument[],
  sysctls: Readonly<Record<string, string>>,
  say: (line: string) => void,
): Promise<number> {
  let finish: (code: number) => void = () => {};
  const finished = new Promise<number>((resolve) => {
    finish = resolve;
  });
  let daemon: Daemon;
  try {
    daemon = await Daemon.start({
      mode: modeOf(options.mode, devices),
      devices,
      rules: ruleFiles(options),
      paths: statePaths(options.stateDir),
      sysctls: options.mode === 'router' ? { ...ROUTER_SYSCTLS, ...sysctls } : sysctls,
      onLog: ({ level, text }) => process.stderr.write(`<${level}>${text}\n`),
      say,
      onGone(error) {
        say(`the data plane is gone for good, nothing passes any more: ${error.message}`);
        finish(1);
      },
      onStop: () => finish(0),
    });
  } catch (error) {
    return notStarted(error as Error, say);
  }
  const names = devices.map(({ name }) => name).join(' and ');
  say(`${options.mode} between ${names}; control socket ${statePaths(options.stateDir).socket}`);
  process.once('SIGTERM', () => finish(0));
  process.once('SIGINT', () => finish(0));
  process.on('SIGHUP', () => {
    daemon.reload().then(
      () => say('rules loaded again'),
      (error: Error) => say(`the rules were not loaded, those before stay: ${error.message}`),
    );
  });
  const code = await finished;
  await daemon.stop();
  return code;
}

function notStarted(error: Error, say: (line: string) => void): number {
  if (error instanceof RulesRefused) {
    process.stderr.write(error.message);
    say('not started: the rules were refused');
    return 2;
  }
  say(`not started: ${error.message}`);
  if (process.getuid?.() !== 0) {
    say('TUN devices and namespaces need root or CAP_NET_ADMIN; "sekisho demo --memory" and "sekisho play" do without');
    return NO_PRIVILEGE;
  }
  return 1;
}

/** The kernel's own limits on ICMP errors, which the engine leaves off for tests that count them. */
const ROUTER_SYSCTLS = {
  'net.ipv4.icmp_ratelimit': 1000,
  'net.ipv4.icmp_msgs_per_sec': 1000,
  'net.ipv6.icmp.ratelimit': 1000,
};

function modeOf(mode: 'bridge' | 'router', devices: readonly DeviceArgument[]): Mode {
  if (mode === 'bridge') return { kind: 'bridge', ports: [devices[0].name, devices[1].name] };
  const topology = devices.map(
    ({ name, addresses, routes, mtu }) => [name, { addresses, routes, mtu: mtu ?? 1500 }] as const,
  );
  return { kind: 'router', topology: Object.fromEntries(topology) };
}

/** A rule file that is not there is a slip of the pen: said before devices are made. */
function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${path}: ${code === 'ENOENT' ? 'no such file' : message}`);
  }
}

function sysctl(text: string): [string, string] {
  const [name, value] = text.split(/=(.*)/s);
  if (value === undefined) throw new Error(`--sysctl ${text}: write NAME=VALUE`);
  return [name, value];
}
