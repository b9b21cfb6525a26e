// Every way that a chain can be walked (engine/classifier/program.ts), forced on tables that are small enough to be tried in numbers.

import { tuning } from '../../engine/classifier/tuning.ts';

const NEVER = Number.POSITIVE_INFINITY;

export const WAYS: Readonly<Record<string, Partial<typeof tuning>>> = {
  'as it comes': {},
  'rule after rule': { walked: NEVER, hot: NEVER },
  'on small shelves': { walked: NEVER, hot: NEVER, shelf: 300 },
  'each chain on its own shelf': { walked: NEVER, hot: NEVER, shelf: 0 },
  'by the tree': { walked: 0, leaf: 1, hot: NEVER },
  'by trees with large leaves': { walked: 2, leaf: 4, hot: NEVER },
  'generated at once': { hot: 1, generated: NEVER, codes: NEVER },
  'generated or by the tree': { hot: 2, generated: 3, codes: NEVER, walked: 3, leaf: 1 },
};

/** Every chain that is made from now on goes that way; call what is returned to have it as it was. */
export function force(way: string): () => void {
  const wanted = WAYS[way];
  if (!wanted) throw new Error(`no way "${way}": one of ${Object.keys(WAYS).join(', ')}`);
  const usual = { ...tuning };
  Object.assign(tuning, wanted);
  return () => {
    Object.assign(tuning, usual);
  };
}
