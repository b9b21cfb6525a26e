// sekisho diff: which packets fare otherwise under other rules.

import { modulesOfEnvironment } from '../control/extension-files.ts';
import { hostNames } from '../control/host-names.ts';
import { compareRules, type RuleComparison } from '../testing/change/compare.ts';
import { comparisonText } from '../testing/change/report.ts';
import { type RuleSources, RulesError } from '../testing/rule-source.ts';
import { complain } from './input.ts';
import { ruleFiles, sourcesOf } from './rule-files.ts';

export interface DiffOptions {
  json?: boolean;
}

/** Exit code 0: every packet fares as before; 1: some do not, or not all could be looked at; 2: rules that make no sense. */
export async function diff(before: string, after: string, options: DiffOptions): Promise<number> {
  try {
    const of = (path: string): RuleSources => sourcesOf(ruleFiles({ rules: [path] }));
    const comparison = compareRules(of(before), of(after), { names: hostNames(), attach: modulesOfEnvironment() });
    process.stdout.write(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison));
    return isSame(comparison) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof RulesError)) return complain(error);
    process.stderr.write(`${error.message.trimEnd()}\n`);
    return 2;
  }
}

const isSame = ({ changes, unseen }: RuleComparison): boolean => changes.length === 0 && unseen.length === 0;
