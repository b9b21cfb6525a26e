// The rows of the helpers, asked of the real kernel: the same packets out, the same connections, the same expectations.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { play } from '../../testing/scenario.ts';
import { sheets } from '../conntrack/helpers/sheets.ts';
import { compareResults } from './compare.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

describe.skipIf(!ready('helpers beside the kernel', probeTwin()))('the kernel', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  describe.each(sheets)('$helper', ({ rows }) => {
    test.each(rows)('$name', async ({ scenario }) => {
      const [kernel, ours] = [await twin.run(scenario), play(scenario)];
      expect(compareResults(kernel, ours, scenario)).toEqual([]);
    });
  });
});
