// The life of a connection: unconfirmed, confirmed, gone; limits, zones, templates, events, time.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dump } from '../../conntrack/format.ts';
import { ftp } from '../../conntrack/helpers/ftp.ts';
import { setSetting } from '../../conntrack/settings.ts';
import type { Template } from '../../conntrack/template.ts';
import {
  type ConnectionTracker,
  IPCT_ASSURED,
  IPCT_DESTROY,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_REPLY,
  IPS_CONFIRMED,
  IPS_HELPER,
} from '../../conntrack/tracker.ts';
import * as build from '../../packet/build.ts';
import { CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, Packet } from '../../packet/packet.ts';
import { ctStateName, entryText, newTracker, pass, seeded } from './player.ts';

const A = { 4: '10.0.1.2', 6: 'fd00:a::2' } as const;
const B = { 4: '10.0.2.2', 6: 'fd00:b::2' } as const;

const query = (sport = 1_000, src: string = A[4]): Uint8Array =>
  build.ip4({ src, dst: B[4] }, build.udp({ sport, dport: 53, data: 4 }));
const answer = (dport = 1_000, dst: string = A[4]): Uint8Array =>
  build.ip4({ src: B[4], dst }, build.udp({ sport: 53, dport, data: 4 }));
const segment = (flags: string, fields: build.TcpFields = {}): Uint8Array =>
  build.ip4({ src: A[4], dst: B[4] }, build.tcp({ sport: 1_000, dport: 80, flags, ...fields }));

function track(tracker: ConnectionTracker, octets: Uint8Array, now = 0, template?: Partial<Template>): Packet {
  const pkt = Packet.of(octets);
  pkt.now = now;
  if (template) {
    pkt.template = {
      untracked: false,
      zoneOriginal: 0,
      zoneReply: 0,
      helper: undefined,
      timeout: undefined,
      events: undefined,
      expectEvents: undefined,
      ...template,
    };
  }
  tracker.track(pkt);
  return pkt;
}

/** Through both hooks, with a template. */
function passWith(tracker: ConnectionTracker, octets: Uint8Array, template: Partial<Template>, now = 0): Packet {
  const pkt = track(tracker, octets, now, template);
  tracker.confirm(pkt);
  return pkt;
}

test.each([
  ['while its time is not over', 29_000, true],
  ['of a connection whose time is over, though nothing has told the tracker yet', 31_000, false],
] as const)('a packet that is not tracked has the tuple %s', (_, now, found) => {
  const tracker = newTracker();
  const { connection } = passWith(tracker, query(), {});
  const other = track(tracker, query(), now, { untracked: true });
  const tuple = tracker.tupleOf(other)!;
  expect([other.ctState, tracker.holderOf(tuple, now)]).toEqual([CT_UNTRACKED, found ? 2 * connection : -1]);
});

