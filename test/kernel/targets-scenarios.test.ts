// The scenarios of test/targets, here and on the kernel: packets that leave, counters, log lines.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hmark, tee, tproxy } from '../targets/scenarios.ts';
import { beside } from './beside.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

describe.skipIf(!ready('scenarios of targets beside the kernel', probeTwin()))('as the kernel has them', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  describe.each([
    ['TEE', tee],
    ['TPROXY', tproxy],
    ['HMARK', hmark],
  ] as const)('-j %s', (_target, scenarios) => {
    test.each(scenarios)('$name', async (scenario) => {
      expect({ ...scenario, differences: await beside(twin, scenario) }).toEqual({ ...scenario, differences: [] });
    });
  });
});
