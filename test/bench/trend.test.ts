import { expect, test } from 'vitest';
import { nameOf, type Run, series, short } from './kept.ts';
import { trendPage } from './trend.ts';

const run = (date: string, load: number, rows: object[]): Run => ({
  file: `${date}-decide.json`,
  bench: 'decide',
  date: `2026-11-${date}T12:00:00.000Z`,
  machine: { cpu: 'A & B', cores: 2, memoryMb: 4096, kernel: '6.18', node: '20.20.2', load },
  args: [],
  rows,
});

const RUNS = [
  run('20', 0.5, [{ shape: 'acl', family: 6, rules: 1000, hit: 200, spread: 0.1 }]),
  run('21', 9, [
    { shape: 'acl', family: 6, rules: 1000, hit: 150, miss: 80, spread: 0.2 },
    { shape: 'fw', family: 4, rules: 10, hit: 50, miss: null },
  ]),
];

test('a row is named by its texts and by what was measured', () => {
  expect(nameOf({ kind: 'stateful', rules: 10_000, rate: 3, spread: 0.1 })).toBe('stateful, 10,000 rules');
});

test('runs line up by row and figure; what a run did not measure is missing there', () => {
  const lines = [...series(RUNS)].map(([name, row]) => [name, Object.fromEntries(row)]);
  expect(lines).toEqual([
    ['acl, IPv6, 1,000 rules', { hit: [200, 150], miss: [undefined, 80] }],
    ['fw, IPv4, 10 rules', { hit: [undefined, 50] }],
  ]);
});

test('the page has a line for each figure, tells busy runs, and needs nothing from elsewhere', () => {
  const page = trendPage(RUNS);
  expect(page.match(/<polyline/g)).toHaveLength(3);
  expect(page.match(/class="busy"/g)).toHaveLength(3);
  expect(page).toContain('150 <small>x 0.75</small>');
  expect(page).toContain('A &#38; B');
  expect(page).not.toMatch(/https?:|src=|<script/);
});

test.each([
  [0.012345, '0.0123'],
  [12.345, '12.3'],
  [123_456.7, '123,457'],
  [undefined, '-'],
])('%s is short for %s', (value, text) => {
  expect(short(value)).toBe(text);
});
