// Everything that is made of kept results, made anew: the tables of test/bench/results/README.md, the page of trends beside it, and docs/scaling.md.
//
//   npm run bench:report
//
// A table stands between `<!-- kept: BENCH -->` and `<!-- end -->`, and is of the last run that was kept; one of a bench that was never kept stays.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { byBench, figuresOf, nameOf, type Run, readRuns, short, when } from './kept.ts';
import { describe } from './results.ts';
import { keptCosts } from './scaling/kept-costs.ts';
import { table, withTables } from './scaling/tables.ts';
import { trendPage } from './trend.ts';

/** The rows of the inline bench, one line for all forwarders. */
interface InlineRow {
  readonly kind: string;
  readonly rules: number;
  readonly traffic: string;
  readonly forwarder: string;
  readonly rate: number;
  readonly spread: number;
  readonly ofC?: number;
  readonly ofLegacy?: number;
  readonly ofNft?: number;
}

const OURS = 'sekisho run';
const UNIT: Readonly<Record<string, string>> = { tcp: 'Gbit/s', tcp4: 'Gbit/s', udp: 'k/s', ping: '/s' };

function inlineTable(rows: readonly InlineRow[]): string {
  const lines = rows
    .filter(({ forwarder }) => forwarder === OURS)
    .map(({ kind, rules, traffic, rate, spread, ofC, ofLegacy, ofNft }) => {
      const c = rows.find(
        (row) => row.ofC === undefined && row.kind === kind && row.rules === rules && row.traffic === traffic,
      );
      const ratios = [ofC, ofLegacy, ofNft].map((ratio) => (ratio === undefined ? '-' : `**${ratio.toFixed(2)}**`));
      const name = rules === 0 ? 'none' : `${rules.toLocaleString('en')} ${kind}`;
      return [traffic, name, `${short(c?.rate)} ${UNIT[traffic]}`, short(rate), spread.toFixed(2), ...ratios];
    });
  return table(['traffic', 'rules', 'bare C', 'ours', 'spread', 'of C', 'of legacy', 'of nft'], lines);
}

/** Any bench: a line a row, a column a figure. */
function plainTable(rows: readonly object[]): string {
  const figures = [...new Set(rows.flatMap((row) => figuresOf(row).map(([name]) => name)))];
  const lines = rows.map((row) => {
    const own = new Map(figuresOf(row));
    return [nameOf(row), ...figures.map((figure) => short(own.get(figure)))];
  });
  return table(['', ...figures], lines);
}

const PLACE = /(<!-- kept: (\w+) -->)[\s\S]*?(<!-- end -->)/g;

function withKept(page: string, runs: ReadonlyMap<string, readonly Run[]>): string {
  return page.replace(PLACE, (whole, begin: string, bench: string, end: string) => {
    const last = runs.get(bench)?.at(-1);
    if (last === undefined) return whole;
    const made = bench === 'inline' ? inlineTable(last.rows as InlineRow[]) : plainTable(last.rows);
    return `${begin}\n\n${when(last)}, ${describe(last.machine)}:\n\n${made}\n\n${end}`;
  });
}

const root = process.env.SEKISHO_ROOT ?? '.';
const results = join(root, 'test/bench/results');
const runs = readRuns(results);

function rewrite(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  console.log(file);
}

rewrite(join(results, 'README.md'), (page) => withKept(page, byBench(runs)));
rewrite(join(root, 'docs/scaling.md'), (page) => withTables(page, keptCosts(results)));
writeFileSync(join(results, 'trend.html'), trendPage(runs));
console.log(join(results, 'trend.html'));
