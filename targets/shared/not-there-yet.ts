// Targets that read, check and print like the real ones, and whose action has not been written. They refuse to run, rather than
// let packets pass as if they had acted.

import type { AnyTarget } from '../../engine/extension.ts';
import { RuleError } from '../../grammar/error.ts';

/** For `compile`: throws when such a rule is put into a running engine. Reading, checking and printing it works. */
export const notThereYet =
  (what: string, hint?: string): AnyTarget['compile'] =>
  () => {
    throw new RuleError(`${what} is not there yet: this rule can be read and printed, but not run`, undefined, hint, 1);
  };
