// What is known of how one version of a table came from another. Whoever made it of an earlier one and touched few chains says so here; who
// checks, sends, plans or stores it then looks at these, and not at the thousands of others that kube-proxy's tables have.

import type { ChainSpec, TableSpec } from '../../grammar/rule-spec.ts';

/** What was done to the chains. All others are the very same objects, in the same order. */
export interface Edited {
  /** Not there any more, under their names. */
  readonly gone: readonly string[];
  /** Others than before, by name, in the order of the table: those that were not there stand behind all that were. */
  readonly touched: ReadonlyMap<string, ChainSpec>;
}

interface Origin extends Edited {
  /** Number of the version that it came from: a table does not keep all its forebears. */
  readonly from: number;
}

const numbers = new WeakMap<TableSpec, number>();
const origins = new WeakMap<TableSpec, Origin>();
let latest = 0;

function numberOf(table: TableSpec): number {
  let number = numbers.get(table);
  if (number === undefined) numbers.set(table, (number = ++latest));
  return number;
}

/** `table` came from `from` by that. Neither is changed from now on. */
export function noteOrigin(table: TableSpec, from: TableSpec, { gone, touched }: Edited): void {
  origins.set(table, { from: numberOf(from), gone, touched });
}

/** Undefined: it is not known, and every chain may be another. */
export function editedSince(table: TableSpec, from: TableSpec | undefined): Edited | undefined {
  const origin = origins.get(table);
  return origin && from && origin.from === numbers.get(from) ? origin : undefined;
}
