// The rows of the helpers, asked of the real kernel: the same packets out, the same connections, the same expectations.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { given, rulesOf } from '../conntrack/helpers/given.rows.ts';
import { sheets } from '../conntrack/helpers/sheets.ts';
import type { HelperRow } from '../conntrack/helpers/talk.ts';
import { beside } from './beside.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

describe.skipIf(!ready('helpers beside the kernel', probeTwin()))('the kernel', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  describe.each(sheets)('$helper', ({ rows }) => {
    const differences = ({ scenario, kernelSetup: setup }: HelperRow): Promise<string[]> =>
      beside(twin, scenario, { setup });

    test.each(rows.filter((row) => row.differs === undefined))('$name', async (row) => {
      expect(await differences(row)).toEqual([]);
    });
    for (const row of rows.filter(({ differs }) => differs !== undefined)) {
      test(`${row.name}: ${row.differs}`, async () => expect(await differences(row)).not.toEqual([]));
    }
  });

  describe.each([4, 6] as const)('IPv%i', (family) => {
    test.each(given)('%s', async (words, families) => {
      const loaded = twin.run({ [`v${family}rules`]: rulesOf(words), steps: [] });
      if (families.includes(family)) await expect(loaded).resolves.toBeDefined();
      else await expect(loaded).rejects.toThrow();
    });
  });
});
