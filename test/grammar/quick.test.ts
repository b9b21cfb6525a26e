// The quick way beside the grammar: whatever it reads, the grammar reads the same; whatever the grammar refuses, it leaves alone.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { helpers } from '../../conntrack/helpers/index.ts';
import { Registry } from '../../engine/registry.ts';
import type { Command } from '../../grammar/command.ts';
import { RuleError } from '../../grammar/error.ts';
import type { Lookup } from '../../grammar/lookup.ts';
import { noNames } from '../../grammar/names.ts';
import type { RuleScope } from '../../grammar/options.ts';
import { readCommand } from '../../grammar/parser.ts';
import { knownConditions, printConditions } from '../../grammar/print.ts';
import { QuickReader } from '../../grammar/quick.ts';
import { Reader } from '../../grammar/reader.ts';
import { linesOf, readLine } from '../../grammar/save-lines.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import { targets } from '../../targets/index.ts';
import { classBench, SHAPES, saveText } from '../bench/rulesets.ts';
import { Dice } from '../kernel/dice.ts';
import { allSheets } from '../matches/sheets.ts';
import { RandomSave } from './random-save.ts';
import { REAL_WORLD } from './real-world/index.ts';

const lookup = new Registry({ matches, targets, helpers });
let chains = new Set(['web']);
const isChain = (name: string): boolean => chains.has(name);

/** What the grammar makes of a line; undefined: it is wrong, or no command. */
function byGrammar(source: string, family: Family, table: string): Command | undefined {
  const line = { number: 7, start: 0, end: source.length };
  const text = source.replace(/\n$/, '');
  try {
    const content = readLine(source, line, true);
    if (content.kind !== 'rule') return undefined;
    const reader = new Reader({
      family,
      lookup,
      names: noNames,
      table,
      restore: 'test',
      isChain: (_table, name) => isChain(name),
      source: { file: 'file', line: 7, text, start: 0 },
    });
    return readCommand(content.words, reader, line);
  } catch (error) {
    if (error instanceof RuleError) return undefined;
    throw error;
  }
}

/** Reads every line both ways, twice by the same quick reader; how many of those that are right went the quick way. */
function agree(lines: Iterable<string>, family: Family, table = 'filter'): { quick: number; right: number } {
  const reader = new QuickReader({ family, lookup, names: noNames, file: 'file', isChain, comparesText: true }, table);
  let [quick, right] = [0, 0];
  for (const line of lines) {
    const source = `${line}\n`;
    const wanted = byGrammar(source, family, table);
    if (wanted) right++;
    for (const _again of [1, 2]) {
      const found = reader.read(source, 0, source.length, 7, false);
      if (!found) continue;
      quick += 0.5;
      // A jump to a chain that is not there is refused behind the grammar, in both ways.
      expect(wanted, line).toMatchObject({ kind: 'append', chain: found.chain, warnings: [] });
      const said = knownConditions(found.rule);
      const origin = { ...found.rule.origin, conditions: undefined };
      expect((wanted as Command & { kind: 'append' }).rules, line).toEqual([{ ...found.rule, origin }]);
      const printed = printConditions(found.rule, { lookup, names: noNames });
      if (said !== undefined) expect(said, line).toBe(printed);
      else expect(line.endsWith(`-A ${found.chain}${printed}`), line).toBe(false);
    }
  }
  return { quick, right };
}