describe('a new connection', () => {
  test('is not in the table before it is confirmed', () => {
    const tracker = newTracker();
    const first = track(tracker, query());
    expect([first.ctState, first.unconfirmed, first.direction]).toEqual([CT_NEW, true, 0]);
    expect(tracker.connections.status(first.connection) & IPS_CONFIRMED).toBe(0);
    expect(tracker.connections.timeLeft(first.connection, 0)).toBe(0);
    expect(dump(tracker, 0)).toEqual([]);
    expect(tracker.confirm(first)).toBe(1);
    expect(first.unconfirmed).toBe(false);
    expect(tracker.connections.timeLeft(first.connection, 0)).toBe(30_000);
    expect(dump(tracker, 0)).toHaveLength(1);
  });

  test('leaves no trace when the rules drop its packet', () => {
    const tracker = newTracker();
    const dropped = track(tracker, query());
    tracker.release(dropped);
    expect(dropped.connection).toBe(-1);
    expect(tracker.table.count).toBe(0);
    expect(ctStateName(track(tracker, answer()))).toBe('NEW');
  });

  test('is NEW until an answer came', () => {
    const tracker = newTracker();
    pass(tracker, query(), 0);
    expect(ctStateName(pass(tracker, query(), 1))).toBe('NEW');
    const reply = pass(tracker, answer(), 2);
    expect([ctStateName(reply), reply.direction]).toEqual(['ESTABLISHED', 1]);
    expect(ctStateName(pass(tracker, query(), 3))).toBe('ESTABLISHED');
  });

  test('releasing a packet of a confirmed connection changes nothing', () => {
    const tracker = newTracker();
    pass(tracker, query(), 0);
    const second = track(tracker, query(), 1);
    tracker.release(second);
    expect(entryText(tracker, 1)).toBe('30 unreplied');
  });

  test('is not confirmed by an answer of ours to it (REJECT)', () => {
    const tracker = newTracker();
    const rejected = track(tracker, query());
    const error = Packet.of(build.icmpErrorAbout(query(), { from: '10.0.1.1' }));
    tracker.attach(error, rejected);
    expect([error.ctState, error.direction, error.connection]).toEqual([CT_RELATED, 1, rejected.connection]);
    expect(tracker.track(error)).toBe(1);
    expect(error.ctState).toBe(CT_RELATED);
    expect(tracker.confirm(error)).toBe(1);
    tracker.release(error);
    tracker.release(rejected);
    expect(tracker.table.count).toBe(0);
  });

  test('an answer of ours to what has no connection is looked up for itself', () => {
    const tracker = newTracker();
    const stray = track(tracker, answer());
    tracker.release(stray);
    const invalid = track(tracker, segment('FA'));
    const made = Packet.of(build.ip4({ src: B[4], dst: A[4] }, build.tcp({ sport: 80, dport: 1_000, flags: 'R' })));
    tracker.attach(made, invalid);
    expect(made.connection).toBe(-1);
    tracker.track(made);
    expect(made.ctState).toBe(CT_INVALID);
  });

  test('a killed one is still part of the packet that killed it', () => {
    const tracker = newTracker();
    pass(tracker, segment('S', { seq: 100 }), 0);
    const reset = pass(
      tracker,
      build.ip4({ src: B[4], dst: A[4] }, build.tcp({ sport: 80, dport: 1_000, flags: 'RA', ack: 101 })),
      1,
    );
    expect(ctStateName(reset)).toBe('ESTABLISHED');
    expect(tracker.connections.destinationKey(reset.connection, 0)).toBe(80);
    expect(tracker.table.count).toBe(0);
  });
});

describe('two new packets of the same flow at once', () => {
  test('UDP: the second goes on with the entry of the first', () => {
    const tracker = newTracker();
    const [first, second] = [track(tracker, query()), track(tracker, query())];
    expect(second.connection).not.toBe(first.connection);
    expect([tracker.confirm(first), tracker.confirm(second)]).toEqual([1, 1]);
    expect(second.connection).toBe(first.connection);
    expect(tracker.table.count).toBe(1);
    expect(tracker.statistics.clashResolve).toBe(1);
  });

  test('TCP: the second is dropped', () => {
    const tracker = newTracker();
    const [first, second] = [track(tracker, segment('S')), track(tracker, segment('S'))];
    expect([tracker.confirm(first), tracker.confirm(second)]).toEqual([1, 0]);
    expect(second.reason).toBe('clash with another connection');
    tracker.release(second);
    expect(tracker.table.count).toBe(1);
    expect(tracker.statistics.insertFailed).toBe(1);
  });

  test('from both ends: the second is dropped', () => {
    const tracker = newTracker();
    const [first, second] = [track(tracker, query()), track(tracker, answer())];
    expect([tracker.confirm(first), tracker.confirm(second)]).toEqual([1, 0]);
  });
});

