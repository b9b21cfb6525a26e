// The process that a Twin starts: a scenario a line on stdin, a result a line on stdout. It leaves the namespace it was started in,
// so the tests that use it keep theirs.

import { createInterface } from 'node:readline';
import type { Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { KernelTwin } from './twin-kernel.ts';

const twin = new KernelTwin();
const answer = (result: Result | { error: string }) => process.stdout.write(`${JSON.stringify(result)}\n`);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    try {
      answer(twin.run(JSON.parse(line) as Scenario));
    } catch (error) {
      // A bad scenario must not end the service.
      answer({ error: error instanceof Error ? error.message : String(error) });
    }
  })
  .on('close', () => twin.close());
