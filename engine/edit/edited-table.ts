// A table made of an earlier one: some chains are gone, some are others, new ones stand behind all. Whoever looks at these alone (lineage.ts) does
// without a map of all.

import type { ChainSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import { type Edited, noteOrigin } from './lineage.ts';

export class EditedTable implements TableSpec {
  readonly family: Family;
  readonly name: TableName;
  private before: TableSpec | undefined;
  private readonly edited: Edited;
  private all: Map<string, ChainSpec> | undefined = undefined;

  constructor(before: TableSpec, edited: Edited) {
    this.family = before.family;
    this.name = before.name;
    this.before = before;
    this.edited = edited;
    noteOrigin(this, before, edited);
  }

  get chains(): Map<string, ChainSpec> {
    return (this.all ??= this.over(new Map(this.before!.chains)));
  }

  get(name: string): ChainSpec | undefined {
    const { before, edited } = this;
    if (!before) return this.chains.get(name);
    return edited.touched.get(name) ?? (edited.gone.includes(name) ? undefined : before.chains.get(name));
  }

  /** The earlier table is of no use any more: its map becomes ours. */
  takeOver(): void {
    this.all ??= this.over(this.before!.chains);
  }

  private over(chains: Map<string, ChainSpec>): Map<string, ChainSpec> {
    for (const name of this.edited.gone) chains.delete(name);
    for (const [name, chain] of this.edited.touched) chains.set(name, chain);
    // Nor is it kept, or all there ever were would be.
    this.before = undefined;
    return chains;
  }
}

/** A chain of a table: no reason to make a map of all. */
export const chainOf = (table: TableSpec, name: string): ChainSpec | undefined =>
  table instanceof EditedTable ? table.get(name) : table.chains.get(name);

/** `table` is in force, and the one that it was made of is not looked at any more. */
export function takeOver(table: TableSpec): void {
  if (table instanceof EditedTable) table.takeOver();
}
