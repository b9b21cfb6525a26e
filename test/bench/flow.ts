// Packets a second through the whole engine, without devices, on one core: those of an established flow, both ways by turns, and first ones
// of new connections, which end a second later, 16,000 at a time. Bridge and router, both families, behind the rules of
// test/engine/established.ts. Each firewall is in a process of its own, as a daemon has one, with V8's flags of the data plane and packets of both
// families before anything is measured.
//
//   node test/bench/run.mjs flow

import { execFileSync } from 'node:child_process';
import { inlineMore } from '../../tun/inlining.ts';
import { type Established, established, type Mode, passing, SETUPS, type Setup } from '../engine/established.ts';
import { keep, median, spentNs, spread } from './results.ts';

/** Nanoseconds a packet of each, in slices by turns: what disturbs one of them disturbs the others. */
function measure(batches: readonly (() => void)[], packets: number, slices: number): number[][] {
  const once = (batch: () => void): number => {
    const start = spentNs();
    for (let sent = 0; sent < packets; sent += 64) batch();
    return (spentNs() - start) / packets;
  };
  for (const batch of batches) for (let slice = 0; slice < WARMING; slice++) once(batch);
  const runs: number[][] = batches.map(() => []);
  for (let slice = 0; slice < slices; slice++) for (const [at, batch] of batches.entries()) runs[at].push(once(batch));
  return runs;
}

const WARMING = 8;

function meet(flow: Established): void {
  flow.tick();
  for (let index = 0; index < 64; index += 2) {
    flow.send();
    flow.answer();
  }
}

function bear(flow: Established): void {
  for (let ms = 0; ms < 4; ms++) flow.tick();
  for (let index = 0; index < 64; index++) flow.open();
}

interface Row {
  readonly setup: Setup;
  readonly mode: Mode;
  readonly family: number;
  readonly established: number;
  readonly opened: number;
  readonly spread: number;
}

/** Both families through one firewall. */
function measureBoth(mode: Mode, setup: Setup): Row[] {
  const by = passing(mode, setup);
  const families = [4, 6] as const;
  const flows = families.map((family) => established(mode, family, setup, by));
  const old = measure(
    flows.map((flow) => () => meet(flow)),
    8_192,
    41,
  );
  const fresh = measure(
    flows.map((flow) => () => bear(flow)),
    32_768,
    15,
  );
  return families.map((family, at) => {
    const spreads = Math.max(spread(old[at]), spread(fresh[at]));
    return { setup, mode, family, established: median(old[at]), opened: median(fresh[at]), spread: spreads };
  });
}

function print({ setup, mode, family, established, opened, spread }: Row): void {
  const cells = [
    setup.padEnd(27),
    mode.padEnd(7),
    String(family).padStart(3),
    established.toFixed(0).padStart(16),
    (1e3 / established).toFixed(2).padStart(5),
    opened.toFixed(0).padStart(19),
    (1e6 / opened).toFixed(0).padStart(7),
    spread.toFixed(2).padStart(8),
  ];
  console.log(cells.join(' '));
}

function all(): Row[] {
  console.log('rules                       mode    IPv   established ns   M/s   new connection ns     k/s   spread');
  const rows: Row[] = [];
  for (const setup of Object.keys(SETUPS)) {
    for (const mode of ['bridge', 'router']) {
      const said = execFileSync(process.execPath, [process.argv[1], setup, mode], { encoding: 'utf8' });
      const both = JSON.parse(said) as Row[];
      for (const row of both) print(row);
      rows.push(...both);
    }
  }
  return rows;
}

const [setup, mode] = process.argv.slice(2);
if (setup === undefined) keep('flow', all());
else {
  inlineMore();
  console.log(JSON.stringify(measureBoth(mode as Mode, setup as Setup)));
}
