// Random signalling of SIP, H.323 and PPTP through the real kernel and through us: the same bytes out, the same connections and expectations.
//
//   SEKISHO_TWIN_SCENARIOS, SEKISHO_TWIN_SEED   how many, and where to begin, as in random.test.ts

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { beside } from './beside.ts';
import { randomSignalling } from './random-signalling.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const first = Number(process.env.SEKISHO_TWIN_SEED ?? 1);
const count = Number(process.env.SEKISHO_TWIN_SCENARIOS ?? 100);
/** Of many that differ, these are enough to go on with. */
const SHOWN = 8;

describe.skipIf(!ready('random signalling beside the kernel', probeTwin()))('random signalling', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test(`from seed ${first} on, the kernel and we do the same`, { timeout: 3_600_000 }, async () => {
    const reports: string[] = [];
    let packets = 0;
    for (let seed = first; seed < first + count && reports.length < SHOWN; seed++) {
      const scenario = randomSignalling(seed);
      packets += scenario.steps.length;
      const differences = await beside(twin, scenario);
      if (differences.length > 0)
        reports.push([`seed ${seed}:`, scenario.v4rules ?? scenario.v6rules, ...differences].join('\n'));
    }
    console.info(
      `${count} scenarios of random signalling from seed ${first} on, ${packets} steps, ${reports.length} differ`,
    );
    expect(reports.join('\n\n')).toBe('');
  });
});
