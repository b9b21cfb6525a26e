// "No" from the rule set itself: exit code 1, where a wrong parameter is 2. The words are libiptc's.

import { RuleError, type Span } from '../../grammar/error.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';

export class Refusal extends RuleError {
  /** Why, in our words: what the kernel would have written to its log. */
  readonly reason: string | undefined;
  /** The tool adds "Run `dmesg' for more information." */
  readonly dmesg: boolean;
  /** The rule that is wrong, which may stand far from the command that showed it. */
  readonly rule: RuleSpec | undefined;

  constructor(message: string, at?: Span | RuleSpec, reason?: string, dmesg = false) {
    const rule = at && 'matches' in at ? at : undefined;
    super(message, rule ? rule.origin?.span : (at as Span | undefined), undefined, 1);
    this.reason = reason;
    this.dmesg = dmesg;
    this.rule = rule;
  }

  /** The first line as the command-line tools print it. */
  line(program: string): string {
    return `${program}: ${this.message}.${this.dmesg ? " Run `dmesg' for more information." : ''}`;
  }
}