describe('templates', () => {
  test('NOTRACK', () => {
    const tracker = newTracker();
    const pkt = track(tracker, query(), 0, { untracked: true });
    expect([pkt.ctState, pkt.connection]).toEqual([CT_UNTRACKED, -1]);
  });

  test('a zone of its own for the same tuple', () => {
    const tracker = newTracker();
    passWith(tracker, query(), { zoneOriginal: 1, zoneReply: 1 });
    expect(ctStateName(passWith(tracker, answer(), { zoneOriginal: 2, zoneReply: 2 }))).toBe('NEW');
    expect(ctStateName(passWith(tracker, answer(), { zoneOriginal: 1, zoneReply: 1 }))).toBe('ESTABLISHED');
    expect(ctStateName(passWith(tracker, answer(), {}))).toBe('NEW');
    expect(dump(tracker, 0).map(({ zone }) => zone)).toEqual([0, 2, 1]);
  });

  test('a zone for the original direction only: the answer comes in zone 0', () => {
    const tracker = newTracker();
    const first = passWith(tracker, query(), { zoneOriginal: 7 });
    expect(tracker.connections.zone(first.connection)).toBe(7);
    expect(ctStateName(passWith(tracker, answer(), {}))).toBe('ESTABLISHED');
    expect(dump(tracker, 0)[0]['zone-orig']).toBe(7);
  });

  test('the zone is the mark', () => {
    const tracker = newTracker();
    const pkt = track(tracker, query(), 0, { markZones: 3 });
    expect(tracker.connections.zone(pkt.connection)).toBe(0);
    const marked = Packet.of(query());
    marked.mark = 0x1_0009;
    marked.template = { untracked: false, zoneOriginal: 0, zoneReply: 0, markZones: 3 };
    tracker.track(marked);
    expect(tracker.connections.zone(marked.connection)).toBe(9);
  });

  test('a named timeout policy', () => {
    const tracker = newTracker();
    expect(setSetting(tracker, 'sekisho.timeout.short', 'udp unreplied 5')).toBe(true);
    passWith(tracker, query(), { timeout: 'short' });
    expect(entryText(tracker, 0)).toBe('5 unreplied');
    passWith(tracker, query(), {}, 1_000);
    expect(entryText(tracker, 1_000)).toBe('5 unreplied');
    passWith(tracker, query(2_000), { timeout: 'none of that name' });
    expect(dump(tracker, 1_000).map(({ timeout }) => timeout)).toEqual([5, 29]);
  });

  test('a helper', () => {
    const tracker = newTracker();
    tracker.helping.find = () => ftp;
    const { connection } = passWith(tracker, segment('S'), { helper: 'ftp' });
    expect(tracker.helper(connection)).toBe('ftp');
    expect(tracker.connections.status(connection) & IPS_HELPER).toBe(IPS_HELPER);
    tracker.flush();
    expect(tracker.helper(connection)).toBeUndefined();
  });
});

