import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Draft } from '../../engine/edit/draft.ts';
import { LoadCheck, placementsOf } from '../../engine/edit/load-check.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { ip6, udp } from '../../packet/build.ts';
import { firewallOf, ROUTER } from './firewall-of.ts';

const WORDS = [
  '-j a',
  '-j b',
  '-j c',
  '-g d',
  '-j e',
  '-j f',
  '-d fd00:2::2 -j ACCEPT',
  '-j ACCEPT',
  '-d fd00:2::1 -j DROP',
  '-p udp -j RETURN',
  '-j MARK --set-mark 1',
  '-m mark --mark 1 -j DROP',
  // Only where packets leave; only where they come in.
  '-m owner --uid-owner 0 -j ACCEPT',
  '-p udp -j TPROXY --on-port 1',
];
const CHAINS = ['PREROUTING', 'FORWARD', 'POSTROUTING', 'a', 'b', 'c', 'd'];
/** What comes and goes. */
const GUESTS = ['e', 'f'];

const chains = fc.constantFrom(...CHAINS, ...GUESTS);
const places = fc.integer({ min: 1, max: 4 });
const edits = fc.oneof(
  { weight: 4, arbitrary: fc.record({ chain: chains, place: places, words: fc.constantFrom(...WORDS) }) },
  { weight: 2, arbitrary: fc.record({ chain: chains, place: places }) },
  {
    weight: 2,
    arbitrary: fc.record({ comes: fc.constantFrom(...CHAINS, ...GUESTS), with: fc.constantFrom(...WORDS) }),
  },
  { weight: 1, arbitrary: fc.record({ goes: chains }) },
  { weight: 1, arbitrary: fc.record({ from: chains, to: chains }) },
);
type Edit = typeof edits extends fc.Arbitrary<infer One> ? One : never;

function ruleOf(words: string, { printing }: Ruleset): RuleSpec {
  const command = parseCommand(`-A FORWARD ${words}`, { family: 6, lookup: printing.lookup, table: 'mangle' });
  if (command.kind !== 'append') throw new Error(words);
  return command.rules[0];
}

const outcome = (act: () => void): unknown => {
  try {
    act();
    return 'done';
  } catch (problem) {
    const { message, hint } = problem as Error & { hint?: string };
    return [message, hint];
  }
};

/** Throws where that cannot be. */
function make(edit: Edit, draft: Draft, ruleset: Ruleset): void {
  if ('comes' in edit) {
    // A chain with its first rule, and one that jumps there.
    draft.newChain(edit.comes);
    draft.append(edit.comes, checked(edit.with, draft, ruleset));
    draft.append('FORWARD', checked(`-j ${edit.comes}`, draft, ruleset));
  } else if ('goes' in edit) {
    draft.flush(edit.goes);
    draft.deleteChain(edit.goes);
  } else if ('from' in edit) draft.rename(edit.from, edit.to);
  else if ('words' in edit) draft.insert(edit.chain, checked(edit.words, draft, ruleset), edit.place);
  else draft.deleteNumber(edit.chain, edit.place);
}

function checked(words: string, draft: Draft, ruleset: Ruleset): RuleSpec {
  const rule = ruleOf(words, ruleset);
  draft.checkTarget(rule);
  return rule;
}

const can = (act: () => void): boolean => outcome(act) === 'done';

test('edits that are checked and planned by what they touch are what they would be to one who looks at all', () => {
  const given = fc.array(edits, { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(given, (all) => {
      const wall = firewallOf(ROUTER);
      const lookup = wall.registry;
      const ruleset = new Ruleset(6, { lookup, install: (table) => wall.firewall.install([table]) });
      const first = ruleset.open('mangle')!;
      for (const name of CHAINS) if (!first.has(name)) first.newChain(name);
      ruleset.commit(first);
      for (const edit of all) {
        const draft = ruleset.open('mangle')!;
        if (!can(() => make(edit, draft, ruleset))) continue;
        const expected = outcome(() => new LoadCheck().check(draft.finish()!, placementsOf(lookup)));
        expect(outcome(() => ruleset.commit(draft))).toEqual(expected);
      }
      const anew = firewallOf(ROUTER);
      anew.firewall.install(ruleset.tables);
      for (const last of [1, 2, 3]) {
        const packet = ip6({ src: 'fd00:1::1', dst: `fd00:2::${last}` }, udp({ sport: 1000, dport: 53 }));
        expect(wall.receive('tunA', packet)).toEqual(anew.receive('tunA', packet));
      }
    }),
    { numRuns: 60, seed: 7 },
  );
});

test('edits of a long chain leave what it would be if it were read anew', () => {
  const place = fc.integer({ min: 1, max: 110 });
  const words = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom('ACCEPT', 'DROP', 'RETURN'))
    .map(([port, target]) => `-p udp -m udp --dport ${port} -j ${target}`);
  const one = fc.oneof(
    { weight: 3, arbitrary: fc.record({ insert: place, words }) },
    { weight: 3, arbitrary: fc.record({ gone: place }) },
    { weight: 2, arbitrary: fc.record({ replace: place, words }) },
    { weight: 1, arbitrary: fc.record({ words }) },
  );
  const change = (
    edit: typeof one extends fc.Arbitrary<infer One> ? One : never,
    draft: Draft,
    rules: Ruleset,
  ): void => {
    if ('gone' in edit) draft.deleteNumber('FORWARD', edit.gone);
    else if ('insert' in edit) draft.insert('FORWARD', ruleOf(edit.words, rules), edit.insert);
    else if ('replace' in edit) draft.replace('FORWARD', ruleOf(edit.words, rules), edit.replace);
    else draft.append('FORWARD', ruleOf(edit.words, rules));
  };
  const commits = fc.array(fc.array(one, { minLength: 1, maxLength: 5 }), { minLength: 5, maxLength: 15 });
  fc.assert(
    fc.property(commits, (all) => {
      const wall = firewallOf(ROUTER);
      const ruleset = wall.rulesets[6];
      const first = ruleset.open('mangle')!;
      for (let port = 0; port < 100; port++)
        first.append('FORWARD', ruleOf(`-p udp -m udp --dport ${100 + port}`, ruleset));
      ruleset.commit(first);
      for (const edits of all) {
        const draft = ruleset.open('mangle')!;
        for (const edit of edits) can(() => change(edit, draft, ruleset));
        ruleset.commit(draft);
        const { rules } = wall.firewall.chains(6, 'mangle')!.find(({ spec }) => spec.name === 'FORWARD')!.spec;
        expect(rules).toEqual(ruleset.table('mangle')!.chains.get('FORWARD')!.rules);
      }
      const anew = firewallOf(ROUTER);
      anew.load(6, wall.save(6));
      for (let port = 1; port < 10; port++) {
        const packet = ip6({ src: 'fd00:1::1', dst: 'fd00:2::1' }, udp({ sport: 1000, dport: port }));
        expect(wall.receive('tunA', packet)).toEqual(anew.receive('tunA', packet));
      }
      // Each packet counted by the same rules.
      expect(wall.save(6)).toBe(anew.save(6));
    }),
    { numRuns: 12, seed: 7 },
  );
});
