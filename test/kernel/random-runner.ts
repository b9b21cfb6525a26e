// Random cases through the real kernel and through us, seed after seed: the same bytes out, the same counters, the same connections.
//
//   SEKISHO_TWIN_SCENARIOS=1000   how many cases; each test says how many it does unless that is set
//   SEKISHO_TWIN_SEED=7           where to begin: the seeds are this one and those after it; 1 unless set, so that every run of
//                                 the suite does the same. A soak takes another beginning each time.
//
// A case that differs is shrunk to the few rules and packets that matter, and printed so that it can be given to `sekisho play`.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playWithConntrack } from '../../testing/scenario/scenario.ts';
import type { Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { askedAgain } from './beside.ts';
import { compareResults } from './compare.ts';
import { minimise, type RandomCase, scenarioOf } from './random.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

export interface Series {
  /** "random flows" */
  readonly what: string;
  readonly make: (seed: number) => RandomCase;
  /** How many cases. */
  readonly cases: number;
  /** As many packets, in however many cases. */
  readonly packets?: number;
  /** Seconds by which the time that connections have left may differ. */
  readonly slack?: number;
}

const { SEKISHO_TWIN_SEED = '1', SEKISHO_TWIN_SCENARIOS } = process.env;
/** Shrinking takes time: of many that differ, these are enough to go on with. */
const SHOWN = 5;
/** Of a difference that does not come again. */
const SHOWN_LINES = 20;

/** A test of its own: `cases` of them beside the kernel. */
export function besideTheKernel({ what, make, cases, packets: most = Number.POSITIVE_INFINITY, slack }: Series): void {
  const first = Number(SEKISHO_TWIN_SEED);
  const count = Number(SEKISHO_TWIN_SCENARIOS ?? cases);

  describe.skipIf(!ready(`${what} beside the kernel`, probeTwin()))(what, () => {
    let twin: Twin;
    beforeAll(async () => {
      twin = await Twin.start();
    });
    afterAll(() => twin.stop());

    test(`from seed ${first} on, the kernel and we do the same`, { timeout: 7_200_000 }, async () => {
      const reports: string[] = [];
      let packets = 0;
      let seed = first;
      for (; seed < first + count && packets < most && reports.length < SHOWN; seed++) {
        const given = make(seed);
        packets += given.steps.filter((step) => 'in' in step || 'local' in step).length;
        const found = await differences(given);
        if (found.length > 0) reports.push(await report(given, found));
      }
      const done = seed - first;
      console.info(
        `${what}: ${done} cases, seeds ${first} to ${seed - 1}, ${packets} packets, ${reports.length} differ`,
      );
      expect(reports.join('\n\n'), `${reports.length} of ${done} differ`).toBe('');
    });

    /** What differs between the kernel and us; a ruleset that both refuse is no difference. */
    function differences(given: RandomCase): Promise<string[]> {
      const scenario = scenarioOf(given);
      return askedAgain(`seed ${given.seed}`, async () => {
        const kernel = await twin.run(scenario).catch((error: Error) => error);
        const ours = await playOrRefuse(scenario, kernel instanceof Error ? undefined : kernel.times);
        if (kernel instanceof Error && ours instanceof Error) return [];
        if (kernel instanceof Error) return [`only the kernel refuses: ${kernel.message}`];
        if (ours instanceof Error) return [`only we refuse: ${ours.stack ?? ours.message}`];
        return compareResults(kernel, ours, scenario, slack);
      });
    }

    async function report(given: RandomCase, found: string[]): Promise<string> {
      // A refusal that shrinking itself brought about says nothing about a difference in what happens to packets.
      const kind = isRefusal(found);
      const small = await minimise(given, async (candidate) => {
        const lines = await differences(candidate);
        return lines.length > 0 && isRefusal(lines) === kind;
      });
      const left = await differences(small);
      const lines = left.length > 0 ? left : ['and then no more; before:', ...found.slice(0, SHOWN_LINES)];
      return [`seed ${given.seed}, shrunk:`, JSON.stringify(scenarioOf(small)), ...lines].join('\n');
    }
  });
}

const isRefusal = (lines: readonly string[]): boolean => lines[0]?.startsWith('only') ?? false;

const playOrRefuse = (scenario: Scenario, times?: readonly number[]): Promise<Result | Error> =>
  playWithConntrack(scenario, { times }).catch((error: Error) => error);
