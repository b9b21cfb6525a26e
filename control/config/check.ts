// Whether a daemon could be what its settings say: every file read, every rule parsed and tried on an engine of its own, every name looked
// up. Nothing is changed, and everything that is wrong is told.

import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import { runIpset, type Sets } from '../../engine/sets/index.ts';
import type { Names } from '../../grammar/names.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import { libc } from '../../tun/libc.ts';
import { openNamespace } from '../../tun/namespace.ts';
import { loadExtension } from '../extension-files.ts';
import { builtinRegistry } from '../extensions.ts';
import { hostNames } from '../host-names.ts';
import { modeOf, type Settings, sysctlsOf } from '../settings.ts';
import type { RuleFile } from '../stored/rule-store.ts';
import { inOrderOfUse } from '../stored/stored-rules.ts';
import { runTool } from '../tool/tool.ts';

/** `place`: which setting, such as `rules PATH`, `sysctl NAME`, `device NAME`. `what` may be of several lines. */
export type Report = (place: string, what: string, hint?: string) => void;

/** Settings, and whether their files are there: what is in those is checked as it is loaded. Returns an engine that was set so. */
export function checkSettings(settings: Settings, report: Report): Firewall | undefined {
  const firewall = scratchFirewall(settings, report);
  if (!firewall) return undefined;
  for (const [name, value] of Object.entries(sysctlsOf(settings))) {
    try {
      firewall.setSysctl(name, value);
    } catch (error) {
      report(`sysctl ${name}`, (error as Error).message);
    }
  }
  for (const { path } of settings.rules) checkReadable(path, `rules ${path}`, report);
  if (settings.sets !== undefined) checkReadable(settings.sets, 'sets', report);
  return firewall;
}

/** A file that is not there is a slip of the pen: said before devices are made. */
function checkReadable(path: string, place: string, report: Report): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    report(place, `${path}: ${code === 'ENOENT' ? 'no such file' : message}`);
  }
}

/** Settings, sets and rules: what can be told anywhere. */
async function checkAll(settings: Settings, report: Report): Promise<void> {
  const firewall = checkSettings(settings, report);
  if (!firewall) return;
  try {
    for (const file of settings.extensions) firewall.attach(loadExtension(file));
  } catch (error) {
    report('extensions', (error as Error).message);
  }
  checkSets(settings, firewall.sets, report);
  for (const family of [4, 6] as const) await checkRules(settings, family, firewall, report);
}

function scratchFirewall(settings: Settings, report: Report): Firewall | undefined {
  try {
    return new Firewall({ mode: modeOf(settings), registry: builtinRegistry(), random: () => 0, transmit: () => {} });
  } catch (error) {
    report(`device ${settings.devices[0].name}`, (error as Error).message);
    return undefined;
  }
}

function checkSets({ sets, paths }: Settings, into: Sets, report: Report): void {
  const path = sets ?? paths.sets;
  const text = read(path);
  if (text === undefined) return;
  const { exitCode, stderr } = runIpset(into, { argv: ['restore'], stdin: text, names: hostNames(), now: 0 });
  if (exitCode !== 0) report('sets', `${path}:\n${stderr.trimEnd()}`);
}

/** All rule files of a family, one after the other, as at the start. */
async function checkRules(settings: Settings, family: Family, firewall: Firewall, report: Report): Promise<void> {
  const committed = new Map<string, TableSpec>();
  const names: Names = { ...hostNames(), set: (name) => firewall.sets.find(name) };
  const ruleset = new Ruleset(family, {
    lookup: firewall.registry,
    names,
    install: (table) => {
      firewall.install([table]);
      committed.set(table.name, table);
    },
  });
  const stored: RuleFile = { family, path: settings.paths.rules(family) };
  const given = settings.rules.filter((file) => file.family === family);
  const files = settings.rules.length > 0 ? given : [stored];
  for (const { path } of files) {
    const text = read(path);
    if (text === undefined) continue;
    const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const stdin = settings.rules.length > 0 ? text : inOrderOfUse(text);
    const { exitCode, stderr } = await runTool({ program, argv: ['--', path], stdin, date: new Date() }, ruleset);
    if (exitCode !== 0) report(`rules ${path}`, `${path}:\n${stderr.trimEnd()}`);
  }
}

/** Undefined for a file that is not there, or cannot be read: one that must be has been complained of. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** All that can be known beforehand. */
export async function checkEverything(settings: Settings, report: Report): Promise<void> {
  await checkAll(settings, report);
  checkMachine(settings, report);
}

/** Whether this machine and this user can have such a daemon now. */
function checkMachine(settings: Settings, report: Report): void {
  const { devices, namespace, paths, log } = settings;
  if (!may('/dev/net/tun', constants.R_OK | constants.W_OK))
    report('', '/dev/net/tun cannot be opened', 'TUN devices need root or CAP_NET_ADMIN, and the module tun');
  checkNamespace('namespace', namespace, report);
  for (const { name, netns } of devices) checkNamespace(`device ${name}`, netns, report);
  const state = nearest(paths.directory);
  if (!may(state, constants.W_OK)) report('state', `${paths.directory}: ${state} cannot be written by this user`);
  if (log.to === 'syslog' && !existsSync('/dev/log'))
    report('log', '/dev/log is not there', 'is a system log running?');
  if (typeof log.to === 'object' && !may(existsSync(log.to.file) ? log.to.file : dirname(log.to.file), constants.W_OK))
    report('log', `${log.to.file} cannot be written by this user`);
}

function checkNamespace(place: string, name: string | undefined, report: Report): void {
  if (name === undefined || name.startsWith('new:')) return;
  try {
    libc().close(openNamespace(name));
  } catch (error) {
    report(place, (error as Error).message, `write new:${name} where the daemon is to make it`);
  }
}

function may(path: string, how: number): boolean {
  try {
    accessSync(path, how);
    return true;
  } catch {
    return false;
  }
}

/** The path, or the part of it that is there. */
function nearest(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : nearest(dirname(path));
}
