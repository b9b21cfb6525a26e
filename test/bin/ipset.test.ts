// ipset as a program on stored sets: the prompt.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sekisho } from './program.ts';

test('ipset - takes commands one by one, until quit', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-ipset-'));
  const env = { SEKISHO_STATE_DIR: directory };
  const input = [
    'create a hash:ip',
    '',
    '# a comment',
    'add a 9.9.9.9',
    'add a 9.9.9.9',
    'restore',
    'bogus',
    'save -t',
    'quit',
    'destroy',
    '',
  ].join('\n');
  try {
    const { stdout, stderr, code } = sekisho(['ipset', '-'], { input, env });
    expect(stdout.replace(/hashsize .*/, '...')).toBe(
      `${'ipset> '.repeat(7)}No command specified\nipset> create a hash:ip family inet ...\nipset> `,
    );
    expect(stderr).toBe(
      "ipset v7.17: Element cannot be added to the set: it's already added\n" +
        'Restore command is not supported in interactive mode\n',
    );
    expect(code).toBe(0);
    expect(sekisho(['ipset', 'list', '-n'], { env }).stdout).toBe('a\n');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
