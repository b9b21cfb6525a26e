// Snapshots: a tracker that was written and read again goes on as if nothing had happened, and nothing but a whole snapshot is read.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dump } from '../../conntrack/format.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { EXPECT_PERMANENT, Expectation } from '../../conntrack/helping/expectation.ts';
import { addressWords, SOURCE } from '../../conntrack/nat/range.ts';
import { setSetting } from '../../conntrack/settings.ts';
import { OctetWriter, readFrames } from '../../conntrack/snapshot/frames.ts';
import { restoreSnapshot, Snapshot, SnapshotError } from '../../conntrack/snapshot/snapshot.ts';
import { Tuple } from '../../conntrack/table/tuple.ts';
import { ConnectionTracker } from '../../conntrack/tracker.ts';
import { parseAddress } from '../../packet/address.ts';
import * as build from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { dccpTraces } from './dccp-cells.ts';
import { ctStateName, entryText, expected, type Family, packetOf, pass, seeded, type Trace, tell } from './player.ts';
import { flowTraces } from './rows-flows.ts';
import { sctpTraces } from './rows-sctp.ts';
import { tcpTraces } from './rows-tcp.ts';
import { sctpCells } from './sctp-cells.ts';
import { tcpCells } from './tcp-cells.ts';

const WALL = 1_800_000_000_000;

/** Another hash key than the tracker that was written: nothing of it may be in the snapshot. */
const another = (() => {
  let seed = 100;
  return (): ConnectionTracker => withHelpers(new ConnectionTracker(seeded(seed++)));
})();

function withHelpers(tracker: ConnectionTracker): ConnectionTracker {
  tracker.helping.find = (name, family, protocol) =>
    helpers.find((one) => one.name === name && one.families.includes(family) && one.protocols.includes(protocol));
  return tracker;
}

