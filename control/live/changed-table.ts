// A table that changes, piece by piece, beside the one that it was: what no change names is shared with that.

import { EditedChains } from '../../engine/edit/edited-chains.ts';
import { takeOver } from '../../engine/edit/edited-table.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { isMoved, type TableChange } from './table-change.ts';

export class ChangedTable {
  private readonly before: TableSpec;
  private readonly chains: EditedChains;
  private made: TableSpec | undefined;

  constructor(before: TableSpec | undefined, { family, name }: Pick<TableChange, 'family' | 'name'>) {
    this.before = before ?? { family, name, chains: new Map() };
    this.chains = new EditedChains(this.before);
  }

  make({ gone, chains }: TableChange): void {
    for (const name of gone) this.chains.delete(name);
    for (const { isNew, from, removed, added, ...head } of chains) {
      const rules = added.map((rule) => (isMoved(rule) ? this.before.chains.get(rule.chain)!.rules[rule.index] : rule));
      if (isNew && !this.chains.get(head.name)) this.chains.add({ ...head, rules: [] });
      Object.assign(this.chains.touch(head.name), head);
      this.chains.splice(head.name, from, removed, rules);
    }
  }

  /** When all of it is made. */
  get spec(): TableSpec {
    return (this.made ??= this.chains.finish());
  }

  /** The same, which takes the earlier one's place. */
  settled(): TableSpec {
    takeOver(this.spec);
    return this.spec;
  }
}
