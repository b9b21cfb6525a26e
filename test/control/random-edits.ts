// Edits of a filter table, at random.

import fc from 'fast-check';
import { builtinRegistry } from '../../control/extensions.ts';
import type { Draft } from '../../engine/edit/draft.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';

export const registry = builtinRegistry();
export function rule(words: string): RuleSpec {
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
export type Edit = (draft: Draft) => void;
const chains = fc.constantFrom('FORWARD', 'a', 'b', 'c', 'd');
const words = fc.constantFrom(...WORDS);
const places = fc.integer({ min: 1, max: 12 });
export const edits: fc.Arbitrary<Edit> = fc.oneof(
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

export function attempt(draft: Draft, edit: Edit): void {
  try {
    edit(draft);
  } catch {}
}
