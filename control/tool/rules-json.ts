// `--json` in front of the words of iptables and iptables-save: what -L, -S and -save list, as one JSON object.

import type { Draft } from '../../engine/edit/draft.ts';
import type { Ruleset } from '../../engine/edit/ruleset.ts';
import type { Command } from '../../grammar/command.ts';
import { ruleJson } from '../../grammar/rule-json.ts';
import type { ChainSpec } from '../../grammar/rule-spec.ts';

type ListCommand = Extract<Command, { kind: 'list' | 'listRules' }>;

export const isListing = (command: Command): command is ListCommand =>
  command.kind === 'list' || command.kind === 'listRules';

/** What -L or -S of these words lists. Throws a Refusal where there is no such chain. */
export function listedJson({ chain, number }: ListCommand, draft: Draft, ruleset: Ruleset): string {
  const chains = chain === undefined ? draft.ordered() : [draft.chain(chain)];
  return textOf(ruleset, [tableJson(draft, chains, ruleset, number)]);
}

/** All tables that were used, or one, as -save has them. */
export function savedJson(ruleset: Ruleset, table: string | undefined): string {
  const names = ruleset.tables.map(({ name }) => name).filter((name) => table === undefined || name === table);
  const tables = names.map((name) => {
    const draft = ruleset.open(name)!;
    return tableJson(draft, draft.ordered(), ruleset, undefined);
  });
  return textOf(ruleset, tables);
}

const textOf = ({ family }: Ruleset, tables: readonly object[]): string => `${JSON.stringify({ family, tables })}\n`;

function tableJson(
  draft: Draft,
  chains: readonly ChainSpec[],
  { printing }: Ruleset,
  number: number | undefined,
): object {
  return {
    name: draft.name,
    chains: chains.map(({ name, builtin, policy, rules }) => ({
      name,
      ...(builtin === undefined ? { references: draft.references(name) } : { policy, ...draft.policyCountersOf(name) }),
      rules: rules
        .map((rule, index) => ({ rule, number: index + 1 }))
        .filter((one) => number === undefined || one.number === number)
        .map((one) => ruleJson(one.rule, one.number, draft.countersOf(one.rule), printing)),
    })),
  };
}
