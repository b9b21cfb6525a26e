// What is known of how one version of a table came from another. Whoever made it of an earlier one and touched few chains says so here; who
// checks, sends, plans or stores it then looks at these, and not at the thousands of others that kube-proxy's tables have.

import type { ChainSpec, TableSpec } from '../grammar/rule-spec.ts';

/** Chains that are others than before, by name, in the order of the table. All others are the very same objects, in the same places. */
export type Touched = ReadonlyMap<string, ChainSpec>;

interface Origin {
  /** Number of the version that it came from: a table does not keep all its forebears. */
  readonly from: number;
  readonly touched: Touched;
}

const numbers = new WeakMap<TableSpec, number>();
const origins = new WeakMap<TableSpec, Origin>();
let latest = 0;

function numberOf(table: TableSpec): number {
  let number = numbers.get(table);
  if (number === undefined) numbers.set(table, (number = ++latest));
  return number;
}

/** `table` is `from` with other chains under the names of `touched`. Neither is changed from now on. */
export function noteOrigin(table: TableSpec, from: TableSpec, touched: Touched): void {
  origins.set(table, { from: numberOf(from), touched });
}

/** Undefined: it is not known, and every chain may be another. */
export function touchedSince(table: TableSpec, from: TableSpec | undefined): Touched | undefined {
  const origin = origins.get(table);
  return origin && from && origin.from === numbers.get(from) ? origin.touched : undefined;
}
