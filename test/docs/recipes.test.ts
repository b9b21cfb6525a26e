// Every snippet of docs/recipes.md holds.

import { describe, expect, test } from 'vitest';
import { parseSuite } from '../../testing/suite/suite.ts';
import { runSuite } from '../../testing/suite/suite-run.ts';
import { runTypeScript, snippetsOf } from './snippets.ts';

const snippets = snippetsOf(new URL('../../docs/recipes.md', import.meta.url).pathname);

describe('docs/recipes.md', () => {
  test.each(snippets.filter(({ language }) => language === 'yaml').map((one) => [one.name, one.text]))(
    '%s',
    (name, text) => {
      const { rows } = runSuite(parseSuite(text, name));
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.flatMap(({ failure, text: row }) => (failure === undefined ? [] : [`${row}\n${failure}`]))).toEqual(
        [],
      );
    },
  );

  test.each(snippets.filter(({ language }) => language === 'ts').map((one) => [one.line, one.text]))(
    'TypeScript, line %i',
    (_line, text) => {
      runTypeScript(text);
    },
  );

  test('has nothing that is not run', () => {
    expect(snippets.filter(({ language }) => language !== 'yaml' && language !== 'ts')).toEqual([]);
  });
});
