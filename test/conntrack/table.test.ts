// The table against a Map that does the same in the plainest way, under random commands; and what it must withstand.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { swapKeys } from '../../conntrack/l4/l4.ts';
import { IPS_CONFIRMED, IPS_DYING } from '../../conntrack/status.ts';
import { halfSipHash, PADDING } from '../../conntrack/table/halfsiphash.ts';
import { ConnectionTable } from '../../conntrack/table/table.ts';
import { Tuple } from '../../conntrack/table/tuple.ts';

const TCP = 6;

const newTable = (): ConnectionTable =>
  new ConnectionTable({
    secret: [0x01234567, 0x89abcdef | 0],
    invert: (_protocol, keys) => swapKeys(keys),
    words: (protocol) => (protocol === TCP ? 3 : 0),
  });

/** A tuple in numbers; few values, so that they meet. */
interface Flow {
  family: 4 | 6;
  protocol: number;
  source: number;
  destination: number;
  sport: number;
  dport: number;
  zoneOriginal: number;
  zoneReply: number;
}

function fill(tuple: Tuple, flow: Flow): Tuple {
  tuple.family = flow.family;
  tuple.protocol = flow.protocol;
  tuple.words.fill(0);
  if (flow.family === 4) {
    tuple.words[0] = flow.source;
    tuple.words[4] = flow.destination;
  } else {
    tuple.words.set([1, 2, 3, flow.source, 1, 2, 3, flow.destination]);
  }
  tuple.setPorts(flow.sport, flow.dport);
  tuple.setZones(flow.zoneOriginal, flow.zoneReply);
  return tuple;
}

const inverse = (flow: Flow): Flow => ({
  ...flow,
  source: flow.destination,
  destination: flow.source,
  sport: flow.dport,
  dport: flow.sport,
});

const arbitraryFlow: fc.Arbitrary<Flow> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    protocol: fc.constantFrom(TCP, 17),
    source: fc.nat(3),
    destination: fc.nat(3),
    sport: fc.nat(2),
    dport: fc.nat(2),
    zone: fc.constantFrom([0, 0], [0, 0], [0, 0], [5, 5], [5, 0], [0, 5]),
  })
  .map(({ zone: [zoneOriginal, zoneReply], ...flow }) => ({ ...flow, zoneOriginal, zoneReply }));

/** What the table should find: by text of tuple and zone, and direction. */
interface Model {
  /** Key of each direction by id. */
  readonly live: Map<number, { flow: Flow; reply: Flow; expires: number }>;
}

const key = (flow: Flow, zone: number): string =>
  [flow.family, flow.protocol, flow.source, flow.destination, flow.sport, flow.dport, zone].join(' ');

/** Ids and directions that a lookup of `flow` may give: the tuple of that direction, in the zone of that direction. */
function matching(model: Model, flow: Flow): string[] {
  const found: string[] = [];
  for (const [id, { flow: original, reply }] of model.live) {
    if (key(original, original.zoneOriginal) === key(flow, flow.zoneOriginal)) found.push(`${id} 0`);
    if (key(reply, reply.zoneReply) === key(flow, flow.zoneReply)) found.push(`${id} 1`);
  }
  return found;
}

interface Real {
  readonly table: ConnectionTable;
  now: number;
}

type Command = fc.Command<Model, Real>;

const command = (name: string, run: (model: Model, real: Real) => void): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

function lookUp(model: Model, { table }: Real, flow: Flow): string[] {
  const found = table.find(fill(new Tuple(), flow));
  const expected = matching(model, flow);
  if (found < 0) expect(expected).toEqual([]);
  else expect(expected).toContain(`${found >>> 1} ${found & 1}`);
  return expected;
}

const insertFlow = (flow: Flow, timeout: number): Command =>
  command(`insert ${JSON.stringify(flow)} for ${timeout}`, (model, real) => {
    if (lookUp(model, real, flow).length > 0 || matching(model, inverse(flow)).length > 0) return;
    const id = open(real, flow, timeout);
    expectNoRival(real, id);
    real.table.insert(id);
    model.live.set(id, { flow, reply: inverse(flow), expires: real.now + timeout });
  });

/** As NAT does: the answer comes from elsewhere. */
const insertTranslated = (flow: Flow, elsewhere: number): Command =>
  command(`insert ${JSON.stringify(flow)} answered by ${elsewhere}`, (model, real) => {
    const reply = { ...inverse(flow), source: elsewhere };
    if (lookUp(model, real, flow).length > 0 || matching(model, reply).length > 0) return;
    const id = open(real, flow, 100);
    // At PREROUTING, before it is another's.
    real.table.findRival(id, 1);
    real.table.setReply(id, fill(new Tuple(), reply));
    expectNoRival(real, id);
    real.table.insert(id);
    model.live.set(id, { flow, reply, expires: real.now + 100 });
  });

