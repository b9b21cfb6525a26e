// The text half of every target against iptables 1.8.9: the rows of test/targets/rows, and generated combinations of options, good
// and bad. SEKISHO_SEED=n runs other combinations, SEKISHO_RUNS=n more of them for each target and family.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { helpers } from '../../conntrack/helpers/index.ts';
import { Registry } from '../../engine/registry.ts';
import { RuleError } from '../../grammar/error.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { HOOKS, type HookName, isBuiltin, TABLES, type TableName } from '../../grammar/tables.ts';
import { tcp } from '../../matches/tcp.ts';
import type { Family } from '../../packet/numbers.ts';
import { targets } from '../../targets/index.ts';
import { seeded } from '../../testing/bare-services.ts';
import { unmark } from '../../testing/marks.ts';
import { subjects } from '../targets/rows/index.ts';
import { command, names, type Subject } from '../targets/rows/subject.ts';
import { probe, ready, toolEnvironment } from './support.ts';
import { pools } from './targets-pools.ts';

const machine = probe('iptables-legacy-restore', 'ip6tables-legacy-restore');
const SEED = Number(process.env.SEKISHO_SEED ?? 20261123);
const RUNS = Number(process.env.SEKISHO_RUNS ?? 120);

// --- The real tool ------------------------------------------------------------------------------------------------------

const program = (family: Family, verb: string): string => `${family === 6 ? 'ip6tables' : 'iptables'}-legacy${verb}`;

interface Answer {
  readonly code: number;
  readonly errors: string;
  /** The rules of the table as saved. */
  readonly saved: readonly string[];
  readonly listed: readonly string[];
}

/** Loads `rules` into a fresh namespace, after the commands of `setup`, and reads them back. */
function ask(
  family: Family,
  { table, setup }: Pick<Subject, 'table' | 'setup'>,
  rules: readonly string[],
  list?: HookName,
): Answer {
  const save = `${program(family, '-save')} -t ${table} | grep '^-A'`;
  const show = list ? `${program(family, '')} -t ${table} -L ${list}` : ':';
  const script = `${setup?.(family) ?? ':'}; ${program(family, '-restore')} || exit $?; ${save}; echo ===; ${show} -n; ${show}; exit 0`;
  const input = `*${table}\n${rules.join('\n')}\nCOMMIT\n`;
  const env = toolEnvironment();
  const ran = spawnSync('unshare', ['-n', 'sh', '-c', script], { input, encoding: 'utf8', env });
  const [saved, listed = ''] = ran.stdout.split('===\n');
  return { code: ran.status ?? -1, errors: ran.stderr, saved: lines(saved), listed: lines(listed) };
}

interface Asked {
  readonly table: TableName;
  readonly rule: string;
}

/**
 * What a restore of each says, one after the other: namespaces are slow to make where many are. For rules that are refused and change nothing,
 * or of which only that is asked.
 */
