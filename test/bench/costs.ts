// What a packet costs, part by part, on one core: what docs/scaling.md counts with. Nanoseconds of the processor, medians of several runs.
//
//   node test/bench/run.mjs costs             as root; `npm run bench:scaling -- --write` brings kept figures into the page
//
// Two TUN devices between which the kernel routes, in a namespace of their own: a write carries the packet through the kernel to the other
// device's queue, where a read finds it. So `write` holds what the kernel does behind it, as it would on the way to a card.

import { execFileSync } from 'node:child_process';
import { ip, tcp, udp } from '../../packet/build.ts';
import { GSO_TCP6, Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH, type Device, HEADROOM } from '../../tun/device.ts';
import { EngineEnd, laneMemory, QueueEnd, SLOTS, slotAt } from '../../tun/lane.ts';
import { openTun } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { established, FORWARD_RULES } from '../engine/established.ts';
import { probe } from '../kernel/support.ts';
import { describe, keep, machine, median, spentNs, spread } from './results.ts';
import type { Costs } from './scaling/model.ts';

const RUNS = 9;

/** Nanoseconds each of `count` things that `work` does. */
function each(count: number, work: () => void): number {
  const start = spentNs();
  work();
  return (spentNs() - start) / count;
}

const runs = (measure: () => number): number[] => {
  measure();
  return Array.from({ length: RUNS }, measure);
};

// --- Devices ------------------------------------------------------------------------------------------------------------------------

const SET_UP = `for dev in tunA tunB; do ip link set $dev mtu 1500 multicast off up; done
sysctl -qw net.ipv6.conf.all.forwarding=1
ip -6 route add fd77:a::/64 dev tunA; ip -6 route add fd77:b::/64 dev tunB`;

const ENDS = { src: 'fd77:a::1', dst: 'fd77:b::1' };
const SMALL = ip(6, ENDS, udp({ sport: 1_024, dport: 80, data: 18 }));
const SEGMENT = 1_428; // octets, of an MTU of 1500 with time stamps
/** 45 segments, as TCP sends them when it is in a hurry. */
const LARGE = ip(6, ENDS, tcp({ sport: 1_024, dport: 80, flags: 'A', seq: 1, ack: 1, data: 45 * SEGMENT }));

interface Pair {
  readonly a: Device;
  readonly b: Device;
}

function openPair(): Pair {
  enterNewNamespace();
  const [a, b] = ['tunA', 'tunB'].map((name) => openTun({ name }));
  execFileSync('sh', ['-c', SET_UP], { stdio: 'ignore' });
  return { a, b };
}

interface Passage {
  readonly write: number[];
  readonly read: number[];
}

/** `count` packets a turn: no more than the other device's queue takes. */
function passage({ a, b }: Pair, octets: Uint8Array, gsoSize: number, count: number, turns: number): Passage {
  const into = new Packet(BUFFER_LENGTH);
  const out = new Packet(BUFFER_LENGTH);
  out.bytes.set(octets, HEADROOM);
  const load = (): void => {
    out.load(HEADROOM, HEADROOM + octets.length, 0);
    out.parse();
    out.gsoSize = gsoSize;
    out.gsoType = gsoSize > 0 ? GSO_TCP6 : 0;
    out.checksumPartial = gsoSize > 0;
    out.checksumStart = out.l4;
    out.checksumField = out.l4 + 16;
  };
  let seen = 0;
  const write = (): void => {
    for (let index = 0; index < count; index++) {
      load();
      a.write(out);
    }
    a.flush(0);
  };
  const read = (): void => {
    while (b.read(into, 0, 64, () => seen++) > 0);
  };
  const one = (): [write: number, read: number] => {
    const sums: [number, number] = [0, 0];
    for (let turn = 0; turn < turns; turn++) {
      sums[0] += each(count, write) / turns;
      sums[1] += each(count, read) / turns;
    }
    return sums;
  };
  one();
  seen = 0;
  const all = Array.from({ length: RUNS }, one);
  if (seen !== RUNS * turns * count) throw new Error(`${seen} of ${RUNS * turns * count} packets came through`);
  return { write: all.map(([ns]) => ns), read: all.map(([, ns]) => ns) };
}

// --- The engine, and the way to it --------------------------------------------------------------------------------------------------

function engine(): { known: number[]; fresh: number[] } {
  const flow = established('bridge', 6, FORWARD_RULES);
  const batch = (send: () => void) => (): void => {
    for (let sent = 0; sent < 60_000; sent++) {
      if ((sent & 63) === 0) flow.tick();
      send();
    }
  };
  const measure = (send: () => void) => runs(() => each(60_000, batch(send)));
  return { known: measure(() => flow.send()), fresh: measure(() => flow.open()) };
}

/** Packets from the thread of a queue to the engine and back (tun/lane.ts), both ends in this thread: without the misses of two caches. */
function handOver(): number[] {
  const memory = laneMemory();
  const [queue, engineEnd] = [new QueueEnd(memory), new EngineEnd(memory)];
  const turns = 2_000;
  const free = Array.from({ length: SLOTS }, (_, slot) => slot);
  return runs(() =>
    each(SLOTS * turns, () => {
      for (let turn = 0; turn < turns; turn++) {
        for (let slot = free.pop(); slot !== undefined; slot = free.pop()) queue.arrived(slotAt(slot, 0), SMALL.length);
        queue.show();
        while (engineEnd.next()) engineEnd.push(1, engineEnd.at, engineEnd.end - engineEnd.at);
        engineEnd.publish();
        queue.send(() => {});
        queue.done((slot) => void free.push(slot));
      }
    }),
  );
}

/** Memory to memory, far beyond the caches. */
function copyPerKib(): number[] {
  const octets = 64 * 2 ** 20;
  const [from, to] = [new Uint8Array(octets).fill(1), new Uint8Array(octets).fill(2)];
  return runs(() => each(octets / 1_024, () => to.set(from)));
}

// --- The run ------------------------------------------------------------------------------------------------------------------------

/** Every cost of the model, once measured. */
function measure(): Record<keyof Costs, number[]> {
  const pair = openPair();
  const small = passage(pair, SMALL, 0, 256, 40);
  const large = passage(pair, LARGE, SEGMENT, 8, 40);
  const kib = LARGE.length / 1_024;
  const perKib = (of: number[], base: number[]): number[] => of.map((ns) => (ns - median(base)) / kib);
  const { known, fresh } = engine();
  const all = {
    read: small.read,
    write: small.write,
    readKib: perKib(large.read, small.read),
    writeKib: perKib(large.write, small.write),
    decide: known,
    open: fresh,
    handOver: handOver(),
    copyKib: copyPerKib(),
  };
  pair.a.close();
  pair.b.close();
  return all;
}

const { missing } = probe('ip', 'sysctl');
if (missing !== '') console.log(`costs bench left out: ${missing}`);
else {
  console.log(describe(machine()));
  const rows = Object.entries(measure()).map(([cost, all]) => ({ cost, ns: median(all), spread: spread(all) }));
  for (const { cost, ns, spread: share } of rows)
    console.log(`${cost.padEnd(10)} ${ns.toFixed(1).padStart(8)} ns  spread ${share.toFixed(2)}`);
  keep('costs', rows);
}
