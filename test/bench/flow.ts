// Packets a second through the whole engine, without devices, on one core: those of an established flow, and first ones of new
// connections, in bridge and router mode, both families, behind a stateful ruleset of 203 rules.
//
//   node test/bench/run.mjs flow

import { established, FORWARD_RULES } from '../engine/established.ts';
import { keep, median, spentNs, spread } from './results.ts';

function measure(count: number, batch: () => void): number[] {
  const once = (packets: number): number => {
    const start = spentNs();
    for (let sent = 0; sent < packets; sent += 64) batch();
    return (spentNs() - start) / packets;
  };
  once(count);
  return Array.from({ length: 7 }, () => once(count));
}

const rows = [];
console.log('mode    IPv   established ns   M/s   new connection ns     k/s   spread');
for (const mode of ['bridge', 'router'] as const) {
  for (const family of [4, 6] as const) {
    const flow = established(mode, family, FORWARD_RULES);
    const of = (send: () => void) => () => {
      flow.tick();
      for (let index = 0; index < 64; index++) send();
    };
    const old = measure(
      300_000,
      of(() => flow.send()),
    );
    const fresh = measure(
      60_000,
      of(() => flow.open()),
    );
    rows.push({
      mode,
      family,
      established: median(old),
      opened: median(fresh),
      spread: Math.max(spread(old), spread(fresh)),
    });
    const cells = [
      mode.padEnd(7),
      String(family).padStart(3),
      median(old).toFixed(0).padStart(16),
      (1e3 / median(old)).toFixed(2).padStart(5),
      median(fresh).toFixed(0).padStart(19),
      (1e6 / median(fresh)).toFixed(0).padStart(7),
      Math.max(spread(old), spread(fresh)).toFixed(2).padStart(8),
    ];
    console.log(cells.join(' '));
  }
}
keep('flow', rows);