function askEach(family: Family, setup: Subject['setup'], asked: readonly Asked[]): { code: number; errors: string }[] {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-rules-'));
  try {
    for (const [index, { table, rule }] of asked.entries())
      writeFileSync(join(folder, `${index}.in`), `*${table}\n${rule}\nCOMMIT\n`);
    const each = asked.map((_, at) => `${program(family, '-restore')} < ${at}.in 2> ${at}.err; echo $? > ${at}.code`);
    writeFileSync(join(folder, 'all.sh'), [setup?.(family) ?? ':', ...each, ''].join('\n'));
    spawnSync('unshare', ['-n', 'sh', 'all.sh'], { cwd: folder, env: toolEnvironment() });
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return asked.map((_, index) => ({ code: Number(read(`${index}.code`)), errors: read(`${index}.err`) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

// --- Ours ---------------------------------------------------------------------------------------------------------------

const registry = new Registry({ matches: [tcp], targets, helpers });

function ours(subject: Subject, family: Family, text: string): RuleSpec {
  const parsed = parseCommand(text, { family, lookup: registry, names, table: subject.table });
  if (parsed.kind !== 'append') throw new Error(`read as ${parsed.kind}: ${text}`);
  return parsed.rules[0];
}

/** Why the kernel would refuse the rule in that chain, from the literal's declarations; undefined when it takes it. */
function refusal(spec: RuleSpec, table: TableName, hook: HookName): string | undefined {
  if (spec.target?.kind !== 'extension') return undefined;
  const { family, protocol, matches } = spec;
  const { placement } = registry.target(spec.target.name, family)!;
  if (!placement) return undefined;
  if (placement.tables && !placement.tables.includes(table)) return 'table';
  if (placement.hooks && !placement.hooks.includes(hook)) return 'hook';
  if (placement.protocols && (protocol?.inverted || !placement.protocols.includes(protocol?.number ?? -1)))
    return 'protocol';
  const hasHelper = (name: string, of: number) => registry.helper(name, family, of) !== undefined;
  const timeoutPolicy = () => undefined;
  const place = { family, table, hooks: [hook], protocol, matches, rule: spec, hasHelper, timeoutPolicy };
  return placement.refuses?.(spec.target.checked, place);
}

function savedBy(subject: Subject, spec: RuleSpec): string {
  if (spec.target?.kind !== 'extension') throw new Error('no target');
  return subject.target.save(spec.target.checked, { family: spec.family, names, protocol: spec.protocol });
}

const lastOptions = (saved: string, target: string): string =>
  saved.slice(saved.lastIndexOf(` -j ${target}`) + ` -j ${target}`.length).trim();

// --- Rows -----------------------------------------------------------------------------------------------------------------

describe.skipIf(!ready('targets against iptables', machine))('targets against iptables 1.8.9', () => {
  for (const subject of subjects) {
    for (const family of subject.sharedInKernel ? subject.target.families.slice(0, 1) : subject.target.families) {
      describe(`-j ${subject.target.name} in IPv${family}`, () => {
        const rows = subject.rules.filter(([, , only]) => only === undefined || only === family);
        if (subject.notInKernel) {
          test('rows that the tool reads, whatever the kernel says', () => {
            for (const [row, answer] of [...rows, ...oneWay(subject, family)]) {
              if (typeof answer !== 'string') continue;
              const { code, errors, saved } = ask(family, subject, [command(subject, row)]);
              expect([row, code <= 1, errors]).toEqual([row, true, expect.not.stringContaining('(legacy):')]);
              // A kernel that has it can say more.
              const wanted = answer === '=' ? optionsOf(row) : answer;
              if (code === 0) expect([row, lastOptions(saved[0], subject.target.name)]).toEqual([row, wanted]);
            }
          });
        } else {
          test('rows that are taken', () => {
            const good = [...rows.filter(([, answer]) => typeof answer === 'string'), ...oneWay(subject, family)];
            const { code, errors, saved } = ask(
              family,
              subject,
              good.map(([row]) => command(subject, row)),
            );
            expect({ code, errors }).toEqual({ code: 0, errors: expect.not.stringContaining('rror') });
            const wanted = good.map(([row, answer]) => [row, answer === '=' ? optionsOf(row) : answer]);
            expect(saved.map((line, index) => [good[index][0], lastOptions(line, subject.target.name)])).toEqual(
              wanted,
            );
          });
        }

        test('rows that are refused', () => {
          const { table, setup } = subject;
          const bad = rows.filter(([, answer]) => typeof answer !== 'string');
          const asked = bad.map(([row]) => ({ table, rule: unmark(command(subject, row)).text }));
          for (const [index, { code, errors }] of askEach(family, setup, asked).entries()) {
            const [row, answer] = bad[index];
            if (typeof answer === 'string') continue;
            expect([row, code, errors]).toEqual([row, answer.code ?? 2, expect.stringContaining(answer.fails)]);
          }
        });

        test('listing', () => {
          if (subject.notInKernel) compareEcho(subject, family);
          else compareListing(subject, family);
        });

        if (subject.sharedInKernel) return;
        test(`${RUNS} generated combinations, seed ${SEED}`, () => compareGenerated(subject, family));
      });
    }
  }

  test('every table and chain takes or refuses each target as its placement says', () => {
    for (const subject of subjects) {
      if (subject.notInKernel) continue;
      for (const family of subject.target.families) comparePlacement(subject, family);
    }
  });
});
const oneWay = (subject: Subject, family: Family) =>
  (subject.oneWay ?? []).filter(([, , only]) => only === undefined || only === family);

const optionsOf = (row: string): string => row.slice(row.indexOf(';') + 1).trim();

/** What a listed rule ends with: as many characters as are expected, or all behind the destination when nothing is. */
const tail = (line: string, expected: string): string =>
  expected === '' ? (line.trimEnd().split(/\s+/)[5] ?? '') : line.slice(-expected.length);

function compareListing(subject: Subject, family: Family): void {
  for (const [row, numeric, named] of subject.lists) {
    const { listed } = ask(family, subject, [command(subject, row)], subject.chain);
    expect([row, tail(listed[2], numeric), tail(listed[5], named ?? numeric)]).toEqual([
      row,
      numeric,
      named ?? numeric,
    ]);
  }
}

/** `-v -A` shows a rule in the form of -n -L before the kernel is asked. */
function compareEcho({ target, table, chain, lists }: Subject, family: Family): void {
  for (const [row, numeric] of lists) {
    const script = `${program(family, '')} -t ${table} -v -A ${chain} -j ${target.name} ${row}`;
    const { stdout } = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', env: toolEnvironment() });
    expect([row, tail(lines(stdout)[0] ?? '', numeric)]).toEqual([row, numeric]);
  }
}

function comparePlacement(subject: Subject, family: Family): void {
  const sample = subject.rules.find(([, answer, only]) => typeof answer === 'string' && (only ?? family) === family)!;
  const places = (Object.keys(TABLES) as TableName[]).flatMap((table) =>
    HOOKS.filter((name) => isBuiltin(table, name)).map((hook) => {
      const rule = command({ ...subject, table, chain: hook }, sample[0]);
      return { table, rule, code: refusal(ours(subject, family, rule), table, hook) ? 1 : 0 };
    }),
  );
  const codes = askEach(family, subject.setup, places).map(({ code }) => code);
  expect(places.map(({ table, rule }, index) => [family, table, rule, codes[index]])).toEqual(
    places.map(({ table, rule, code }) => [family, table, rule, code]),
  );
}

// --- Generated ------------------------------------------------------------------------------------------------------------

type Outcome =
  | { readonly saved: string }
  /** The message, or '' for a refusal by the kernel. */
  | { readonly refused: string };

function outcome(subject: Subject, family: Family, text: string): Outcome {
  try {
    const spec = ours(subject, family, text);
    return refusal(spec, subject.table, subject.chain) ? { refused: '' } : { saved: savedBy(subject, spec) };
  } catch (error) {
    if (error instanceof RuleError) return { refused: error.message };
    throw error;
  }
}

/** So many, or as many as there are. */
function different(make: () => string): string[] {
  const texts = new Set<string>();
  for (let tries = 0; texts.size < RUNS && tries < 20 * RUNS; tries++) texts.add(make());
  return [...texts];
}

function compareGenerated(subject: Subject, family: Family): void {
  const random = seeded(
    SEED ^ (family * 7919) ^ [...subject.target.name].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 0),
  );
  const texts = different(() => generate(subject, family, random));
  const outcomes = texts.map((text) => ({ text, mine: outcome(subject, family, text) }));
  const isTaken = ({ mine }: { mine: Outcome }): boolean => 'saved' in mine && !subject.notInKernel;
  const taken = outcomes.filter(isTaken).map(({ text }) => text);
  const others = outcomes.filter((one) => !isTaken(one));
  const asked = others.map(({ text }) => ({ table: subject.table, rule: text }));
  for (const [index, { code, errors }] of askEach(family, subject.setup, asked).entries()) {
    const { text, mine } = others[index];
    const refused = 'saved' in mine ? '' : mine.refused;
    const no = 'saved' in mine ? Math.min(code, 1) : 1;
    const wanted = refused === '' ? [no, expect.anything()] : [2, expect.stringContaining(refused)];
    expect([text, refused, code, errors]).toEqual([text, refused, ...wanted]);
  }
  if (subject.alone) for (const text of taken) compareSaved(subject, family, [text]);
  else compareSaved(subject, family, taken);
}

function compareSaved(subject: Subject, family: Family, taken: readonly string[]): void {
  const together = ask(family, subject, taken);
  // One that the tool refuses takes all the others with it: then each is asked alone, to name it.
  if (together.code !== 0)
    for (const text of taken) expect([text, ask(family, subject, [text]).code]).toEqual([text, 0]);
  expect(together.saved.map((line, index) => [taken[index], lastOptions(line, subject.target.name)])).toEqual(
    taken.map((text) => [text, (outcome(subject, family, text) as { saved: string }).saved]),
  );
}

/** A rule with up to four options of the target, in any order, with words of its pool. */
function generate(subject: Subject, family: Family, random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[random() % from.length];
  const { options, frames = [subject.frame ?? ''] } = pools[subject.target.name];
  const words = Object.entries(options);
  const count = words.length === 0 ? 0 : random() % Math.min(words.length + 1, 5);
  const chosen = Array.from({ length: Math.max(count, words.length > 0 && random() % 8 ? 1 : 0) }, () => {
    const [option, values] = pick(words);
    const usable = typeof values === 'function' ? values(family) : values;
    return usable.length === 0 ? `--${option}` : `--${option} ${pick(usable)}`;
  });
  return command({ ...subject, frame: pick(frames) }, [...new Set(chosen)].join(' '));
}
