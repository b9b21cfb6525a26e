// What a packet costs, part by part, on one core: what docs/scaling.md counts with. Nanoseconds of the processor, medians of several runs.
//
//   node test/bench/run.mjs costs             as root; `npm run bench:scaling -- --write` brings kept figures into the page
//
// Two TUN devices between which the kernel routes, in a namespace of their own: a write takes the packet through the kernel to the other
// device's queue, where a read finds it. So the cost of a packet holds what the kernel does behind the write, as it would on the way to a card.

import { execFileSync } from 'node:child_process';
import { ip, tcp, udp } from '../../packet/build.ts';
import { GSO_TCP6, Packet } from '../../packet/packet.ts';
import { BUFFER_LENGTH, type Device, DeviceCounters, HEADROOM } from '../../tun/device.ts';
import { type Holding, holdAlone } from '../../tun/holding.ts';
import type { IoMethod } from '../../tun/io-method.ts';
import { EngineEnd, laneMemory, QueueEnd, SLOTS, slotAt } from '../../tun/lane.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { Waker } from '../../tun/os.ts';
import { established } from '../engine/established.ts';
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
  readonly held: Holding;
}

function openPair(method: IoMethod): Pair {
  const memory = () => new DeviceCounters().cells.buffer as SharedArrayBuffer;
  const specs = ['tunA', 'tunB'].map((name) => ({ name, memory: memory() }));
  const nobody = { waker: new Waker().descriptor, cells: new Int32Array(2), called: 0, sleeps: 1 };
  const held = holdAlone(specs, nobody, method);
  const [a, b] = held.devices;
  execFileSync('sh', ['-c', SET_UP], { stdio: 'ignore' });
  return { a, b, held };
}

/**
 * Nanoseconds a packet from one device to the other: `count` of them go round and round, for what is read from the one and written to the
 * other is routed back to the first. No more than a turn takes.
 */
function carry({ a, b, held }: Pair, octets: Uint8Array, gsoSize: number, count: number): number[] {
  const laps = 20_000 / (gsoSize > 0 ? 8 : 1);
  const into = new Packet(BUFFER_LENGTH);
  let seen = 0;
  const pass = (pkt: Packet): void => {
    seen++;
    pkt.bytes[pkt.l3 + 7] = 64; // hop limit
    a.write(pkt);
  };
  const go = (upTo: number): void => {
    for (let turns = 0; seen < upTo; turns++) {
      held.wait(0);
      b.read(into, 0, 64, pass);
      b.flush(0);
      a.flush(0);
      if (turns > 10 * upTo) throw new Error(`${seen} of ${upTo} packets came round`);
    }
  };
  for (let index = 0; index < count; index++) a.write(packetOf(octets, gsoSize));
  a.flush(0);
  const all = runs(() => {
    seen = 0;
    return each(laps, () => go(laps));
  });
  // The next ones have the ring to themselves.
  for (let turn = 0; turn < 10; turn++) {
    held.wait(0);
    b.read(into, 0, 64, () => {});
  }
  return all;
}

function packetOf(octets: Uint8Array, gsoSize: number): Packet {
  const pkt = new Packet(BUFFER_LENGTH);
  pkt.bytes.set(octets, HEADROOM);
  pkt.load(HEADROOM, HEADROOM + octets.length, 0);
  pkt.parse();
  pkt.gsoSize = gsoSize;
  pkt.gsoType = gsoSize > 0 ? GSO_TCP6 : 0;
  pkt.checksumPartial = gsoSize > 0;
  pkt.checksumStart = pkt.l4;
  pkt.checksumField = pkt.l4 + 16;
  return pkt;
}

// --- The engine, and the way to it --------------------------------------------------------------------------------------------------

function engine(): { known: number[]; fresh: number[] } {
  const flow = established('bridge', 6);
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

function passages(method: IoMethod): { packet: number[]; kib: number[] } {
  enterNewNamespace();
  const pair = openPair(method);
  const packet = carry(pair, SMALL, 0, 16);
  const large = carry(pair, LARGE, SEGMENT, 8);
  pair.held.close();
  return { packet, kib: large.map((ns) => (ns - median(packet)) / (LARGE.length / 1_024)) };
}

/** Every cost of the model, once measured. */
function measure(): Record<keyof Costs, number[]> {
  const [ring, calls] = [passages('io_uring'), passages('calls')];
  const { known, fresh } = engine();
  return {
    carry: ring.packet,
    carryKib: ring.kib,
    callsCarry: calls.packet,
    callsCarryKib: calls.kib,
    decide: known,
    open: fresh,
    handOver: handOver(),
    copyKib: copyPerKib(),
  };
}

const { missing } = probe('ip', 'sysctl');
if (missing !== '') console.log(`costs bench left out: ${missing}`);
else {
  console.log(describe(machine()));
  const rows = Object.entries(measure()).map(([cost, all]) => ({ cost, ns: median(all), spread: spread(all) }));
  for (const { cost, ns, spread: share } of rows)
    console.log(`${cost.padEnd(14)} ${ns.toFixed(1).padStart(8)} ns  spread ${share.toFixed(2)}`);
  keep('costs', rows);
}
