import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scenariosOf } from '../../bin/play.ts';
import { sekisho } from './program.ts';

// UDP 10.1.0.5 > 10.2.0.5, TTL 64, and what the router passes on.
const HEX = '4500001d0001000040110000'.concat('0a0100050a02000503e800350009000041');
const drop = { name: 'drop', v4rules: '*filter\n:FORWARD DROP\nCOMMIT\n', steps: [{ in: 'A', hex: HEX }] };
const pass = { ...drop, name: 'pass', v4rules: '', steps: [{ in: 'A', hex: fixed(HEX) }] };

/** With a right header checksum: the router looks at it. */
function fixed(hex: string): string {
  const octets = Buffer.from(hex, 'hex');
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += at === 10 ? 0 : octets.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  octets.writeUInt16BE(~sum & 0xffff, 10);
  return octets.toString('hex');
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-play-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lines = (stdout: string): { name?: string; steps?: { out: unknown[] }[]; error?: string }[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('play', () => {
  test('one scenario: what came out of each step', () => {
    const { code, stdout } = sekisho(['play'], { input: JSON.stringify(pass) });
    expect(code).toBe(0);
    const [{ name, steps }] = lines(stdout);
    expect(name).toBe('pass');
    expect(steps).toEqual([{ out: [{ out: 'B', hex: expect.stringMatching(/^4500001d000100003f11/) }] }]);
  });

  test.each([
    ['one a line', `${JSON.stringify(pass)}\n${JSON.stringify(drop)}\n`],
    ['blank lines between', `\n${JSON.stringify(pass)}\n\n${JSON.stringify(drop)}`],
    ['an array', JSON.stringify([pass, drop])],
    ['an array over many lines', JSON.stringify([pass, drop], undefined, 2)],
  ])('several: %s', (_, text) => {
    expect([...scenariosOf(text, 'a file')].map(({ name }) => name)).toEqual(['pass', 'drop']);
  });

  test.each([
    ['{"name": "half"', 'a file: '],
    [`${JSON.stringify(pass)}\n{"name": \n`, 'a file: line 2: '],
    ['', 'a file: '],
  ])('what is no JSON is refused with its place: %s', (text, message) => {
    expect(() => [...scenariosOf(text, 'a file')]).toThrow(message);
  });

  test('files, and - among them', () => {
    writeFileSync(join(folder, 'drop.json'), JSON.stringify(drop, undefined, 2));
    const { stdout } = sekisho(['play', '--pretty', join(folder, 'drop.json'), '-'], { input: JSON.stringify([]) });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'drop', steps: [{ out: [] }] });
    expect(stdout).toMatch(/^\{\n {2}"name": "drop",\n/);
  });

  test('a scenario that cannot be run has its reason in its place, and the others are run', () => {
    const wrong = { name: 'wrong', v4rules: '*filter\n-A FORWARD -j FOO\nCOMMIT\n', steps: [] };
    const { code, stdout } = sekisho(['play'], { input: JSON.stringify([wrong, pass, 7, { name: 'no steps' }]) });
    expect(code).toBe(1);
    expect(lines(stdout)[0]).toMatchObject({ name: 'wrong', error: expect.stringContaining('FOO') });
    expect(lines(stdout)[1]).toMatchObject({ name: 'pass', steps: [{ out: [{ out: 'B' }] }] });
    expect(lines(stdout)).toHaveLength(4);
    expect(lines(stdout)[2].error).toBeDefined();
  });

  test('a file that is not there', () => {
    expect(sekisho(['play', join(folder, 'missing')])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `sekisho: ${join(folder, 'missing')}: no such file\n`,
    });
  });
});
