// What a connection that is read by a helper has beside the table: its state, and the expectations that came of it.

import type { Expectation } from './expectation.ts';
import type { AnyHelper } from './helper.ts';

export class Help {
  /** The connection; -1: it is gone, and those that came of it remember whose they were. */
  id: number;
  /** Undefined: it was detached. */
  helper: AnyHelper | undefined;
  state: unknown;
  /** Connections that came of its expectations and live: each holds on to it. */
  children = 0;
  /** Oldest first. */
  readonly expectations: Expectation[] = [];

  constructor(id: number, helper: AnyHelper | undefined) {
    this.id = id;
    this.helper = helper;
    this.state = helper?.open?.();
  }

  /** Expectations of a class. */
  expecting(policy: number): number {
    let count = 0;
    for (const { class: own } of this.expectations) if (own === policy) count++;
    return count;
  }
}
