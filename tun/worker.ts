// The data plane's thread: takes its engine from the module named in its start data.

import { workerData } from 'node:worker_threads';
import type { EngineFactory } from './data-plane.ts';
import { serveDataPlane } from './serving.ts';

const { engine } = workerData as { engine: string };
const { createEngine } = (await import(engine)) as { createEngine: EngineFactory };
await serveDataPlane(workerData, createEngine);
