// The costs that docs/scaling.md was made of: those of the last run of bench:costs that was kept.

import { readRuns } from '../kept.ts';
import type { Costs } from './model.ts';

interface CostRow {
  readonly cost: keyof Costs;
  readonly ns: number;
}

/** Throws when none was kept. */
export function keptCosts(folder: string): Costs {
  const last = readRuns(folder).findLast(({ bench }) => bench === 'costs');
  if (last === undefined) throw new Error(`no costs in ${folder}: node test/bench/run.mjs costs --keep`);
  return Object.fromEntries((last.rows as CostRow[]).map(({ cost, ns }) => [cost, ns])) as Record<keyof Costs, number>;
}
