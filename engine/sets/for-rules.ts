// What -m set and -j SET share: the set by its name when a rule is loaded, and where its parts are looked for.

import { RuleError } from '../../grammar/error.ts';
import type { Names } from '../../grammar/names.ts';
import type { CompileContext } from '../extension.ts';
import { SetQuery } from './extensions.ts';
import type { SetSlot, Sets } from './sets.ts';

/** Throws RuleError: there is none, or it is of the other family. */
export function findSet(name: string, { services, family }: CompileContext): SetSlot {
  const slot = services.sets?.find(name);
  if (!slot) throw new RuleError(`Set ${name} doesn't exist.`, undefined, 'make it first: ipset create');
  if (slot.family === undefined || slot.family === family) return slot;
  throw new RuleError(`The protocol family of set ${name} is IPv${slot.family}, which is not applicable.`);
}

export function queryOf(parts: readonly string[], more: Partial<SetQuery> = {}): SetQuery {
  const sources = parts.reduce((bits, part, index) => (part === 'src' ? bits | (1 << index) : bits), 0);
  return new SetQuery({ ...more, sources, dimensions: parts.length });
}

/** Names that also know the sets, for the words of rules. */
export const withSets = (names: Names, sets: Sets): Names => ({ ...names, set: (name) => sets.find(name) });
