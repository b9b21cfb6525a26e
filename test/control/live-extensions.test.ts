// Extensions in files: what is loaded, what is refused, and what an engine that takes over is told.

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { filesOfEnvironment, loadExtension, namesOf } from '../../control/extension-files.ts';
import type { EngineRequest } from '../../control/live/engine.ts';
import { LiveExtensions } from '../../control/live/live-extensions.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'sekisho-extensions-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
function file(text: string): string {
  const path = join(folder, `own${made++}.mjs`);
  writeFileSync(path, text);
  return path;
}

const match = (name: string): string =>
  `{ name: '${name}', families: [4, 6], summary: '', kernel: '', effect: 'pure', options: {}, check: () => ({}), save: () => '', list: () => '', compile: () => () => true }`;
const own = (...names: readonly string[]): string => file(`export default { matches: [${names.map(match)}] };\n`);

test.each([
  ['export default 5;', 'its default export is { matches: [...], targets: [...], helpers: [...], queues: [...] }'],
  ['export default {};', 'it holds no extension'],
  ['export default { matches: [{}] };', 'an extension has no name'],
  ["export default { matches: [{ name: 'a b' }] };", 'an extension has no name'],
  ["export default { matches: [{ name: 'a' }] };", '"a" does not say its families'],
  // One that no rule could name, nor anybody detach.
  ["export default { matches: [{ name: 'a', families: [] }] };", '"a" does not say its families'],
  ["export default { matches: [{ name: 'a', families: [6, 'inet'] }] };", '"a" does not say its families'],
  ["export default { targets: [{ name: 'A', families: [4] }] };", '"A" has no member "summary"'],
  ["export default { helpers: [{ name: 'h', families: [4], summary: '' }] };", '"h" has no member "protocols"'],
  ['export default {', 'Unexpected'],
  ['throw null;', 'null'],
])('%s is refused', (text, reason) => {
  expect(() => loadExtension(file(text))).toThrow(reason);
});

test.each(['/dev/zero', '/'])('%s is no file, and may be without end', (path) => {
  expect(() => loadExtension(path)).toThrow(`${path}: not a file`);
});

test('a module is loaded once: what became of its file since then is told, not ignored', () => {
  const path = own('once');
  expect(namesOf(loadExtension(path))).toEqual(['once']);
  loadExtension(path);
  utimesSync(path, new Date(), new Date(2_000_000_000_000));
  expect(() => loadExtension(path)).toThrow('has changed since it was loaded');
});

test('attached here and in the engine, or in neither', async () => {
  const asked: EngineRequest[] = [];
  let refuse = '';
  const registry = new Registry({ matches });
  const live = new LiveExtensions(registry, async (request) => {
    if (refuse !== '') throw new Error(refuse);
    asked.push(request);
  });
  const two = own('two-a', 'two-b');
  expect(await live.attach(two)).toEqual(['two-a', 'two-b']);
  expect(registry.match('two-a', 6)?.name).toBe('two-a');
  await expect(live.attach(two)).rejects.toThrow('attached already');
  await expect(live.attach(own('tcp'))).rejects.toThrow('match "tcp" is attached already');

  refuse = 'the data plane is gone';
  await expect(live.attach(own('late'))).rejects.toThrow(refuse);
  expect(registry.match('late', 4)).toBeUndefined();
  await expect(live.detach('two-b')).rejects.toThrow(refuse);
  expect(registry.match('two-b', 4)).toBeDefined();

  refuse = '';
  await live.detach('two-b');
  expect(registry.match('two-b', 4)).toBeUndefined();
  await expect(live.detach('two-b')).rejects.toThrow('no file that is attached has an extension "two-b"');
  expect(live.list()).toEqual({ [two]: ['two-a'] });
  expect(asked).toEqual([
    { op: 'attach', file: two },
    { op: 'detach', name: 'two-b' },
  ]);

  const next: EngineRequest[] = [];
  await live.giveBack(async (request) => void next.push(request));
  expect(next).toEqual(asked);
});

test('files of the environment are parted by colons', () => {
  const before = process.env.SEKISHO_EXTENSIONS;
  process.env.SEKISHO_EXTENSIONS = '/a.mjs::b.mjs';
  expect(filesOfEnvironment()).toEqual(['/a.mjs', 'b.mjs']);
  if (before === undefined) delete process.env.SEKISHO_EXTENSIONS;
  else process.env.SEKISHO_EXTENSIONS = before;
});