describe('limits', () => {
  const max = 'net.netfilter.nf_conntrack_max';

  test('a full table of assured connections refuses', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 1);
    pass(tracker, query(), 0);
    pass(tracker, answer(), 1);
    pass(tracker, query(), 2_500);
    const refused = track(tracker, query(2_000), 2_501);
    expect(refused.reason).toBe('connection table full');
    expect(tracker.track(refused)).toBe(0);
    expect(tracker.statistics.drop).toBe(2);
    expect(entryText(tracker, 2_501)).toBe('120 assured');
  });

  test('a flood of SYNs fills the table, evicts its own, and leaves the assured alone', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 1_000);
    pass(tracker, query(), 0);
    pass(tracker, answer(), 1);
    pass(tracker, query(), 2_500);
    const random = seeded(3);
    let refused = 0;
    for (let turn = 0; turn < 5_000; turn++) {
      const src = Array.from({ length: 4 }, () => random() & 0xff).join('.');
      const pkt = pass(tracker, build.ip4({ src, dst: B[4] }, build.tcp({ flags: 'S' })), 2_500 + turn / 100);
      if (pkt.ctState === 0) refused++;
      expect(tracker.table.count).toBeLessThanOrEqual(1_000);
    }
    expect(refused).toBeLessThan(50);
    expect(tracker.statistics.earlyDrop).toBeGreaterThan(3_900);
    expect(ctStateName(pass(tracker, answer(), 2_600))).toBe('ESTABLISHED');
  });

  test('one for both families', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 1);
    pass(tracker, query(), 0);
    pass(tracker, answer(), 1);
    pass(tracker, query(), 2_500);
    expect(track(tracker, build.ip6({}, build.udp({})), 2_501).reason).toBe('connection table full');
  });

  test('once a packet found no room, a sweep ends what is unassured or closing until 95% are left', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 100);
    const ends = { src: A[4], dst: B[4] };
    const segment = (sport: number, flags: string, seq: number, ack: number) =>
      build.ip4(ends, build.tcp({ sport, dport: 80, flags, seq, ack }));
    const reply = (dport: number, flags: string, seq: number, ack: number) =>
      build.ip4({ src: B[4], dst: A[4] }, build.tcp({ sport: 80, dport, flags, seq, ack }));
    const open = (sport: number) => {
      for (const one of [segment(sport, 'S', 1, 0), reply(sport, 'SA', 1, 2), segment(sport, 'A', 2, 2)])
        pass(tracker, one, 0);
    };
    for (let port = 1; port <= 100; port++) open(port);
    for (let port = 1; port <= 20; port++) {
      pass(tracker, segment(port, 'FA', 2, 2), 1);
      pass(tracker, reply(port, 'FA', 2, 3), 1);
    }
    expect(track(tracker, segment(999, 'S', 1, 0), 2).reason).toBe('connection table full');
    expect(tracker.table.count).toBe(100);
    tracker.advance(1_100);
    const states = [...tracker.entries(1_100)].map((id) => tracker.table.state(id));
    expect([tracker.table.count, states.filter((state) => state === 3).length]).toEqual([95, 80]);
  });

  test('no limit', () => {
    const tracker = newTracker();
    tracker.sysctls.set(max, 0);
    for (let port = 0; port < 100; port++) pass(tracker, query(port), 0);
    expect(tracker.table.count).toBe(100);
  });
});

describe('time', () => {
  test('the sweep ends what nobody asks for any more', () => {
    const tracker = newTracker();
    for (let port = 0; port < 100; port++) pass(tracker, query(port), port);
    tracker.advance(30_050);
    expect(tracker.table.count).toBe(49);
    for (let now = 30_050; now < 31_200; now += 10) tracker.advance(now);
    expect(tracker.table.count).toBe(0);
  });

  test('a jump of months', () => {
    const tracker = newTracker();
    pass(tracker, query(), 0);
    tracker.advance(40 * 86_400_000);
    expect(tracker.table.count).toBe(0);
  });

  test('an expired connection is not listed, nor found, nor counted against a new one of the same tuple', () => {
    const tracker = newTracker();
    pass(tracker, query(), 0);
    expect(dump(tracker, 30_000)).toEqual([]);
    expect(ctStateName(pass(tracker, answer(), 30_000))).toBe('NEW');
    expect(tracker.table.count).toBe(1);
  });
});

describe('events', () => {
  test('birth, changes, end', () => {
    const tracker = newTracker();
    const seen: [string, number][] = [];
    tracker.events.listen((what, _id, bits) => seen.push([what, bits]));
    const ends = { src: B[4], dst: A[4] };
    pass(tracker, segment('S', { seq: 100 }), 0);
    pass(tracker, build.ip4(ends, build.tcp({ sport: 80, dport: 1_000, flags: 'SA', seq: 500, ack: 101 })), 1);
    const third = pass(tracker, segment('A', { seq: 101, ack: 501 }), 2);
    tracker.connections.setMark(third.connection, 5);
    tracker.connections.setMark(third.connection, 5);
    tracker.confirm(third);
    tracker.flush();
    expect(seen).toEqual([
      ['new', IPCT_NEW | IPCT_PROTOINFO],
      ['update', IPCT_REPLY | IPCT_PROTOINFO],
      ['update', IPCT_PROTOINFO | IPCT_ASSURED],
      ['update', IPCT_MARK],
      ['destroy', IPCT_DESTROY],
    ]);
  });

  test('only those that CT --ctevents asks for', () => {
    const tracker = newTracker();
    const seen: string[] = [];
    tracker.events.listen((what) => seen.push(what));
    passWith(tracker, query(), { events: IPCT_DESTROY });
    tracker.flush();
    expect(seen).toEqual(['destroy']);
  });

  test('none of a connection that the rules did not let in', () => {
    const tracker = newTracker();
    const seen: string[] = [];
    tracker.events.listen((what) => seen.push(what));
    tracker.release(track(tracker, query()));
    expect(seen).toEqual([]);
  });
});

