// A packet of an established flow leaves nothing behind for the garbage collector: counted, through the whole pipeline.

import { expect, test } from 'vitest';
import { established, FORWARD_RULES } from './established.ts';

/** Packets that one reading of the clock serves: a batch of the forwarding loop. */
const BATCH = 64;

test.each([
  ['bridge', 4],
  ['bridge', 6],
  ['router', 4],
  ['router', 6],
] as const)('%s, IPv%d', (mode, family) => {
  const flow = established(mode, family, FORWARD_RULES);
  const send = (packets: number): void => {
    for (let sent = 0; sent < packets; sent += BATCH) {
      flow.tick();
      for (let index = 0; index < BATCH; index++) flow.send();
    }
  };
  // Until the code is optimised numbers are allocated, and a collection in between hides them: one run without either shows it.
  const packets = 100 * BATCH;
  let perPacket = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 100 && perPacket >= 1; run++) {
    const before = process.memoryUsage().heapUsed;
    send(packets);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) perPacket = grown / packets;
  }
  expect(perPacket).toBeLessThan(1);
  expect(flow.left).toBeGreaterThan(packets);
});
