// A scenario in the kernel and with us, and what differs.
//
// What we do hangs on nothing but the scenario and on when its steps are due, and is the same each time. The kernel has a clock, which a busy
// machine lets run ahead, and draws numbers: now and then the identification of a packet of its own is that of the packet that came in. So
// each of our steps is due when the kernel began with its own; and where the two differ, the kernel is asked again. What it does as we do
// in one run of a few is no difference of ours, and is said.

import { type PlayOptions, play } from '../../testing/scenario/scenario.ts';
import type { Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { compareResults } from './compare.ts';
import type { Twin } from './twin.ts';

/** A difference that stays is seen so often; one of chance comes once in thousands of packets. */
const RUNS = 4;
const SHOWN_LINES = 12;

export interface BesideOptions extends PlayOptions {
  /** What the kernel has instead of the scenario's own. */
  readonly setup?: Scenario['setup'];
  /** Of the two results; empty when nothing differs. */
  readonly compare?: (kernel: Result, ours: Result, scenario: Scenario) => string[];
}

/** What differs between the kernel's result and ours, as text for people; rejects when the kernel refuses the scenario. */
export async function beside(twin: Twin, scenario: Scenario, options: BesideOptions = {}): Promise<string[]> {
  const { setup = scenario.setup, compare = compareResults, ...playing } = options;
  return askedAgain(scenario.name ?? 'a scenario', async () => {
    const kernel = await twin.run({ ...scenario, setup });
    return compare(kernel, play(scenario, { ...playing, times: kernel.times }), scenario);
  });
}

/** The differences of the last run, if there were some in each. */
export async function askedAgain(what: string, ask: () => Promise<string[]>): Promise<string[]> {
  let found: string[] = [];
  for (let run = 1; run <= RUNS; run++) {
    const before = found;
    found = await ask();
    if (found.length > 0) continue;
    if (run > 1)
      console.warn(`${what}: the kernel did something else, and as we do when asked again:`, ...shown(before));
    return [];
  }
  return found;
}

/** What fails in `check`, as a difference. */
export function failureOf(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
}

/** Of two lists that should be the same, the lines that are not. */
export function unlike(kernel: readonly string[], ours: readonly string[]): string[] {
  const places = Array.from({ length: Math.max(kernel.length, ours.length) }, (_, index) => index);
  return places
    .filter((index) => kernel[index] !== ours[index])
    .flatMap((index) => [`kernel ${kernel[index] ?? 'nothing'}`, `ours   ${ours[index] ?? 'nothing'}`]);
}

const shown = (lines: readonly string[]): string[] => lines.slice(0, SHOWN_LINES).map((line) => `\n  ${line}`);
