// `NAME src,dst`: a set and where each part of its elements is looked for. libxt_set's reader, for -m set and -j SET.

import type { ChoiceScope, ValueScope } from './options.ts';

export interface SetAndParts {
  readonly set: string;
  /** 'src' and 'dst', one for each part of the set's members. */
  readonly parts: readonly string[];
}

const LONGEST_NAME = 31;
const MOST_PARTS = 6;
const PARTS = "You must spefify (the comma separated list of) 'src' or 'dst'.";

export const setAndParts = {
  words: 2 as const,
  metavar: 'name src|dst[,...]',
  choices: { words: ({ sets, position }: ChoiceScope) => (position === 0 ? sets : ['src', 'dst']) },
  parse([set, list]: readonly string[], scope: ValueScope): SetAndParts {
    if (scope.spelling === 'set') scope.warn('--set option deprecated, please use --match-set');
    if (set.length > LONGEST_NAME) scope.fail(`setname \`${set}' too long, max ${LONGEST_NAME} characters.`);
    checkSet(set, scope);
    const parts = list.split(',').map((part, index) => {
      if (index === MOST_PARTS) scope.fail(`Can't be more src/dst options than ${MOST_PARTS}.`);
      // What stands behind the three letters does not matter to the real tool.
      if (!part.startsWith('src') && !part.startsWith('dst')) scope.fail(PARTS, 'such as src,dst');
      return part.slice(0, 3);
    });
    return { set, parts };
  },
  print: ({ set, parts }: SetAndParts): string => `${set} ${parts.join(',')}`,
};

/** Where nobody knows which sets there are, any name will do. */
function checkSet(name: string, scope: ValueScope): void {
  const { names, family } = scope;
  if (!names.set) return;
  const found = names.set(name) ?? scope.fail(`Set ${name} doesn't exist.`, 'make it first: ipset create');
  if (found.family === undefined || found.family === family) return;
  scope.fail(`The protocol family of set ${name} is IPv${found.family}, which is not applicable.`);
}
