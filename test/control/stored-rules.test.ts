import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { builtinRegistry } from '../../control/extensions.ts';
import { hostNames } from '../../control/host-names.ts';
import { listen } from '../../control/socket/server.ts';
import { StoredRules } from '../../control/stored/stored-rules.ts';
import { listing, listRules, saveTables } from '../../control/stored/stored-text.ts';
import { runTool } from '../../control/tool/tool.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { RandomSave } from '../grammar/random-save.ts';
import { Dice } from '../kernel/dice.ts';
import { State } from './state.ts';

let state: State;
beforeEach(() => {
  state = new State();
});
afterEach(() => state.close());

const names = hostNames();
const registry = builtinRegistry();
const stored = (cacheFor = '') => StoredRules.read(state.paths.rules(6), 6, { registry, names, cacheFor });

describe('stored rules', () => {
  test('last from call to call: chains, policies, counters', async () => {
    await state.call('ip6tables -N web');
    await state.call('ip6tables -P FORWARD DROP');
    await state.call('ip6tables -A FORWARD -p tcp -c 7 420 -j web');
    expect(await state.says('ip6tables -vS')).toBe(
      '-P INPUT ACCEPT -c 0 0\n-P FORWARD DROP -c 0 0\n-P OUTPUT ACCEPT -c 0 0\n-N web\n-A FORWARD -p tcp -c 7 420 -j web\n',
    );
    await state.call('ip6tables -Z FORWARD 1');
    expect(await state.says('ip6tables -vS FORWARD 1')).toBe('-A FORWARD -p tcp -c 0 0 -j web\n');
  });

  // Asked of ip6tables 1.8.9.
  test('a chain hides the target of its name, whose options are read all the same', async () => {
    await state.call('ip6tables -N web');
    await state.call('ip6tables -E web LOG');
    expect(await state.call('ip6tables -A INPUT -j LOG --log-prefix x')).toEqual({
      stdout: '',
      stderr: 'Warning: using chain LOG, not extension\n',
      exitCode: 0,
    });
    expect(await state.says('ip6tables -S INPUT')).toContain('-A INPUT -j LOG\n');
    expect((await state.call('ip6tables -D INPUT -j LOG --log-bad')).exitCode).toBe(2);
    expect((await state.call('ip6tables -D INPUT -j LOG')).exitCode).toBe(0);
  });

  test('of the two families are apart', async () => {
    await state.call('iptables -N four');
    expect(await state.says('ip6tables -S')).not.toContain('four');
    expect(await state.says('iptables -S')).toContain('-N four');
  });

  test('are saved with the table that was used last in front, call after call', async () => {
    for (const table of ['raw', 'filter', 'mangle']) await state.call(`ip6tables -t ${table} -S`);
    await state.call('ip6tables -t filter -N web');
    const tables = (await state.says('ip6tables-save')).match(/^\*\w+/gm);
    expect(tables).toEqual(['*mangle', '*filter', '*raw']);
  });

  test('listing makes no files where there is nothing', async () => {
    expect(await state.says('ip6tables-save')).toBe('');
    expect(readdirSync(state.directory)).toEqual([]);
  });

  test('are their owner’s alone', async () => {
    await state.call('ip6tables -N web');
    expect(statSync(state.paths.rules(6)).mode & 0o777).toBe(0o600);
  });

  test('a refused call leaves the file as it was', async () => {
    await state.call('ip6tables -N web');
    const before = state.read();
    for (const line of ['-N web', '-A INPUT -j nowhere', '-D INPUT 1', '-A INPUT --foo', '-t foo -S']) {
      expect((await state.call(`ip6tables ${line}`)).exitCode).not.toBe(0);
    }
    expect(state.read()).toBe(before);
  });

  test('a chain may not be renamed to a target that rules of its table have: they would be read as jumps', async () => {
    await state.call('ip6tables -N web');
    await state.call('ip6tables -A INPUT -j LOG --log-level 3');
    expect((await state.call('ip6tables -E web LOG')).exitCode).toBe(4);
    expect(await state.says('ip6tables -S')).toContain('-N web\n-A INPUT -j LOG --log-level 3\n');
  });

  test('a restore that fails has not set counters to zero either', async () => {
    await state.call('ip6tables -A INPUT -c 7 420');
    expect((await state.call('ip6tables-restore -n', '*filter\n-Z\n-D INPUT 9\nCOMMIT\n')).exitCode).toBe(1);
    expect(await state.says('ip6tables -vS INPUT')).toContain('-A INPUT -c 7 420\n');
  });

  test('text that cannot be read back is left in place and reported, by every call', async () => {
    const text = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j TRAPDOOR\nCOMMIT\n';
    state.write(text);
    for (const line of ['ip6tables -S', 'ip6tables -F', 'ip6tables-save', 'ip6tables -N web']) {
      const { exitCode, stderr } = await state.call(line);
      expect(exitCode).toBe(3);
      expect(stderr).toContain(
        `${state.paths.rules(6)} cannot be read back; it is left as it is. Mend it or move it away.`,
      );
      expect(stderr).toContain('TRAPDOOR');
    }
    expect(state.read()).toBe(text);
    expect((await state.call('iptables -N web')).exitCode).toBe(0);
  });

  test.each([
    ['a line break in a comment', ['-A', 'INPUT', '-m', 'comment', '--comment', 'one\ntwo']],
    ['a blank in a device name', ['-A', 'INPUT', '-i', 'a b']],
    ['a quote in a chain name', ['-N', 'a"b']],
  ])('what a save file cannot hold is refused: %s', async (_, argv) => {
    await state.call('ip6tables -N web');
    const before = state.read();
    const store = await stored();
    const { exitCode } = await runTool({ program: 'ip6tables', argv, date: new Date(0) }, store.ruleset);
    expect(exitCode).toBe(0);
    await expect(store.write()).rejects.toThrow('a save file cannot hold');
    expect(state.read()).toBe(before);
  });

  test.skipIf(process.getuid?.() === 0)(
    'a folder that may not be written to: the old rules stay, and it is said',
    async () => {
      await state.call('ip6tables -N web');
      chmodSync(state.directory, 0o500);
      const { exitCode, stderr } = await state.call('ip6tables -N other');
      expect([exitCode, stderr]).toEqual([4, expect.stringContaining('EACCES')]);
      expect(await state.says('ip6tables -S')).toContain('-N web');
    },
  );

  test('where a daemon began to serve while the call waited, the daemon is asked', async () => {
    const server = await listen(state.paths.socket, () => undefined);
    expect(await state.says('ip6tables -N web')).toBe('elsewhere\n');
    expect(existsSync(state.paths.rules(6))).toBe(false);
    await server.close();
    expect(await state.says('ip6tables -N web')).toBe('');
  });

  test('--file works on that file and on nothing else', async () => {
    const file = join(state.directory, 'rules.save');
    writeFileSync(file, '# mine\n*filter\n:INPUT DROP [5:300]\n[1:60] -A INPUT -p icmpv6 -j ACCEPT\nCOMMIT\n');
    await state.call('ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT', undefined, file);
    expect((await state.call('ip6tables -vS INPUT', undefined, file)).stdout).toBe(
      '-P INPUT DROP -c 0 0\n-A INPUT -p ipv6-icmp -c 1 60 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -c 0 0 -j ACCEPT\n',
    );
    expect(existsSync(state.paths.rules(6))).toBe(false);
  });
});

