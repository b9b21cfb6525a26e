// What strangers can make us do with packets of their choice: memory stays within its limits, the work for a packet does not grow with what they
// have sent, and connections that are established go on. Work is counted, not timed.

import { describe, expect, test } from 'vitest';
import { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import { swapKeys } from '../../conntrack/l4/l4.ts';
import { addressWords, SOURCE } from '../../conntrack/nat/range.ts';
import { HashIndex } from '../../conntrack/table/hash-index.ts';
import { ConnectionTable } from '../../conntrack/table/table.ts';
import { Tuple } from '../../conntrack/table/tuple.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import { parseAddress } from '../../packet/address.ts';
import * as build from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { ctStateName, newTracker, pass, seeded } from './player.ts';

const SERVER = '10.0.2.2';
const SERVERS = { 4: SERVER, 6: 'fd00:b::2' };
const LIMIT = 200;
const max = 'net.netfilter.nf_conntrack_max';

const random = seeded(99);
const anyAddress = (): string => [24, 16, 8, 0].map((shift) => (random() >>> shift) & 0xff).join('.');
const ANY_ADDRESS = {
  4: anyAddress,
  6: () => `2001:db8:${[1, 2, 3, 4, 5, 6].map(() => (random() & 0xffff).toString(16)).join(':')}`,
};

const there = (flags: string, seq: number, ack = 0) =>
  build.ip4({ src: '10.0.1.2', dst: SERVER }, build.tcp({ sport: 40_000, dport: 80, flags, seq, ack }));
const back = (flags: string, seq: number, ack: number) =>
  build.ip4({ src: SERVER, dst: '10.0.1.2' }, build.tcp({ sport: 80, dport: 40_000, flags, seq, ack }));

/** A connection of somebody honest, opened before the attack. */
function established(tracker: ConnectionTracker): void {
  for (const octets of [there('S', 100), back('SA', 500, 101), there('A', 101, 501)]) pass(tracker, octets, 0);
}

const goesOn = (tracker: ConnectionTracker, now: number): boolean =>
  [there('A', 101, 501), back('A', 501, 101)].every(
    (octets) => ctStateName(pass(tracker, octets, now)) === 'ESTABLISHED',
  );

const reserved = (tracker: ConnectionTracker): number =>
  Object.values(tracker.table.memory()).reduce((sum, octets) => sum + octets, 0);

/** Calls of a method while `run` runs. */
function calls(of: object, name: string, run: () => void): number {
  const methods = of as Record<string, (...words: unknown[]) => unknown>;
  const method = methods[name];
  let count = 0;
  methods[name] = (...words) => {
    count++;
    return method.apply(of, words);
  };
  run();
  methods[name] = method;
  return count;
}

describe.each([4, 6] as const)('a flood of new connections, IPv%i', (family) => {
  test.each([
    ['SYNs', () => build.tcp({ sport: random() & 0xffff, dport: 80, flags: 'S' })],
    ['ACKs out of nowhere', () => build.tcp({ sport: random() & 0xffff, dport: 80, flags: 'A', ack: 1 })],
    ['UDP', () => build.udp({ sport: random() & 0xffff, dport: 53 })],
    ['pings', () => (family === 4 ? build.icmp : build.icmp6)({ type: family === 4 ? 8 : 128, id: random() & 0xffff })],
    ['an unknown protocol', () => build.raw(253, 8)],
  ])('of %s ends its own and nobody else’s', (_, layer) => {
    const tracker = newTracker();
    tracker.sysctls.set(max, LIMIT);
    established(tracker);
    const flood = (packets: number) => {
      for (let sent = 0; sent < packets; sent++)
        pass(tracker, build.ip(family, { src: ANY_ADDRESS[family](), dst: SERVERS[family] }, layer()), 1);
    };
    flood(2 * LIMIT);
    const octets = reserved(tracker);
    // One look at a connection more than the slots of the index that may be looked at, for each packet.
    const looks = calls(tracker.table, 'expired', () => flood(800));
    expect(looks / 800).toBeLessThan(34);
    expect(tracker.table.count).toBeLessThanOrEqual(LIMIT);
    expect(reserved(tracker)).toBe(octets);
    expect(tracker.statistics.earlyDrop).toBeGreaterThan(900);
    expect(goesOn(tracker, 2)).toBe(true);
  });
});

describe('what runs out', () => {
  test('a table full of others’ assured connections takes nobody new, says so, and has room when they end', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 50);
    established(tracker);
    for (let sport = 1; sport < 50; sport++) {
      const ends = [build.udp({ sport, dport: 53 }), build.udp({ sport: 53, dport: sport })] as const;
      const [ask, answer] = [build.ip4({}, ends[0]), build.ip4({ src: SERVER, dst: '10.0.1.2' }, ends[1])];
      for (const [at, octets] of [ask, answer, ask].entries()) pass(tracker, octets, at * 2_500);
    }
    const late = Packet.of(build.ip4({}, build.udp({ sport: 999 })));
    late.now = 6_000;
    expect([tracker.track(late), late.reason]).toEqual([0, 'connection table full']);
    expect(tracker.statistics.drop).toBeGreaterThan(0);
    expect(goesOn(tracker, 6_000)).toBe(true);
    expect(ctStateName(pass(tracker, build.ip4({}, build.udp({ sport: 999 })), 200_000))).toBe('NEW');
  });

  test('ports of a translator used up: a bounded search, and then a drop', () => {
    const tracker = newTracker();
    const [low] = [addressWords(parseAddress('10.0.2.1', 4)!, 4)];
    const ask = (sport: number, ports: readonly [number, number]) => {
      const pkt = Packet.of(build.ip4({ src: anyAddress() }, build.udp({ sport, dport: 53 })));
      tracker.track(pkt);
      tracker.nat.map(pkt, SOURCE, { addresses: [low, low], ports });
      return tracker.confirm(pkt);
    };
    for (let sport = 0; sport < 800; sport++) ask(sport, [5_000, 5_499]);
    let passed = 0;
    const looks = calls(tracker, 'findLive', () => {
      for (let turn = 0; turn < 200; turn++) passed += ask(turn, [5_000, 5_499]);
    });
    expect(passed).toBeLessThan(120);
    // 128 tries, then 64, 32 and 16, and what tracking and confirming ask.
    expect(looks / 200).toBeLessThan(128 + 64 + 32 + 16 + 16);
  });
});

