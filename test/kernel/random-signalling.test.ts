// Random signalling of SIP, H.323 and PPTP (random-runner.ts): also the same expectations.

import { caseOf } from './random.ts';
import { besideTheKernel } from './random-runner.ts';
import { randomSignalling } from './random-signalling.ts';

besideTheKernel({
  what: 'random signalling',
  make: (seed) => caseOf(seed, randomSignalling(seed)),
  cases: 100,
});
