// sekisho test: tables of packets and what is expected of them.

import { existsSync, type FSWatcher, watch, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { modulesOfEnvironment } from '../control/extension-files.ts';
import { hostNames } from '../control/host-names.ts';
import { Coverage, MEASURES, type Thresholds } from '../testing/coverage/coverage.ts';
import { RulesError } from '../testing/rule-source.ts';
import { parseSuite, SuiteError, withExtensions } from '../testing/suite/suite.ts';
import { githubReport, junitReport, tapReport, textReport } from '../testing/suite/suite-report.ts';
import { filesOf, type RowResult, runSuite } from '../testing/suite/suite-run.ts';
import { complain, readText } from './input.ts';

export interface TestOptions {
  tap?: boolean;
  json?: boolean;
  junit?: string;
  github?: boolean;
  watch?: boolean;
  /** True, or the least percentage. */
  coverage?: boolean | string;
  lcov?: string;
  html?: string;
  /** What was not tried of the rules that were reached. */
  gaps?: boolean;
  minRules?: string;
  minPolicies?: string;
  minPredicates?: string;
  minEdges?: string;
  minStates?: string;
}

/** What is written while a watched file is saved may come in pieces. */
const SETTLE_MS = 100;

/** Exit code 0: all rows hold; 1: some do not, or too few rules were reached; 2: a file that cannot be read or makes no sense. */
export async function test(files: readonly string[], options: TestOptions): Promise<number> {
  let least: Thresholds;
  try {
    least = thresholdsOf(options);
  } catch (error) {
    return complain(error);
  }
  const { code, read } = once(files, options, least);
  if (!options.watch) return code;
  await watching(files, options, least, read);
  return code;
}

/** `--coverage 90` is `--min-rules 90` with the table. */
function thresholdsOf(options: TestOptions): Thresholds {
  const { coverage, minRules, minPolicies, minPredicates, minEdges, minStates } = options;
  const given: Record<(typeof MEASURES)[number], [option: string, value: string | undefined]> = {
    rules: minRules === undefined && typeof coverage === 'string' ? ['coverage', coverage] : ['min-rules', minRules],
    policies: ['min-policies', minPolicies],
    predicates: ['min-predicates', minPredicates],
    edges: ['min-edges', minEdges],
    states: ['min-states', minStates],
  };
  const wanted = MEASURES.flatMap((name) => {
    const [option, value] = given[name];
    if (value === undefined) return [];
    const number = value.trim() === '' ? Number.NaN : Number(value.replace(/%$/, ''));
    if (!(number >= 0 && number <= 100)) throw new Error(`--${option} ${value}: a percentage from 0 to 100`);
    return [[name, number] as const];
  });
  return Object.fromEntries(wanted);
}

function once(
  files: readonly string[],
  options: TestOptions,
  least: Thresholds,
): { code: number; read: readonly string[] } {
  const coverage = new Coverage();
  const rows: RowResult[] = [];
  const read = [...files];
  let code = 0;
  for (const file of files) {
    try {
      const suite = withExtensions(parseSuite(readText(file), file), modulesOfEnvironment());
      read.push(...filesOf(suite));
      rows.push(...runSuite(suite, coverage, hostNames()).rows);
    } catch (error) {
      code = 2;
      if (error instanceof SuiteError || error instanceof RulesError) {
        process.stderr.write(`${error.message.trimEnd()}\n`);
      } else complain(error);
    }
  }
  if (rows.some(({ failure }) => failure !== undefined)) code ||= 1;
  if (code !== 2) code = report(rows, coverage, options, least) || code;
  return { code, read };
}

function report(rows: readonly RowResult[], coverage: Coverage, options: TestOptions, least: Thresholds): number {
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ rows, coverage: { measures: coverage.measures, lines: coverage.all } })}\n`,
    );
  else sayReport(rows, coverage, options);
  if (options.junit !== undefined) writeFileSync(options.junit, junitReport(rows));
  if (options.lcov !== undefined) writeFileSync(options.lcov, coverage.toLcov());
  if (options.html !== undefined) writeFileSync(options.html, coverage.toHtml());
  const low = coverage.below(least);
  for (const sentence of low) process.stderr.write(`sekisho: ${sentence}\n`);
  return low.length > 0 ? 1 : 0;
}

function sayReport(rows: readonly RowResult[], coverage: Coverage, options: TestOptions): void {
  process.stdout.write(options.tap ? tapReport(rows) : textReport(rows));
  if (options.github ?? process.env.GITHUB_ACTIONS === 'true') process.stdout.write(githubReport(rows));
  if (options.coverage === undefined && !options.gaps) return;
  const table = coverage.toText({ gaps: options.gaps });
  process.stdout.write(options.tap ? table.replace(/^/gm, '# ').replace(/# $/, '') : `\n${table}`);
}

/** Runs again whenever a test file, or a rule file that one names, changes; until the program is told to stop. */
async function watching(
  files: readonly string[],
  options: TestOptions,
  least: Thresholds,
  first: readonly string[],
): Promise<void> {
  const watchers = new Map<string, FSWatcher>();
  const awaited = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  // Editors replace files, so it is their folders that are watched.
  const follow = (read: readonly string[]): void => {
    for (const file of read) {
      const path = resolve(file);
      const folder = dirname(path);
      awaited.add(path);
      if (watchers.has(folder) || !existsSync(folder)) continue;
      watchers.set(
        folder,
        watch(folder, (_event, name) => {
          if (name !== null && awaited.has(join(folder, name))) again();
        }),
      );
    }
  };
  const again = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      process.stdout.write('\n');
      follow(once(files, options, least).read);
    }, SETTLE_MS);
  };
  follow(first);
  process.stdout.write('\nwatching; end with Ctrl-C\n');
  await new Promise<void>((stop) => {
    process.once('SIGINT', stop).once('SIGTERM', stop);
  });
  clearTimeout(timer);
  for (const watcher of watchers.values()) watcher.close();
}
