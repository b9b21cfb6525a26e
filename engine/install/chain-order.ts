// Chains in the order in which they can be built: what one is to those that jump to it depends on those that it jumps to.

import type { ChainSpec } from '../../grammar/rule-spec.ts';
import type { Chain } from './table.ts';

/** What chains that jump to one know of it. */
export type Looks = Pick<Chain, 'acts' | 'depth'>;

/** A chain with those that it jumps to. */
export interface Called {
  readonly spec: ChainSpec;
  readonly calls: readonly string[];
}

export const depthOver = (called: readonly (Looks | undefined)[]): number =>
  called.reduce((deepest, callee) => Math.max(deepest, (callee?.depth ?? 0) + 1), 0);

/** Chains, each after those of them that it jumps to. Chains that no packet can enter may go round in circles. */
export function* calleesFirst(
  chains: ReadonlyMap<string, ChainSpec>,
  callsOf: (spec: ChainSpec) => readonly string[],
): Iterable<Called> {
  const path: (Called & { next: number })[] = [];
  const begun = new Set<string>();
  const begin = (name: string) => {
    const spec = chains.get(name);
    if (!spec || begun.has(name)) return;
    begun.add(name);
    path.push({ spec, calls: callsOf(spec), next: 0 });
  };
  for (const name of chains.keys()) {
    begin(name);
    while (path.length > 0) {
      const step = path[path.length - 1];
      if (step.next < step.calls.length) begin(step.calls[step.next++]);
      else yield path.pop()!;
    }
  }
}
