// Random flows through the kernel's tracker and ours: the same bytes out, the same counters, the same connections, again and again on the way.
//
//   SEKISHO_FLOW_PACKETS=500000   how many packets; 20,000 unless set
//   SEKISHO_TWIN_SEED=7           where to begin; 1 unless set, so that every run of the suite does the same
//
// A scenario that differs is shrunk and printed so that it can be given to `sekisho play`.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Result, Scenario } from '../../testing/scenario-format.ts';
import { beside } from './beside.ts';
import { compareResults } from './compare.ts';
import { minimise, type RandomCase, scenarioOf } from './random.ts';
import { randomFlows } from './random-flows.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const first = Number(process.env.SEKISHO_TWIN_SEED ?? 1);
const wanted = Number(process.env.SEKISHO_FLOW_PACKETS ?? 20_000);
/** Of one scenario. */
const PACKETS = 1_000;
const EVERY = 100;
const SHOWN = 5;
/** Of a difference that does not come again. */
const SHOWN_LINES = 20;
/** Both had the same time: only what is rounded differs. */
const SLACK_SECONDS = 1;

describe.skipIf(!ready('random flows beside the kernel', probeTwin()))('random flows', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  const compare = (kernel: Result, ours: Result, scenario: Scenario): string[] =>
    compareResults(kernel, ours, scenario, SLACK_SECONDS);
  const differences = (given: RandomCase): Promise<string[]> => beside(twin, scenarioOf(given), { compare });

  test(`${wanted} packets from seed ${first} on`, { timeout: 7_200_000 }, async () => {
    const reports: string[] = [];
    let packets = 0;
    let seed = first;
    for (; packets < wanted && reports.length < SHOWN; seed++) {
      const given = randomFlows(seed, { packets: PACKETS, every: EVERY });
      packets += given.steps.filter((step) => 'in' in step || 'local' in step).length;
      const found = await differences(given);
      if (found.length > 0) reports.push(await report(given, found));
    }
    console.info(`${packets} packets, seeds ${first} to ${seed - 1}, ${reports.length} differ`);
    expect(reports.join('\n\n'), `${reports.length} differ`).toBe('');
  });

  /** Shrinking may leave a rule that nobody takes: that is no difference. */
  const stillDiffers = (candidate: RandomCase): Promise<boolean> =>
    differences(candidate).then(
      (lines) => lines.length > 0,
      () => false,
    );

  async function report(given: RandomCase, found: string[]): Promise<string> {
    const small = await minimise(given, stillDiffers);
    const left = await differences(small);
    const once = left.length === 0 ? ['and then no more; before:', ...found.slice(0, SHOWN_LINES)] : left;
    return [`seed ${given.seed}, shrunk:`, JSON.stringify(scenarioOf(small)), ...once].join('\n');
  }
});
