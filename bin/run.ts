// sekisho run: the daemon in the foreground.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkEverything, checkSettings, type Report } from '../control/config/check.ts';
import { CONFIG_SCHEMA } from '../control/config/config.ts';
import { loadConfig, tryConfig } from '../control/config/load.ts';
import { ConfigError } from '../control/config/reader.ts';
import { checkListen, isLoopback } from '../control/config/words.ts';
import { statePaths } from '../control/paths.ts';
import { Service } from '../control/service.ts';
import { DEFAULT_LOG, DEFAULT_SAVE_MS, LONGEST_BUSY_POLL_US, MOST_QUEUES, type Settings } from '../control/settings.ts';
import { RulesRefused } from '../control/stored/rule-store.ts';
import type { HostFacts } from '../engine/host/facts.ts';
import { parseDevice } from './device-spec.ts';
import { unknownDevices } from './rule-devices.ts';
import { type RuleOptions, ruleFiles } from './rule-files.ts';

export interface RunOptions extends RuleOptions {
  config?: string;
  configSchema?: boolean;
  dryRun?: boolean;
  inside: string;
  outside: string;
  mode: 'bridge' | 'router';
  queues?: string;
  io?: Settings['io'];
  busyPoll?: string;
  sysctl?: readonly string[];
  stateDir?: string;
  namespace?: string;
  log?: string;
  metrics?: string;
  extension?: readonly string[];
  fingerprints?: string;
}

const USAGE = 2;
const NO_PRIVILEGE = 77;

/** Runs until SIGTERM or SIGINT; the value is the exit code. */
export async function run(options: RunOptions): Promise<number> {
  try {
    if (options.configSchema) {
      process.stdout.write(`${JSON.stringify(CONFIG_SCHEMA, undefined, 2)}\n`);
      return 0;
    }
    if (options.dryRun) return await dryRun(options);
    const settings = await settingsOf(options);
    return await serve(settings, () => settingsOf(options));
  } catch (error) {
    return complain(error as Error);
  }
}

async function settingsOf(options: RunOptions): Promise<Settings> {
  if (options.config !== undefined) return loadConfig(options.config);
  const settings = settingsOfWords(options);
  const problems = new Problems();
  checkSettings(settings, problems.report);
  problems.stop();
  return settings;
}

/** Throws ConfigError. */
function settingsOfWords(options: RunOptions): Settings {
  try {
    const devices = [parseDevice(options.inside), parseDevice(options.outside)] as const;
    if (devices[0].name === devices[1].name) throw new Error('--inside and --outside are two devices');
    return {
      mode: options.mode,
      devices,
      queues: whole('--queues', options.queues ?? '1', 1, MOST_QUEUES),
      io: options.io,
      busyPollUs: whole('--busy-poll', options.busyPoll ?? '0', 0, LONGEST_BUSY_POLL_US),
      namespace: options.namespace,
      paths: statePaths(options.stateDir),
      rules: ruleFiles(options),
      sets: undefined,
      sysctls: Object.fromEntries((options.sysctl ?? []).map(sysctl)),
      extensions: (options.extension ?? []).map((file) => resolve(file)),
      host: hostOf(options),
      log: { ...DEFAULT_LOG, to: logTarget(options.log ?? 'stderr') },
      metrics: options.metrics === undefined ? undefined : listenOf(options.metrics),
      saveEveryMs: DEFAULT_SAVE_MS,
    };
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    throw new ConfigError(`sekisho: ${message}${hint ? ` (${hint})` : ''}\n`);
  }
}

/** Where distributions put it that ship one. */
const FINGERPRINTS = '/usr/share/xtables/pf.os';

function hostOf({ fingerprints }: RunOptions): HostFacts {
  const file = fingerprints ?? (existsSync(FINGERPRINTS) ? FINGERPRINTS : undefined);
  return file === undefined ? {} : { fingerprints: readFileSync(file, 'utf8') };
}

function whole(option: string, text: string, least: number, most: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= least && count <= most) return count;
  throw new Error(`${option} ${text}: a number from ${least} to ${most}`);
}

const logTarget = (to: string): Settings['log']['to'] => (to === 'stderr' || to === 'syslog' ? to : { file: to });

function listenOf(words: string): Settings['metrics'] {
  const listen = checkListen(words.replace(/,open$/, ''));
  if (!isLoopback(listen.address) && !words.endsWith(',open'))
    throw new Error(`--metrics ${words}: not of this machine alone; ${words},open lets others ask`);
  return listen;
}

function sysctl(text: string): [string, string] {
  const [name, value] = text.split(/=(.*)/s);
  if (value === undefined) throw new Error(`--sysctl ${text}: write NAME=VALUE`);
  return [name, value];
}

/** Says all that is wrong; changes nothing. */
async function dryRun(options: RunOptions): Promise<number> {
  let settings: Settings;
  if (options.config === undefined) {
    const problems = new Problems();
    settings = settingsOfWords(options);
    await checkEverything(settings, problems.report);
    problems.stop();
  } else settings = await tryConfig(options.config);
  for (const sentence of unknownDevices(settings)) process.stderr.write(`sekisho: ${sentence}\n`);
  process.stdout.write(`${options.config ?? 'the words'}: well, nothing was changed\n`);
  return 0;
}

/** What is wrong with the words of a command line. */
class Problems {
  private text = '';

  readonly report: Report = (place, what, hint) => {
    this.text += `sekisho: ${place === '' ? '' : `${place}: `}${what}\n${hint ? `hint: ${hint}\n` : ''}`;
  };

  stop(): void {
    if (this.text !== '') throw new ConfigError(this.text);
  }
}

async function serve(settings: Settings, reread: () => Promise<Settings>): Promise<number> {
  const service = new Service(settings, reread);
  try {
    for (const sentence of unknownDevices(settings)) service.announce(sentence);
    return await service.run();
  } catch (error) {
    if (error instanceof RulesRefused || error instanceof ConfigError) throw error;
    service.announce(`not started: ${(error as Error).message}`);
    if (process.getuid?.() === 0) return 1;
    service.announce(
      'TUN devices and namespaces need root or CAP_NET_ADMIN; "sekisho demo --memory" and "sekisho play" do without',
    );
    return NO_PRIVILEGE;
  }
}

function complain(error: Error): number {
  const told = error instanceof RulesRefused || error instanceof ConfigError;
  process.stderr.write(told ? error.message : `sekisho: ${error.message}\n`);
  if (error instanceof RulesRefused) process.stderr.write('sekisho: not started: the rules were refused\n');
  return USAGE;
}
