// What a daemon is to be, from the command line or a configuration file.

import { isPolicySetting, PROFILE } from '../conntrack/settings.ts';
import type { Mode } from '../engine/firewall.ts';
import type { HostFacts } from '../engine/host/facts.ts';
import type { IoMethod } from '../tun/io-method.ts';
import type { HostSide } from './devices.ts';
import type { StatePaths } from './paths.ts';
import type { RuleFile } from './stored/rule-store.ts';
import type { Facility } from './watch/syslog.ts';

export interface DeviceSettings extends HostSide {
  /** Router mode: our own addresses on it, and what lies behind it (`PREFIX`, `PREFIX via ADDRESS`). */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

export interface LogSettings {
  /** Standard error, the system's log, or a file. */
  readonly to: 'stderr' | 'syslog' | { readonly file: string };
  /** Packets of LOG rules up to this syslog level; 7: all. */
  readonly level: number;
  /** Of the system's log. */
  readonly facility: Facility;
}

export interface MetricsSettings {
  readonly address: string;
  readonly port: number;
}

export interface Settings {
  readonly mode: 'bridge' | 'router';
  /** Inside and outside. */
  readonly devices: readonly [DeviceSettings, DeviceSettings];
  /** Of each device. With more than one, each has a thread. */
  readonly queues: number;
  /** How packets are read and written; undefined: the best that the machine allows. */
  readonly io: IoMethod | undefined;
  /** Microseconds for which the data plane goes on looking for packets when none come, before it sleeps. */
  readonly busyPollUs: number;
  /** Namespace that the devices are made in, before one is moved to its own: a name, a path, `pid:NUMBER`, `new:NAME`. */
  readonly namespace: string | undefined;
  readonly paths: StatePaths;
  /** Save files to start with; without any, what the state directory holds. */
  readonly rules: readonly RuleFile[];
  /** What `ipset save` printed, to start with; without it, what the state directory holds. */
  readonly sets: string | undefined;
  readonly sysctls: Readonly<Record<string, string | number>>;
  /** Files with extensions of the user's own. */
  readonly extensions: readonly string[];
  /** What rules may ask of the host around the firewall. */
  readonly host: HostFacts;
  readonly log: LogSettings;
  readonly metrics: MetricsSettings | undefined;
  /** Between two savings of counters, sets and connections. */
  readonly saveEveryMs: number;
}

export const DEFAULT_LOG: LogSettings = { to: 'stderr', level: 7, facility: 'kern' };
/** As many as anybody has use for: the engine, which is one thread, has its hands full with fewer. */
export const MOST_QUEUES = 64;

/** Microseconds. Longer than any pause that there is something to gain from: a wake-up takes some 50. */
export const LONGEST_BUSY_POLL_US = 100_000;

export const DEFAULT_SAVE_MS = 60_000;

/** The kernel's own limits on ICMP errors, which the engine leaves off for tests that count them. */
const ROUTER_SYSCTLS = {
  'net.ipv4.icmp_ratelimit': 1000,
  'net.ipv4.icmp_msgs_per_sec': 1000,
  'net.ipv6.icmp.ratelimit': 1000,
};

export const sysctlsOf = ({ mode, sysctls }: Pick<Settings, 'mode' | 'sysctls'>): Settings['sysctls'] =>
  mode === 'router' ? { ...ROUTER_SYSCTLS, ...sysctls } : sysctls;

/** Those that `next` does not name any more: they are to be as without anybody's doing. A timeout policy stays, for connections have it. */
export function droppedSysctls(running: Settings, next: Settings): string[] {
  const after = sysctlsOf({ mode: running.mode, sysctls: next.sysctls });
  const gone = Object.keys(sysctlsOf(running)).filter((name) => after[name] === undefined);
  return gone.filter((name) => name !== PROFILE && !isPolicySetting(name));
}

/** What is to be set where `running` becomes `next`, whose mode does not count: that stays. */
export function changedSysctls(running: Settings, next: Settings): [name: string, value: string | number][] {
  const before = sysctlsOf(running);
  const after = sysctlsOf({ mode: running.mode, sysctls: next.sysctls });
  if (before[PROFILE] === after[PROFILE])
    return Object.entries(after).filter(([name, value]) => before[name] !== value);
  // Another profile takes back what the one before has set, and with it what was set by name.
  return Object.entries({ [PROFILE]: 'kernel', ...after });
}

export function modeOf({ mode, devices }: Pick<Settings, 'mode' | 'devices'>): Mode {
  if (mode === 'bridge') return { kind: 'bridge', ports: [devices[0].name, devices[1].name] };
  const topology = devices.map(
    ({ name, addresses, routes, mtu }) => [name, { addresses, routes, mtu: mtu ?? 1500 }] as const,
  );
  return { kind: 'router', topology: Object.fromEntries(topology) };
}

/** Whether two settings say the same. */
export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What of `next` differs from what runs and cannot be changed while it runs, in words. */
export function needsRestart(running: Settings, next: Settings): string[] {
  return [
    ...(running.mode === next.mode ? [] : ['mode']),
    ...(same(running.devices, next.devices) ? [] : ['devices']),
    ...(running.queues === next.queues ? [] : ['queues']),
    ...(running.io === next.io ? [] : ['io']),
    ...(running.busyPollUs === next.busyPollUs ? [] : ['busy-poll']),
    ...(same(running.extensions, next.extensions) ? [] : ['extensions (sekisho attach and detach do it)']),
    ...(running.namespace === next.namespace ? [] : ['namespace']),
    ...(running.paths.directory === next.paths.directory ? [] : ['state']),
    ...(running.paths.socket === next.paths.socket ? [] : ['socket']),
  ];
}
