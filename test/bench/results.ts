// Figures of several runs, and files that keep them with the machine that they are from.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

export const median = (numbers: readonly number[]): number => sorted(numbers)[numbers.length >> 1];

/** From the second lowest to the second highest, as a share of the median. */
export function spread(numbers: readonly number[]): number {
  const all = sorted(numbers);
  return numbers.length < 4 ? 0 : (all[all.length - 2] - all[1]) / all[all.length >> 1];
}

export interface Results {
  readonly bench: string;
  readonly date: string;
  readonly machine: { cpu: string; cores: number; memoryMb: number; kernel: string; node: string; load: number };
  /** A row is what was measured (texts, counts) and what came out; compare.mjs knows which members are figures. */
  readonly rows: readonly object[];
}

/** Writes the rows to `file`, if there is one. */
export function keep(file: string | undefined, bench: string, rows: readonly object[]): void {
  if (file === undefined) return;
  const results: Results = {
    bench,
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? '',
      cores: cpus().length,
      memoryMb: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
      node: process.versions.node,
      load: loadavg()[0],
    },
    rows,
  };
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}
