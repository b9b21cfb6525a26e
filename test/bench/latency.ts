// What a forwarder adds to the way of a packet: round trips of small UDP packets, one at a time, while nothing else is on the wire, beside a
// steady stream of small packets, and beside a TCP stream that takes all it gets. The kernel, the bare loop in C, our own bare loop by a ring and
// by calls, `sekisho run` with rules, and the same with --busy-poll, in turn. A round trip passes the forwarder twice.
//
// Client, server and forwarder share the processors: on few of them what stands beside a stream is the scheduler's work as much as the forwarder's.
//
//   node test/bench/run.mjs latency [--rules 30] [--rounds 3] [--asks 1000] [--only sekisho]

import { parseArgs } from 'node:util';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { ADDRESS, Lab } from '../inline/lab.ts';
import { probe } from '../kernel/support.ts';
import { bareC, bareLoop, compiled, type Forwarder, legacy, type Running, sekisho } from './forwarders.ts';
import { passingRules } from './passing-rules.ts';
import { describe, keep, machine, median } from './results.ts';
import { type Beside, beside, warmUp } from './traffic.ts';

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    asks: { type: 'string', default: '1000' },
    only: { type: 'string' },
  },
});
const ASKS = Number(values.asks);
const PORT = 4_000;
/** Microseconds between two questions: long enough for everybody to fall asleep, and for the question not to be a load. */
const PAUSE_US = 1_000;

const LOADS: readonly { name: string; load: Beside }[] = [
  { name: 'nothing', load: 'nothing' },
  { name: '20,000 small packets a second', load: 'packets' },
  { name: 'a TCP stream', load: 'stream' },
];

const forwarders: readonly Forwarder[] = [
  legacy,
  bareC,
  bareLoop('our loop, io_uring', 'io_uring'),
  bareLoop('our loop, calls', 'calls'),
  sekisho(),
  sekisho('sekisho run, busy-poll 2000', ['--busy-poll', '2000']),
].filter(({ name }) => values.only === undefined || name.includes(values.only));

interface Trips {
  /** Microseconds. */
  readonly median: number;
  readonly p99: number;
  /** Questions without an answer. */
  readonly lost: number;
  /** What the forwarder took of one processor meanwhile, 0 to 1. */
  readonly busy: number | undefined;
}

async function measure(forwarder: Forwarder): Promise<Map<string, Trips>> {
  const lab = new Lab();
  try {
    const running = await forwarder.start(lab, passingRules('stateful', Number(values.rules), 'udp'));
    try {
      await warmUp(lab, 'udp');
      lab.start('server', [compiled('rtt'), 'serve', `${PORT}`]);
      const all = new Map<string, Trips>();
      for (const { name, load } of LOADS) {
        const seconds = Math.ceil((ASKS * PAUSE_US) / 1e6) + 1;
        const end = beside(lab, load, seconds);
        all.set(name, await ask(lab, running));
        await end;
      }
      return all;
    } finally {
      await running.stop();
    }
  } finally {
    lab.close();
  }
}

async function ask(lab: Lab, running: Running): Promise<Trips> {
  const [spent, from] = [running.spentNs(), performance.now()];
  const argv = [compiled('rtt'), 'ask', ADDRESS.server.v6, `${PORT}`, `${ASKS}`, `${PAUSE_US}`];
  const { stdout, stderr, status } = await lab.finish('client', argv);
  if (status !== 0) throw new Error(stderr);
  const after = running.spentNs();
  const took = (performance.now() - from) * 1e6;
  const trips = stdout
    .trimEnd()
    .split('\n')
    .map((nanoseconds) => Number(nanoseconds) / 1e3);
  const back = trips.filter((trip) => trip >= 0).sort((a, b) => a - b);
  return {
    median: back[back.length >> 1],
    p99: back[Math.floor(back.length * 0.99)],
    lost: trips.length - back.length,
    busy: spent === undefined || after === undefined ? undefined : (after - spent) / took,
  };
}

interface Row extends Trips {
  readonly forwarder: string;
  readonly beside: string;
  /** Of half a round trip, beyond the kernel's: microseconds that the way through the forwarder takes longer. */
  readonly added: number | undefined;
}

/** Medians of the rounds. */
function rowOf(forwarder: string, load: string, own: readonly Trips[], kernel: readonly Trips[] | undefined): Row {
  const of = (figure: 'median' | 'p99' | 'lost'): number => median(own.map((trips) => trips[figure]));
  const busy = own.map((trips) => trips.busy).filter((one) => one !== undefined);
  return {
    forwarder,
    beside: load,
    median: of('median'),
    p99: of('p99'),
    lost: of('lost'),
    added: kernel && median(own.map((trips, round) => (trips.median - kernel[round].median) / 2)),
    busy: busy.length === 0 ? undefined : median(busy),
  };
}

const cell = (value: number | undefined, width: number, digits = 0): string =>
  (value?.toFixed(digits) ?? '-').padStart(width);

async function main(): Promise<void> {
  const here = probe('ip', 'ss', 'sysctl', 'iperf3', 'cc');
  if (here.missing !== '') {
    console.log(`latency bench left out: ${here.missing}`);
    return;
  }
  // Whose devices have the same names, is elsewhere.
  enterNewNamespace();
  const there = forwarders.filter(({ name, missing }) => missing === '' || void console.log(`${name}: ${missing}`));
  console.log(`${describe(machine())}\n${values.rules} rules`);
  const all = new Map<string, Map<string, Trips>[]>(there.map(({ name }) => [name, []]));
  // Interleaved, so that a busy minute of the machine hits all of them.
  for (let round = 0; round < Number(values.rounds); round++)
    for (const forwarder of there) all.get(forwarder.name)?.push(await measure(forwarder));
  const rows: Row[] = [];
  for (const { name: load } of LOADS) {
    const tripsOf = (name: string): Trips[] | undefined => all.get(name)?.map((round) => round.get(load)!);
    console.log(`\nbeside ${load}              median us   99th us   added us   lost   busy`);
    for (const { name } of there) {
      const made = rowOf(name, load, tripsOf(name)!, tripsOf(legacy.name));
      rows.push(made);
      console.log(
        `${name.padEnd(34)}${cell(made.median, 12)}${cell(made.p99, 10)}${cell(made.added, 11, 1)}${cell(made.lost, 7)}${cell(made.busy, 7, 2)}`,
      );
    }
  }
  keep('latency', rows);
}

await main();
