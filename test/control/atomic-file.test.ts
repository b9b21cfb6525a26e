import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readIfThere, writeAtomically } from '../../control/stored/atomic-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a file written at once', () => {
  test('is its owner’s alone when it is new, and leaves nothing beside it', () => {
    writeAtomically(join(folder, 'rules'), 'one\n');
    expect(readFileSync(join(folder, 'rules'), 'utf8')).toBe('one\n');
    expect(modeOf(join(folder, 'rules'))).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['rules']);
  });

  test('keeps the mode that it had, and a link stays a link', () => {
    writeFileSync(join(folder, 'real'), 'old');
    chmodSync(join(folder, 'real'), 0o644);
    symlinkSync('real', join(folder, 'link'));
    writeAtomically(join(folder, 'link'), 'new');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('new');
    expect(modeOf(join(folder, 'real'))).toBe(0o644);
  });

  test('what a crash left half written is written over', () => {
    writeFileSync(join(folder, 'rules.new'), 'half');
    writeAtomically(join(folder, 'rules'), 'whole');
    expect(readdirSync(folder)).toEqual(['rules']);
  });

  test('that cannot be written leaves the old one', () => {
    writeFileSync(join(folder, 'rules'), 'old');
    mkdirSync(join(folder, 'rules.new', 'in the way'), { recursive: true });
    expect(() => writeAtomically(join(folder, 'rules'), 'new')).toThrow();
    expect(readFileSync(join(folder, 'rules'), 'utf8')).toBe('old');
  });
});

test('a file that is not there is no error, a folder in its place is', () => {
  expect(readIfThere(join(folder, 'nothing'))).toBeUndefined();
  expect(() => readIfThere(folder)).toThrow(`${folder} is no file`);
});

test('a device is no file to read from: it may be without end', () => {
  expect(() => readIfThere('/dev/zero')).toThrow('/dev/zero is no file');
});