describe('parsed tables beside the text', () => {
  const BUILD = 'this build';
  const cache = (): string => `${state.paths.rules(6)}.parsed`;

  /** Random rules, stored by a program that keeps what it parsed. */
  async function store(seed: number): Promise<boolean> {
    const text = new RandomSave(new Dice(seed), { family: 6, mistakes: 0 }).file();
    const rules = await stored(BUILD);
    const { exitCode } = await runTool(
      { program: 'ip6tables-restore', argv: ['-c'], stdin: text, date: new Date(0) },
      rules.ruleset,
    );
    if (exitCode !== 0) return false;
    await rules.write();
    return true;
  }

  test('say the same as the text, in every form', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        fc.pre(await store(seed));
        const kept = (await stored(BUILD)).ruleset;
        const parsed = (await stored()).ruleset;
        expect(kept.save({ counters: true })).toBe(state.read());
        for (const argv of [['-S'], ['-nvL'], ['-t', 'mangle', '-nxvL', '--line-numbers']]) {
          const call = { program: 'ip6tables', argv, date: new Date(0) } as const;
          expect(await runTool(call, kept)).toEqual(await runTool(call, parsed));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('are printed as they are after an edit, also where the old text is at hand', async () => {
    await state.call('ip6tables -N web');
    await state.call('ip6tables -A INPUT -p tcp -c 7 420 -j web');
    const edit = async (line: string): Promise<void> => {
      const rules = await stored(BUILD);
      await runTool({ program: 'ip6tables', argv: line.split(' '), date: new Date(0) }, rules.ruleset);
      await rules.write();
    };
    await edit('-A INPUT -s ::1 -j web');
    await edit('-E web www');
    await edit('-Z INPUT 1');
    await edit('-I INPUT -j www');
    expect(state.read()).toContain(
      '[0:0] -A INPUT -j www\n[0:0] -A INPUT -p tcp -j www\n[0:0] -A INPUT -s ::1/128 -j www\n',
    );
  });

  test('a restore of whole tables does without what was in them, and leaves the others as they are', async () => {
    const restored = async (text: string, replaced: string[], argv: string[]): Promise<string> => {
      const rules = await StoredRules.read(state.paths.rules(6), 6, { registry, names, cacheFor: BUILD }, replaced);
      expect(rules.isWhole).toBe(replaced.length === 0);
      const call = { program: 'ip6tables-restore', argv, stdin: text, date: new Date(0) } as const;
      expect((await runTool(call, rules.ruleset)).exitCode).toBe(0);
      await rules.write(true);
      return state.read();
    };
    let compared = 0;
    for (let seed = 1; seed < 25; seed++) {
      const text = new RandomSave(new Dice(1000 + seed), { family: 6, mistakes: 0 }).file();
      const tables = text.match(/^\*\w+/gm)?.map((line) => line.slice(1)) ?? [];
      if (!(await store(seed)) || tables.length === 0) continue;
      const before = state.read();
      const { diagnostics } = restore(text, new Ruleset(6, { lookup: registry, names }), { program: 'test' });
      if (diagnostics.length > 0) continue;
      const quick = await restored(text, tables, []);
      writeFileSync(state.paths.rules(6), before);
      expect(quick).toBe(await restored(text, [], []));
      compared++;
    }
    expect(compared).toBeGreaterThan(5);
  });

  test('listings cut from the text are those of the rules', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        fc.pre(await store(seed));
        const { ruleset } = await stored();
        const text = state.read();
        const chains = ruleset.tables.flatMap(({ name, chains }) =>
          [...chains.keys()].map((chain) => ['-t', name, '-S', chain]),
        );
        for (const argv of [...ruleset.tables.map(({ name }) => ['-S', '-t', name]), ...chains]) {
          const { stdout } = await runTool({ program: 'ip6tables', argv, date: new Date(0) }, ruleset);
          expect(listRules(text, listing(argv)!)).toBe(stdout);
        }
        for (const counters of [true, false]) {
          expect(saveTables(text, counters, (table) => table)).toBe(ruleset.save({ counters }));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('of other text are passed over', async () => {
    await store(3);
    state.write('*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n');
    expect((await stored(BUILD)).ruleset.save()).toContain(':INPUT DROP');
  });

  test('of another build, or broken ones, are passed over', async () => {
    await store(3);
    const text = state.read();
    expect((await stored('another')).ruleset.save({ counters: true })).toBe(text);
    for (const junk of ['', 'junk', `sekisho ${BUILD} ${process.versions.v8} ${process.arch}\n${text}junk`]) {
      writeFileSync(cache(), junk);
      expect((await stored(BUILD)).ruleset.save({ counters: true })).toBe(text);
    }
  });

  test('of which an octet is not what was written are passed over: the disk may have lost some', async () => {
    await state.call('ip6tables -A INPUT -s 2001:db8::/32 -p tcp --dport 443 -j ACCEPT');
    const meaning = async (): Promise<string> => {
      const rules = [...(await stored(BUILD)).ruleset.table('filter')!.chains.values()].flatMap((chain) => chain.rules);
      return JSON.stringify(rules.map(({ source, matches, target }) => [source, matches, target]));
    };
    const written = await meaning();
    const kept = readFileSync(cache());
    const tables = kept.indexOf(state.read()) + Buffer.byteLength(state.read());
    for (let at = tables; at < kept.length; at += 23) {
      writeFileSync(
        cache(),
        kept.map((octet, index) => (index === at ? octet ^ 2 : octet)),
      );
      expect(await meaning()).toBe(written);
    }
  });

  test('are kept for canonical text only: names in a text of a person may come to mean something else', async () => {
    state.write(
      '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport ssh\nCOMMIT\n',
    );
    await stored(BUILD);
    expect(existsSync(cache())).toBe(false);
    await store(3);
    expect(existsSync(cache())).toBe(true);
  });

  test('no listing but the plain ones is cut from the text', () => {
    const words = [
      '-S -v',
      '-S INPUT 1',
      '-L',
      '-nL',
      '-S -Z',
      '-S -n',
      '-S ! x',
      '-S -t',
      '-t raw -S -t mangle',
      '-S a b',
      '-h',
    ];
    expect(words.filter((line) => listing(line.split(' ')))).toEqual([]);
    expect(listing(['-S'])).toEqual({ table: 'filter', chain: undefined });
    expect(listing(['-t', 'raw', '-S', 'OUTPUT'])).toEqual({ table: 'raw', chain: 'OUTPUT' });
    const text = '*filter\n:INPUT DROP [0:0]\nCOMMIT\n';
    expect(listRules(text, { table: 'raw', chain: undefined })).toBeUndefined();
    expect(listRules(text, { table: 'filter', chain: 'web' })).toBeUndefined();
  });
});
