// Random dialogues through the real kernel and through us: the same bytes out, the same counters, connections and expectations.
//
//   SEKISHO_TWIN_SCENARIOS, SEKISHO_TWIN_SEED   how many, and where to begin, as in random.test.ts

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { beside } from './beside.ts';
import { randomDialogue } from './random-dialogues.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const first = Number(process.env.SEKISHO_TWIN_SEED ?? 1);
const count = Number(process.env.SEKISHO_TWIN_SCENARIOS ?? 100);
/** Of many that differ, these are enough to go on with. */
const SHOWN = 3;

describe.skipIf(!ready('random dialogues beside the kernel', probeTwin()))('random dialogues', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test(`from seed ${first} on, the kernel and we do the same`, { timeout: 3_600_000 }, async () => {
    const reports: string[] = [];
    let packets = 0;
    for (let seed = first; seed < first + count && reports.length < SHOWN; seed++) {
      const scenario = randomDialogue(seed);
      packets += scenario.steps.length;
      const differences = await beside(twin, scenario);
      if (differences.length > 0)
        reports.push([`seed ${seed}:`, scenario.v4rules ?? scenario.v6rules, ...differences].join('\n'));
    }
    console.info(`${count} random dialogues from seed ${first} on, ${packets} steps, ${reports.length} differ`);
    expect(reports.join('\n\n')).toBe('');
  });
});
