// Which family a rule file on the command line is for.

import type { Family } from '../packet/numbers.ts';

export interface RuleFile {
  readonly family: Family;
  readonly path: string;
}

export interface RuleOptions {
  rules?: readonly string[];
  rules4?: readonly string[];
  rules6?: readonly string[];
}

/** A name that ends in .v4 or .v6 says the family; any other file is read for both, as both restore programs would read it. */
export function ruleFiles({ rules = [], rules4 = [], rules6 = [] }: RuleOptions): RuleFile[] {
  const named = rules.flatMap((path): RuleFile[] => {
    const [, family] = /\.v([46])$/.exec(path) ?? [];
    const families = family === undefined ? ([4, 6] as const) : [Number(family) as Family];
    return families.map((each) => ({ family: each, path }));
  });
  return [
    ...named,
    ...rules4.map((path): RuleFile => ({ family: 4, path })),
    ...rules6.map((path): RuleFile => ({ family: 6, path })),
  ];
}
