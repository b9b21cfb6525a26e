// One condition of a rule as the rule's text has it: `-p tcp`, `-m conntrack --ctstate NEW`.

import { type Printing, printConditions } from '../grammar/print.ts';
import type { RuleSpec } from '../grammar/rule-spec.ts';
import type { ConditionKey } from './coverage/observations.ts';

export function conditionText(rule: RuleSpec, key: ConditionKey, printing: Printing): string {
  const { family, matches, protocol } = rule;
  const nothing = {
    ...rule,
    source: undefined,
    destination: undefined,
    inInterface: undefined,
    outInterface: undefined,
  };
  const bare: RuleSpec = { ...nothing, protocol: undefined, fragment: undefined, matches: [], target: undefined };
  if (typeof key === 'number') {
    const { name, checked } = matches[key];
    const scope = { family, names: printing.names, protocol };
    return `-m ${name} ${printing.lookup.match(name, family)?.save(checked, scope) ?? ''}`.trim();
  }
  const part = {
    source: { source: rule.source },
    destination: { destination: rule.destination },
    'in-interface': { inInterface: rule.inInterface },
    'out-interface': { outInterface: rule.outInterface },
    protocol: { protocol },
    fragment: { fragment: rule.fragment },
  }[key];
  return printConditions({ ...bare, ...part }, printing).trim();
}

const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];

/** The ctstates that a rule names, where it does not turn them round. */
export function statesNamed(text: string): string[] {
  const [, list] = /(?<!! )--(?:ct)?state (\S+)/.exec(text) ?? [];
  return list?.split(',').filter((state) => STATES.includes(state)) ?? [];
}
