// Scenarios that were run on Linux 6.18 with iptables 1.8.9 legacy, and the same ones in memory: the packets that come out, counters,
// connections, log lines, errors. `var` marks octets that the kernel chooses at random, `unstable` what differs from run to run.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { playWithConntrack } from '../../testing/scenario/scenario.ts';
import type { Emitted, Result, Scenario, StepResult } from '../../testing/scenario/scenario-format.ts';

interface Recorded {
  scenario: Scenario;
  result: Omit<Result, 'steps'> & {
    steps: (Omit<StepResult, 'out'> & { out?: (Emitted & { var?: [number, number][] })[]; unstable?: string[] })[];
  };
}

const DIRECTORY = new URL('../data/scenarios/', import.meta.url);

/** `hex` with zeros where the kernel's choice stands. */
function masked({ out, hex }: Emitted, ranges: readonly [number, number][] = []): string {
  // The flow label of what the router itself sends is a hash with a key drawn at boot; ours is 0.
  let text = hex[0] === '6' ? `${hex.slice(0, 3)}00000${hex.slice(8)}` : hex;
  for (const [from, to] of ranges) text = text.slice(0, 2 * from) + '00'.repeat(to - from) + text.slice(2 * to);
  return `${out} ${text}`;
}

const withoutTime = (step: StepResult) => step.ct?.map((entry) => ({ ...entry, timeout: undefined }));
const withoutFlowLabel = (step: StepResult) =>
  step.log?.map(({ level, msg }) => `<${level}> ${msg.replace(/FLOWLBL=\d+/g, 'FLOWLBL')}`);

for (const file of readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'))) {
  const recorded = JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8')) as Recorded[];
  describe(`as the kernel did: ${file.replace('.json', '')}`, () => {
    test.each(recorded.map((one) => [one.scenario.name, one] as const))('%s', async (_name, { scenario, result }) => {
      const ours = await playWithConntrack(scenario);
      result.steps.forEach((wanted, index) => {
        const got = ours.steps[index];
        const where = `step ${index} ${JSON.stringify(scenario.steps[index]).slice(0, 200)}`;
        const ranges = (at: number) => wanted.out?.[at]?.var;
        const stable = (what: string) => !wanted.unstable?.includes(what);
        if (stable('out')) {
          expect(
            got.out?.map((one, at) => masked(one, ranges(at))),
            where,
          ).toEqual(wanted.out?.map((one, at) => masked(one, ranges(at))));
        }
        expect(got.err, where).toEqual(wanted.err);
        if (stable('v4')) expect(wanted.v4 && got.v4, where).toEqual(wanted.v4);
        if (stable('v6')) expect(wanted.v6 && got.v6, where).toEqual(wanted.v6);
        if (stable('log')) expect(withoutFlowLabel(got), where).toEqual(withoutFlowLabel(wanted));
        if (stable('ct')) expect(withoutTime(got), where).toEqual(withoutTime(wanted));
      });
    });
  });
}
