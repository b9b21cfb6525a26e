// What may stand next in a line of ipset: commands, names of sets, types, and the options of the type.

import { FLAGS, memberOptions, OPERANDS } from '../../engine/sets/help.ts';
import { SET_TYPES, type SetType } from '../../engine/sets/index.ts';
import type { Candidate } from './candidate.ts';

/** The sets that are there, by name: their types. */
export type KnownSets = ReadonlyMap<string, string>;

const FORMS = ['plain', 'save', 'xml', 'json'];
const FAMILIES = ['inet', 'inet6'];
/** Options of create that stand alone. */
const ALONE: ReadonlySet<string> = new Set(['counters', 'comment', 'forceadd', 'skbinfo']);

/** Candidates behind `words` (the program's name is not among them). 'files': any path may stand there. */
export function completeIpset(words: readonly string[], sets: KnownSets): readonly Candidate[] | 'files' {
  const last = words.at(-1) ?? '';
  if (/^--?(f|file)$/.test(last)) return 'files';
  if (/^--?(o|output)$/.test(last)) return named(FORMS, 'form');
  const [command, ...operands] = words.filter(
    (word, at) => !word.startsWith('-') && !/^--?(o|output|f|file)$/.test(words[at - 1] ?? ''),
  );
  const flags = FLAGS.flatMap(([written, help]) =>
    [...written.matchAll(/(?<!\w)-{1,2}[\w!]+/g)].map(([word]) => ({ word, help })),
  );
  if (command === undefined) return [...Object.entries(OPERANDS).map(([word, help]) => ({ word, help })), ...flags];
  return [...operandsOf(command, operands, sets), ...flags];
}

const named = (words: readonly string[], help: string): Candidate[] => words.map((word) => ({ word, help }));
const known = (sets: KnownSets): Candidate[] => [...sets].map(([word, type]) => ({ word, help: type }));
const types = (): Candidate[] => SET_TYPES.map(({ name, summary }) => ({ word: name, help: summary }));
const typeOf = (name: string | undefined): SetType | undefined => SET_TYPES.find((type) => type.name === name);

function operandsOf(command: string, operands: readonly string[], sets: KnownSets): Candidate[] {
  const [first, second] = operands;
  switch (command) {
    case 'create':
      if (first === undefined) return [];
      return second === undefined ? types() : createOptions(typeOf(second), operands);
    case 'add':
    case 'del':
    case 'test':
      if (first === undefined) return known(sets);
      return command === 'add' && second !== undefined ? addOptions(typeOf(sets.get(first)), operands) : [];
    case 'help':
      return first === undefined ? types() : [];
    case 'swap':
      return second === undefined ? known(sets) : [];
    default:
      return first === undefined && command !== 'restore' ? known(sets) : [];
  }
}

function createOptions(type: SetType | undefined, operands: readonly string[]): Candidate[] {
  const last = operands.at(-1) ?? '';
  if (last === 'family') return named(FAMILIES, 'family');
  if (!type || (operands.length > 2 && type.create.some((option) => option === last && !ALONE.has(option)))) return [];
  return named(
    type.create.filter((option) => !operands.includes(option)),
    `option of ${type.name}`,
  );
}

function addOptions(type: SetType | undefined, operands: readonly string[]): Candidate[] {
  if (!type) return [];
  const options = memberOptions(type).map((option) => option.split(' '));
  const waits = operands.length > 2 && options.some(([word, value]) => word === operands.at(-1) && value !== undefined);
  if (waits) return [];
  return options
    .filter(([word]) => !operands.includes(word))
    .map(([word, value = '']) => ({ word, help: value || type.name }));
}
