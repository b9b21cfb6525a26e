// Security contexts by number. The kernel asks the security module; here a context is any name, and gets the next number when a rule
// first names it. 0 is none.

import type { CompileContext } from '../../engine/extension.ts';

export class SecurityContexts {
  private readonly numbers = new Map<string, number>();

  numberOf(context: string): number {
    const known = this.numbers.get(context);
    if (known !== undefined) return known;
    this.numbers.set(context, this.numbers.size + 1);
    return this.numbers.size;
  }
}

/** Those of all rules of both families. */
export const securityContexts = (shared: CompileContext['shared']): SecurityContexts =>
  shared('security contexts', () => new SecurityContexts(), 'both');
