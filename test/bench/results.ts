// What every bench needs besides what it measures: the processor's clock, medians and spread, and a file that keeps the figures with the
// machine that they are from.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

/** Nanoseconds of the processor that this process took: others may be at work on the machine. */
export function spentNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

export const median = (numbers: readonly number[]): number => sorted(numbers)[numbers.length >> 1];

/** From the second lowest to the second highest, as a share of the median; of two or three numbers, from the lowest to the highest. */
export function spread(numbers: readonly number[]): number {
  const all = sorted(numbers);
  const edge = numbers.length < 4 ? 0 : 1;
  return numbers.length < 2 ? 0 : (all[all.length - 1 - edge] - all[edge]) / all[all.length >> 1];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  /** Programs that ran or wanted to, the minute before. */
  readonly load: number;
}

export interface Results {
  readonly bench: string;
  readonly date: string;
  readonly machine: Machine;
  /** What the bench was told. */
  readonly args: readonly string[];
  /** A row is what was measured (texts, and the numbers that compare.ts knows as names) and what came out. */
  readonly rows: readonly object[];
}

export const machine = (): Machine => ({
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memoryMb: Math.round(totalmem() / 2 ** 20),
  kernel: release(),
  node: process.versions.node,
  load: loadavg()[0],
});

export const describe = ({ cpu, cores, memoryMb, kernel, node, load }: Machine): string =>
  `${cores} x ${cpu}, ${(memoryMb / 1024).toFixed(0)} GB, Linux ${kernel}, Node ${node}, load ${load.toFixed(1)}`;

const atStart = machine();

/** Keeps the rows where `run.mjs --keep` wants them; without it, nothing. The load is that of before the bench. */
export function keep(bench: string, rows: readonly object[]): void {
  const folder = process.env.SEKISHO_BENCH_KEEP;
  if (folder === undefined) return;
  const date = new Date().toISOString();
  const results: Results = { bench, date, machine: atStart, args: process.argv.slice(2), rows };
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${date.slice(0, 16).replace(':', '')}-${bench}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`kept: ${file}`);
}
