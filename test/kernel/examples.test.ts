// Would anybody notice if a rule of the examples were wrong? No kernel is needed, but half a minute: too long for the pure tier.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAccepted } from '../../testing/mutation/accepted.ts';
import { mutationText } from '../../testing/mutation/report.ts';
import { parseSuite } from '../../testing/suite/suite.ts';
import { mutateSuite } from '../../testing/suite/suite-run.ts';

const EXAMPLES = ['home-router', 'web-server', 'ipv6-border', 'kubernetes-node'];

test.each(EXAMPLES)('examples/%s: no mutant survives that is not accepted with a reason', (name) => {
  const folder = new URL(`../../examples/${name}/`, import.meta.url).pathname;
  const read = (file: string): string => readFileSync(`${folder}${file}`, 'utf8');
  const accepted = parseAccepted(read('accepted.yaml'), `${folder}accepted.yaml`);
  const result = mutateSuite(parseSuite(read('test.yaml'), `${folder}test.yaml`), { accepted });
  expect(result.survivors, mutationText(result)).toEqual([]);
  expect(result.stale, mutationText(result)).toEqual([]);
  expect(result.count('killed')).toBeGreaterThan(60);
});
