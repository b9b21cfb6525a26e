// A configuration file, read and checked.

import { readFileSync } from 'node:fs';
import type { Settings } from '../settings.ts';
import { checkEverything, checkSettings } from './check.ts';
import { parseConfig } from './config.ts';

/** Reads a file for a daemon that is to be, or is to change. Rejects with ConfigError, or with what the system says about the file. */
export async function loadConfig(path: string): Promise<Settings> {
  const { settings, reader, places } = parseConfig(readFileSync(path, 'utf8'), path);
  checkSettings(settings, (place, what, hint) => reader.problem(places.get(place), what, hint));
  reader.stopAtProblems();
  return settings;
}

/** As loadConfig(), with everything that can be known without changing anything: rules, sets, this machine. */
export async function tryConfig(path: string): Promise<Settings> {
  const { settings, reader, places } = parseConfig(readFileSync(path, 'utf8'), path);
  await checkEverything(settings, (place, what, hint) => reader.problem(places.get(place), what, hint));
  reader.stopAtProblems();
  return settings;
}
