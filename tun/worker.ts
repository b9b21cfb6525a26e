// The program of the data plane's threads: the one that decides, which takes its engine from the module named in its start data, and
// those of its queues.

import { workerData } from 'node:worker_threads';
import type { EngineFactory } from './data-plane.ts';
import { inlineMore } from './inlining.ts';
import { type QueueStart, serveQueue } from './queue.ts';
import { CallCarrier } from './queue-calls.ts';
import { RingCarrier } from './queue-ring.ts';
import { serveDataPlane } from './serving.ts';

inlineMore();
const start = workerData as { engine: string } | QueueStart;
if ('queue' in start) {
  serveQueue(start, (data, ends) => (data.ring ? new RingCarrier(data, ends) : new CallCarrier(data, ends)));
} else {
  const { createEngine } = (await import(start.engine)) as { createEngine: EngineFactory };
  await serveDataPlane(start, createEngine);
}
