// The program of the data plane's threads: the one that decides, which takes its engine from the module named in its start data, and
// those of its queues.

import { workerData } from 'node:worker_threads';
import type { EngineFactory } from './data-plane.ts';
import { type QueueStart, serveQueue } from './queue.ts';
import { serveDataPlane } from './serving.ts';

const start = workerData as { engine: string } | QueueStart;
if ('queue' in start) serveQueue(start);
else {
  const { createEngine } = (await import(start.engine)) as { createEngine: EngineFactory };
  await serveDataPlane(start, createEngine);
}
