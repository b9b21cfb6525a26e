// Whole sequences of calls beside the real programs: what they print, their exit codes, the first line of their complaints, and what is
// there at the end. Ours work on stored rules, so that between any two calls the rules go to a file and come back.
//
// SEKISHO_SEED replays a run; SEKISHO_CALLS=1000 makes it longer (sequences for each family; 75 otherwise).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statePaths } from '../../control/paths.ts';
import { runOnStoredRules } from '../../control/stored/stored-tool.ts';
import { Dice } from './dice.ts';
import { operatorCalls, ROWS } from './operator-calls.ts';
import { type Call, RandomCalls } from './random-calls.ts';
import { type Outcome, outcome, runRealCalls } from './real-calls.ts';
import { probeTwin, ready } from './support.ts';

const may = ready('sequences of calls beside the real tools', probeTwin());
const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const sequences = Number(process.env.SEKISHO_CALLS ?? 75);
/** Of one start of the real tools. */
const AT_ONCE = 25;

async function runOurs(calls: readonly Call[]): Promise<Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-state-'));
  const paths = statePaths(directory, {});
  const nobody = (): never => {
    throw new Error('no daemon serves this');
  };
  try {
    const outcomes: Outcome[] = [];
    for (const call of calls) {
      const { exitCode, stdout, stderr } = await runOnStoredRules(
        paths,
        undefined,
        { ...call, date: new Date(0) },
        nobody,
      );
      outcomes.push(outcome(exitCode, stdout, stderr));
    }
    return outcomes;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const firstDifference = (ours: readonly Outcome[], theirs: readonly Outcome[]): number =>
  ours.findIndex(({ code, stdout, said }, index) => {
    const other = theirs[index];
    return code !== other.code || stdout !== other.stdout || said !== other.said;
  });

const differs = async (calls: readonly Call[]): Promise<boolean> =>
  firstDifference(await runOurs(calls), runRealCalls([calls])[0]) >= 0;

/** The same difference with as few calls as can be. */
async function shrunk(calls: readonly Call[]): Promise<readonly Call[]> {
  let few = calls;
  for (let index = 0; index < few.length; ) {
    const fewer = few.toSpliced(index, 1);
    if (await differs(fewer)) few = fewer;
    else index++;
  }
  return few;
}

const told = (calls: readonly Call[]): string =>
  calls.map(({ program, argv, stdin }) => `${[program, ...argv].join(' ')}${stdin ? ` <<\n${stdin}` : ''}`).join('\n');

describe.skipIf(!may)('calls that people make', () => {
  const real = may ? runRealCalls(ROWS.map(operatorCalls)) : [];
  it.each(ROWS.map((row, index) => [row.join('; '), index] as const))('%s', async (_, index) => {
    const calls = operatorCalls(ROWS[index]);
    expect(await runOurs(calls), told(calls)).toEqual(real[index]);
  });
});

describe.skipIf(!may)(`the real programs (SEKISHO_SEED=${seed})`, () => {
  for (const [kind, mistakes] of [
    ['mostly right', 0.02],
    ['often wrong', 0.25],
  ] as const) {
    for (const family of [4, 6] as const) {
      it(`answer sequences of IPv${family} calls, ${kind}, as ours do`, { timeout: 7_200_000 }, async () => {
        for (let done = 0; done < sequences; done += AT_ONCE) {
          const made = Array.from({ length: Math.min(AT_ONCE, sequences - done) }, (_, index) =>
            new RandomCalls(new Dice(seed + done + index), { family, calls: 12, mistakes }).sequence(),
          );
          const real = runRealCalls(made);
          for (const [index, calls] of made.entries()) {
            if (firstDifference(await runOurs(calls), real[index]) < 0) continue;
            const few = await shrunk(calls);
            expect(await runOurs(few), `seed ${seed + done + index}:\n${told(few)}`).toEqual(runRealCalls([few])[0]);
          }
        }
      });
    }
  }
});
