// Sets that no engine holds: kept as the text of `ipset save`, beside the rules, in the file `ipsets` of the state directory. Timeouts go
// on by the file's age.

import { statSync } from 'node:fs';
import { onlyReads, runIpset, Sets } from '../../engine/sets/index.ts';
import type { Names } from '../../grammar/names.ts';
import { builtinRegistry } from '../extensions.ts';
import { hostNames } from '../host-names.ts';
import { ensureDirectory, type StatePaths } from '../paths.ts';
import type { ToolAnswer } from '../socket/protocol.ts';
import { readIfThere, writeAtomically } from './atomic-file.ts';
import { StoredRules, Unreadable } from './stored-rules.ts';

export interface IpsetWords {
  readonly argv: readonly string[];
  readonly stdin: string | undefined;
}

export interface StoredText {
  readonly text: string;
  /** Milliseconds since it was written. */
  readonly age: number;
}

export function readSetsText({ sets: path }: StatePaths): StoredText {
  const text = readIfThere(path);
  if (text === undefined) return { text: '', age: 0 };
  return { text, age: Math.max(0, Date.now() - statSync(path).mtimeMs) };
}

/** node:crypto is loaded when the first set is made: most calls have none. */
const systemRandom = (): number => process.getBuiltinModule('node:crypto').randomFillSync(new Uint32Array(1))[0];

/** The stored sets as they are now, at the time 0. Throws Unreadable. */
export function readSets(paths: StatePaths, names: Names): Sets {
  const { text, age } = readSetsText(paths);
  const sets = new Sets(systemRandom);
  const { exitCode, stderr } = runIpset(sets, { argv: ['restore'], stdin: text, names, now: -age });
  if (exitCode === 0) return sets;
  throw new Unreadable(`${paths.sets} cannot be read back; it is left as it is. Mend it or move it away.\n${stderr}`);
}

/** The host's names, and the stored sets, read when the first rule names one. */
export function namesWithSets(paths: StatePaths): Names {
  const names = hostNames();
  let sets: Sets | undefined;
  return { ...names, set: (name) => (sets ??= readSets(paths, names)).find(name) };
}

/** How often the stored rules name each set. */
async function setsInRules(paths: StatePaths): Promise<ReadonlyMap<string, number>> {
  const registry = builtinRegistry();
  const uses = new Map<string, number>();
  const count = (names: readonly string[] = []): void => {
    for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  };
  for (const family of [4, 6] as const) {
    const { ruleset } = await StoredRules.read(paths.rules(family), family, { registry, names: hostNames() });
    for (const rule of ruleset.tables.flatMap(({ chains }) => [...chains.values()].flatMap(({ rules }) => rules))) {
      for (const { name, checked } of rule.matches) count(registry.match(name, family)?.sets?.(checked));
      const { target } = rule;
      if (target?.kind === 'extension') count(registry.target(target.name, family)?.sets?.(target.checked));
    }
  }
  return uses;
}

/** One call of ipset where no daemon serves. `daemon`: what is done instead when one has begun to while the call waited. */
export async function ipsetOnStored(
  paths: StatePaths,
  { argv, stdin }: IpsetWords,
  served: () => Promise<boolean>,
  daemon: () => Promise<ToolAnswer>,
): Promise<ToolAnswer> {
  const run = async (write: boolean): Promise<ToolAnswer> => {
    const names = hostNames();
    const sets = readSets(paths, names);
    const uses = await setsInRules(paths);
    sets.rulesUsing = (name) => uses.get(name) ?? 0;
    const answer = runIpset(sets, { argv, stdin, names, now: 0 });
    if (write) {
      const { stdout } = runIpset(sets, { argv: ['save'], names, now: 0 });
      if (stdout !== readSetsText(paths).text) writeAtomically(paths.sets, stdout);
    }
    return answer;
  };
  try {
    if (onlyReads(argv)) return await run(false);
    ensureDirectory(paths);
    const { Lock } = await import('./lock.ts');
    const lock = await Lock.within(paths.lock, Number.POSITIVE_INFINITY);
    try {
      return (await served()) ? await daemon() : await run(true);
    } finally {
      lock?.release();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined && !(error instanceof Unreadable)) throw error;
    return { stdout: '', stderr: `ipset v7.17: ${message}\n`, exitCode: 1 };
  }
}
