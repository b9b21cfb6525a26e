// The kept files are what their generators make, and each is its own kind of text: not canonical yet, and canonical after fmt.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fmt } from '../../bin/fmt.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { Registry } from '../../engine/registry.ts';
import { noNames } from '../../grammar/names.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';
import { REAL_WORLD } from './real-world/index.ts';

const lookup = new Registry({ matches, targets, helpers });

describe.each(REAL_WORLD)('$name', ({ family, file, make }) => {
  const text = readFileSync(file, 'utf8');

  it('is what its generator makes', () => {
    expect(make()).toBe(text);
  });

  it('has at least 500 rules, all taken', () => {
    const { stdout, stderr, exitCode } = fmt(text, { family, lookup, names: noNames });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout.split('\n').filter((line) => line.startsWith('-A')).length).toBeGreaterThanOrEqual(500);
    expect(stdout).not.toBe(text);
  });
});
