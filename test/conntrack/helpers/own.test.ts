import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { helpers } from '../../../conntrack/helpers/index.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('docs/helpers.md shows the helper that examples/own-helper tests', () => {
  const [, shown] = /## A helper of your own[\s\S]*?```js\n([\s\S]*?)```/.exec(read('docs/helpers.md'))!;
  const source = read('examples/own-helper/callback.mjs');
  expect(shown).toBe(source.slice(source.indexOf('const IPPROTO_TCP')));
});

test.each(helpers.map(({ name }) => name))('docs/helpers.md has a row for %s', (name) => {
  expect(read('docs/helpers.md')).toContain(`\n| \`${name}\` |`);
});
