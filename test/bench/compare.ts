// Kept runs of a bench side by side.
//
//   npm run bench:compare                           the last two runs of every bench in test/bench/results
//   npm run bench:compare -- OLD.json NEW.json      these two: every figure, and new divided by old
//   npm run bench:compare -- --trend [FILE.html]    all runs as one page of lines (trend.ts); test/bench/results/trend.html unless said otherwise
//
// The load of the machine stands beside each run: what was measured beside other work is worth its ratios only.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { byBench, type Run, readRun, readRuns, series, short, when } from './kept.ts';
import { describe } from './results.ts';
import { trendPage } from './trend.ts';

const RESULTS = join(process.env.SEKISHO_ROOT ?? '.', 'test/bench/results');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { trend: { type: 'boolean', default: false } },
});

const head = (run: Run): string => `${run.file}: ${when(run)}, ${describe(run.machine)}`;

function compare(old: Run, recent: Run): void {
  console.log(`${head(old)}\n${head(recent)}\n\n       old        new    ratio`);
  for (const [name, figures] of series([old, recent])) {
    for (const [figure, [before, after]] of figures) {
      const ratio = before && after ? (after / before).toFixed(2) : '-';
      console.log(
        `${short(before).padStart(10)} ${short(after).padStart(10)} ${ratio.padStart(8)}  ${name}: ${figure}`,
      );
    }
  }
}

function compareLast(): void {
  for (const [bench, runs] of byBench(readRuns(RESULTS))) {
    console.log(`\n== ${bench}`);
    if (runs.length > 1) compare(runs.at(-2)!, runs.at(-1)!);
    else console.log(`${head(runs[0])}\nnothing to compare it with`);
  }
}

if (values.trend) {
  const file = positionals[0] ?? join(RESULTS, 'trend.html');
  writeFileSync(file, trendPage(readRuns(RESULTS)));
  console.log(file);
} else if (positionals.length === 2) compare(readRun(positionals[0]), readRun(positionals[1]));
else if (positionals.length === 0) compareLast();
else {
  console.error('usage: npm run bench:compare [-- OLD.json NEW.json | -- --trend [FILE.html]]');
  process.exitCode = 2;
}
