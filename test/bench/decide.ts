// ns a decision of one table: rules of each shape (rulesets.ts), packets that a rule was made for and packets that none wants, by the
// programs that the engine runs and, for comparison, by the interpreter and by the kernel, as root, up to 10,000 rules that stand in one chain:
// its legacy tables and nft. Ratios count, not absolute values.
//
// A decision is one call of traverse(): the chains' rules, the counters, the policy. Each table is in a process of its own, as a daemon has one, with
// V8's flags of the data plane. Slices of hits, of misses and of the same loop without a decision, which is in the figures and printed, take turns. A
// thousand packets each, drawn from all rules, lie in one buffer; hardly a branch can be predicted.
//
//   node test/bench/run.mjs decide [--shapes acl,fw] [--families 6] [--counts 10,1000]

import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Counts } from '../../engine/install/counters.ts';
import { plan } from '../../engine/install/plan.ts';
import { SharedState } from '../../engine/install/rule.ts';
import { commit, type Table, traverse } from '../../engine/install/table.ts';
import { interpret } from '../../engine/reference.ts';
import { Registry } from '../../engine/registry.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { FORWARD, PREROUTING } from '../../grammar/tables.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { bareServices } from '../../testing/bare-services.ts';
import { inlineMore } from '../../tun/inlining.ts';
import { KernelDecisions } from './kernel-decisions.ts';
import { inOneBuffer, packetFor, strayPacket } from './packets.ts';
import { describe, keep, machine, median, spentNs } from './results.ts';
import { Dice, SHAPES, type Shape, saveText } from './rulesets.ts';

const registry = new Registry({ matches, targets });

function parse(text: string, family: Family): TableSpec {
  let table: TableSpec | undefined;
  const ruleset = new Ruleset(family, {
    lookup: registry,
    install: (spec) => {
      table = spec;
    },
  });
  const { diagnostics } = restore(text, ruleset, { program: 'bench' });
  if (diagnostics.length > 0) throw new Error(diagnostics[0].first);
  return table!;
}

const build = (spec: TableSpec): Table =>
  commit(
    plan(spec, {
      table: spec.name,
      extensions: registry,
      services: bareServices(),
      shared: new SharedState(),
      counts: new Counts(),
    }),
  );

const WARMING_MS = 150;
const SLICE_NS = 4e6;

/** Rounds of packets. They say something that depends on all of them, lest the compiler leaves them out. */
interface Way {
  readonly many: number;
  run(rounds: number): number;
}

/** A loop with the call in it, as the data plane has it: a closure in between costs 3 ns. */
const decided = (table: Table, hook: number, packets: readonly Packet[]): Way => ({
  many: packets.length,
  run(rounds) {
    let sum = 0;
    for (let round = 0; round < rounds; round++)
      for (let at = 0; at < packets.length; at++) sum += traverse(table, hook, packets[at]);
    return sum;
  },
});

const looped = (packets: readonly Packet[]): Way => ({
  many: packets.length,
  run(rounds) {
    let sum = 0;
    for (let round = 0; round < rounds; round++) for (let at = 0; at < packets.length; at++) sum += packets[at].hook;
    return sum;
  },
});

const interpreted = (table: Table, hook: number, packets: readonly Packet[]): Way => ({
  many: packets.length,
  run(rounds) {
    let sum = 0;
    for (let round = 0; round < rounds; round++) for (const pkt of packets) sum += interpret(table, hook, pkt);
    return sum;
  },
});

/** Nanoseconds a packet, in slices of some milliseconds by turns: what disturbs one of the ways disturbs the others. NaN without packets. */
function nanoseconds(ways: readonly Way[], slices: number): number[][] {
  const once = (way: Way, rounds: number): number => {
    const start = spentNs();
    way.run(rounds);
    return (spentNs() - start) / (rounds * way.many);
  };
  const rounds = ways.map((way) => {
    // Chains that are hot become code, and that is to be optimised, too.
    for (let until = performance.now() + WARMING_MS; performance.now() < until; ) once(way, 1);
    return way.many === 0 ? 0 : Math.max(1, Math.round(SLICE_NS / (once(way, 10) * way.many)));
  });
  const runs: number[][] = ways.map(() => []);
  for (let slice = 0; slice < slices; slice++) {
    for (const [at, way] of ways.entries()) runs[at].push(once(way, rounds[at]));
  }
  return runs;
}

/** Half of them lie within so much, as a share of the median. */
function spread(runs: readonly number[]): number {
  const sorted = runs.toSorted((a, b) => a - b);
  const [quarter, half, most] = [1, 2, 3].map((part) => sorted[(runs.length * part) >> 2]);
  return (most - quarter) / half;
}

interface Row {
  shape: Shape;
  family: Family;
  rules: number;
  buildMs: number;
  hit: number;
  miss: number;
  /** Of the two, nanoseconds of the loop. */
  loop: number;
  spread: number;
  octetsPerRule: number;
  interpreted: number | undefined;
  legacyHit?: number;
  legacyMiss?: number;
  nftHit?: number;
  nftMiss?: number;
}

const ONE_CHAIN: readonly Shape[] = ['acl', 'fw', 'ipc', 'blocklist'];

function ofKernel(shape: Shape, family: Family, save: string, hits: readonly Packet[], misses: readonly Packet[]) {
  if (KernelDecisions.missing !== '' || !ONE_CHAIN.includes(shape)) return {};
  const { legacy, nft } = new KernelDecisions().measure(family, save, hits, misses);
  return { legacyHit: legacy.hit, legacyMiss: legacy.miss, nftHit: nft.hit, nftMiss: nft.miss };
}

