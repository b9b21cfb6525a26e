// sekisho mutate: which slips of the hand in the rules the tests would not notice.

import { modulesOfEnvironment } from '../control/extension-files.ts';
import { hostNames } from '../control/host-names.ts';
import { parseAccepted } from '../testing/mutation/accepted.ts';
import { MutationError } from '../testing/mutation/mutate.ts';
import { mutationText } from '../testing/mutation/report.ts';
import { RulesError } from '../testing/rule-source.ts';
import { parseSuite, SuiteError, withExtensions } from '../testing/suite/suite.ts';
import { mutateSuite } from '../testing/suite/suite-run.ts';
import { complain, readText } from './input.ts';
import { Progress } from './progress.ts';

export interface MutateOptions {
  accepted?: string;
  minScore?: string;
  all?: boolean;
  json?: boolean;
}

/** Exit code 0: no mutant survives that is not accepted (or the score is high enough); 1: one does; 2: a file that makes no sense. */
export async function mutate(files: readonly string[], options: MutateOptions): Promise<number> {
  const least = options.minScore === undefined ? undefined : Number(options.minScore.replace(/%$/, ''));
  if (least !== undefined && !(least >= 0 && least <= 100)) {
    return complain(`--min-score ${options.minScore}: a percentage from 0 to 100`);
  }
  let code = 0;
  try {
    const accepted = options.accepted === undefined ? [] : parseAccepted(readText(options.accepted), options.accepted);
    for (const file of files) {
      const suite = withExtensions(parseSuite(readText(file), file), modulesOfEnvironment());
      const progress = new Progress(`mutants of ${file}`);
      const result = mutateSuite(suite, { accepted, onMutant: progress.step }, hostNames());
      progress.end();
      if (options.json) {
        const { mutants, stale, score, ms } = result;
        process.stdout.write(`${JSON.stringify({ file, score, ms: Math.round(ms), mutants, stale })}\n`);
      } else {
        process.stdout.write(`${files.length > 1 ? `${file}\n` : ''}${mutationText(result, { all: options.all })}`);
      }
      const well = least === undefined ? result.survivors.length === 0 : result.score >= least;
      if (!well || (files.length === 1 && result.stale.length > 0)) code = 1;
    }
    return code;
  } catch (error) {
    if (error instanceof SuiteError || error instanceof RulesError || error instanceof MutationError) {
      process.stderr.write(`${error.message.trimEnd()}\n`);
      return 2;
    }
    return complain(error);
  }
}
