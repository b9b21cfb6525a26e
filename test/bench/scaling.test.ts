import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Dice } from './rulesets.ts';
import { keptCosts } from './scaling/kept-costs.ts';
import {
  type Arrangement,
  arrange,
  type Costs,
  capacity,
  type Design,
  hottestOf,
  lanesOf,
  sharesOf,
} from './scaling/model.ts';
import { simulate } from './scaling/simulation.ts';
import { sample } from './scaling/tables.ts';

const COSTS: Costs = {
  carry: 3_000,
  carryKib: 100,
  callsCarry: 4_000,
  callsCarryKib: 100,
  decide: 500,
  open: 2_000,
  handOver: 50,
  copyKib: 100,
};

const four = (lanes: number): number[] => Array.from({ length: 1_000 }, (_, flow) => flow % lanes);
const equal = new Array<number>(1_000).fill(0.001);

/** Share lost of so many packets, flows spread evenly, at that share of what the formula says. */
const lost = (made: Arrangement, load: number, packets = 30_000): number =>
  simulate(made, { rate: load * capacity(made), packets, shares: equal, chosen: four(made.lanes) }, new Dice(1)).lost;

describe('what the formula says, the simulation carries', () => {
  test.each<[Design, number]>([
    ['one', 1],
    ['queues', 2],
    ['queues', 5],
    ['apart', 4],
  ])('%s on %i cores', (design, cores) => {
    const made = arrange(design, cores, COSTS, 0);
    expect(lost(made, 0.85)).toBeLessThan(0.001);
    expect(lost(made, 1.2, 60_000)).toBeGreaterThan(0.05);
  });

  test('the engine is the limit as soon as enough threads read and write for it', () => {
    const rates = [2, 4, 6, 16].map((cores) => Math.round(capacity(arrange('queues', cores, COSTS, 0)) / 1e3));
    expect(rates).toEqual([333, 1_000, 1_333, 1_333]);
  });

  test('a hot lane is the limit of all', () => {
    const made = arrange('apart', 4, COSTS, 0);
    expect(capacity(made, 0.5)).toBeCloseTo(capacity(made) / 2);
    const shares = [0.5, ...new Array<number>(500).fill(0.001)];
    const dice = new Dice(1);
    expect(hottestOf(shares, lanesOf(shares, 4, dice), 4)).toBeGreaterThan(0.55);
  });
});

test('the same seed plays the same', () => {
  const made = arrange('queues', 3, COSTS, 0);
  const play = () => {
    const dice = new Dice(9);
    const shares = sharesOf('heavy', dice);
    const chosen = lanesOf(shares, made.lanes, dice);
    return simulate(made, { rate: 400_000, packets: 5_000, shares, chosen }, dice);
  };
  expect(play()).toEqual(play());
});

test('an idle firewall adds its own work and the wake-ups, and no more', () => {
  const made = arrange('queues', 2, COSTS, 0);
  const { median } = simulate(made, { rate: 100, packets: 200, shares: [1], chosen: [0] }, new Dice(2));
  // 3.75 of work and up to three wake-ups of 10; packets of a train wait for those before.
  expect(median).toBeGreaterThan(13);
  expect(median).toBeLessThan(60);
});

test('docs/scaling.md says what the kept costs give: else npm run bench:scaling -- --write', () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const page = read('docs/scaling.md');
  for (const part of sample(keptCosts(new URL('results', import.meta.url).pathname))) expect(page).toContain(part);
});
