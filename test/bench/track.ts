// The tracker at size, each measurement in a process of its own: what one leaves behind would be the next one's gain.
//
//   npm run bench:track [-- COUNT]      1,000,000 connections unless said otherwise; as root, the kernel's figures beside them
//
// Memory is what the process has more of with the connections than without them, index included. Times are of the processor, for others may be at work on
// the machine. "Hot" is a lookup among 1,024 connections, "random" one anywhere, "end" the cost of a connection that expires; "born"
// is a new connection from its packet to the table, "met" a packet of an established one.
//
// The kernel has no lookup that could be called alone: its figures are what tracking adds to a packet (track-kernel.ts), up to 200,000 connections.

import { execFileSync } from 'node:child_process';
import { addressWords } from '../../conntrack/nat/range.ts';
import { Tuple } from '../../conntrack/table/tuple.ts';
import { ConnectionTracker } from '../../conntrack/tracker.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import { parseAddress } from '../../packet/address.ts';
import { ip, tcp, udp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { describe, keep, machine, spentNs } from './results.ts';
import { type KernelFigures, kernelFigures, kernelTable } from './track-kernel.ts';

type Family = 4 | 6;

const [COUNT, what, familyWord, kind] = [Number(process.argv[2] ?? 1_000_000), ...process.argv.slice(3)];
const family = Number(familyWord ?? 4) as Family;

let state = 12_345;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return (state ^ (state >>> 15)) >>> 0;
};

/** Milliseconds of the processor. */
const spent = (): number => spentNs() / 1e6;
const perPiece = (ms: number, count: number): number => Math.round((ms * 1e6) / count);

/** Twice: arrays that have been outgrown are given back by another thread, which the next collection waits for. They were 13 of 107 octets a connection. */
function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
}

// --- The table ------------------------------------------------------------------------------------------------------

const PROTOCOLS: Readonly<Record<string, number>> = {
  tcp: 6,
  udp: 17,
  sctp: 132,
  icmp: 1,
  gre: 47,
  nat: 6,
  counted: 6,
};

/** As a packet would leave it: with the records that its kind of connection has. */
function fill(tracker: ConnectionTracker, tuple: Tuple, index: number): void {
  tuple.words[0] = 0x0a000000 | (index & 0xfffff);
  tuple.words[4] = 0x0b000000 | (index >>> 8);
  if (family === 6) tuple.words[3] = tuple.words[7] = index;
  tuple.setPorts(1_024 + (index % 50_000), 443);
  if (kind === 'icmp') tuple.keys = tuple.inverse = index << 16;
  tracker.time = 0;
}

const outside = family === 4 ? '10.9.9.9' : 'fd00::9';

/** Octets and nanoseconds, each of one connection; a sweep of all in milliseconds. */
interface Figures {
  readonly resident: number;
  readonly hot: number;
  readonly random: number;
  readonly sweepMs: number;
  readonly end: number;
}

