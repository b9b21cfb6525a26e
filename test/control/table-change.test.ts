// Differences of tables, and their way to the engine: whatever is done to a table, who makes the changes on the other side of a thread's border
// has the same rules, and rules that stay are the objects that they were.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChangedTable } from '../../control/live/changed-table.ts';
import { Packer, Unpacker } from '../../control/live/packed-change.ts';
import { changeOf, piecesOf, sizeOf, type TableChange } from '../../control/live/table-change.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { attempt, edits, registry, rule } from './random-edits.ts';

const ruleset = new Ruleset(6, { lookup: registry });

/** The other side: tables by changes that came over as messages. */
class Far {
  table: TableSpec | undefined;

  take(change: TableChange, most: number): void {
    const packer = new Packer();
    const unpacker = new Unpacker();
    const made = new ChangedTable(this.table, change);
    for (const piece of piecesOf(change, most)) made.make(unpacker.unpack(structuredClone(packer.pack(piece))));
    this.table = made.spec;
  }

  get rules(): RuleSpec[] {
    return [...this.table!.chains.values()].flatMap(({ rules }) => rules);
  }
}

const rulesOf = (table: TableSpec | undefined): RuleSpec[] =>
  [...(table?.chains.values() ?? [])].flatMap((chain) => chain.rules);

const plain = (table: TableSpec) =>
  [...table.chains.values()].map((chain) => ({ ...chain, rules: chain.rules.map((one) => ({ ...one, origin: 0 })) }));

describe('changes of tables', () => {
  test('make the same table on the other side, of the same rules', () => {
    const steps = fc.array(fc.array(edits, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (commits, most) => {
        const far = new Far();
        const twin = new Map<RuleSpec, RuleSpec>();
        const here = new Ruleset(6, { lookup: registry });
        let before: TableSpec | undefined;
        for (const commit of commits) {
          const draft = here.open('filter')!;
          for (const edit of commit) attempt(draft, edit);
          const now = draft.finish() ?? here.table('filter')!;
          here.adopt(now);
          far.take(changeOf(before, now), most);
          expect(plain(far.table!)).toEqual(plain(now));
          // Who was there is who it was.
          rulesOf(now).forEach((one, index) => {
            if (twin.has(one)) expect(far.rules[index]).toBe(twin.get(one));
            twin.set(one, far.rules[index]);
          });
          before = now;
        }
      }),
      { numRuns: 80, seed: 7 },
    );
  });

  test('of a long chain, too, edited at some places at once', () => {
    const place = fc.integer({ min: 1, max: 90 });
    const steps = fc.array(
      fc.array(fc.tuple(fc.constantFrom('insert', 'replace', 'delete'), place), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(steps, (commits) => {
        const [far, here] = [new Far(), new Ruleset(6, { lookup: registry })];
        const first = here.open('filter')!;
        for (let count = 0; count < 80; count++) first.append('FORWARD', rule('-j ACCEPT'));
        let before = first.finish()!;
        far.take(changeOf(undefined, before), 20);
        for (const commit of commits) {
          here.adopt(before);
          const draft = here.open('filter')!;
          for (const [what, at] of commit) {
            attempt(draft, () => {
              if (what === 'insert') draft.insert('FORWARD', rule('-j DROP'), at);
              else if (what === 'replace') draft.replace('FORWARD', rule('-j RETURN'), at);
              else draft.deleteNumber('FORWARD', at);
            });
          }
          const now = draft.finish() ?? before;
          far.take(changeOf(before, now), 3);
          expect(plain(far.table!)).toEqual(plain(now));
          before = now;
        }
      }),
      { numRuns: 20, seed: 7 },
    );
  });

  test('of an edit, are as long as the edit', () => {
    const draft = ruleset.open('filter')!;
    for (let count = 0; count < 500; count++) draft.append('FORWARD', rule('-j ACCEPT'));
    const before = draft.finish()!;
    ruleset.adopt(before);
    const edited = ruleset.open('filter')!;
    edited.insert('FORWARD', rule('-j DROP'), 200);
    const change = changeOf(before, edited.finish()!);
    expect(change.chains.map(({ name, from, removed, added }) => [name, from, removed, added.length])).toEqual([
      ['INPUT', 0, 0, 0],
      ['FORWARD', 199, 0, 1],
      ['OUTPUT', 0, 0, 0],
    ]);
    expect(sizeOf(change)).toBe(4);
  });

  test('pieces are no longer than asked', () => {
    const draft = ruleset.open('raw')!;
    for (let count = 0; count < 500; count++) draft.append('PREROUTING', rule('-j ACCEPT'));
    const sizes = [...piecesOf(changeOf(undefined, draft.finish()!), 100)].map(sizeOf);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(101);
    expect(sizes.length).toBe(6);
  });
});
