// docs/tutorial.md, done as it says: its files are written, its commands run, and what it says they print is printed. And the action.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PROGRAM } from '../bin/program.ts';
import { snippetsOf } from '../docs/snippets.ts';

const root = new URL('../..', import.meta.url).pathname;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-tutorial-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A shell in the folder, in which `npx sekisho` is the built program. */
const bash = (script: string, env: Record<string, string> = {}): { status: number; out: string } => {
  const { status, stdout, stderr } = spawnSync('bash', ['-ec', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  return { status: status ?? 1, out: `${stdout}${stderr}` };
};

test('docs/tutorial.md', () => {
  let printed = '';
  for (const { language, name, text, line } of snippetsOf(`${root}docs/tutorial.md`)) {
    if (name !== '') {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    } else if (language === 'sh') {
      const { out } = bash(text.replaceAll('npx sekisho', `${process.execPath} ${PROGRAM}`));
      printed = out;
    } else {
      expect(language, `line ${line}`).toBe('text');
      for (const expected of text.trimEnd().split('\n'))
        expect(printed.split('\n'), `line ${line}`).toContain(expected);
    }
  }
});

describe('action.yml', () => {
  const action = parse(readFileSync(`${root}action.yml`, 'utf8'));
  const script = (): string => action.runs.steps.at(-1).run;
  const inputs = (given: Record<string, string>): Record<string, string> => {
    const names: Record<string, string> = action.runs.steps.at(-1).env;
    return Object.fromEntries(
      Object.entries(names).map(([variable, expression]) => {
        const [, input] = /inputs\.([\w-]+)/.exec(expression) ?? [];
        return [variable, given[input] ?? String(action.inputs[input].default ?? '')];
      }),
    );
  };

  test('takes every input of the workflow in the tutorial', () => {
    const workflow = snippetsOf(`${root}docs/tutorial.md`).find(({ name }) => name.endsWith('firewall.yml'))!;
    const { with: given } = parse(workflow.text).jobs.test.steps.at(-1);
    for (const input of Object.keys(given)) expect(Object.keys(action.inputs)).toContain(input);
  });

  test('runs the tests, and mutants when they are asked for', () => {
    const program = join(folder, 'node_modules/.bin/sekisho');
    mkdirSync(dirname(program), { recursive: true });
    writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`);
    chmodSync(program, 0o755);
    expect(bash(script(), inputs({ files: 'more.yaml', 'min-rules': '100' }))).toMatchObject({
      status: 0,
      out: expect.stringContaining('16 passed, 0 failed'),
    });
    const low = bash(script(), inputs({ files: 'firewall.yaml', 'min-rules': '100', html: 'page.html' }));
    expect(low).toMatchObject({ status: 1, out: expect.stringContaining('66.7 % of the rules were reached') });
    expect(readFileSync(join(folder, 'page.html'), 'utf8')).toContain('Rule coverage');
    const mutants = bash(script(), inputs({ files: 'more.yaml', mutate: 'true' }));
    expect(mutants).toMatchObject({ status: 1, out: expect.stringContaining('survived: ') });
  });
});
