// Tables on their way in: prepared in steps, beside those that packets go through, then all swapped in at once.
//
//   const installation = firewall.prepare(tables);
//   while (!installation.proceed());     // a RuleError ends it, and nothing has changed
//   installation.commit();               // cannot fail, and is short
//
// Between two steps packets may pass and counters move. One installation at a time: commit() or abandon() ends it.

import type { Steps } from './steps.ts';
import type { Planned } from './table.ts';

interface Making {
  readonly steps: Steps<Planned[]>;
  commit(planned: readonly Planned[]): void;
  abandon(): void;
}

export class Installation {
  private readonly making: Making;
  private planned: readonly Planned[] | undefined;
  private ended = false;

  constructor(making: Making) {
    this.making = making;
  }

  /** One step, of some hundred microseconds. True: ready for commit(). Throws a RuleError, and that is the end of it. */
  proceed(): boolean {
    if (this.planned) return true;
    try {
      const { done, value } = this.making.steps.next();
      if (done) this.planned = value;
      return done === true;
    } catch (problem) {
      this.abandon();
      throw problem;
    }
  }

  /** Puts the tables in place. Only when proceed() has said true. */
  commit(): void {
    if (!this.planned || this.ended) throw new Error('the tables are not ready');
    this.ended = true;
    this.making.commit(this.planned);
  }

  /** Leaves all as it was. */
  abandon(): void {
    if (this.ended) return;
    this.ended = true;
    this.making.steps.return([]);
    this.making.abandon();
  }
}
