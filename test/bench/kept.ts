// Kept results (results.ts), and which of their rows are about the same thing.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Results } from './results.ts';

export interface Run extends Results {
  /** Its name, without folders. */
  readonly file: string;
}

/** One value for each run, undefined where a run has none. */
export type Line = (number | undefined)[];

/** Numbers that say what was measured; every other number in a row is a figure. */
const NAMES = ['rules', 'queues', 'family', 'connections'];

export const readRun = (file: string): Run => ({
  ...(JSON.parse(readFileSync(file, 'utf8')) as Results),
  file: basename(file),
});

/** All runs of a folder, oldest first. */
export const readRuns = (folder: string): Run[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRun(join(folder, name)))
    .sort((a, b) => a.date.localeCompare(b.date));

export function byBench(runs: readonly Run[]): Map<string, Run[]> {
  const all = new Map<string, Run[]>();
  for (const run of runs) all.set(run.bench, [...(all.get(run.bench) ?? []), run]);
  return all;
}

type Member = [name: string, value: unknown];

const isName = ([name, value]: Member): boolean => typeof value === 'string' || NAMES.includes(name);

function said([name, value]: Member): string {
  if (name === 'family') return `IPv${value}`;
  return typeof value === 'number' ? `${value.toLocaleString('en')} ${name}` : String(value);
}

export const nameOf = (row: object): string => Object.entries(row).filter(isName).map(said).join(', ');

/** What a row says of how sure it is, is no figure. */
export const figuresOf = (row: object): [string, number][] =>
  Object.entries(row).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && !isName(entry) && entry[0] !== 'spread',
  );

/** By row, then by figure. */
export function series(runs: readonly Run[]): Map<string, Map<string, Line>> {
  const all = new Map<string, Map<string, Line>>();
  for (const [index, run] of runs.entries()) {
    for (const row of run.rows) {
      const name = nameOf(row);
      const figures = all.get(name) ?? new Map<string, Line>();
      all.set(name, figures);
      for (const [figure, value] of figuresOf(row)) {
        const line = figures.get(figure) ?? new Array(runs.length).fill(undefined);
        figures.set(figure, line);
        line[index] = value;
      }
    }
  }
  return all;
}

export const when = ({ date }: Run): string => date.slice(0, 16).replace('T', ' ');

/** Three digits that count. */
export function short(value: number | undefined): string {
  if (value === undefined) return '-';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3)).toString();
}