/** Lines of a save file that hold rules, with the tables that they stand in. */
function* rulesOf(text: string): Iterable<{ table: string; line: string }> {
  let table = 'filter';
  for (const { start, end } of linesOf(text)) {
    const line = text.slice(start, end).replace(/\n$/, '');
    if (line.startsWith('*')) table = line.slice(1);
    else if (!/^[:#]|^COMMIT|^$/.test(line)) yield { table, line };
  }
}

const allOf = (text: string, family: Family): { quick: number; right: number } => {
  const lines = [...rulesOf(text)];
  chains = new Set([...text.matchAll(/^(?::|-N )(\S+)/gm)].map(([, name]) => name));
  const sums = { quick: 0, right: 0 };
  for (const table of new Set(lines.map((one) => one.table))) {
    const some = lines.filter((one) => one.table === table).map(({ line }) => line);
    const { quick, right } = agree(some, family, table);
    sums.quick += quick;
    sums.right += right;
  }
  return sums;
};

describe('the quick way reads the same', () => {
  test.each([4, 6] as const)('IPv%d: rules of every shape that the bench has, all of them', (family) => {
    for (const shape of SHAPES) {
      const { quick, right } = allOf(saveText(shape, family, 120), family);
      expect(quick, shape).toBe(right);
    }
  });

  test.each(REAL_WORLD.map(({ name, family, file }) => ({ name, family, file })))('$name', ({ family, file }) => {
    const { quick, right } = allOf(readFileSync(file, 'utf8'), family);
    expect(quick / right).toBeGreaterThan(0.5);
  });

  test.each([4, 6] as const)('IPv%d: random files, right and wrong', (family) => {
    const sums = { quick: 0, right: 0 };
    for (let seed = 1; seed <= 40; seed++) {
      const text = new RandomSave(new Dice(seed), { family, mistakes: seed % 2 ? 0.1 : 0 }).file();
      const { quick, right } = allOf(text, family);
      sums.quick += quick;
      sums.right += right;
    }
    expect(sums.quick).toBeGreaterThan(sums.right / 20);
  });

  test('the rows of every match, alone and with a word too many, too few, or twice', async () => {
    const dice = new Dice(5);
    for (const { match, rows } of await allSheets()) {
      const { rules = [] } = rows;
      const texts = rules.map((row) => (typeof row === 'string' ? row : row[0]).replaceAll(/<\||\|>/g, ''));
      for (const family of match.families) {
        const lines = texts.flatMap((text) => {
          const whole = `-A FORWARD -p tcp -m ${match.name} ${text} -j ACCEPT`;
          const words = whole.split(' ');
          const at = dice.int(0, words.length - 1);
          return [
            whole,
            `-A FORWARD -m ${match.name} ${text}`,
            words.toSpliced(at, 1).join(' '),
            words.toSpliced(at, 0, words[at]).join(' '),
          ];
        });
        agree(lines, family);
      }
    }
  });
});

describe('what the quick way leaves to the grammar, or reads with care', () => {
  const rows: readonly (readonly [line: string, quick: boolean])[] = [
    ['-A FORWARD', true],
    ['-A FORWARD -j ACCEPT', true],
    ['-A FORWARD -j web', true],
    ['-A FORWARD -j nosuch', false],
    ['-A FORWARD -g web', true],
    ['-A FORWARD -p all -j ACCEPT', true],
    ['-A FORWARD ! -p all', false],
    ['-A FORWARD ! -s 10.0.0.0/8 ! -d 10.1.2.3 ! -i eth+ ! -o tun0 ! -p tcp', true],
    ['-A FORWARD -s 10.0.0.0/8 -s 10.0.0.0/8', false],
    ['-A FORWARD -p tcp -s 10.0.0.1 -j DROP', true],
    ['-A FORWARD -s 10.0.0.1 -p tcp -s 10.0.0.2', false],
    ['-A FORWARD -s 10.0.0.1,10.0.0.2 -j DROP', false],
    ['-A FORWARD -s 0.0.0.0/0 -j DROP', true],
    ['-A FORWARD ! -s 0.0.0.0/0 -j DROP', true],
    ['-A FORWARD -s 010.0.0.1 -j DROP', true],
    ['-A FORWARD -s 10.1/16 -j DROP', true],
    ['-A FORWARD -i waytoolongforaname', false],
    ['-A FORWARD -i a/b', false],
    ['-A INPUT -o eth0', false],
    ['-A OUTPUT -i eth0', false],
    ['-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT', true],
    ['-A FORWARD -p tcp --dport 22 -j ACCEPT', true],
    ['-A FORWARD -p 6 ! --dport 22 -m comment --comment x -j ACCEPT', true],
    ['-A FORWARD -p tcp -m comment --comment x --dport 22', false],
    ['-A FORWARD --dport 22 -p tcp', false],
    ['-A FORWARD -p tcp --jump ACCEPT', false],
    ['-A FORWARD -p tcp --so 10.0.0.1', false],
    ['-A FORWARD -p tcp -m tcp --dpor 22 -j ACCEPT', false],
    ['-A FORWARD -p tcp -m tcp -m tcp --dport 22', false],
    ['-A FORWARD -p tcp -m tcp --dport=22', false],
    ['-A FORWARD -m tcp -p tcp --dport 22', false],
    ['-A FORWARD -m comment --comment "a b" -j DROP', true],
    ['-A FORWARD -m comment --comment "a \\" b" -j DROP', false],
    ['-A FORWARD -m comment --comment "open -j DROP', false],
    ['-A FORWARD -m comment --comment -j -j DROP', false],
    ['-A FORWARD -m comment --comment ! -j DROP', false],
    ['-A FORWARD  -j DROP', false],
    ['-A FORWARD\t-j DROP', false],
    ['-A FORWARD -j DROP ', false],
    ['[3:4] -A FORWARD -j DROP', true],
    ['[3:4]-A FORWARD -j DROP', false],
    ['[3:x] -A FORWARD -j DROP', false],
    ['-A FORWARD -c 3 4 -j DROP', false],
    ['-A "FORWARD" -j DROP', false],
    ['-I FORWARD -j DROP', false],
    ['-A FORWARD -j LOG --log-prefix "x y " --log-level 4', true],
    ['-A FORWARD -j LOG --log-prefix', false],
  ];

  test.each(rows)('%s', (line, quick) => {
    chains = new Set(['web']);
    const found = agree([line], 4);
    expect(found.quick > 0).toBe(quick);
  });

  test('a chain that is declared later hides the target of its name', () => {
    chains = new Set();
    const reader = new QuickReader({ family: 4, lookup, names: noNames, file: '', isChain }, 'filter');
    const target = () => reader.read('-A FORWARD -j LOG\n', 0, 18, 1, false)?.rule.target;
    expect(target()).toMatchObject({ kind: 'extension', name: 'LOG' });
    chains.add('LOG');
    expect(target()).toEqual({ kind: 'jump', chain: 'LOG' });
    chains.clear();
    expect(target()).toMatchObject({ kind: 'extension', name: 'LOG' });
  });

  test('counters in front count where they are asked for', () => {
    const reader = new QuickReader({ family: 4, lookup, names: noNames, file: '', isChain }, 'filter');
    const line = '[12:999999999999999] -A FORWARD -j DROP\n';
    expect(reader.read(line, 0, line.length, 1, true)?.rule.counters).toEqual({
      packets: 12,
      bytes: 999_999_999_999_999,
    });
    expect(reader.read(line, 0, line.length, 1, false)?.rule.counters).toBeUndefined();
  });

  test('equal ends of lines share their matches', () => {
    const reader = new QuickReader({ family: 6, lookup, names: noNames, file: '', isChain }, 'filter');
    const read = (line: string) => reader.read(line, 0, line.length, 1, false)?.rule;
    const [line] = classBench('acl', 6, 1).filter((one) => one.includes('-m'));
    const [one, other] = [read(line), read(line.replace(/-s \S+/, '-s 2001:db8::1/128'))];
    expect(one?.matches).toBe(other?.matches);
    expect(read(line.replace('-A FORWARD', '-A web'))?.matches).toBe(one?.matches);
  });

  test('a check that asks in which chain it stands is asked in each', () => {
    const here = { ...matches[0], name: 'here', options: {}, check: (_given: unknown, { chain }: RuleScope) => chain };
    const asking: Lookup = { match: () => here, target: () => undefined, names: () => [] };
    const reader = new QuickReader({ family: 6, lookup: asking, names: noNames, file: '', isChain }, 'filter');
    const said = ['FORWARD', 'web', 'web', 'FORWARD'].flatMap((chain) =>
      ['ACCEPT', 'DROP'].map((verdict) => {
        const line = `-A ${chain} -m here -j ${verdict}`;
        return reader.read(line, 0, line.length, 1, false)?.rule.matches[0].checked;
      }),
    );
    expect(said).toEqual(['FORWARD', 'FORWARD', 'web', 'web', 'web', 'web', 'FORWARD', 'FORWARD']);
  });
});
