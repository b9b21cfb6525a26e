// What a tool loads before it has done its work, for scripts start them a thousand times (test/bench/start.ts has the times).

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROGRAM } from './program.ts';

interface Modules {
  readonly files: Set<string>;
  /** Modules of ours and of others that are bundled in them, from the source maps. */
  readonly sources: Set<string>;
}

/** A built module with everything that it imports before it runs. */
function loadedBy(...entries: readonly string[]): Modules {
  const files = new Set<string>();
  const sources = new Set<string>();
  const load = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, 'utf8');
    const map = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] };
    for (const source of map.sources) sources.add(source.replace(/^(\.\.\/)+/, ''));
    for (const [, path] of text.matchAll(/(?:from|\bimport)\s*"(\.[^"]+)"/g)) load(join(dirname(file), path));
  };
  for (const entry of entries) load(entry);
  return { files, sources };
}

/** The built file that an import of the module on demand loads: of all that hold it, the one that brings least along. */
function builtAs(module: string, from: Modules): string {
  const targets = [...from.files].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bimport\("(\.[^"]+)"\)/g)].map(([, path]) => join(dirname(file), path)),
  );
  const [least] = targets
    .filter((target) => loadedBy(target).sources.has(module))
    .sort((a, b) => loadedBy(a).sources.size - loadedBy(b).sources.size);
  if (least === undefined) throw new Error(`${module} is not imported on demand`);
  return least;
}

const rooms = ({ sources }: Modules): string[] =>
  [...new Set([...sources].map((source) => source.split('/')[0]))].sort();

describe('a tool', () => {
  const entry = loadedBy(PROGRAM);
  const tools = loadedBy(PROGRAM, builtAs('bin/tools.ts', entry));

  test('that lists stored rules, or asks the daemon, loads no rules, no grammar and no packages', () => {
    expect(rooms(tools)).toEqual(['bin', 'control', 'grammar']);
    expect([...tools.sources].filter((source) => source.startsWith('grammar/'))).toEqual(['grammar/list-columns.ts']);
    expect(tools.sources).toContain('control/stored-text.ts');
    expect(loadedBy(builtAs('control/client.ts', tools)).sources.size).toBeLessThan(8);
  });

  test('that works on stored rules loads the grammar and the lock only when it comes to them', () => {
    const stored = loadedBy(builtAs('control/stored-tool.ts', tools));
    expect(rooms(stored)).not.toContain('node_modules');
    expect(stored.sources).not.toContain('grammar/parser.ts');
    expect(stored.sources).not.toContain('control/lock.ts');
    expect(stored.sources).not.toContain('engine/firewall.ts');
  });
});
