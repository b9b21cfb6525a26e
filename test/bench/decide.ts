// ns per decision of one table over N rules: compiled, and interpreted for comparison. Rules and packets are ClassBench-like IPv6
// 5-tuples, 9 of 10 packets are built from a rule. Run: node --experimental-strip-types test/bench/decide.ts (Node 22 or newer),
// or npx tsx. Ratios count, not absolute values.

import { Counts } from '../../engine/counters.ts';
import type { AnyMatch } from '../../engine/extension.ts';
import { interpret } from '../../engine/reference.ts';
import { SharedState } from '../../engine/rule.ts';
import { plan, type Table, traverse } from '../../engine/table.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { FORWARD } from '../../grammar/tables.ts';
import { prefixMask } from '../../packet/address.ts';
import { ip6, tcp, udp } from '../../packet/build.ts';
import { u16 } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';

let seed = 12345;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 0x1_0000_0000) * below);
};

/** What matches/tcp.ts and matches/udp.ts do for one destination port. */
const dport = {
  name: 'dport',
  effect: 'pure',
  compile:
    ({ low, high }: { low: number; high: number }) =>
    (pkt: Packet) => {
      if (pkt.fragmentOffset !== 0) return false;
      if (pkt.l4 + 8 > pkt.end) return pkt.hotDrop();
      const port = u16(pkt.bytes, pkt.l4 + 2);
      return low <= port && port <= high;
    },
  constrain: ({ low, high }: { low: number; high: number }) => ({ destinationPort: [[low, high]] }),
} as unknown as AnyMatch;

function address(length: number): Uint8Array {
  const address = Uint8Array.from({ length: 16 }, () => random(256));
  address.set([0x20, 0x01, 0x0d, 0xb8], 0);
  const mask = prefixMask(length, 6);
  return address.map((octet, index) => octet & mask[index]);
}

function rule(): RuleSpec {
  const [source, destination] = [[32, 48, 56, 64, 128][random(5)], [48, 64, 128][random(3)]];
  const port = random(65536);
  return {
    family: 6,
    source: random(4) === 0 ? undefined : { address: address(source), mask: prefixMask(source, 6), inverted: false },
    destination: { address: address(destination), mask: prefixMask(destination, 6), inverted: false },
    inInterface: random(4) === 0 ? { name: 'tunA', inverted: false } : undefined,
    outInterface: undefined,
    protocol: { number: random(2) ? 6 : 17, inverted: false },
    fragment: undefined,
    matches: random(5) === 0 ? [] : [{ name: 'dport', checked: { low: port, high: port + random(3) } }],
    target: { kind: 'verdict', name: random(2) ? 'ACCEPT' : 'DROP' },
    counters: undefined,
    origin: undefined,
  };
}

function packetFor({ source, destination, protocol, matches }: RuleSpec, hit: boolean): Packet {
  const addressText = (octets: Uint8Array): string =>
    Array.from({ length: 8 }, (_, i) => u16(octets, 2 * i).toString(16)).join(':');
  const fields = {
    sport: 1024 + random(60000),
    dport: hit ? ((matches[0]?.checked as { low: number })?.low ?? random(65536)) : 0,
  };
  const octets = ip6(
    {
      src: addressText(source?.address ?? address(128)),
      dst: addressText(hit ? destination!.address : address(128)),
    },
    protocol!.number === 6 ? tcp(fields) : udp(fields),
  );
  const pkt = Packet.of(octets);
  pkt.inDevice = 'tunA';
  pkt.outDevice = 'tunB';
  pkt.hook = FORWARD;
  return pkt;
}

function table(rules: RuleSpec[]): Table {
  const chain = (name: 'INPUT' | 'FORWARD' | 'OUTPUT', of: RuleSpec[]): [string, ChainSpec] => [
    name,
    { name, builtin: name, policy: 'DROP', counters: { packets: 0, bytes: 0 }, rules: of },
  ];
  const spec: TableSpec = {
    family: 6,
    name: 'filter',
    chains: new Map([chain('INPUT', []), chain('FORWARD', rules), chain('OUTPUT', [])]),
  };
  return plan(spec, {
    table: 'filter',
    extensions: { match: () => dport, target: () => undefined },
    services: undefined as never,
    shared: new SharedState(),
    counts: new Counts(),
    keyOf: (part) => part,
  });
}

function best(rounds: number, packets: Packet[], decide: (pkt: Packet) => number): number {
  let least = Infinity;
  for (let run = 0; run < 7; run++) {
    const start = process.hrtime.bigint();
    for (let round = 0; round < rounds; round++) for (const pkt of packets) decide(pkt);
    const ns = Number(process.hrtime.bigint() - start) / (rounds * packets.length);
    least = Math.min(least, ns);
  }
  return least;
}

console.log('rules   build ms   hit ns   miss ns   interpreted hit ns');
for (const n of [1, 10, 100, 1000, 10_000]) {
  const rules = Array.from({ length: n }, rule);
  const start = process.hrtime.bigint();
  const built = table(rules);
  const buildMs = Number(process.hrtime.bigint() - start) / 1e6;
  const packets = (hit: boolean) => Array.from({ length: 1024 }, () => packetFor(rules[random(n)], hit));
  const [hits, misses] = [packets(true), packets(false)];
  const rounds = Math.max(1, Math.floor(200_000 / n / 10));
  const compiled = (pkt: Packet): number => traverse(built, FORWARD, pkt);
  const plain = (pkt: Packet): number => interpret(built, FORWARD, pkt);
  const [hit, miss] = [best(rounds, hits, compiled), best(rounds, misses, compiled)];
  const interpreted = best(Math.max(1, rounds >> 6), hits.slice(0, n > 1000 ? 64 : 1024), plain);
  console.log(
    `${String(n).padStart(5)}   ${buildMs.toFixed(1).padStart(8)}   ${hit.toFixed(1).padStart(6)}   ${miss.toFixed(1).padStart(7)}   ${interpreted.toFixed(0).padStart(8)}`,
  );
}
