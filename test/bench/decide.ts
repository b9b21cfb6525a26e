// ns a decision of one table: rules of each shape (rulesets.ts), packets that a rule was made for and packets that none wants, by the
// programs that the engine runs and, for comparison, by the interpreter and by the kernel, as root, up to 10,000 rules that stand in one chain:
// its legacy tables and nft. Ratios count, not absolute values.
//
// A decision is one call of traverse(): the chains' rules, the counters, the policy. The loop around it, an empty decision, is in the figures,
// and printed. A thousand packets each, drawn from all rules, lie in one buffer; hardly a branch can be predicted.
//
//   node test/bench/run.mjs decide [--shapes acl,fw] [--families 6] [--counts 10,1000]

import { parseArgs } from 'node:util';
import { Counts } from '../../engine/counters.ts';
import { plan } from '../../engine/plan.ts';
import { interpret } from '../../engine/reference.ts';
import { Registry } from '../../engine/registry.ts';
import { restore } from '../../engine/restore.ts';
import { SharedState } from '../../engine/rule.ts';
import { Ruleset } from '../../engine/ruleset.ts';
import { commit, type Table, traverse } from '../../engine/table.ts';
import { ACCEPT } from '../../engine/verdict.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { FORWARD, PREROUTING } from '../../grammar/tables.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { bareServices } from '../../testing/bare-services.ts';
import { KernelDecisions } from './kernel-decisions.ts';
import { inOneBuffer, packetFor, strayPacket } from './packets.ts';
import { describe, keep, machine, spentNs } from './results.ts';
import { Dice, SHAPES, type Shape, saveText } from './rulesets.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: SHAPES.join() },
    families: { type: 'string', default: '4,6' },
    counts: { type: 'string', default: '10,100,1000,10000,100000' },
  },
});

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

/** Median of many slices of some milliseconds, and between which limits half of them lie, as a share of it. */
function nanoseconds(
  packets: readonly Packet[],
  decide: (pkt: Packet) => number,
  slices = 41,
): { median: number; spread: number } {
  const once = (rounds: number): number => {
    const start = spentNs();
    for (let round = 0; round < rounds; round++) for (let at = 0; at < packets.length; at++) decide(packets[at]);
    return (spentNs() - start) / (rounds * packets.length);
  };
  // Chains that are hot become code, and that is to be optimised, too.
  for (let until = performance.now() + WARMING_MS; performance.now() < until; ) once(1);
  const rounds = Math.max(1, Math.round(SLICE_NS / (once(1) * packets.length)));
  const runs = Array.from({ length: slices }, () => once(rounds)).sort((a, b) => a - b);
  const [quarter, half, most] = [1, 2, 3].map((part) => runs[(slices * part) >> 2]);
  return { median: half, spread: (most - quarter) / half };
}

const WARMING_MS = 150;
const SLICE_NS = 4e6;

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

const kernel = KernelDecisions.missing === '' ? new KernelDecisions() : undefined;
const ONE_CHAIN: readonly Shape[] = ['acl', 'fw', 'ipc', 'blocklist'];

function ofKernel(shape: Shape, family: Family, save: string, hits: readonly Packet[], misses: readonly Packet[]) {
  if (kernel === undefined || !ONE_CHAIN.includes(shape)) return {};
  const { legacy, nft } = kernel.measure(family, save, hits, misses);
  return { legacyHit: legacy.hit, legacyMiss: legacy.miss, nftHit: nft.hit, nftMiss: nft.miss };
}

function measure(shape: Shape, family: Family, count: number): Row {
  // A translation is for the tracker to make: here it is a verdict.
  const save = saveText(shape, family, count).replaceAll(/-j DNAT .*/g, '-j ACCEPT');
  const spec = parse(save, family);
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
  const compiled = (pkt: Packet): number => traverse(table, hook, pkt);
  const hit = nanoseconds(hits, compiled);
  const miss = misses.length > 0 ? nanoseconds(misses, compiled) : { median: Number.NaN, spread: 0 };
  const plain =
    count <= 1000 ? nanoseconds(hits.slice(0, 64), (pkt) => interpret(table, hook, pkt), 7).median : undefined;
  const octets = [...table.chains.values()].reduce((sum, { program }) => sum + program.memory, 0);
  return {
    shape,
    family,
    rules: count,
    buildMs,
    hit: hit.median,
    miss: miss.median,
    loop: nanoseconds(hits, () => ACCEPT, 11).median,
    spread: Math.max(hit.spread, miss.spread),
    octetsPerRule: octets / count,
    interpreted: plain,
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

const rows: Row[] = [];
const cell = (value: number | undefined, width: number, digits = 0): string =>
  (value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits)).padStart(width);

console.log(describe(machine()));
if (kernel === undefined) console.log(`the kernel: left out, ${KernelDecisions.missing}`);
console.log(
  'shape      IPv   rules  build ms   hit ns  miss ns  loop  spread  octets/rule  interpreted  legacy hit    miss  a rule  nft hit    miss  a rule',
);
const shapes = values.shapes.split(',') as Shape[];
const families = values.families.split(',').map(Number) as Family[];
const counts = values.counts.split(',').map(Number);
// What comes first has the compiler's work in it, and is not looked at.
measure(shapes[0], families[0], counts[0]);
for (const shape of shapes) {
  for (const family of families) {
    for (const count of counts) {
      const row = measure(shape, family, count);
      rows.push(row);
      // Ten rules are less than the noise of a system call.
      const slope = (miss = Number.NaN) => (count < 100 ? undefined : miss / count);
      const cells = [
        shape.padEnd(10),
        cell(family, 3),
        cell(count, 7),
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
  }
}
keep('decide', rows);
