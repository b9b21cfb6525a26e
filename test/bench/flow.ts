// Packets a second through the whole engine, without devices, on one core: those of an established flow, both ways by turns, and first ones
// of new connections, which end a second later, 16,000 at a time. Bridge and router, both families, behind the rules of
// test/engine/established.ts.
//
//   node test/bench/run.mjs flow

import { established, SETUPS, type Setup } from '../engine/established.ts';
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
console.log('rules                       mode    IPv   established ns   M/s   new connection ns     k/s   spread');
for (const setup of Object.keys(SETUPS) as Setup[]) {
  for (const mode of ['bridge', 'router'] as const) {
    for (const family of [4, 6] as const) {
      const flow = established(mode, family, setup);
      const old = measure(200_000, () => {
        flow.tick();
        for (let index = 0; index < 64; index += 2) {
          flow.send();
          flow.answer();
        }
      });
      const fresh = measure(64_000, () => {
        for (let ms = 0; ms < 4; ms++) flow.tick();
        for (let index = 0; index < 64; index++) flow.open();
      });
      const row = {
        setup,
        mode,
        family,
        established: median(old),
        opened: median(fresh),
        spread: Math.max(spread(old), spread(fresh)),
      };
      rows.push(row);
      const cells = [
        setup.padEnd(27),
        mode.padEnd(7),
        String(family).padStart(3),
        row.established.toFixed(0).padStart(16),
        (1e3 / row.established).toFixed(2).padStart(5),
        row.opened.toFixed(0).padStart(19),
        (1e6 / row.opened).toFixed(0).padStart(7),
        row.spread.toFixed(2).padStart(8),
      ];
      console.log(cells.join(' '));
    }
  }
}
keep('flow', rows);
