import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fmt, fmtBatch } from '../../bin/fmt.ts';
import { builtinRegistry } from '../../control/extensions.ts';
import { hostNames } from '../../control/host-names.ts';
import { PROGRAM, sekisho } from './program.ts';

const SHORT = '*filter\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n';
const CANONICAL =
  '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n';
const WRONG = '*filter\n-A INPUT -m hl --hl-gt 256\nCOMMIT\n';
const COMPLAINT = `ip6tables-restore v1.8.9 (legacy): hl: bad value for option "--hl-gt", or out of range (0-255).
Error occurred at line: 2
    2 | -A INPUT -m hl --hl-gt 256
      |                        ^^^
`;

const options = { family: 6, lookup: builtinRegistry(), names: hostNames() } as const;
const batch = (text: string) => fmtBatch(text, options).stdout;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-fmt-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('fmt', () => {
  test('standard input, or -', () => {
    expect(sekisho(['fmt', '-6', '-'], { input: SHORT })).toEqual({ code: 0, stdout: CANONICAL, stderr: '' });
  });

  test('a file; its name may say the family', () => {
    const text = '*filter\n-A INPUT -s 10.0.0.1\nCOMMIT\n';
    writeFileSync(join(folder, 'rules.v4'), text);
    writeFileSync(join(folder, 'rules'), text);
    expect(sekisho(['fmt', join(folder, 'rules.v4')]).stdout).toContain('-A INPUT -s 10.0.0.1/32\n');
    expect(sekisho(['fmt', join(folder, 'rules')]).code).toBe(2);
  });

  test('-c keeps counters', () => {
    const text = '*filter\n:INPUT DROP [5:300]\n[1:60] -A INPUT -p tcp\nCOMMIT\n';
    const { stdout } = sekisho(['fmt', '-c'], { input: text });
    expect(stdout).toContain(':INPUT DROP [5:300]');
    expect(stdout).toContain('[1:60] -A INPUT -p tcp\n');
    expect(fmt(text, options).stdout).toContain('\n-A INPUT -p tcp\n');
  });

  test('2 for a bad parameter, with the place; 1 for a table that is refused', () => {
    expect(sekisho(['fmt'], { input: WRONG })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(COMPLAINT),
    });
    const loop = '*filter\n:a - [0:0]\n-A INPUT -j a\n-A a -j a\nCOMMIT\n';
    const { exitCode, stderr } = fmt(loop, options);
    expect([exitCode, stderr.split('\n')[0]]).toEqual([1, 'ip6tables-restore: line 5 failed']);
  });

  test('what cannot be done is said', () => {
    expect(sekisho(['fmt', '-4', '-6'])).toMatchObject({
      code: 2,
      stderr: 'sekisho: -4 and -6 cannot be used together\n',
    });
    const missing = join(folder, 'missing');
    expect(sekisho(['fmt', missing])).toMatchObject({ code: 2, stderr: `sekisho: ${missing}: no such file\n` });
    expect(sekisho(['fmt', '--batch', 'rules'])).toMatchObject({
      code: 2,
      stderr: 'sekisho: --batch reads standard input\n',
    });
  });
});

describe('fmt --batch', () => {
  test('answers each document for itself, errors between them', () => {
    const [first, second, third, end] = batch(`${SHORT}%%\n${WRONG}%%\n${SHORT}%%\n`).split('%%\n');
    expect([first, third, end]).toEqual([`ok\n${CANONICAL}`, `ok\n${CANONICAL}`, '']);
    expect(second.startsWith(`fail 2\n${COMPLAINT}`)).toBe(true);
  });

  test('documents do not influence each other', () => {
    const chain = '*filter\n:web - [0:0]\nCOMMIT\n';
    const jump = '*filter\n-A INPUT -j web\nCOMMIT\n';
    expect(batch(`${chain}%%\n${jump}%%\n`)).toContain('%%\nfail 2\n');
    expect(batch(`${chain}%%\n*raw\nCOMMIT\n%%\n`).split('%%\n')[1]).not.toContain('filter');
  });

  test.each([
    ['nothing', '', ''],
    ['an empty document', '%%\n', 'ok\n%%\n'],
    ['two of them', '%%\n%%\n', 'ok\n%%\nok\n%%\n'],
    ['a last document without its separator', SHORT, `ok\n${CANONICAL}%%\n`],
    ['a separator without newline at the end', `${SHORT}%%`, `ok\n${CANONICAL}%%\n`],
    ['comments and blank lines only', '# nothing\n\n%%\n', 'ok\n%%\n'],
  ])('%s', (_, input, output) => {
    expect(batch(input)).toBe(output);
  });

  test('only a line that is %% and nothing else separates', () => {
    const input = '*filter\n# %%\n-A INPUT -m comment --comment "%%"\n-A INPUT -m comment --comment %%\nCOMMIT\n%%\n';
    expect(batch(input)).toBe(
      `ok\n${CANONICAL.replace('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n', '-A INPUT -m comment --comment "%%"\n-A INPUT -m comment --comment "%%"\n')}%%\n`,
    );
    // As lines of a document they are wrong, and the document goes on behind them.
    for (const line of ['%%%', ' %%', '%% ', '%%\r', '%']) {
      const stdout = batch(`${line}\n${SHORT}%%\n${SHORT}%%\n`);
      expect(stdout.split('%%\n').at(-2)).toBe(`ok\n${CANONICAL}`);
      expect(stdout).toMatch(/^fail \d\n/);
    }
  });

  test('carriage returns belong to the document, and are refused as the real tool refuses them', () => {
    expect(batch('*filter\r\nCOMMIT\r\n%%\n')).toMatch(
      /^fail 2\nip6tables-restore v1.8.9 \(legacy\): ip6tables-restore: unable to initialize table 'filter\r'\n/,
    );
  });

  test('a document in which COMMIT is not ended by a newline cannot be said: each line has its own', () => {
    expect(batch('*filter\nCOMMIT\n%%\n')).toMatch(/^ok\n/);
  });

  test('a character cut in two by the pipe', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'fmt', '-6', '--batch'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const text = Buffer.from('*filter\n-A INPUT -m comment --comment "grüße"\nCOMMIT\n%%\n');
    const cut = text.indexOf(0xc3) + 1;
    child.stdin.write(text.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 20));
    child.stdin.write(text.subarray(cut));
    const [answer] = await once(child.stdout, 'data');
    expect(String(answer)).toContain('--comment "grüße"\n');
    child.stdin.end();
    await once(child, 'close');
  });

  test('each answer comes before the next document is sent', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'fmt', '-6', '--batch'], { stdio: ['pipe', 'pipe', 'inherit'] });
    for (let round = 0; round < 3; round++) {
      child.stdin.write(`${SHORT}%%\n`);
      const [answer] = await once(child.stdout, 'data');
      expect(String(answer)).toBe(`ok\n${CANONICAL}%%\n`);
    }
    child.stdin.end();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
  });
});
