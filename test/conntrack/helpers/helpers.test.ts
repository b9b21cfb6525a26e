import { describe, expect, test } from 'vitest';
import { play } from '../../../testing/scenario/scenario.ts';
import { given, rulesOf } from './given.rows.ts';
import { sheets } from './sheets.ts';
import type { HelperRow } from './talk.ts';

/** The lines of the last look at the table, without the time left. */
const expectations = (row: HelperRow): string[] =>
  (play(row.scenario).steps.findLast(({ expect: lines }) => lines)?.expect ?? [])
    .map((line) => line.replace(/^\d+ /, '').trimEnd())
    .sort();

describe.each(sheets)('$helper', ({ rows }) => {
  test.each(rows)('$name', (row) => expect(expectations(row)).toEqual([...row.expects].sort()));
});

describe.each([4, 6] as const)('IPv%i', (family) => {
  test.each(given)('%s', (words, families) => {
    const load = () => play({ [`v${family}rules`]: rulesOf(words), steps: [] });
    if (families.includes(family)) expect(load).not.toThrow();
    else expect(load).toThrow(/line 3 failed/);
  });
});
