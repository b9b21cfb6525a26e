// Runs every sheet, and sees to it that every built-in match has one.

import { expect, test } from 'vitest';
import { matches } from '../../matches/index.ts';
import { matchCases } from '../../testing/ext-cases.ts';
import { allSheets } from './sheets.ts';

const sheets = await allSheets();

test('every match has a sheet', () => {
  const missing = matches.filter((match) => !sheets.some((sheet) => sheet.match === match));
  expect(missing.map((match) => match.name)).toEqual([]);
});

for (const { match, rows } of sheets) matchCases(match, rows);