describe('what rules ask', () => {
  test('addresses octet by octet, in both families', () => {
    const tracker = newTracker();
    const octets = (id: number, direction: 0 | 1): number[] =>
      Array.from({ length: 16 }, (_, index) => tracker.connections.sourceOctet(id, direction, index));
    const four = pass(tracker, query(), 0).connection;
    expect(octets(four, 0)).toEqual([...Array(10).fill(0), 255, 255, 10, 0, 1, 2]);
    expect(octets(four, 1).slice(12)).toEqual([10, 0, 2, 2]);
    const six = pass(tracker, build.ip6({ src: A[6], dst: B[6] }, build.udp({})), 0).connection;
    expect(octets(six, 0)).toEqual([0xfd, 0, 0, 10, ...Array(11).fill(0), 2]);
    expect(octets(six, 1)).toEqual([0xfd, 0, 0, 11, ...Array(11).fill(0), 2]);
  });

  test('keys: ports, and id with type and code', () => {
    const tracker = newTracker();
    const { connections } = tracker;
    const udp = pass(tracker, query(1_234), 0).connection;
    expect([connections.sourceKey(udp, 0), connections.destinationKey(udp, 0)]).toEqual([1_234, 53]);
    expect([connections.sourceKey(udp, 1), connections.destinationKey(udp, 1)]).toEqual([53, 1_234]);
    const ping = pass(tracker, build.ip4({}, build.icmp({ id: 7 })), 0).connection;
    expect([connections.sourceKey(ping, 0), connections.destinationKey(ping, 0)]).toEqual([7, 8 << 8]);
    expect([connections.sourceKey(ping, 1), connections.destinationKey(ping, 1)]).toEqual([7, 0]);
  });

  test('marks of 32 bits', () => {
    const tracker = newTracker();
    const { connections } = tracker;
    const first = pass(tracker, query(1), 0).connection;
    const second = pass(tracker, query(2), 0).connection;
    expect(connections.mark(first)).toBe(0);
    connections.setMark(second, 0xdeadbeef);
    expect([connections.mark(first), connections.mark(second)]).toEqual([0, 0xdeadbeef]);
  });
});

