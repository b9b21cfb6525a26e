// What the grammar asks of whoever holds the extensions: the words that are attached at this moment.

import type { Family } from '../packet/numbers.ts';
import type { ExtensionSyntax } from './options.ts';

// biome-ignore lint/suspicious/noExplicitAny: an extension whose own types are forgotten
export type AnySyntax = ExtensionSyntax<any, any>;

export interface Lookup {
  /** The match that `-m name` means, aliases included. */
  match(name: string, family: Family): AnySyntax | undefined;
  /** The target that `-j name` means. */
  target(name: string, family: Family): AnySyntax | undefined;
  /** Every name, for "did you mean". */
  names(kind: 'match' | 'target', family: Family): readonly string[];
}

/** A grammar without extensions: base options, chains and verdicts. */
export const noExtensions: Lookup = {
  match: () => undefined,
  target: () => undefined,
  names: () => [],
};
