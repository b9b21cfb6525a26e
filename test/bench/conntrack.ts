// The connection table at size: octets per connection, measured from the process and as reserved, cost of a new connection, of a
// lookup of a hot and of a random one, of a packet of an established flow, of the sweep. Run: node test/bench/run.mjs conntrack [COUNT]
// Absolute values move with the machine; the kernel beside it has 256 octets for an entry without extensions.

import { execFileSync } from 'node:child_process';
import { byProtocol } from '../../conntrack/l4/index.ts';
import { ConnectionTable } from '../../conntrack/table.ts';
import { ConnectionTracker } from '../../conntrack/tracker.ts';
import { Tuple } from '../../conntrack/tuple.ts';
import { ip, tcp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
let state = 12345;
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state ^ (state >>> 15);
};

/** Milliseconds of the processor: others may be at work on the machine. */
const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

const perOctet = (family: 4 | 6, protocol: number, count: number): string => {
  collect();
  const before = process.memoryUsage();
  const table = new ConnectionTable({
    secret: [random() | 0, random() | 0],
    invert: (number, keys) => byProtocol[number].invert(keys),
    words: (number) => byProtocol[number].words,
  });
  table.limit = count;
  const tuple = new Tuple();
  tuple.family = family;
  tuple.protocol = protocol;
  const fill = (index: number): void => {
    tuple.words[0] = 0x0a000000 | (index & 0xfffff);
    tuple.words[4] = 0x0b000000 | (index >>> 8);
    if (family === 6) tuple.words[3] = tuple.words[7] = index;
    tuple.setPorts(1024 + (index % 50_000), 443);
  };
  const started = spent();
  for (let index = 0; index < count; index++) {
    fill(index);
    const id = table.open(tuple);
    table.expires[id] = 1_000_000;
    // As a packet would: the protocol's record is written too.
    const slab = table.slabs[protocol];
    if (slab) slab.words.fill(index, table.own[id] * slab.stride, (table.own[id] + 1) * slab.stride);
    table.insert(id);
  }
  const inserted = spent();
  collect();
  const after = process.memoryUsage();
  const lookups = 1_000_000;
  let sum = 0;
  const time = (pick: () => number): number => {
    const from = spent();
    for (let turn = 0; turn < lookups; turn++) {
      fill(pick());
      sum += table.find(tuple);
    }
    return ((spent() - from) * 1e6) / lookups;
  };
  const pickOnly = spent();
  for (let turn = 0; turn < lookups; turn++) fill(random() % count);
  const overhead = ((spent() - pickOnly) * 1e6) / lookups;
  const hot = time(() => random() % 1_024) - overhead;
  const cold = time(() => random() % count) - overhead;
  const sweepFrom = spent();
  table.nextExpired(0, table.top, 1);
  const sweep = spent() - sweepFrom;
  const reserved = Object.values(table.memory()).reduce((total, octets) => total + octets, 0);
  return (
    `IPv${family} ${byProtocol[protocol].name.padEnd(4)} ${((after.rss - before.rss) / count).toFixed(1)} octets resident, ` +
    `${(reserved / count).toFixed(1)} reserved; insert ${(((inserted - started) * 1e6) / count).toFixed(0)} ns, ` +
    `lookup hot ${hot.toFixed(0)} ns, random ${cold.toFixed(0)} ns; sweep ${sweep.toFixed(2)} ms (${sum % 10})`
  );
};

const packets = (family: 4 | 6): void => {
  const tracker = new ConnectionTracker(() => random() >>> 0);
  const src = (index: number): string =>
    family === 4 ? `10.0.${index >> 8}.${index & 255}` : `fd00:a::${index.toString(16)}`;
  const dst = family === 4 ? '10.1.0.1' : 'fd00:b::1';
  const flows = Array.from({ length: 1_024 }, (_, index) => {
    const ends = { src: src(index), dst };
    const back = { src: dst, dst: src(index) };
    for (const octets of [
      ip(family, ends, tcp({ sport: 1024, dport: 80, flags: 'S', seq: 100, window: 60_000 })),
      ip(family, back, tcp({ sport: 80, dport: 1024, flags: 'SA', seq: 500, ack: 101, window: 60_000 })),
      ip(family, ends, tcp({ sport: 1024, dport: 80, flags: 'A', seq: 101, ack: 501, window: 60_000 })),
    ]) {
      const pkt = Packet.of(octets);
      tracker.track(pkt);
      tracker.confirm(pkt);
    }
    const pkt = Packet.of(
      ip(family, ends, tcp({ sport: 1024, dport: 80, flags: 'A', seq: 101, ack: 501, window: 60_000 })),
    );
    pkt.checksumTrusted = true;
    return pkt;
  });
  const rounds = 3_000;
  const from = spent();
  for (let round = 0; round < rounds; round++) {
    for (const pkt of flows) {
      pkt.forgetConnection();
      tracker.track(pkt);
    }
  }
  const used = spent() - from;
  console.log(
    `IPv${family} TCP: ${((used * 1e6) / (rounds * flows.length)).toFixed(0)} ns per packet of an established flow (1,024 flows)`,
  );
};

// Each measurement in a process of its own: what one leaves behind would be the next one's gain.
const [, , , what, family, protocol] = process.argv;
if (what === 'memory') {
  // The first, small one is for the compiler, whose own memory is not the table's.
  perOctet(Number(family) as 4 | 6, Number(protocol), 20_000);
  console.log(perOctet(Number(family) as 4 | 6, Number(protocol), COUNT));
} else if (what === 'packets') packets(Number(family) as 4 | 6);
else {
  for (const words of ['memory 4 6', 'memory 6 6', 'memory 4 17', 'memory 6 17', 'packets 4', 'packets 6']) {
    execFileSync(process.execPath, ['--expose-gc', process.argv[1], String(COUNT), ...words.split(' ')], {
      stdio: 'inherit',
    });
  }
}
