// The tables of docs/scaling.md, out of measured costs. What is predicted by the formula stands beside what the simulation carries.

import { median } from '../results.ts';
import { Dice } from '../rulesets.ts';
import {
  type Arrangement,
  arrange,
  type Costs,
  capacity,
  type Design,
  type Flows,
  hottestOf,
  lanesOf,
  sharesOf,
} from './model.ts';
import { type Outcome, simulate } from './simulation.ts';

/** Of an 18-octet UDP datagram over IPv6, and of a super-packet as TCP makes them. */
const SMALL = 66;
const LARGE = 64 * 1_024;
const CORES = [1, 2, 4, 8, 16] as const;
/** At most this share may be lost. */
const TOLERATED = 0.001;

/** Of Markdown. */
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(line).join('\n');

const million = (rate: number): string => (rate / 1e6).toFixed(2);

/** The middle of many draws of a hash over flows. */
function hottest(flows: Flows, lanes: number): number {
  const dice = new Dice(lanes);
  const shares = sharesOf(flows, dice);
  return median(Array.from({ length: 99 }, () => hottestOf(shares, lanesOf(shares, lanes, dice), lanes)));
}

/** Under `load` times what the formula says of the same flows in the same lanes. */
function played(arrangement: Arrangement, flows: Flows, load: number): Outcome {
  const { lanes } = arrangement;
  const dice = new Dice(5);
  const shares = sharesOf(flows, dice);
  const chosen = lanesOf(shares, lanes, dice);
  const rate = load * capacity(arrangement, hottestOf(shares, chosen, lanes));
  // So many that no excess could wait for its end in the queues.
  return simulate(arrangement, { rate, packets: 12_000 * (1 + lanes), shares, chosen }, dice);
}

/** The largest load without loss, to 2 in 100; 1 is what the formula says. */
export function carried(arrangement: Arrangement, flows: Flows): number {
  let [passes, fails] = [0.6, 1.24];
  while (fails - passes > 0.03) {
    const load = (passes + fails) / 2;
    if (played(arrangement, flows, load).lost <= TOLERATED) passes = load;
    else fails = load;
  }
  return passes;
}

function costTable(costs: Costs): string {
  const WHAT: Readonly<Record<keyof Costs, string>> = {
    carry: 'a packet: out of one TUN device and into the other by io_uring, and the way of the kernel behind it',
    carryKib: 'each 1,024 octets of it: the copy out of the kernel and the one into it',
    callsCarry: 'a packet, with a system call to read and one to write it',
    callsCarryKib: 'each 1,024 octets of it',
    decide: 'a packet of an established connection: parse, lookup, window, rules, counters',
    open: 'the first packet of a connection: lookup, 203 rules, insertion, confirmation',
    handOver: 'a packet: between the thread of a queue and the engine, both ends',
    copyKib: 'for comparison, 1,024 octets from memory to memory',
  };
  const rows = (Object.keys(WHAT) as (keyof Costs)[]).map((name) => [
    `\`${name}\``,
    costs[name].toFixed(0),
    WHAT[name],
  ]);
  return table(['cost', 'ns', 'of'], rows);
}

function coresRow(costs: Costs, cores: number): string[] {
  const cells = [String(cores)];
  for (const design of ['queues', 'apart'] as const) {
    const made = arrange(cores === 1 ? 'one' : design, cores, costs, SMALL);
    const formula = (flows: Flows): string => million(capacity(made, hottest(flows, made.lanes)));
    cells.push(formula('many'), `x ${carried(made, 'many').toFixed(2)}`, formula('heavy'));
  }
  return cells;
}

function coresTable(costs: Costs): string {
  const of = (design: string): string[] => [`${design}, equal flows`, 'simulated', 'heavy tail'];
  const rows = CORES.map((cores) => coresRow(costs, cores));
  return table(['cores', ...of('queues, one engine'), ...of('engines apart')], rows);
}

const bits = (packets: number): string => ((packets * LARGE * 8) / 1e9).toFixed(0);

