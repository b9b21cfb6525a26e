// Which family a rule file on the command line is for.

import { ruleFilesOf } from '../control/config/words.ts';
import type { RuleFile } from '../control/rule-store.ts';

export interface RuleOptions {
  rules?: readonly string[];
  rules4?: readonly string[];
  rules6?: readonly string[];
}

export function ruleFiles({ rules = [], rules4 = [], rules6 = [] }: RuleOptions): RuleFile[] {
  return [
    ...rules.flatMap(ruleFilesOf),
    ...rules4.map((path): RuleFile => ({ family: 4, path })),
    ...rules6.map((path): RuleFile => ({ family: 6, path })),
  ];
}
