// ns per packet through the whole engine, without devices: a default-drop stateful ruleset, one flow and many, bridge and router.
// Run it bundled: npx esbuild test/bench/walk.ts --bundle --platform=node --format=esm --outfile=/tmp/walk.mjs && node /tmp/walk.mjs

import { helpers } from '../../conntrack/helpers/index.ts';
import { Firewall, type Mode } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import { restore } from '../../engine/restore.ts';
import { Ruleset } from '../../engine/ruleset.ts';
import { DEFAULT_TOPOLOGY } from '../../engine/stack/index.ts';
import { matches } from '../../matches/index.ts';
import { ip6, tcp, udp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';

const filter = (rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;

const STATEFUL = [
  '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
];
const ports = (count: number) =>
  Array.from(
    { length: count },
    (_, index) => `-A FORWARD -p udp -m udp --dport ${10_000 + index} -m conntrack --ctstate NEW -j DROP`,
  );

function bench(name: string, mode: Mode, rules: string[], packets: readonly Uint8Array[]): void {
  const registry = new Registry({ matches, targets, helpers });
  let out = 0;
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed;
  };
  const firewall = new Firewall({ mode, registry, random, transmit: () => out++ });
  const ruleset = new Ruleset(6, { lookup: registry, install: (table) => firewall.install([table]) });
  const { diagnostics } = restore(filter(rules), ruleset, { program: 'bench' });
  if (diagnostics.length > 0) throw new Error(diagnostics[0].first);
  const pkt = new Packet(2048);
  let now = 1;
  const send = (octets: Uint8Array) => {
    pkt.bytes.set(octets);
    pkt.load(0, octets.length, (now += 0.001));
    pkt.parse();
    firewall.receive('tunA', pkt);
  };
  const rounds = Math.max(1, Math.floor(200_000 / packets.length));
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run++) {
    const start = process.hrtime.bigint();
    for (let round = 0; round < rounds; round++) for (const octets of packets) send(octets);
    least = Math.min(least, Number(process.hrtime.bigint() - start) / (rounds * packets.length));
  }
  console.log(`${name.padEnd(44)} ${least.toFixed(0).padStart(6)} ns   ${out} out`);
}

const router: Mode = { kind: 'router', topology: DEFAULT_TOPOLOGY };
const bridge: Mode = { kind: 'bridge', ports: ['tunA', 'tunB'] };
const oneFlow = [ip6({}, udp({ sport: 5, dport: 53, data: new Uint8Array(18) }))];
const big = [ip6({}, tcp({ sport: 5, dport: 80, flags: 'A', seq: 1, ack: 1, data: new Uint8Array(1400) }))];
const flows = Array.from({ length: 10_000 }, (_, index) =>
  ip6({}, udp({ sport: index + 1, dport: 53, data: new Uint8Array(18) })),
);

for (const [mode, kind] of [
  [bridge, 'bridge'],
  [router, 'router'],
] as const) {
  bench(`${kind}, no rules`, mode, ['-A FORWARD -j ACCEPT'], oneFlow);
  bench(`${kind}, stateful, one UDP flow`, mode, [...STATEFUL, '-A FORWARD -p udp -j ACCEPT'], oneFlow);
  bench(`${kind}, stateful, one TCP flow of 1,460`, mode, [...STATEFUL, '-A FORWARD -p tcp -j ACCEPT'], big);
  bench(`${kind}, stateful, 10,000 UDP flows`, mode, [...STATEFUL, '-A FORWARD -p udp -j ACCEPT'], flows);
  bench(`${kind}, 1,000 port rules with NEW, one flow`, mode, [...ports(1000), '-A FORWARD -p udp -j ACCEPT'], oneFlow);
}
