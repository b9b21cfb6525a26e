// Random dialogues of protocols with helpers (random-runner.ts): also the same expectations.

import { caseOf } from './random.ts';
import { randomDialogue } from './random-dialogues.ts';
import { besideTheKernel } from './random-runner.ts';

besideTheKernel({
  what: 'random dialogues',
  make: (seed) => caseOf(seed, randomDialogue(seed)),
  cases: 100,
});