function memory(count: number): Figures {
  collect();
  const before = process.memoryUsage().rss;
  const tracker = new ConnectionTracker(random);
  tracker.sysctls.set('net.netfilter.nf_conntrack_max', count + 1);
  tracker.table.limit = count;
  if (kind === 'counted')
    for (const name of ['acct', 'timestamp']) tracker.sysctls.set(`net.netfilter.nf_conntrack_${name}`, 1);
  const { table } = tracker;
  const tuple = new Tuple();
  tuple.family = family;
  tuple.protocol = PROTOCOLS[kind];
  const reply = new Tuple();
  for (let index = 0; index < count; index++) {
    fill(tracker, tuple, index);
    const id = tracker.open(tuple, 0);
    table.expires[id] = 1_000_000 + (index & 0xffff);
    const slab = table.slabs[tuple.protocol];
    if (slab) slab.words.fill(index, table.own[id] * slab.stride, (table.own[id] + 1) * slab.stride);
    if (kind === 'nat') {
      reply.copy(tuple);
      reply.invert();
      reply.words.set(addressWords(parseAddress(outside, family)!, family), 4);
      table.setReply(id, reply);
      table.addStatus(id, 0x10); // IPS_SRC_NAT
      tracker.nat.restore(id, '');
    }
    table.insert(id);
  }
  collect();
  const resident = (process.memoryUsage().rss - before) / count;

  const lookups = 1_000_000;
  let sum = 0;
  const time = (pick: () => number): number => {
    const from = spent();
    for (let turn = 0; turn < lookups; turn++) {
      fill(tracker, tuple, pick());
      sum += table.find(tuple);
    }
    return spent() - from;
  };
  const from = spent();
  for (let turn = 0; turn < lookups; turn++) fill(tracker, tuple, random() % count);
  const overhead = spent() - from;
  const hot = time(() => random() % 1_024) - overhead;
  const cold = time(() => random() % count) - overhead;
  const sweepFrom = spent();
  table.nextExpired(0, table.top, 1);
  const sweep = spent() - sweepFrom;
  const expireFrom = spent();
  tracker.advance(3_000_000);
  const expire = spent() - expireFrom;
  if (sum < 0) throw new Error('nothing was found');
  return {
    resident: Math.round(resident),
    hot: perPiece(hot, lookups),
    random: perPiece(cold, lookups),
    sweepMs: sweep,
    end: perPiece(expire, count),
  };
}

// --- Packets --------------------------------------------------------------------------------------------------------

const client = (index: number): string =>
  family === 4 ? `10.0.${(index >> 8) & 255}.${index & 255}` : `fd00:a::${index.toString(16)}`;
const SERVER = family === 4 ? '10.1.0.1' : 'fd00:b::1';

const RULES = `*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -j ACCEPT
COMMIT
`;

function firewall(): Firewall {
  const registry = new Registry({ matches, targets });
  const made = new Firewall({
    mode: { kind: 'bridge', ports: ['a', 'b'] },
    registry,
    random,
    transmit: () => {},
    sysctls: { 'net.netfilter.nf_conntrack_max': 2_000_000 },
  });
  const ruleset = new Ruleset(family, { lookup: registry, install: (table) => made.install([table]) });
  const { diagnostics } = restore(RULES, ruleset, { program: 'bench' });
  if (diagnostics.length > 0) throw new Error(diagnostics[0].first);
  return made;
}

/** A SYN from one more client each time; the packet is written over. */
function born(): number {
  const made = firewall();
  const octets = ip(family, { src: client(1), dst: SERVER }, udp({ sport: 1_024, dport: 80, data: 18 }));
  const pkt = new Packet(2_048);
  const count = 200_000;
  const from = spent();
  for (let index = 0; index < count; index++) {
    pkt.bytes.set(octets);
    // The source's last three octets: no two are alike. Its sum is not looked at.
    const at = family === 4 ? 13 : 21;
    pkt.bytes[at] = index >>> 16;
    pkt.bytes[at + 1] = index >>> 8;
    pkt.bytes[at + 2] = index;
    pkt.load(0, octets.length, 1);
    pkt.checksumTrusted = true;
    pkt.parse();
    made.receive('a', pkt);
  }
  if (made.tracker.table.count !== count) throw new Error(`${made.tracker.table.count} connections`);
  return perPiece(spent() - from, count);
}

