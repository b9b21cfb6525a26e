// Comma-separated lists of names that stand for bits: ctstate, ctstatus, address types. Each name may be cut short; the first in the
// table that begins so is meant. Any case.

import type { ValueScope } from '../../grammar/options.ts';

export type NamedBits = readonly (readonly [name: string, bits: number])[];

export interface Refusals {
  /** `rest` is the list from the bad item on; `last`: it was the last item. */
  bad(rest: string, last: boolean): string;
  /** The last item is empty, where the tool has words of its own for that. */
  empty?: string;
}

/** For completion. */
export const choicesOf = (names: NamedBits): { list: true; words: () => string[] } => ({
  list: true,
  words: () => names.map(([name]) => name),
});

/** The bits of all names in `list`. An empty item is no name. */
export function parseNames(list: string, names: NamedBits, refusals: Refusals, scope: ValueScope): number {
  const items = list.split(',');
  let bits = 0;
  for (const [index, item] of items.entries()) {
    const last = index === items.length - 1;
    if (last && item === '' && refusals.empty) scope.fail(refusals.empty);
    const found = item === '' ? undefined : names.find(([name]) => name.startsWith(item.toUpperCase()));
    if (!found) {
      const hint = `names are ${names.map(([name]) => name).join(', ')}`;
      return scope.fail(refusals.bad(items.slice(index).join(','), last), hint);
    }
    bits |= found[1];
  }
  return bits;
}

/** Names of the bits that are set, in the order of `names`. */
export const printNames = (bits: number, names: NamedBits): string =>
  names
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name)
    .join(',');
