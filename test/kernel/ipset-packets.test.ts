// -m set and -j SET beside the kernel: sets made by the real ipset and by ours, the same packets, the same sets and counters afterwards.
// SEKISHO_SEED and SEKISHO_CASES choose the random ones.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostNames } from '../../control/host-names.ts';
import type { Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { setScenarios } from '../engine/sets/scenarios.ts';
import { beside, unlike } from './beside.ts';
import { Dice } from './dice.ts';
import { randomSetScenario } from './random-set-rules.ts';
import { findProgram, probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const cases = Number(process.env.SEKISHO_CASES ?? 60);
const names = hostNames();

/** A line for each step: sets, sorted and without what cannot be the same; counters of rules. */
function comparable(result: Result): string[] {
  return result.steps.map(({ out, v4, v6, stdout, rc }) =>
    JSON.stringify({
      out: out?.length,
      counters: [...(v4 ?? []), ...(v6 ?? [])].filter(({ pkts, rule }) => pkts > 0 && rule),
      rc,
      sets: (stdout ?? '')
        .replace(/initval 0x\w{8}|Size in memory: \d+/g, '')
        .replace(/timeout (\d+)/g, (_all, seconds) => `timeout ${Math.ceil(Number(seconds) / 5) * 5}`)
        .split('\n')
        .sort(),
    }),
  );
}

const compareSets = (kernel: Result, ours: Result): string[] => unlike(comparable(kernel), comparable(ours));

const machine = probeTwin();
const missing = machine.missing || (findProgram('ipset') ? '' : 'needs ipset');

describe.skipIf(!ready('sets in rules beside the kernel', { missing }))(`seed ${seed}`, () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  const compare = async (scenario: Scenario): Promise<void> => {
    expect(
      await beside(twin, scenario, { names, compare: compareSets }),
      JSON.stringify({ setup: scenario.setup, v4rules: scenario.v4rules, v6rules: scenario.v6rules }),
    ).toEqual([]);
  };

  for (const scenario of setScenarios) test(scenario.name ?? '', () => compare(scenario));

  test(`${cases} random rule sets`, async () => {
    const dice = new Dice(seed);
    for (let run = 0; run < cases; run++) await compare(randomSetScenario(dice));
  });
});
