// Random rulesets and random traffic, 100 packets each (random-runner.ts has how many and which).
//
//   SEKISHO_TWIN_WITHOUT=ecn,LOG  extensions to leave out
//   SEKISHO_TWIN_WAY='by the tree' how chains are walked on our side: test/engine/ways.ts

import { afterAll, beforeAll } from 'vitest';
import { force } from '../engine/ways.ts';
import { randomCase } from './random.ts';
import { besideTheKernel } from './random-runner.ts';

const { SEKISHO_TWIN_WITHOUT = '', SEKISHO_TWIN_WAY = 'as it comes' } = process.env;
const without = SEKISHO_TWIN_WITHOUT.split(',');

let restore: () => void;
beforeAll(() => {
  restore = force(SEKISHO_TWIN_WAY);
});
afterAll(() => restore());

besideTheKernel({ what: 'random scenarios', make: (seed) => randomCase(seed, { without }), cases: 250 });
