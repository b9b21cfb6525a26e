// Differences of tables, and their way to the engine: whatever is done to a table, who makes the changes on the other side of a thread's border
// has the same rules, and rules that stay are the objects that they were.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinRegistry } from '../../control/extensions.ts';
import { Packer, Unpacker } from '../../control/packed-change.ts';
import { ChangedTable, changeOf, piecesOf, sizeOf, type TableChange } from '../../control/table-change.ts';
import { type Draft, Ruleset } from '../../engine/ruleset.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';

const registry = builtinRegistry();
const ruleset = new Ruleset(6, { lookup: registry });

function rule(words: string): RuleSpec {
  const command = parseCommand(`-A FORWARD ${words}`, { family: 6, lookup: registry, table: 'filter' });
  if (command.kind !== 'append') throw new Error(words);
  return command.rules[0];
}

const WORDS = [
  '-j ACCEPT',
  '-s fd00::/32 ! -d fd00:1::1 -p tcp -m tcp --dport 80:90 -j DROP',
  '-s ::1:2:3/::ffff:ffff -i tunA ! -o eth+ -j RETURN',
  '-c 7 420 -p udp -m conntrack --ctstate NEW,RELATED -m comment --comment "a b" -j LOG --log-prefix "x "',
  '-p all -m limit --limit 3/s',
];

/** Something done to a draft; what cannot be done is not. */
type Edit = (draft: Draft) => void;
const chains = fc.constantFrom('FORWARD', 'a', 'b', 'c', 'd');
const words = fc.constantFrom(...WORDS);
const places = fc.integer({ min: 1, max: 12 });
const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(chains, words).map(
    ([chain, text]): Edit =>
      (draft) =>
        draft.append(chain, rule(text)),
  ),
  fc.tuple(chains, words, places).map(
    ([chain, text, at]): Edit =>
      (draft) =>
        draft.insert(chain, rule(text), at),
  ),
  fc.tuple(chains, places).map(
    ([chain, at]): Edit =>
      (draft) =>
        draft.deleteNumber(chain, at),
  ),
  fc.tuple(chains, words, places).map(
    ([chain, text, at]): Edit =>
      (draft) =>
        draft.replace(chain, rule(text), at),
  ),
  chains.map(
    (chain): Edit =>
      (draft) =>
        draft.newChain(chain),
  ),
  chains.map(
    (chain): Edit =>
      (draft) =>
        draft.deleteChain(chain),
  ),
  chains.map(
    (chain): Edit =>
      (draft) =>
        draft.flush(chain),
  ),
  fc.tuple(chains, chains).map(
    ([from, to]): Edit =>
      (draft) =>
        draft.rename(from, to),
  ),
  fc.constantFrom('ACCEPT', 'DROP').map(
    (policy): Edit =>
      (draft) =>
        draft.setPolicy('FORWARD', policy, undefined),
  ),
  fc.constant<Edit>((draft) => draft.clear()),
);

function attempt(draft: Draft, edit: Edit): void {
  try {
    edit(draft);
  } catch {}
}

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
