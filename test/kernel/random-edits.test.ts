// Random flows while rules, connections and sets are edited (random-runner.ts).

import { randomEdits } from './random-edits.ts';
import { besideTheKernel } from './random-runner.ts';

besideTheKernel({ what: 'random edits', make: randomEdits, cases: 40 });
