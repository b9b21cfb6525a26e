// The fenced blocks of a document, and how each kind is run. ```yaml NAME is a test file, ```ts a test for vitest, ```sh the commands in it
// (those of sekisho), ```text what the command before it printed; a second word is the name of a file.

import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import * as vitest from 'vitest';
import * as arbitrary from '../../testing/arbitrary.ts';
import * as assert from '../../testing/assert.ts';
import * as testing from '../../testing/index.ts';
import * as matchers from '../../testing/vitest.ts';

export interface Snippet {
  readonly language: string;
  /** Of the file that it is; ''. */
  readonly name: string;
  readonly text: string;
  readonly line: number;
}

export function snippetsOf(path: string): Snippet[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const snippets: Snippet[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, language, name = ''] = /^```(\w+)(?: (\S+))?$/.exec(lines[at]) ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    snippets.push({ language, name, text: `${lines.slice(at + 1, end).join('\n')}\n`, line: at + 1 });
    at = end;
  }
  return snippets;
}

/** Runs the tests in a TypeScript snippet, one after the other. */
export function runTypeScript(text: string): void {
  const { code } = transformSync(text, { loader: 'ts', format: 'cjs', target: 'node20' });
  const run = (_name: string, body: () => void): void => body();
  const each =
    (rows: readonly (readonly unknown[])[]) =>
    (_name: string, body: (...row: never[]) => void): void => {
      for (const row of rows) body(...(row as never[]));
    };
  const modules: Record<string, unknown> = {
    vitest: { ...vitest, test: Object.assign(run, { each }), describe: run },
    'sekisho/testing': testing,
    'sekisho/vitest': matchers,
    'sekisho/assert': assert,
    'sekisho/arbitrary': arbitrary,
  };
  const load = (name: string): unknown => {
    if (name in modules) return modules[name];
    throw new Error(`a snippet imports ${name}`);
  };
  new Function('require', 'module', 'exports', code)(load, { exports: {} }, {});
}