/** TCP segments of 1,024 established flows, in turn. */
function met(): number {
  const made = firewall();
  const segment = (from: string, to: string, sport: number, dport: number, flags: string, seq: number, ack: number) =>
    ip(family, { src: from, dst: to }, tcp({ sport, dport, flags, seq, ack, window: 60_000 }));
  const packets = Array.from({ length: 1_024 }, (_, index) => {
    const [here, there] = [client(index), SERVER];
    const opening: [string, Uint8Array][] = [
      ['a', segment(here, there, 1_024, 80, 'S', 100, 0)],
      ['b', segment(there, here, 80, 1_024, 'SA', 500, 101)],
      ['a', segment(here, there, 1_024, 80, 'A', 101, 501)],
    ];
    for (const [device, octets] of opening) {
      const pkt = Packet.of(octets);
      pkt.now = 1;
      made.receive(device, pkt);
    }
    return opening[2][1];
  });
  const pkt = new Packet(2_048);
  const rounds = 1_000;
  let walk = 0;
  for (const tracked of [false, true]) {
    const from = spent();
    for (let round = 0; round < rounds; round++) {
      for (const octets of packets) {
        pkt.bytes.set(octets);
        pkt.load(0, octets.length, 2);
        pkt.checksumTrusted = true;
        pkt.parse();
        if (tracked) made.receive('a', pkt);
      }
    }
    walk = spent() - from - walk;
  }
  return perPiece(walk, rounds * packets.length);
}

// --- The run --------------------------------------------------------------------------------------------------------

/** What one measurement, in a process of its own, says. */
function again<Said>(...words: (string | number)[]): Said {
  const argv = ['--expose-gc', process.argv[1], String(COUNT), ...words.map(String)];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as Said;
}

const kernel = (version: Family, one: string): KernelFigures | string => again('kernel', version, one);

const cells = (numbers: readonly number[], unit: string, digits = 0): string =>
  numbers.map((number) => `${number.toFixed(digits)} ${unit}`.padStart(9)).join('');

function compareKinds(): object[] {
  console.log(`${COUNT} connections; ${describe(machine())}`);
  console.log(`${' '.repeat(14)}    ours                                      the kernel`);
  console.log(
    `${' '.repeat(14)}  octets      hot   random    sweep      end   octets      hot   random      end     born`,
  );
  const rows: object[] = [];
  for (const one of Object.keys(PROTOCOLS)) {
    for (const version of [4, 6] as const) {
      const ours = again<Figures>('memory', version, one);
      const theirs = kernel(version, one);
      const left = `${cells([ours.resident], '')}${cells([ours.hot, ours.random], 'ns')}${cells([ours.sweepMs], 'ms', 1)}${cells([ours.end], 'ns')}`;
      const right =
        typeof theirs === 'string'
          ? `  left out: ${theirs}`
          : `${cells([theirs.slab], '')}${cells([theirs.hot, theirs.random, theirs.end, theirs.born], 'ns')}`;
      console.log(`IPv${version} ${one}`.padEnd(14) + left + right);
      rows.push({ kind: one, family: version, connections: COUNT, ...ours });
      if (typeof theirs !== 'string')
        rows.push({ kind: `${one}, the kernel`, family: version, connections: COUNT, ...theirs });
    }
  }
  const table = kernelTable();
  if (table !== undefined) console.log(`the kernel's hash table, whatever is in it: ${table / 1_024} KB`);
  return rows;
}

function comparePackets(): object[] {
  return ([4, 6] as const).map((version) => {
    const [fresh, old] = [again<number>('born', version), again<number>('met', version)];
    const second = Math.round(1e9 / fresh).toLocaleString('en');
    console.log(`IPv${version}, the whole walk: born ${fresh} ns (${second} a second), met ${old} ns, 1,024 flows`);
    return { kind: 'the whole walk', family: version, born: fresh, met: old };
  });
}

if (what === 'memory') {
  // The first, small one is for the compiler, whose own memory is not the table's.
  memory(20_000);
  console.log(JSON.stringify(memory(COUNT)));
} else if (what === 'born') console.log(born());
else if (what === 'met') console.log(met());
else if (what === 'kernel') {
  const said = await kernelFigures(family, kind, COUNT).catch((error: Error) => error.message);
  console.log(JSON.stringify(said));
  // Its devices may hold the process.
  process.exit();
} else keep('track', [...compareKinds(), ...comparePackets()]);