describe('tuples that fall on one another', () => {
  /** Slots read in so many lookups. */
  function slotsRead(index: HashIndex, run: () => void): number {
    const own = index as unknown as { pairs: Int32Array };
    const { pairs } = own;
    let reads = 0;
    own.pairs = new Proxy(pairs, {
      get(target, name) {
        if (typeof name === 'string' && /^\d*[13579]$/.test(name)) reads++;
        return Reflect.get(target, name, target);
      },
    });
    run();
    own.pairs = pairs;
    return reads;
  }

  /** A hash that anybody can compute: FNV over addresses and ports. */
  const unkeyed = (source: number, sport: number): number => {
    let hash = 0x811c9dc5;
    for (const octet of [source >>> 24, source >>> 16, source >>> 8, source, sport >>> 8, sport])
      hash = Math.imul(hash ^ (octet & 0xff), 0x01000193);
    return hash;
  };

  const COUNT = 400;
  /** Made to share the low bits of that hash, which choose the slot. */
  const crafted: [source: number, sport: number][] = [];
  for (let source = 0x0a000000; crafted.length < COUNT; source++) {
    for (let sport = 1_024; sport < 1_124; sport++)
      if ((unkeyed(source, sport) & 0xfff) === 7) crafted.push([source, sport]);
  }
  const ordinary = Array.from({ length: COUNT }, (): [number, number] => [random() | 0, random() & 0xffff]);

  test('would cost an unkeyed index hundreds of looks a packet', () => {
    const index = new HashIndex();
    crafted.forEach(([source, sport], id) => {
      index.add(unkeyed(source, sport), id);
    });
    const looks = slotsRead(index, () => {
      for (const [source, sport] of crafted) index.first(unkeyed(source, sport));
    });
    expect(looks / COUNT).toBeGreaterThan(100);
  });

  test('cost the keyed one what all others cost', () => {
    const looksFor = (flows: readonly [number, number][]): number => {
      const table = new ConnectionTable({
        secret: [random() | 0, random() | 0],
        invert: (_, keys) => swapKeys(keys),
        words: () => 0,
      });
      const tuple = new Tuple();
      tuple.protocol = 17;
      tuple.words[4] = 0x0a000202;
      const fill = ([source, sport]: [number, number]): Tuple => {
        tuple.words[0] = source;
        tuple.setPorts(sport, 53);
        return tuple;
      };
      for (const flow of flows) table.insert(table.open(fill(flow)));
      const { index } = table as unknown as { index: HashIndex };
      return slotsRead(index, () => {
        for (const flow of flows) expect(table.find(fill(flow))).toBeGreaterThanOrEqual(0);
      });
    };
    const [attack, others] = [looksFor(crafted), looksFor(ordinary)];
    expect(attack / COUNT).toBeLessThan(8);
    expect(attack / others).toBeLessThan(1.5);
  });
});

