// What the real tools make of rules, many at a time: each stands in a chain of its own, the whole goes through one restore in a fresh
// network namespace, and -save and -L say what became of it. A rule that is refused is found, noted with the tool's first line, and
// left out of the next attempt.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Family } from '../../packet/numbers.ts';
import { findProgram, toolEnvironment } from './support.ts';

export interface Taken {
  /** Save text without `-A CHAIN`. */
  readonly saved: string;
  /** The lines of -L -n and -L. */
  readonly numeric: string;
  readonly named: string;
}

export interface Refused {
  /** First line without "PROG vVERSION (legacy): "; empty for what the kernel refused, where restore names no reason. */
  readonly message: string;
  readonly code: number;
}

export type Answer = Taken | Refused;

export const isRefused = (answer: Answer): answer is Refused => 'code' in answer;

const PROGRAM: Record<Family, string> = { 4: 'iptables-legacy', 6: 'ip6tables-legacy' };
/** In one attempt: small enough that an attempt after a refusal is cheap. */
const BATCH = 40;
const SEPARATOR = '%%%%';

export interface Place {
  readonly table?: string;
  /** Commands that run first. */
  readonly setup?: readonly string[];
  /** A library that plays the kernel: anyRule(). */
  readonly preload?: string;
}

/** `rules`: the words behind `-A CHAIN`. Chains have no reference, so nothing is checked that depends on hooks. */
export function askRules(family: Family, rules: readonly string[], place: Place = {}): Answer[] {
  const answers: Answer[] = [];
  for (let from = 0; from < rules.length; from += BATCH) {
    answers.push(...askBatch(family, rules.slice(from, from + BATCH), place));
  }
  return answers;
}

/** The library that any-rule.c is; undefined where there is no C compiler. */
export function anyRule(): string | undefined {
  const compiler = findProgram('gcc') ?? findProgram('cc');
  if (!compiler) return undefined;
  const source = fileURLToPath(new URL('any-rule.c', import.meta.url));
  const library = join(mkdtempSync(join(tmpdir(), 'sekisho-any-rule-')), 'any-rule.so');
  const done = spawnSync(compiler, ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return library;
}

function askBatch(family: Family, rules: readonly string[], place: Place): Answer[] {
  const answers: (Answer | undefined)[] = rules.map(() => undefined);
  for (;;) {
    const open = [...rules.keys()].filter((index) => answers[index] === undefined);
    if (open.length === 0) return answers as Answer[];
    const outcome = attempt(
      family,
      open.map((index) => rules[index]),
      place,
    );
    if (Array.isArray(outcome)) {
      open.forEach((index, place) => {
        answers[index] = outcome[place];
      });
    } else if (outcome.place !== undefined) {
      answers[open[outcome.place]] = { message: outcome.message, code: outcome.code };
      // Where one is wrong there are more.
      const others = open.filter((index) => answers[index] === undefined);
      const found = refusals(
        family,
        others.map((index) => rules[index]),
        place,
      );
      others.forEach((index, place) => {
        answers[index] = found[place];
      });
    } else if (open.length === 1) {
      answers[open[0]] = { message: '', code: outcome.code };
    } else {
      // The kernel refuses the table as a whole: halve it until one rule is left.
      const half = open.length >> 1;
      for (const part of [open.slice(0, half), open.slice(half)]) {
        const parts = askBatch(
          family,
          part.map((index) => rules[index]),
          place,
        );
        part.forEach((index, place) => {
          answers[index] = parts[place];
        });
      }
    }
  }
}

interface Failure {
  readonly place: number | undefined;
  readonly message: string;
  readonly code: number;
}

/** The words that the tool does not read, all in one namespace; what the kernel refuses is not among them. */
function refusals(family: Family, rules: readonly string[], place: Place): (Refused | undefined)[] {
  const { table = 'mangle', setup = [], preload } = place;
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-rules-'));
  try {
    const each = rules.map((rule, at) => {
      writeFileSync(join(folder, `${at}.in`), `*${table}\n:c0 - [0:0]\n-A c0 ${rule}\nCOMMIT\n`);
      return `${PROGRAM[family]}-restore -t < ${at}.in > ${at}.out 2> ${at}.err; echo $? > ${at}.code`;
    });
    const first = setup.map((line) => `${line} < /dev/null`);
    writeFileSync(join(folder, 'all.sh'), [...first, ...each, ''].join('\n'));
    const kernel = preload === undefined ? {} : { LD_PRELOAD: preload, ANY_RULE: `${preload}.table` };
    spawnSync('unshare', ['-n', 'sh', 'all.sh'], { cwd: folder, env: { ...toolEnvironment(), ...kernel } });
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return rules.map((_rule, at) => {
      const code = Number(read(`${at}.code`));
      const isRead = code === 0 || !/Error occurred at line: \d/.test(read(`${at}.err`));
      return isRead ? undefined : { message: firstLine(read(`${at}.err`)), code };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function attempt(family: Family, rules: readonly string[], place: Place): Taken[] | Failure {
  const { table = 'mangle', setup = [], preload } = place;
  const program = PROGRAM[family];
  const chains = rules.map((_rule, index) => `:c${index} - [0:0]`);
  const lines = [`*${table}`, ...chains, ...rules.map((rule, index) => `-A c${index} ${rule}`), 'COMMIT', ''];
  const show = `${program}-save -t ${table}; echo ${SEPARATOR}; ${program} -t ${table} -n -L; echo ${SEPARATOR}; ${program} -t ${table} -L`;
  const first = setup.map((line) => `${line} < /dev/null; `).join('');
  const kernel = preload === undefined ? {} : { LD_PRELOAD: preload, ANY_RULE: `${preload}.table` };
  if (preload !== undefined) rmSync(`${preload}.table`, { force: true });
  const run = spawnSync('unshare', ['-n', 'sh', '-c', `${first}${program}-restore || exit $?; ${show}`], {
    input: lines.join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...toolEnvironment(), ...kernel },
  });
  if (run.status !== 0) {
    const line = /Error occurred at line: (\d+)/.exec(run.stderr);
    const message = firstLine(run.stderr);
    const place = line ? Number(line[1]) - 2 - chains.length : undefined;
    return { place, message: place === undefined ? '' : message, code: run.status ?? -1 };
  }
  const [save, numeric, named] = run.stdout.split(`${SEPARATOR}\n`);
  const saved = new Map([...save.matchAll(/^-A c(\d+) ?(.*)$/gm)].map((found) => [Number(found[1]), found[2]]));
  const [short, long] = [listed(numeric), listed(named)];
  return rules.map((_rule, index) => ({
    saved: saved.get(index) ?? '',
    numeric: short.get(index) ?? '',
    named: long.get(index) ?? '',
  }));
}

/** Warnings stand in front of the line that matters. */
const firstLine = (text: string): string =>
  (text.split('\n').find((line) => / \(legacy\): /.test(line)) ?? text).replace(/^.*? \(legacy\): /, '');

function listed(text: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const part of text.split(/^Chain /m)) {
    const chain = /^c(\d+) /.exec(part);
    if (chain) found.set(Number(chain[1]), part.split('\n')[2] ?? '');
  }
  return found;
}
