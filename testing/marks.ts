// Rows of failing rules say with `<|...|>` where the caret belongs.

import { RuleError, type Span } from '../grammar/error.ts';

export interface Marked {
  /** Without the marks. */
  readonly text: string;
  readonly span: Span | undefined;
}

export function unmark(row: string): Marked {
  const start = row.indexOf('<|');
  const end = row.indexOf('|>');
  if (start < 0 || end < start) return { text: row, span: undefined };
  const text = row.slice(0, start) + row.slice(start + 2, end) + row.slice(end + 2);
  return { text, span: { start, end: end - 2 } };
}

/** Puts marks around the span of an error, so that a failing comparison shows where the caret really is. */
export const mark = (text: string, span: Span | undefined): string =>
  span ? `${text.slice(0, span.start)}<|${text.slice(span.start, span.end)}|>${text.slice(span.end)}` : text;

/** The RuleError that `run` throws; anything else that it throws is thrown on, and no error is an error. */
export function refusal(run: () => unknown): RuleError {
  try {
    run();
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error('the rule was taken');
}