describe('sysctls', () => {
  test('by the kernel’s names, in its ranges', () => {
    const { sysctls } = newTracker();
    expect(sysctls.get('net.netfilter.nf_conntrack_tcp_timeout_established')).toBe(432_000);
    expect(sysctls.set('net.netfilter.nf_conntrack_tcp_loose', 2)).toBe(false);
    expect(sysctls.set('net.netfilter.nf_conntrack_tcp_loose', 0)).toBe(true);
    expect(sysctls.get('net.netfilter.nf_conntrack_tcp_loose')).toBe(0);
    expect(sysctls.set('net.nf_conntrack_max', 5)).toBe(true);
    expect(sysctls.get('net.netfilter.nf_conntrack_max')).toBe(5);
    expect(sysctls.set('net.netfilter.nf_conntrack_nonsense', 5)).toBe(false);
    expect(sysctls.get('net.ipv4.ip_forward')).toBeUndefined();
  });

  test('a timeout of months is taken, and ends with the times of 32 bits', () => {
    const tracker = newTracker();
    const name = 'net.netfilter.nf_conntrack_udp_timeout';
    expect(tracker.sysctls.set(name, 8_589_935)).toBe(false);
    expect(tracker.sysctls.set(name, 8_589_934)).toBe(true);
    expect(tracker.sysctls.get(name)).toBe(8_589_934);
    pass(tracker, query(), 0);
    expect(entryText(tracker, 0)).toBe('2147484 unreplied');
  });

  test('UDP-Lite has the timeouts of UDP', () => {
    const tracker = newTracker();
    tracker.sysctls.set('net.netfilter.nf_conntrack_checksum', 0);
    tracker.sysctls.set('net.netfilter.nf_conntrack_udp_timeout', 44);
    pass(tracker, build.ip4({}, build.udplite({})), 0);
    expect(entryText(tracker, 0)).toBe('44 unreplied');
  });

  test('accounting counts what comes after it is on, for connections made since', () => {
    const tracker = newTracker();
    pass(tracker, query(1), 0);
    tracker.sysctls.set('net.netfilter.nf_conntrack_acct', 1);
    pass(tracker, query(1), 1);
    pass(tracker, query(2), 1);
    pass(tracker, answer(2), 2);
    expect(dump(tracker, 2).map(({ orig, reply }) => [orig.packets, orig.bytes, reply.packets])).toEqual([
      [1, 32, 1],
      [undefined, undefined, undefined],
    ]);
  });

  test('checksums are looked at on the way in only', () => {
    const tracker = newTracker();
    const own = Packet.of(build.ip4({}, build.udp({ badChecksum: true })));
    own.hook = 3; // LOCAL_OUT
    tracker.track(own);
    expect(own.ctState).toBe(CT_NEW);
    const partial = Packet.of(build.ip4({}, build.udp({ checksum: 'partial' })));
    partial.checksumPartial = true;
    tracker.track(partial);
    expect(partial.ctState).toBe(CT_NEW);
  });
});

describe('whatever comes', () => {
  const anyBytes = fc.uint8Array({ maxLength: 120 });
  /** Bytes behind a header that leads somewhere. */
  const behind = fc
    .record({
      family: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom(1, 6, 17, 33, 47, 58, 132, 136, 0, 43, 44, 51, 60, 99),
      data: anyBytes,
    })
    .map(({ family, protocol, data }) => build.ip(family, {}, build.raw(protocol, data)));

  test('random octets never throw, and leave nothing that is not listed', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyBytes, behind, behind), { maxLength: 30 }), (packets) => {
        const tracker = newTracker();
        tracker.sysctls.set('net.netfilter.nf_conntrack_checksum', 0);
        packets.forEach((octets, index) => {
          const pkt = Packet.of(octets);
          if (pkt.family === 0) return;
          pkt.now = index;
          tracker.track(pkt);
          expect([CT_INVALID, CT_UNTRACKED, CT_NEW, CT_RELATED, 2]).toContain(pkt.ctState);
          expect(pkt.ctState === CT_INVALID).toBe(pkt.reason !== '');
          if (index % 3 === 0) tracker.release(pkt);
          else tracker.confirm(pkt);
        });
        expect(dump(tracker, packets.length)).toHaveLength(tracker.table.count);
      }),
      { numRuns: 400 },
    );
  });

  test('a quoted packet of random octets never throws', () => {
    fc.assert(
      fc.property(fc.array(behind, { minLength: 1, maxLength: 10 }), fc.nat(80), (packets, cut) => {
        const tracker = newTracker();
        for (const octets of packets) {
          pass(tracker, octets, 0);
          const quote = octets.slice(0, cut);
          const error =
            octets[0] >>> 4 === 4
              ? build.ip4({}, build.icmp({ type: 3, data: quote }))
              : build.ip6({}, build.icmp6({ type: 1, data: quote }));
          pass(tracker, error, 1);
        }
      }),
      { numRuns: 300 },
    );
  });
});
