// Random flows through the kernel's tracker and ours, and their connections again and again on the way (random-runner.ts).
//
//   SEKISHO_FLOW_PACKETS=500000   how many packets; 20,000 unless set

import { randomFlows } from './random-flows.ts';
import { besideTheKernel } from './random-runner.ts';

besideTheKernel({
  what: 'random flows',
  make: (seed) => randomFlows(seed, { packets: 1_000, every: 100 }),
  cases: Number.POSITIVE_INFINITY,
  packets: Number(process.env.SEKISHO_FLOW_PACKETS ?? 20_000),
  // Both had the same time: only what is rounded differs.
  slack: 1,
});