function written(tracker: ConnectionTracker, most?: number, between: () => void = () => {}): Uint8Array {
  const snapshot = new Snapshot(tracker, WALL);
  const pieces: Uint8Array[] = [];
  for (let piece = snapshot.next(most); piece; piece = snapshot.next(most)) {
    pieces.push(piece);
    between();
  }
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** Written at `now` and read at once, by another one. */
function moved(tracker: ConnectionTracker, now: number, settings: Trace['sysctls'] = {}): ConnectionTracker {
  const next = another();
  for (const [name, value] of Object.entries(settings)) setSetting(next, name, value);
  tracker.advance(now);
  restoreSnapshot(next, written(tracker), { now, wallClock: WALL });
  return next;
}

/** A trace as player.ts plays it, but each packet meets another tracker. */
function playMoving(trace: Trace, family: Family): string[] {
  let tracker = another();
  for (const [name, value] of Object.entries(trace.sysctls ?? {})) setSetting(tracker, name, value);
  return trace.rows.map((row) => {
    tracker = moved(tracker, row[0], trace.sysctls);
    const pkt = pass(tracker, packetOf(row, family), row[0]);
    return tell(row, ctStateName(pkt), entryText(tracker, row[0]));
  });
}

describe.each([4, 6] as const)('a restart between any two packets is not seen, IPv%i', (family) => {
  const cells = [...tcpCells, ...sctpCells, ...dccpTraces].filter((_, index) => index % 12 === family);
  const traces = [...tcpTraces, ...flowTraces, ...sctpTraces, ...cells].filter(
    (trace) => (trace.family ?? family) === family,
  );
  test('the rows of the tracker', () => {
    for (const trace of traces)
      expect([trace.name, ...playMoving(trace, family)]).toEqual([trace.name, ...expected(trace)]);
  });
});

const words = (address: string): Int32Array => addressWords(parseAddress(address, 4)!, 4);

/** One of everything. */
function full(): ConnectionTracker {
  const tracker = withHelpers(new ConnectionTracker(seeded(7)));
  for (const name of ['acct', 'timestamp', 'events']) tracker.sysctls.set(`net.netfilter.nf_conntrack_${name}`, 1);
  setSetting(tracker, 'sekisho.timeout.long', 'udp unreplied 3000');
  for (const family of [4, 6] as const) {
    pass(tracker, build.ip(family, {}, build.udp({ sport: 1 })), 5);
    pass(tracker, build.ip(family, {}, build.tcp({ sport: 1, flags: 'S' })), 6);
  }
  passWith(tracker, build.ip4({}, build.udp({ sport: 2 })), { zoneOriginal: 3, timeout: 'long' });
  const marked = pass(tracker, build.ip4({}, build.udp({ sport: 3 })), 7).connection;
  tracker.connections.setMark(marked, 0xdeadbeef);
  tracker.connections.contexts.numberOf('another');
  tracker.connections.setSecmark(marked, tracker.connections.contexts.numberOf('system_u:object_r:web_t:s0'));
  tracker.connections.labelling.restore(marked, [1, 0, 0, 1 << 31]);
  tracker.seqadj.shift(marked, 1, -7);
  passWith(tracker, build.ip4({}, build.tcp({ sport: 4, dport: 21, flags: 'S' })), { helper: 'ftp' });
  const proxied = passWith(tracker, build.ip4({}, build.tcp({ sport: 5, flags: 'S' })), { proxied: true });
  tracker.proxied.set(proxied, { firstSequence: 4_000_000_000, firstTime: 17, timeShift: 3_000_000_000 });
  masqueraded(tracker, 40);
  return tracker;
}

function passWith(tracker: ConnectionTracker, octets: Uint8Array, template: object): number {
  const pkt = Packet.of(octets);
  pkt.now = 8;
  pkt.template = { untracked: false, zoneOriginal: 0, zoneReply: 0, mark: 0, ...template };
  tracker.track(pkt);
  tracker.confirm(pkt);
  return pkt.connection;
}

function masqueraded(tracker: ConnectionTracker, sport: number, dport = 53): Packet {
  const pkt = Packet.of(build.ip4({ src: '10.1.0.1', dst: '192.0.2.9' }, build.udp({ sport, dport, data: 'x' })));
  pkt.now = 9;
  pkt.outDevice = 'tunB';
  pkt.hook = 0;
  tracker.track(pkt);
  pkt.hook = 4;
  tracker.nat.masquerade(pkt, { addresses: [words('10.0.2.1'), words('10.0.2.1')], ports: [7_000, 7_100] });
  tracker.nat.translate(pkt, SOURCE);
  tracker.confirm(pkt);
  return pkt;
}

/** What a program of the past wrote of such a tracker, by the commit that kept it. */
const EARLIER: readonly (readonly [file: string, differs: (ours: string) => string])[] = [
  // Security contexts were numbers then.
  ['format-1', (ours) => ours.replace('"system_u:object_r:web_t:s0"', '""')],
];

const details = (tracker: ConnectionTracker, now: number) => {
  const { table, connections, seqadj, policies, events, nat } = tracker;
  return [...tracker.entries(now)]
    .map((id) =>
      JSON.stringify([
        connections.sourceKey(id, 0),
        table.family(id),
        table.protocol(id),
        table.status(id),
        connections.contexts.nameOf(connections.secmark(id)),
        [...(connections.labels(id) ?? [])],
        [seqadj.get(id, 0), seqadj.get(id, 1)],
        policies.policy(id)?.name,
        events.mask(id),
        tracker.helper(id),
        nat.deviceOf(id),
        tracker.proxied.get(id),
      ]),
    )
    .sort();
};

describe('a snapshot', () => {
  test('has all of every connection, in pieces as in one', () => {
    const tracker = full();
    tracker.advance(1_000);
    const pieces = written(tracker, 2);
    const next = another();
    setSetting(next, 'sekisho.timeout.long', 'udp unreplied 3000');
    const { connections, leftOut } = restoreSnapshot(next, pieces, { now: 77_000, wallClock: WALL });
    expect(connections).toBe(tracker.table.count);
    expect(Object.values(leftOut)).toEqual([0, 0, 0, 0]);
    expect(dump(next, 77_000)).toEqual(dump(tracker, 1_000));
    expect(details(next, 77_000)).toEqual(details(tracker, 1_000));
  });

  test('takes packets between two pieces', () => {
    const tracker = full();
    const before = tracker.table.count;
    let port = 2_000;
    const pieces = written(tracker, 1, () => void pass(tracker, build.ip4({}, build.udp({ sport: port++ })), 1_000));
    const next = another();
    const { connections } = restoreSnapshot(next, pieces, { now: 1_000, wallClock: WALL });
    // Those that came in the meantime are another snapshot's.
    expect(connections).toBe(before);
  });

  test('what NAT has chosen is chosen again, and not given to others', () => {
    const tracker = full();
    const port = masqueraded(tracker, 40).bytes.slice(20, 22);
    const next = moved(tracker, 10);
    // Another server: the same port for the same source.
    expect(masqueraded(next, 40, 54).bytes.slice(20, 22)).toEqual(port);
    const back = build.ip4(
      { src: '192.0.2.9', dst: '10.0.2.1' },
      build.udp({ sport: 53, dport: (port[0] << 8) | port[1] }),
    );
    expect(ctStateName(pass(next, back, 11))).toBe('ESTABLISHED');
  });

  test('expectations find their masters again, and connections that were expected too', () => {
    const tracker = full();
    const announce = (sport: number, dport: number, flags: number): number => {
      const control = build.ip4({ src: '10.9.9.9' }, build.tcp({ sport, dport: 21, flags: 'S' }));
      const master = passWith(tracker, control, { helper: 'ftp' });
      const expectation = new Expectation(tracker.helping.help(master)!);
      expectation.tuple.copy(tupleOf('10.0.2.2', '10.9.9.9', dport));
      expectation.sourceMask.fill(-1);
      expectation.flags = flags;
      expectation.expires = 60_000;
      expect(tracker.expectations.add(expectation, { timed: true })).toBeUndefined();
      return master;
    };
    announce(8, 1_234, EXPECT_PERMANENT);
    const master = announce(9, 1_235, 0);
    const syn = (dport: number, sport: number) =>
      build.ip4({ src: '10.0.2.2', dst: '10.9.9.9' }, build.tcp({ sport, dport, flags: 'S' }));
    tracker.connections.setMark(master, 5);
    const born = pass(tracker, syn(1_234, 20), 10);
    expect(ctStateName(born)).toBe('RELATED');

    const next = moved(tracker, 20);
    expect(next.expectations.count).toBe(2);
    expect(next.masterHelper(pass(next, syn(1_234, 20), 21).connection)).toBe('ftp');
    const late = pass(next, syn(1_235, 21), 22);
    expect([ctStateName(late), next.connections.mark(late.connection)]).toEqual(['RELATED', 5]);
    expect(next.expectations.count).toBe(1);
  });

  test('calls of PPTP are known again', () => {
    const tracker = full();
    const master = pass(tracker, build.ip4({}, build.tcp({ sport: 9, dport: 1723, flags: 'S' })), 9).connection;
    const call = tupleOf('10.0.1.2', '10.0.2.2', 9);
    call.protocol = 47;
    call.setPorts(7, 9);
    tracker.greKeys.add(master, 0, call);
    const next = moved(tracker, 20);
    const pkt = pass(next, build.ip4({ src: '10.0.1.2', dst: '10.0.2.2' }, build.gre({ version: 1, callId: 9 })), 21);
    expect(next.connections.sourceKey(pkt.connection, 0)).toBe(7);
  });

  test('time goes on while nobody looks', () => {
    const tracker = another();
    pass(tracker, build.ip4({}, build.udp({ sport: 1 })), 0);
    pass(tracker, build.ip4({}, build.tcp({ sport: 1, flags: 'S' })), 0);
    const bytes = written(tracker);
    const leftAfter = (elapsed: number) => {
      const next = another();
      const restored = restoreSnapshot(next, bytes, { now: 5, wallClock: WALL + elapsed });
      return [restored.elapsed, restored.leftOut.over, dump(next, 5).map(({ timeout }) => timeout)];
    };
    expect(leftAfter(10_000)).toEqual([10_000, 0, [20, 110]]);
    expect(leftAfter(30_000)).toEqual([30_000, 1, [90]]);
    expect(leftAfter(9e15)).toEqual([9e15, 2, []]);
    expect(leftAfter(-10_000)).toEqual([0, 0, [30, 120]]);
  });

  /** An established connection, and segments of its two sides. */
  function talking() {
    const there = (seq: number, ack: number, data = 0, flags = 'A') =>
      build.ip4(
        {},
        build.tcp({ sport: 40_000, dport: 80, flags, seq, ack: flags === 'S' ? 0 : ack, window: 1_000, data }),
      );
    const back = (seq: number, ack: number, flags = 'A') =>
      build.ip4(
        { src: '10.0.2.2', dst: '10.0.1.2' },
        build.tcp({ sport: 80, dport: 40_000, flags, seq, ack, window: 1_000 }),
      );
    const tracker = another();
    tracker.sysctls.set('net.netfilter.nf_conntrack_tcp_loose', 0);
    pass(tracker, there(100, 0, 0, 'S'), 0);
    pass(tracker, back(500, 101, 'SA'), 1);
    pass(tracker, there(101, 501), 2);
    return { tracker, there, back };
  }

  test('of a flow that has gone on since: its windows are learned anew', () => {
    const { tracker, there, back } = talking();
    const bytes = written(tracker);
    const later = (missed: boolean) => {
      const next = another();
      restoreSnapshot(next, bytes, { now: 3, wallClock: WALL + 30_000, missed });
      const far = 1_000_000_000;
      return [there(far, far), back(far, far), back(far + 1_000_000, far, 'RA'), there(far, far)].map((octets, index) =>
        ctStateName(pass(next, octets, 4 + index)),
      );
    };
    expect(later(false)).toEqual(['INVALID', 'INVALID', 'INVALID', 'INVALID']);
    expect(later(true)).toEqual(['ESTABLISHED', 'ESTABLISHED', 'INVALID', 'ESTABLISHED']);
  });

  // A sender whose acknowledgments were lost with the old program sends again what its peer has long had.
  test('of a flow in whose gap acknowledgments were lost: the first one tells what was sent', () => {
    const { tracker, there, back } = talking();
    const next = another();
    restoreSnapshot(next, written(tracker), { now: 3, wallClock: WALL, missed: true });
    const names = [
      there(101, 501, 100),
      back(501, 250_101),
      there(250_101, 501, 100),
      back(501, 250_201),
      back(501, 900_000),
    ].map((octets, index) => ctStateName(pass(next, octets, 4 + index)));
    expect(names).toEqual(['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED', 'INVALID']);
  });

  test('fills a table up to its limit, and leaves alone what is there', () => {
    const tracker = another();
    for (let sport = 1; sport <= 10; sport++) pass(tracker, build.ip4({}, build.udp({ sport })), 0);
    const next = another();
    next.sysctls.set('net.netfilter.nf_conntrack_max', 7);
    const own = pass(next, build.ip4({}, build.udp({ sport: 3 })), 0).connection;
    next.connections.setMark(own, 9);
    const { connections, leftOut } = restoreSnapshot(next, written(tracker), { now: 0, wallClock: WALL });
    expect([connections, leftOut.taken, leftOut.full]).toEqual([6, 1, 3]);
    expect(next.table.count).toBe(7);
    expect(next.connections.mark(own)).toBe(9);
  });

  test('of DCCP is not for a tracker that does not track it', () => {
    const tracker = another();
    tracker.sysctls.set('sekisho.conntrack_dccp', 1);
    pass(tracker, build.ip4({}, build.dccp({})), 0);
    expect(restoreSnapshot(another(), written(tracker), { now: 0, wallClock: WALL }).leftOut.foreign).toBe(1);
  });

  test('of nothing is one too', () => {
    const { connections, expectations } = restoreSnapshot(another(), written(another()), { now: 0, wallClock: WALL });
    expect([connections, expectations]).toEqual([0, 0]);
  });
});

function tupleOf(src: string, dst: string, dport: number): Tuple {
  const tuple = new Tuple();
  tuple.protocol = 6;
  tuple.words[0] = words(src)[0];
  tuple.words[4] = words(dst)[0];
  tuple.setPorts(0, dport);
  return tuple;
}

describe('a snapshot of an earlier program', () => {
  test.each(EARLIER)('%s is read as what it was written from', (file, differs) => {
    const text = readFileSync(new URL(`../data/snapshots/${file}.base64`, import.meta.url), 'utf8');
    const next = another();
    const restored = restoreSnapshot(next, Buffer.from(text, 'base64'), { now: 9, wallClock: WALL });
    expect(restored.leftOut).toEqual(restoreSnapshot(another(), written(full()), { now: 9, wallClock: WALL }).leftOut);
    expect(details(next, 9)).toEqual(details(moved(full(), 9), 9).map(differs).sort());
  });
});

describe('what is no snapshot', () => {
  const whole = written(full(), 3);
  const read = (bytes: Uint8Array): ConnectionTracker => {
    const tracker = another();
    restoreSnapshot(tracker, bytes, { now: 0, wallClock: WALL });
    return tracker;
  };
  const reason = (bytes: Uint8Array): string => {
    const tracker = another();
    try {
      restoreSnapshot(tracker, bytes, { now: 0, wallClock: WALL });
    } catch (error) {
      expect(error).toBeInstanceOf(SnapshotError);
      expect(tracker.table.count).toBe(0);
      return (error as Error).message;
    }
    return 'taken';
  };

  test.each([
    ['nothing', new Uint8Array(0), 'this is no snapshot of connections'],
    [
      'a text',
      new TextEncoder().encode('*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n'),
      'this is no snapshot of connections',
    ],
    ['the next version', whole.with(7, 2), 'of version 2, and this program reads 1'],
    ['one octet changed', whole.with(100, whole[100] ^ 1), /^octets damaged from \d+ on$/],
    ['without its end', whole.subarray(0, whole.length - 25), 'its end is missing'],
    ['a part of a part', whole.subarray(0, whole.length - 1), /^cut short at octet \d+$/],
    ['two, one behind the other', Uint8Array.from([...whole, ...whole.subarray(8)]), 'its parts are not in order'],
  ])('%s', (_, bytes, why) => {
    expect(reason(bytes)).toMatch(why);
  });

  test('any octet changed, anything cut off: refused', () => {
    for (let at = 0; at < whole.length; at += 23) {
      expect(reason(whole.with(at, whole[at] ^ 0x55))).not.toBe('taken');
      expect(reason(whole.subarray(0, at))).not.toBe('taken');
    }
    expect(reason(whole)).toBe('taken');
  });

  test('random parts with right checksums: refused, or what they say is bounded by them', () => {
    const [start] = readFrames(whole);
    const payload = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), payload), { maxLength: 6 }), (parts) => {
        const out = new OctetWriter();
        const frames = parts.map(([kind, octets]) => {
          for (const octet of octets) out.u8(octet);
          return [...out.frame(kind)];
        });
        out.f64(0);
        out.f64(0);
        const end = [...out.frame(5)];
        for (const octet of start.payload) out.u8(octet);
        const bytes = Uint8Array.from([...whole.subarray(0, 8), ...out.frame(1), ...frames.flat(), ...end]);
        try {
          expect(read(bytes).table.count).toBeLessThan(50);
        } catch (error) {
          expect(error).toBeInstanceOf(SnapshotError);
        }
      }),
      { numRuns: 200 },
    );
  });
});
