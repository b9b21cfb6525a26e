// connlabel.conf as the real tool reads it: which names there are, what they mean, and how labels are printed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLabels } from '../../control/host-names.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { noNames } from '../../grammar/names.ts';
import { connlabel } from '../../matches/connlabel.ts';
import { probe, ready, toolEnvironment } from './support.ts';

const CONF = `# comment
0	eth0-in
1 a-b
2 _x
3 a"b
4 trail  \n5 in	tab
6 -dash
7 two words
8   spaces
 9 lead
10 a.b
11 é
12 x  # comment
0x0d hexbit
014 oct
15a foo
16 dup
17 dup
16 again
18 19
127 last
128 over
-1 neg
20
21 noeol`;

/** Words behind --label. */
const WORDS = [
  ...Array.from({ length: 24 }, (_one, bit) => String(bit)),
  ...['127', '128', 'eth0-in', 'dup', 'again', '"two words"', 'over', 'neg', 'nosuch', 'a', '"a foo"', '0x7', '-dash'],
];

const PLACE = '/etc/xtables';
const tools = probe('ip6tables-legacy-restore', 'ip6tables-legacy-save', 'mount');

describe.skipIf(!ready('connlabel.conf beside the real tool', tools))('connlabel.conf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-labels-'));
  const made = !existsSync(PLACE);
  beforeAll(() => {
    writeFileSync(join(folder, 'connlabel.conf'), CONF);
    if (made) mkdirSync(PLACE);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    if (made) rmdirSync(PLACE);
  });

  const document = (word: string): string => `*filter\n-A INPUT -m connlabel --label ${word}\nCOMMIT\n`;
  const rulesIn = (text: string): string => text.split('\n').find((line) => line.startsWith('-A')) ?? '';

  function real(word: string): string {
    const script = `mount --bind ${folder} ${PLACE} && ip6tables-legacy-restore && ip6tables-legacy-save`;
    const done = spawnSync('unshare', ['-nm', 'sh', '-c', script], {
      input: document(word),
      encoding: 'utf8',
      env: toolEnvironment(),
    });
    return done.status === 0 ? rulesIn(done.stdout) : `refused ${done.status}`;
  }

  function ours(word: string): string {
    const names = { ...noNames, labels: parseLabels(CONF) };
    const ruleset = new Ruleset(6, { lookup: new Registry({ matches: [connlabel] }), names });
    const { exitCode } = restore(document(word), ruleset, { program: 'ip6tables-restore' });
    return exitCode === 0 ? rulesIn(ruleset.save()) : `refused ${exitCode}`;
  }

  test('names and numbers are what the real tool takes them for', () => {
    expect(WORDS.map((word) => [word, ours(word)])).toEqual(WORDS.map((word) => [word, real(word)]));
  });
});
