// sekisho diff: which packets fare otherwise under other rules.

import { modulesOfEnvironment } from '../control/extension-files.ts';
import { hostNames } from '../control/host-names.ts';
import type { RuleFile } from '../control/stored/rule-store.ts';
import { compareRules, type RuleComparison } from '../testing/change/compare.ts';
import { comparisonText } from '../testing/change/report.ts';
import { type RuleSources, RulesError } from '../testing/rule-source.ts';
import { complain } from './input.ts';
import { ruleFiles, sourcesOf } from './rule-files.ts';

export interface DiffOptions {
  ipv4?: boolean;
  ipv6?: boolean;
  json?: boolean;
}

/** Exit code 0: every packet fares as before; 1: some do not, or not all could be looked at; 2: rules that make no sense. */
export async function diff(before: string, after: string, options: DiffOptions): Promise<number> {
  try {
    const [old, now] = sourcesOfBoth(before, after, options);
    const comparison = compareRules(old, now, { names: hostNames(), attach: modulesOfEnvironment() });
    process.stdout.write(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison));
    return isSame(comparison) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof RulesError)) return complain(error);
    process.stderr.write(`${error.message.trimEnd()}\n`);
    return 2;
  }
}

/** Of the families that the options ask for and neither name rules out. Throws Error. */
function sourcesOfBoth(before: string, after: string, { ipv4, ipv6 }: DiffOptions): RuleSources[] {
  if (ipv4 && ipv6) throw new Error('-4 and -6 cannot be used together');
  const files = [before, after].map((path) =>
    ruleFiles(ipv4 ? { rules4: [path] } : ipv6 ? { rules6: [path] } : { rules: [path] }),
  );
  const isOfBoth = ({ family }: RuleFile): boolean =>
    files.every((list) => list.some((file) => file.family === family));
  const compared = files.map((list) => list.filter(isOfBoth));
  if (compared[0].length === 0)
    throw new Error(`${before} and ${after} are of different families, by their names; -4 or -6 says otherwise`);
  return compared.map(sourcesOf);
}

const isSame = ({ changes, unseen }: RuleComparison): boolean => changes.length === 0 && unseen.length === 0;
