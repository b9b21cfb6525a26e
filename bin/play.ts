// sekisho play: scenarios in memory, on virtual time.

import { modulesOfEnvironment } from '../control/extension-files.ts';
import { playWithConntrack } from '../testing/scenario/scenario.ts';
import type { Scenario } from '../testing/scenario/scenario-format.ts';
import { complain, readText } from './input.ts';

/** A JSON object, an array of them, or one a line. Throws an Error that says where the text is wrong. */
export function* scenariosOf(text: string, file: string): Generator<Scenario> {
  try {
    const value = JSON.parse(text) as Scenario | Scenario[];
    yield* Array.isArray(value) ? value : [value];
    return;
  } catch (error) {
    if (text.trim().split('\n').length === 1) throw new Error(`${file}: ${(error as Error).message}`);
  }
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line.trim() === '') continue;
    let scenario: Scenario;
    try {
      scenario = JSON.parse(line) as Scenario;
    } catch (error) {
      throw new Error(`${file}: line ${number}: ${(error as Error).message}`);
    }
    yield scenario;
  }
}

/** Exit code 1 when a scenario could not be run; its line then says why, and the others go on. */
export async function play(files: readonly string[], { pretty }: { pretty?: boolean }): Promise<number> {
  let code = 0;
  const attach = modulesOfEnvironment();
  for (const file of files.length > 0 ? files : ['-']) {
    try {
      for (const scenario of scenariosOf(readText(file), file === '-' ? 'standard input' : file)) {
        let result: unknown;
        try {
          result = await playWithConntrack(scenario, { attach });
        } catch (error) {
          code = 1;
          result = { name: scenario?.name, error: (error as Error).message };
        }
        process.stdout.write(`${JSON.stringify(result, undefined, pretty ? 2 : undefined)}\n`);
      }
    } catch (error) {
      code = complain(error);
    }
  }
  return code;
}
