// A process that counts what a packet of an established flow leaves behind: octets a packet, and packets that came through, as JSON.

import type { Family } from '../../packet/numbers.ts';
import { established, FORWARD_RULES } from './established.ts';

/** Packets that one reading of the clock serves: a batch of the forwarding loop. */
const BATCH = 64;
const PACKETS = 100 * BATCH;

const [mode, family] = process.argv.slice(2);
const flow = established(mode as 'bridge' | 'router', Number(family) as Family, FORWARD_RULES);

// Until the code is optimised numbers are allocated, and a collection in between hides them: one run without either shows it.
let perPacket = Number.POSITIVE_INFINITY;
for (let run = 0; run < 200 && perPacket >= 1; run++) {
  const before = process.memoryUsage().heapUsed;
  for (let sent = 0; sent < PACKETS; sent += BATCH) {
    flow.tick();
    for (let index = 0; index < BATCH; index++) flow.send();
  }
  const grown = process.memoryUsage().heapUsed - before;
  if (grown >= 0) perPacket = grown / PACKETS;
}
process.stdout.write(JSON.stringify({ perPacket, left: flow.left, packets: PACKETS }));