/** A packet that the rules dropped. */
const openAndClose = (flow: Flow): Command =>
  command(`open and close ${JSON.stringify(flow)}`, (model, real) => {
    const id = open(real, flow, 1);
    expect(model.live.has(id)).toBe(false);
    real.table.close(id);
  });

/** Of what was looked for, and not found, before it was opened. */
function expectNoRival({ table }: Real, id: number): void {
  expect([table.findRival(id, 0), table.findRival(id, 1)]).toEqual([-1, -1]);
}

function open({ table, now }: Real, flow: Flow, timeout: number): number {
  const tuple = fill(new Tuple(), flow);
  const searched = flow.zoneOriginal === flow.zoneReply && table.find(tuple) < 0;
  const id = table.open(tuple, searched ? table.lastHash : undefined);
  table.expires[id] = now + timeout;
  if (flow.protocol === TCP) table.slabs[TCP]?.words.fill(id + 1, 3 * table.own[id], 3 * table.own[id] + 3);
  return id;
}

const removeSome = (which: number): Command =>
  command(`remove the ${which}th`, (model, { table }) => {
    const ids = [...model.live.keys()];
    if (ids.length === 0) return;
    const id = ids[which % ids.length];
    table.remove(id);
    table.close(id);
    model.live.delete(id);
  });

const passTime = (ms: number): Command =>
  command(`${ms} ms pass`, (model, real) => {
    real.now += ms;
    const { table, now } = real;
    const gone: number[] = [];
    for (let id = table.nextExpired(0, table.top, now); id >= 0; id = table.nextExpired(id + 1, table.top, now)) {
      table.remove(id);
      table.close(id);
      gone.push(id);
    }
    const expected = [...model.live].filter(([, { expires }]) => expires <= now).map(([id]) => id);
    expect(gone.sort()).toEqual(expected.sort());
    for (const id of expected) model.live.delete(id);
  });

const lookUpFlow = (flow: Flow): Command =>
  command(`find ${JSON.stringify(flow)}`, (model, real) => {
    lookUp(model, real, flow);
    lookUp(model, real, inverse(flow));
  });

/** All that was written is still there, and nobody writes into another's record. */
const inspect = (): Command =>
  command('inspect', (model, { table }) => {
    expect(table.count).toBe(model.live.size);
    for (const [id, { flow, reply }] of model.live) {
      expect(table.status(id) & (IPS_CONFIRMED | IPS_DYING)).toBe(IPS_CONFIRMED);
      expect([table.family(id), table.protocol(id)]).toEqual([flow.family, flow.protocol]);
      expect([table.zone(id, 0), table.zone(id, 1)]).toEqual([flow.zoneOriginal, flow.zoneReply]);
      const last = flow.family === 4 ? 0 : 3;
      expect(table.tupleWord(id, 0, last)).toBe(flow.source);
      expect(table.tupleWord(id, 1, last)).toBe(reply.source);
      expect(table.tupleWord(id, 1, last + 4)).toBe(reply.destination);
      expect(table.tupleKeys(id, 1)).toBe((reply.sport << 16) | reply.dport);
      if (flow.protocol === TCP) expect(table.slabs[TCP]?.words[3 * table.own[id]]).toBe(id + 1);
    }
  });