describe.each([4, 6] as const)('a flood of fragments, IPv%i', (family) => {
  /** A tenth of the usual one, so that less is sent here. */
  const limit = 400_000;
  const full = (): Defragmenter => {
    const defragmenter = new Defragmenter();
    const prefix = family === 4 ? 'net.ipv4.ipfrag_' : 'net.netfilter.nf_conntrack_frag6_';
    for (const name of ['low', 'high']) defragmenter.setSysctl(`${prefix}${name}_thresh`, limit);
    return defragmenter;
  };
  const fragment = (id: number, offset: number, more: boolean, data = 24): Packet =>
    Packet.of(
      family === 4
        ? build.ip4({ id: id & 0xffff, src: `10.9.${(id >>> 16) & 255}.9`, offset, mf: more }, build.raw(17, data))
        : build.ip6({}, build.fragment({ id, offset, more }), build.raw(17, data)),
    );
  const held = (defragmenter: Defragmenter): number => defragmenter.memory(family);

  test('of first pieces costs a fixed amount, and is over when their time is', () => {
    const defragmenter = full();
    let refused = 0;
    for (let id = 0; id < 1_000; id++) if (defragmenter.gather(fragment(id, 0, true), 'input') === 'dropped') refused++;
    expect(held(defragmenter)).toBeLessThan(limit + 2_000);
    expect(refused).toBeGreaterThan(500);
    const queues = defragmenter.queues(family);
    for (let id = 20_000; id < 20_300; id++) defragmenter.gather(fragment(id, 0, true), 'input');
    expect(defragmenter.queues(family)).toBe(queues);
    // What is no fragment passes meanwhile.
    expect(defragmenter.gather(Packet.of(build.ip(family, {}, build.udp({}))), 'input')).toBe('pass');

    let ended = 0;
    defragmenter.advance(60_000, () => ended++);
    expect([ended, held(defragmenter), defragmenter.queues(family)]).toEqual([queues, 0, 0]);
    const late = [fragment(1, 0, true), fragment(1, 24, false)];
    for (const pkt of late) pkt.now = 60_000;
    expect(late.map((pkt) => defragmenter.gather(pkt, 'input'))).toEqual(['held', 'whole']);
  });

  test('of one datagram, backwards and with holes, is bounded by the same amount', () => {
    const defragmenter = full();
    for (let piece = 2_000; piece > 0; piece -= 2) defragmenter.gather(fragment(7, piece * 8, true, 8), 'input');
    expect(held(defragmenter)).toBeLessThan(limit + 2_000);
    expect(defragmenter.queues(family)).toBe(1);
    defragmenter.advance(60_000, () => {});
    expect(held(defragmenter)).toBe(0);
  });

  test('of duplicates costs nothing', () => {
    const defragmenter = full();
    defragmenter.gather(fragment(7, 0, true), 'input');
    const before = held(defragmenter);
    for (let turn = 0; turn < 300; turn++) defragmenter.gather(fragment(7, 0, true), 'input');
    expect(held(defragmenter)).toBe(before);
  });
});