function bulkTable(costs: Costs): string {
  const uncached = { ...costs, carryKib: 2 * costs.copyKib };
  const rows = CORES.map((cores) => [
    String(cores),
    ...[costs, uncached].flatMap((of) =>
      (['queues', 'apart'] as const).map((design) => bits(capacity(arrange(design, cores, of, LARGE)))),
    ),
  ]);
  const head = ['queues, one engine', 'engines apart'];
  return table(['cores', ...head, ...head.map((design) => `${design}, every copy from memory`)], rows);
}

const DELAYED: readonly (readonly [string, Design, number])[] = [
  ['one thread', 'one', 1],
  ['four queues, one engine', 'queues', 5],
  ['five engines apart', 'apart', 5],
];

function delayRow(costs: Costs, [name, design, cores]: (typeof DELAYED)[number]): string[] {
  const made = arrange(design, cores, costs, SMALL);
  const cells = [0.5, 0.8, 0.95].map((load) => {
    const { median: half, late } = played(made, 'many', load);
    return `${half.toFixed(0)} / ${late.toFixed(0)}`;
  });
  return [name, ...cells];
}

function delayTable(costs: Costs): string {
  const rows = DELAYED.map((one) => delayRow(costs, one));
  return table(['', 'at 50 % of what it carries', '80 %', '95 %'], rows);
}

const MACHINES = [1, 2, 4, 8, 16] as const;
/** Cores of each. */
const OF_EACH = 6;

function machinesTable(costs: Costs): string {
  const one = capacity(arrange('queues', OF_EACH, costs, SMALL));
  const rows = MACHINES.map((machines) => {
    const cell = (flows: Flows): string => {
      const share = hottest(flows, machines);
      return `${million(one / share)} (${(1 / share / machines).toFixed(2)})`;
    };
    return [String(machines), cell('many'), cell('heavy')];
  });
  return table(['machines', 'equal flows', 'heavy tail'], rows);
}

/** What carries packets, and its share of what io_uring takes, where that was assumed and not measured. */
const WAYS: readonly (readonly [string, number | 'calls'])[] = [
  ['a system call each, measured', 'calls'],
  ['io_uring, measured', 1],
  ['two fifths of that, assumed: vhost-net or vhost-user, whose kernel threads or peers copy', 0.4],
  ['a tenth, assumed: AF_XDP, whose rings need no call for a packet', 0.1],
];

function waysTable(costs: Costs): string {
  const rows = WAYS.map(([name, share]) => {
    const changed = { ...costs, carry: share === 'calls' ? costs.callsCarry : costs.carry * share };
    const designs = [
      ['one', 1],
      ['queues', 4],
      ['apart', 16],
    ] as const;
    return [name, ...designs.map(([design, cores]) => million(capacity(arrange(design, cores, changed, SMALL))))];
  });
  return table(['carried by', 'one thread', '4 cores, one engine', '16 engines apart'], rows);
}

/** By the name of its place in the page. */
const TABLES: Readonly<Record<string, (costs: Costs) => string>> = {
  costs: costTable,
  cores: coresTable,
  bulk: bulkTable,
  delay: delayTable,
  machines: machinesTable,
  ways: waysTable,
};
/** Seconds of play are behind these. */
const PLAYED = ['cores', 'delay'];

const PLACE = /(<!-- table: (\w+) -->)[\s\S]*?(<!-- end -->)/g;

/** The page with its tables made anew; `only`: those of them. */
export function withTables(page: string, costs: Costs, only = Object.keys(TABLES)): string {
  return page.replace(PLACE, (whole, begin: string, name: string, end: string) =>
    only.includes(name) ? `${begin}\n\n${TABLES[name](costs)}\n\n${end}` : whole,
  );
}

/** What a page must say that was made of these costs: the tables that only the formula is behind, and one row of each of the others. */
export const sample = (costs: Costs): string[] => [
  ...Object.keys(TABLES)
    .filter((name) => !PLAYED.includes(name))
    .map((name) => TABLES[name](costs)),
  line(coresRow(costs, CORES[1])),
  line(delayRow(costs, DELAYED[0])),
];