describe('the connection table', () => {
  test('finds, in both directions and in the right zone, what a Map would', () => {
    const commands = [
      fc.tuple(arbitraryFlow, fc.integer({ min: 1, max: 50 })).map(([flow, ms]) => insertFlow(flow, ms)),
      fc.tuple(arbitraryFlow, fc.integer({ min: 10, max: 13 })).map(([flow, at]) => insertTranslated(flow, at)),
      arbitraryFlow.map(openAndClose),
      fc.nat().map(removeSome),
      fc.integer({ min: 1, max: 20 }).map(passTime),
      arbitraryFlow.map(lookUpFlow),
      fc.constant(inspect()),
    ];
    fc.assert(
      fc.property(fc.commands(commands, { maxCommands: 60 }), (sequence) => {
        fc.modelRun(() => ({ model: { live: new Map() }, real: { table: newTable(), now: 1 } }), sequence);
      }),
      { numRuns: 300 },
    );
  });

  test('twelve thousand connections come and go, and the index stays right', () => {
    const table = newTable();
    const tuple = new Tuple();
    const flowOf = (index: number): Flow => ({
      family: index % 2 === 0 ? 4 : 6,
      protocol: 17,
      source: index,
      destination: index >>> 3,
      sport: index & 0xffff,
      dport: 53,
      zoneOriginal: 0,
      zoneReply: 0,
    });
    const ids = new Map<number, number>();
    for (let index = 0; index < 12_000; index++) {
      const id = table.open(fill(tuple, flowOf(index)));
      table.insert(id);
      ids.set(index, id);
      if (index % 3 !== 0) continue;
      const gone = index / 3;
      table.remove(ids.get(gone) as number);
      table.close(ids.get(gone) as number);
      ids.delete(gone);
    }
    for (let index = 0; index < 12_000; index++) {
      const expected = ids.get(index);
      expect(table.find(fill(tuple, flowOf(index)))).toBe(expected === undefined ? -1 : 2 * expected);
      expect(table.find(fill(tuple, inverse(flowOf(index))))).toBe(expected === undefined ? -1 : 2 * expected + 1);
    }
    expect(table.count).toBe(ids.size);
  });

  test('an id is not given out again at once: packets on their way still ask about it', () => {
    const table = newTable();
    const tuple = fill(new Tuple(), {
      family: 6,
      protocol: 17,
      source: 9,
      destination: 8,
      sport: 1,
      dport: 2,
      zoneOriginal: 0,
      zoneReply: 0,
    });
    const first = table.open(tuple);
    table.insert(first);
    table.remove(first);
    table.close(first);
    for (let turn = 0; turn < 60; turn++) {
      const id = table.open(tuple);
      expect(id).not.toBe(first);
      table.close(id);
    }
    expect(table.tupleWord(first, 0, 3)).toBe(9);
    expect(table.count).toBe(0);
  });

  test('a tuple that is its own inverse is found as the reply, as in the kernel', () => {
    const table = newTable();
    const tuple = fill(new Tuple(), {
      family: 4,
      protocol: 17,
      source: 9,
      destination: 9,
      sport: 5,
      dport: 5,
      zoneOriginal: 0,
      zoneReply: 0,
    });
    const id = table.open(tuple);
    table.insert(id);
    expect(table.find(tuple)).toBe(2 * id + 1);
  });

  test('times come round after 49 days', () => {
    const table = newTable();
    const id = table.open(
      fill(new Tuple(), {
        family: 4,
        protocol: 17,
        source: 1,
        destination: 2,
        sport: 5,
        dport: 5,
        zoneOriginal: 0,
        zoneReply: 0,
      }),
    );
    const now = 2 ** 32 - 10;
    table.expires[id] = now + 30;
    table.insert(id);
    expect(table.expired(id, (now + 29) | 0)).toBe(false);
    expect(table.expired(id, (now + 30) | 0)).toBe(true);
  });
});

describe('the hash', () => {
  // HalfSipHash-1-3 with the key 00 01 .. 07 over the octets 00 01 02 ..., lengths 4 and 8.
  test.each([
    [[0x03020100], 0x7e059ea6],
    [[0x03020100, 0x07060504], 0x577999b1],
  ])('of %j', (message, expected) => {
    const words = new Int32Array(message.length + PADDING);
    words.set(message);
    expect(halfSipHash(words, message.length, 0x03020100, 0x07060504) >>> 0).toBe(expected);
  });

  test('a flood made against one key is spread by another', () => {
    // Tuples that one key puts into the same 64 of 4,096 slots.
    const hashes = (table: ConnectionTable, flows: Flow[]): number[] =>
      flows.map((flow) => table.hashes.of(fill(new Tuple(), flow), 0) & 4_095);
    const known = newTable();
    const all = Array.from(
      { length: 65_536 },
      (_, index): Flow => ({
        family: 4,
        protocol: 17,
        source: index,
        destination: 7,
        sport: index & 0xff,
        dport: 53,
        zoneOriginal: 0,
        zoneReply: 0,
      }),
    );
    const chosen = all.filter((_, index) => hashes(known, [all[index]])[0] < 64);
    expect(chosen.length).toBeGreaterThan(500);
    const other = new ConnectionTable({ secret: [77, 78], invert: (_, keys) => swapKeys(keys), words: () => 0 });
    expect(new Set(hashes(other, chosen)).size).toBeGreaterThan(chosen.length * 0.8);
  });
});
