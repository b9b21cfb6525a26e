// Extensions of the user's own, in files: JavaScript modules whose default export is a Module (engine/registry.ts). They are loaded at
// once, not in a promise's time: the data plane's thread never turns its event loop. From Node 22.18 on the files may be TypeScript.

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { AnyHelper } from '../conntrack/helping/helper.ts';
import type { AnyMatch, AnyTarget } from '../engine/extension.ts';
import type { Module } from '../engine/registry.ts';

const require = createRequire(import.meta.url);

/** Time of change of what this thread has loaded: a module is loaded once, whatever becomes of its file. */
const loaded = new Map<string, number>();

export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
}

/** Throws an ExtensionError that says what is wrong with the file. */
export function loadExtension(file: string): Module {
  const path = resolve(file);
  if (!existsSync(path)) throw new ExtensionError(`${path}: no such file`);
  const stats = statSync(path);
  // A device or a pipe may be without end.
  if (!stats.isFile()) throw new ExtensionError(`${path}: not a file`);
  const changed = stats.mtimeMs;
  if ((loaded.get(path) ?? changed) !== changed) {
    throw new ExtensionError(
      `${path} has changed since it was loaded: give it another name, or start this program again`,
    );
  }
  const module = checked(path, exported(path));
  loaded.set(path, changed);
  return module;
}

function exported(path: string): unknown {
  try {
    return (require(path) as { default?: unknown }).default;
  } catch (error) {
    const hint =
      /\.[cm]?ts$/.test(path) && !('typescript' in process.features) ? ' (this Node reads no TypeScript)' : '';
    throw new ExtensionError(`${path}: ${error instanceof Error ? error.message : String(error)}${hint}`);
  }
}

const MATCH = ['summary', 'kernel', 'options', 'check', 'save', 'list', 'compile', 'effect'] as const;
const HELPER = ['summary', 'protocols', 'policies', 'help'] as const;
const TARGET = ['summary', 'kernel', 'options', 'check', 'save', 'list', 'compile'] as const;

const isFamilies = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((family) => family === 4 || family === 6);

/** What is wrong would show as a riddle later, so the shape is looked at now. */
function checked(path: string, value: unknown): Module {
  const refuse = (what: string): never => {
    throw new ExtensionError(`${path}: ${what}`);
  };
  if (typeof value !== 'object' || value === null) {
    refuse('its default export is { matches: [...], targets: [...], helpers: [...], queues: [...] }');
  }
  const module = value as Module;
  const each = <T extends AnyMatch | AnyTarget | AnyHelper>(
    all: readonly T[] = [],
    members: readonly string[],
  ): void => {
    for (const one of all) {
      if (typeof one?.name !== 'string' || !/^[A-Za-z0-9_-]{1,28}$/.test(one.name)) refuse('an extension has no name');
      if (!isFamilies(one.families)) refuse(`"${one.name}" does not say its families: [4, 6]`);
      const missing = members.find((member) => (one as unknown as Record<string, unknown>)[member] === undefined);
      if (missing !== undefined) refuse(`"${one.name}" has no member "${missing}"`);
    }
  };
  each(module.matches, MATCH);
  each(module.targets, TARGET);
  each(module.helpers, HELPER);
  for (const { name, queues, decide } of module.queues ?? []) {
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,28}$/.test(name)) refuse('a listener has no name');
    const numbers = Array.isArray(queues) && queues.every((one) => Number.isInteger(one) && one >= 0 && one <= 0xffff);
    if (!numbers || typeof decide !== 'function') refuse(`"${name}" does not say its queues: [0], or what it decides`);
  }
  return namesOf(module).length > 0 ? module : refuse('it holds no extension');
}

/** The names of all that a module holds. */
export const namesOf = ({ matches = [], targets = [], helpers = [], queues = [] }: Module): string[] => [
  ...new Set([...matches, ...targets, ...helpers, ...queues].map(({ name }) => name)),
];

/** Files that every program of this environment attaches: SEKISHO_EXTENSIONS, separated by colons. */
export const filesOfEnvironment = (): string[] =>
  (process.env.SEKISHO_EXTENSIONS ?? '').split(':').filter((file) => file !== '');

export const modulesOfEnvironment = (): Module[] => filesOfEnvironment().map(loadExtension);
