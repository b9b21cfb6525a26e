// What is wrong with a rule, and where.

/** Character offsets into the text being parsed (a save file, or the words of a command line joined by single blanks). */
export interface Span {
  start: number;
  /** One past the last character. */
  end: number;
}

/** Exit codes of the real tools: 1 refused by the rule set or the kernel, 2 bad parameters, 3 table or version missing, 4 lock. */
export type ExitCode = 1 | 2 | 3 | 4;

/**
 * A rule that cannot be. `message` is the real tool's first line without its "PROG vVERSION (legacy): " prefix;
 * `span` the offending words; `hint` what would be right, in our words.
 */
export class RuleError extends Error {
  override readonly name = 'RuleError';
  readonly span: Span | undefined;
  readonly hint: string | undefined;
  readonly code: ExitCode;
  /** The tool prints the message without its name and version in front. */
  readonly bare: boolean = false;

  constructor(message: string, span?: Span, hint?: string, code: ExitCode = 2) {
    super(message);
    this.span = span;
    this.hint = hint;
    this.code = code;
  }
}