function measure(shape: Shape, family: Family, count: number): Row {
  // A translation is for the tracker to make: here it is a verdict.
  const save = saveText(shape, family, count).replaceAll(/-j DNAT .*/g, '-j ACCEPT');
  const spec = parse(save, family);
  // The first one has the compiler's work in it.
  build(spec);
  const start = spentNs();
  const table = build(spec);
  const buildMs = (spentNs() - start) / 1e6;
  const hook = spec.name === 'nat' ? PREROUTING : FORWARD;
  const dice = new Dice(7);
  // The long chain's rules are what packets are made for.
  const [longest] = [...table.chains.values()].sort((a, b) => b.rules.length - a.rules.length);
  const { rules } = longest;
  const hits = Array.from({ length: 1024 }, () => packetFor(rules[dice.next(rules.length)].spec, dice));
  const misses: Packet[] = [];
  const policy = table.builtin[hook]!.slot;
  const { packets: counted } = table.context.counts;
  for (let tries = 0; misses.length < 1024 && tries < 100_000; tries++) {
    const pkt = strayPacket(family, dice, Math.max(4, Math.ceil(Math.sqrt(count) * 2)));
    pkt.hook = hook;
    const before = counted[policy];
    traverse(table, hook, pkt);
    if (counted[policy] !== before) misses.push(pkt);
  }
  for (const pkt of hits) pkt.hook = hook;
  inOneBuffer([...hits, ...misses]);
  // Short chains are laid out when they are walked first.
  for (const { spec } of rules) layOut(table, hook, packetFor(spec, dice));
  check(table, hook, [...hits.slice(0, 20), ...misses.slice(0, 20)]);
  const ways = [decided(table, hook, hits), decided(table, hook, misses), looped(hits)];
  const [hit, miss, loop] = nanoseconds(ways, 41);
  const few = hits.slice(0, 64);
  const [plain] = count <= 1000 ? nanoseconds([interpreted(table, hook, few)], 7) : [];
  const octets = [...table.chains.values()].reduce((sum, { program }) => sum + program.memory, 0);
  return {
    shape,
    family,
    rules: count,
    buildMs,
    hit: median(hit),
    miss: median(miss),
    loop: median(loop),
    spread: Math.max(spread(hit), spread(miss)),
    octetsPerRule: octets / count,
    interpreted: plain && median(plain),
    ...(count <= 10_000 ? ofKernel(shape, family, save, hits, misses) : {}),
  };
}

function layOut(table: Table, hook: number, pkt: Packet): void {
  pkt.hook = hook;
  traverse(table, hook, pkt);
}

/** No figure for a wrong answer. */
function check(table: Table, hook: number, packets: readonly Packet[]): void {
  // `statistic` rolls dice, here as there.
  if (table.spec.name === 'nat') return;
  for (const pkt of packets) {
    const found = `${traverse(table, hook, pkt)} ${pkt.reason}`;
    pkt.reason = '';
    const wanted = `${interpret(table, hook, pkt)} ${pkt.reason}`;
    pkt.reason = '';
    if (found !== wanted) throw new Error(`the interpreter says ${wanted}, the program ${found}`);
  }
}

const cell = (value: number | undefined, width: number, digits = 0): string =>
  (Number.isFinite(value) ? value!.toFixed(digits) : '-').padStart(width);

function print(row: Row): void {
  // Ten rules are less than the noise of a system call.
  const slope = (miss: number | undefined) => (row.rules < 100 ? undefined : miss! / row.rules);
  const cells = [
    row.shape.padEnd(10),
    cell(row.family, 3),
    cell(row.rules, 7),
    cell(row.buildMs, 9, 1),
    cell(row.hit, 8, 1),
    cell(row.miss, 8, 1),
    cell(row.loop, 5, 1),
    cell(row.spread, 7, 2),
    cell(row.octetsPerRule, 12),
    cell(row.interpreted, 12),
    cell(row.legacyHit, 11),
    cell(row.legacyMiss, 7),
    cell(slope(row.legacyMiss), 7, 1),
    cell(row.nftHit, 8),
    cell(row.nftMiss, 7),
    cell(slope(row.nftMiss), 7, 1),
  ];
  console.log(cells.join(' '));
}

function all(args: readonly string[]): Row[] {
  const { values } = parseArgs({
    args: [...args],
    options: {
      shapes: { type: 'string', default: SHAPES.join() },
      families: { type: 'string', default: '4,6' },
      counts: { type: 'string', default: '10,100,1000,10000,100000' },
    },
  });
  console.log(describe(machine()));
  if (KernelDecisions.missing !== '') console.log(`the kernel: left out, ${KernelDecisions.missing}`);
  console.log(
    'shape      IPv   rules  build ms   hit ns  miss ns  loop  spread  octets/rule  interpreted  legacy hit    miss  a rule  nft hit    miss  a rule',
  );
  const rows: Row[] = [];
  for (const shape of values.shapes.split(',')) {
    for (const family of values.families.split(',')) {
      for (const count of values.counts.split(',')) {
        const argv = [process.argv[1], 'one', shape, family, count];
        const row = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as Row;
        print(row);
        rows.push(row);
      }
    }
  }
  return rows;
}

const [what, shape, family, count] = process.argv.slice(2);
if (what === 'one') {
  inlineMore();
  console.log(JSON.stringify(measure(shape as Shape, Number(family) as Family, Number(count))));
} else keep('decide', all(process.argv.slice(2)));
