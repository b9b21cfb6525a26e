// Random rulesets and random traffic through the real kernel and through us: the same bytes out, the same counters, the same table.
//
//   SEKISHO_TWIN_SCENARIOS=1000   how many, of 100 packets each; 250 unless set
//   SEKISHO_TWIN_SEED=7           where to begin: the seeds are this one and those after it; 1 unless set, so that every run of
//                                 the suite does the same. A soak takes another beginning each time.
//   SEKISHO_TWIN_WITHOUT=ecn,LOG  extensions to leave out
//   SEKISHO_TWIN_WAY='by the tree' how chains are walked on our side: test/engine/ways.ts
//
// A scenario that differs is shrunk to the few rules and packets that matter, and printed so that it can be given to `sekisho play`.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { play } from '../../testing/scenario.ts';
import type { Result, Scenario } from '../../testing/scenario-format.ts';
import { force } from '../engine/ways.ts';
import { askedAgain } from './beside.ts';
import { compareResults } from './compare.ts';
import { minimise, type RandomCase, randomCase, scenarioOf } from './random.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const {
  SEKISHO_TWIN_SCENARIOS,
  SEKISHO_TWIN_SEED,
  SEKISHO_TWIN_WITHOUT = '',
  SEKISHO_TWIN_WAY = 'as it comes',
} = process.env;
const first = Number(SEKISHO_TWIN_SEED ?? 1);
const count = Number(SEKISHO_TWIN_SCENARIOS ?? 250);
const without = SEKISHO_TWIN_WITHOUT.split(',');
/** Shrinking takes time: of many that differ, these are enough to go on with. */
const SHOWN = 5;

function playOrRefuse(scenario: Scenario, times?: readonly number[]): Result | Error {
  try {
    return play(scenario, { times });
  } catch (error) {
    return error as Error;
  }
}

describe.skipIf(!ready('random scenarios beside the kernel', probeTwin()))('random scenarios', () => {
  let twin: Twin;
  let restore: () => void;
  beforeAll(async () => {
    restore = force(SEKISHO_TWIN_WAY);
    twin = await Twin.start();
  });
  afterAll(() => {
    restore();
    return twin.stop();
  });

  /** What differs between the kernel and us; a ruleset that both refuse is no difference. */
  function differences(given: RandomCase): Promise<string[]> {
    const scenario = scenarioOf(given);
    return askedAgain(`seed ${given.seed}`, async () => {
      const kernel = await twin.run(scenario).catch((error: Error) => error);
      const ours = playOrRefuse(scenario, kernel instanceof Error ? undefined : kernel.times);
      if (kernel instanceof Error && ours instanceof Error) return [];
      if (kernel instanceof Error) return [`only the kernel refuses: ${kernel.message}`];
      if (ours instanceof Error) return [`only we refuse: ${ours.stack ?? ours.message}`];
      return compareResults(kernel, ours, scenario);
    });
  }

  test(`from seed ${first} on, the kernel and we do the same`, { timeout: 3_600_000 }, async () => {
    const reports: string[] = [];
    let done = 0;
    for (; done < count && reports.length < SHOWN; done++) {
      const given = randomCase(first + done, { without });
      if ((await differences(given)).length > 0) reports.push(await report(given));
    }
    console.info(`${done} random scenarios, seeds ${first} to ${first + done - 1}, ${reports.length} differ`);
    expect(reports.join('\n\n'), `${reports.length} of ${done} differ`).toBe('');
  });

  async function report(given: RandomCase): Promise<string> {
    // A refusal that shrinking itself brought about says nothing about a difference in what happens to packets.
    const refused = (lines: string[]) => lines[0]?.startsWith('only') ?? false;
    const kind = refused(await differences(given));
    const small = await minimise(given, async (candidate) => {
      const lines = await differences(candidate);
      return lines.length > 0 && refused(lines) === kind;
    });
    const scenario = scenarioOf(small);
    return [`seed ${given.seed}, shrunk:`, JSON.stringify(scenario), ...(await differences(small))].join('\n');
  }
});
