// Comparing the tuples of two connections where they stand, in the table.

import type { Direction } from '../status.ts';
import type { ConnectionTable } from './table.ts';

/** Whether the tuple of `one` in a direction is that of `other` in a direction; in the same zone, if it is the same direction. */
export function sameTuple(
  table: ConnectionTable,
  one: number,
  ofOne: Direction,
  other: number,
  ofOther: Direction,
): boolean {
  if (table.family(one) !== table.family(other) || table.protocol(one) !== table.protocol(other)) return false;
  if (table.tupleKeys(one, ofOne) !== table.tupleKeys(other, ofOther)) return false;
  if (ofOne === ofOther && table.zone(one, ofOne) !== table.zone(other, ofOther)) return false;
  for (let word = 0; word < 8; word++) {
    if (table.tupleWord(one, ofOne, word) !== table.tupleWord(other, ofOther, word)) return false;
  }
  return true;
}

/** Whether both have the same tuples and zones. nf_ct_match() */
export const isSameFlow = (table: ConnectionTable, one: number, other: number): boolean =>
  sameTuple(table, one, 0, other, 0) && sameTuple(table, one, 1, other, 1);
