// A process that counts what packets of established flows leave behind: octets a packet, and how many came through, for each setup, as JSON.

import { established, SETUPS, type Setup } from './established.ts';

/** Packets that one reading of the clock serves: a batch of the forwarding loop. */
const BATCH = 64;
const PACKETS = 100 * BATCH;

function count(mode: 'bridge' | 'router', family: 4 | 6, setup: Setup) {
  const flow = established(mode, family, setup);
  const before = flow.left;
  // Until the code is optimised numbers are allocated, and a collection in between hides them: one run without either shows it.
  let perPacket = Number.POSITIVE_INFINITY;
  let sent = 0;
  for (let run = 0; run < 200 && perPacket >= 1; run++) {
    const used = process.memoryUsage().heapUsed;
    for (let batch = 0; batch < PACKETS / BATCH; batch++) {
      flow.tick();
      for (let index = 0; index < BATCH; index += 2) {
        flow.send();
        flow.answer();
      }
    }
    sent += PACKETS;
    const grown = process.memoryUsage().heapUsed - used;
    if (grown >= 0) perPacket = grown / PACKETS;
  }
  return { setup, mode, family, perPacket, left: flow.left - before, sent };
}

const rows = [];
for (const setup of Object.keys(SETUPS) as Setup[]) {
  for (const mode of ['bridge', 'router'] as const)
    for (const family of [4, 6] as const) rows.push(count(mode, family, setup));
}
process.stdout.write(JSON.stringify(rows));
