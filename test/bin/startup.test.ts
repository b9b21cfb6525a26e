// What a tool loads before it has done its work, for scripts start them a thousand times (test/bench/start.ts has the times).

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE } from '../../bin/compiled.ts';
import { ran } from './program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('a tool', () => {
  let imports: Record<string, readonly string[]>;
  beforeAll(async () => {
    const entryPoints = [join(root, 'bin/programs.ts')];
    const { metafile } = await build({
      entryPoints,
      bundle: true,
      format: 'cjs',
      platform: 'node',
      external: ['koffi', 'chevrotain'],
      define: { 'import.meta.url': '""' },
      absWorkingDir: root,
      metafile: true,
      write: false,
    });
    imports = Object.fromEntries(
      Object.entries(metafile.inputs).map(([file, { imports }]) => [
        file,
        imports.filter(({ kind }) => kind !== 'dynamic-import').map(({ path }) => path),
      ]),
    );
  });

  /** The module with everything that it imports before it runs. */
  function loadedBy(module: string, loaded = new Set<string>()): Set<string> {
    if (!loaded.has(module)) {
      loaded.add(module);
      for (const path of imports[module] ?? []) loadedBy(path, loaded);
    }
    return loaded;
  }
  const rooms = (modules: Set<string>): string[] =>
    [...new Set([...modules].filter((path) => path.endsWith('.ts')).map((path) => path.split('/')[0]))].sort();

  test('that lists stored rules, or asks the daemon, loads no rules, no grammar and no packages', () => {
    const tools = loadedBy('bin/tools.ts');
    // What kept tables are unpacked with.
    const leaves = [
      'engine/edit/common-ends.ts',
      'engine/edit/edited-chains.ts',
      'engine/edit/edited-table.ts',
      'engine/edit/lineage.ts',
      'grammar/addresses.ts',
      'grammar/error.ts',
      'grammar/scan.ts',
      'grammar/tables.ts',
    ];
    expect(
      [...tools].filter((path) => /^(packet|grammar|conntrack|engine|matches|targets)\//.test(path)).sort(),
    ).toEqual([...leaves, 'packet/address.ts']);
    expect(tools).toContain('control/stored/stored-text.ts');
    expect(rooms(loadedBy('control/socket/client.ts'))).toEqual(['control']);
  });

  test('that works on stored rules loads the parser and the lock only when it comes to them', () => {
    const stored = loadedBy('control/stored/stored-tool.ts');
    expect(stored).toContain('matches/index.ts');
    for (const module of ['grammar/parser.ts', 'control/stored/lock.ts', 'engine/firewall.ts', 'koffi', 'chevrotain'])
      expect(stored).not.toContain(module);
  });
});

describe('the compiled programs', () => {
  // A copy: what is done to it here would be done to every other test.
  const copy = mkdtempSync(join(tmpdir(), 'sekisho-'));
  const bundle = join(copy, 'dist/bin/programs.cjs');
  beforeAll(() => {
    for (const file of ['package.json', 'dist/bin'])
      cpSync(join(root, file), join(copy, file), { recursive: true, filter: (path) => !path.endsWith('.map') });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rmSync(copy, { recursive: true }));

  const compiled = (): string => {
    const name = readdirSync(dirname(bundle)).find((file) => file.endsWith(`-${process.arch}`));
    return join(dirname(bundle), name ?? 'none');
  };
  const version = (): string => {
    const program = join(copy, 'dist/bin/sekisho.cjs');
    return ran(process.execPath, [program, 'ip6tables', '-V'], { SEKISHO_STATE_DIR: copy }).stdout;
  };

  test('are those of this text, and V8 takes them', () => {
    const [text, kept] = [readFileSync(bundle, 'latin1'), readFileSync(compiled())];
    const label = /^\/\*[0-9a-f]{64}\*\//.exec(text)![0];
    expect(kept.toString('latin1', 0, label.length)).toBe(label);
    // In a process of its own: V8 looks at its flags, too.
    const look = `const [bundle, kept, label] = process.argv.slice(1);
      require('node:v8').setFlagsFromString('${PATIENCE ?? ''}');
      const { readFileSync } = require('node:fs');
      const source = '(function (require, module, __filename) {' + readFileSync(bundle, 'latin1') + '\\n})';
      const cachedData = readFileSync(kept).subarray(Number(label));
      console.log(new (require('node:vm').Script)(source, { cachedData }).cachedDataRejected);`;
    expect(ran(process.execPath, ['-e', look, bundle, compiled(), `${label.length}`], {}).stdout).toBe('false\n');
  });

  test.each([
    ['of another text', (kept: Buffer) => Buffer.concat([Buffer.from('/*0'), kept.subarray(3)])],
    ['cut short', (kept: Buffer) => kept.subarray(0, 100)],
  ])('%s are passed over', (_, spoil) => {
    const kept = readFileSync(compiled());
    writeFileSync(compiled(), spoil(kept));
    expect(version()).toBe('ip6tables v1.8.9 (legacy)\n');
    writeFileSync(compiled(), kept);
  });

  test('run under the name with .js, too', () => {
    const { stdout } = ran(process.execPath, [join(copy, 'dist/bin/sekisho.js'), 'ip6tables', '-V'], {});
    expect(stdout).toBe('ip6tables v1.8.9 (legacy)\n');
  });

  test('are made again by `sekisho links`, for the Node that runs it', () => {
    const path = compiled();
    rmSync(path);
    expect(version()).toBe('ip6tables v1.8.9 (legacy)\n');
    const links = [join(copy, 'dist/bin/sekisho.cjs'), 'links', join(copy, 'links')];
    const ours = (file: string): boolean => !/library-|\.map$/.test(file);
    cpSync(join(root, 'dist/chunks'), join(copy, 'dist/chunks'), { recursive: true, filter: ours });
    expect(ran(process.execPath, links, {}).stderr).toBe('');
    expect(compiled()).toBe(path);
  });
});
