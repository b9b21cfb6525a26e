// Expectations by themselves: what fits one, what becomes of two that meet, and when they end. With helpers the kernel was asked
// (test/conntrack/helpers/); with `conntrack -I expect` too (test/kernel/conntrack-tool.test.ts).

import { describe, expect, test } from 'vitest';
import { EXPECT_INACTIVE, EXPECT_PERMANENT, Expectation } from '../../conntrack/helping/expectation.ts';
import { defineHelper } from '../../conntrack/helping/helper.ts';
import { addressWords } from '../../conntrack/nat/range.ts';
import { type ConnectionTracker, IPS_EXPECTED } from '../../conntrack/tracker.ts';
import { parseAddress } from '../../packet/address.ts';
import { ip, tcp, udp } from '../../packet/build.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { CT_NEW, CT_RELATED, Packet } from '../../packet/packet.ts';
import { newTracker } from './player.ts';

/** Reads nothing: these tests expect by themselves. */
const silent = defineHelper({
  name: 'silent',
  summary: '',
  families: [4, 6],
  protocols: [IPPROTO_UDP],
  port: 5,
  policies: [
    { name: '', most: 2, timeoutMs: 10_000 },
    { name: 'media', most: 0, timeoutMs: 60_000 },
  ],
  help: () => undefined,
});

const words = (text: string): Int32Array =>
  addressWords(parseAddress(text, text.includes(':') ? 6 : 4)!, text.includes(':') ? 6 : 4);

interface Wanted {
  source?: string;
  port?: number;
  destination?: string;
  destinationPort?: number;
  class?: number;
  flags?: number;
}

class Site {
  readonly tracker: ConnectionTracker = newTracker();
  now = 0;

  constructor() {
    this.tracker.helping.find = () => silent;
  }

  /** The master: a flow from that port, confirmed unless told otherwise. */
  master(port: number, { confirm = true, zone = 0 } = {}): number {
    const pkt = Packet.of(ip(4, { src: '10.0.0.1', dst: '10.9.9.9' }, udp({ sport: port, dport: 5 })));
    pkt.now = this.now;
    pkt.template = { untracked: false, zoneOriginal: zone, zoneReply: zone, helper: 'silent', mark: 0 };
    this.tracker.track(pkt);
    if (confirm) this.tracker.confirm(pkt);
    return pkt.connection;
  }

  expect(master: number, wanted: Wanted = {}): string | undefined {
    const { source, port, destination = '10.0.0.1', destinationPort = 700, class: of = 0, flags = 0 } = wanted;
    const one = new Expectation(this.tracker.helping.help(master)!);
    one.tuple.family = destination.includes(':') ? 6 : 4;
    one.tuple.protocol = IPPROTO_TCP;
    if (source) {
      one.tuple.words.set(words(source));
      one.sourceMask.fill(-1);
    }
    one.tuple.words.set(words(destination), 4);
    one.tuple.setPorts(port ?? 0, destinationPort);
    one.sourceKeyMask = port === undefined ? 0 : 0xffff;
    one.class = of;
    one.flags = flags;
    return this.tracker.expectations.add(one);
  }

  /** The class of a new flow. */
  arrive(src: string, sport: number, { dst = '10.0.0.1', dport = 700, zone = 0 } = {}): number {
    const pkt = Packet.of(ip(src.includes(':') ? 6 : 4, { src, dst }, tcp({ sport, dport, flags: 'S' })));
    pkt.now = this.now;
    if (zone !== 0) pkt.template = { untracked: false, zoneOriginal: zone, zoneReply: zone, mark: 0 };
    this.tracker.track(pkt);
    this.tracker.confirm(pkt);
    if (pkt.ctState === CT_RELATED) expect(this.tracker.table.status(pkt.connection) & IPS_EXPECTED).toBe(IPS_EXPECTED);
    return pkt.ctState;
  }

  get ports(): number[] {
    return [...this.tracker.expectations.entries()].map(({ destinationKey }) => destinationKey).sort((a, b) => a - b);
  }

  advance(ms: number): void {
    this.now += ms;
    this.tracker.advance(this.now);
  }
}

describe('what fits', () => {
  test('any source, where none is said', () => {
    const site = new Site();
    site.expect(site.master(1));
    expect(site.arrive('10.5.5.5', 9)).toBe(CT_RELATED);
  });

  test.each([
    [{ source: '10.5.5.5' }, '10.5.5.5', 9, CT_RELATED],
    [{ source: '10.5.5.5' }, '10.5.5.6', 9, CT_NEW],
    [{ source: '10.5.5.5', port: 9 }, '10.5.5.5', 9, CT_RELATED],
    [{ source: '10.5.5.5', port: 9 }, '10.5.5.5', 8, CT_NEW],
    [{ destinationPort: 701 }, '10.5.5.5', 9, CT_NEW],
    [{ destination: '10.0.0.2' }, '10.5.5.5', 9, CT_NEW],
  ])('%o: from %s port %i', (wanted, source, port, class_) => {
    const site = new Site();
    site.expect(site.master(1), wanted);
    expect(site.arrive(source, port)).toBe(class_);
  });

  test('once, unless it is permanent; not at all while it is inactive', () => {
    const site = new Site();
    const master = site.master(1);
    site.expect(master);
    expect([site.arrive('10.5.5.5', 1), site.arrive('10.5.5.5', 2)]).toEqual([CT_RELATED, CT_NEW]);
    site.expect(master, { flags: EXPECT_PERMANENT });
    expect([site.arrive('10.5.5.5', 3), site.arrive('10.5.5.5', 4)]).toEqual([CT_RELATED, CT_RELATED]);
    site.expect(master, { destinationPort: 800, flags: EXPECT_INACTIVE });
    expect(site.arrive('10.5.5.5', 5, { dport: 800 })).toBe(CT_NEW);
  });

  test('only in the zone of the master', () => {
    const site = new Site();
    site.expect(site.master(1, { zone: 7 }));
    expect(site.arrive('10.5.5.5', 1)).toBe(CT_NEW);
    expect(site.arrive('10.5.5.5', 2, { zone: 7 })).toBe(CT_RELATED);
  });

  test('nothing, while the master has not left yet', () => {
    const site = new Site();
    site.expect(site.master(1, { confirm: false }));
    expect(site.arrive('10.5.5.5', 1)).toBe(CT_NEW);
  });
});

describe('two that meet', () => {
  test('the same of the same master replaces the first, and has its time anew', () => {
    const site = new Site();
    const master = site.master(1);
    site.expect(master);
    site.advance(9_000);
    expect(site.expect(master)).toBeUndefined();
    site.advance(9_000);
    expect(site.ports).toEqual([700]);
    expect(site.tracker.statistics).toMatchObject({ expectCreate: 2, expectDelete: 1 });
  });

  test('one that overlaps another is refused, of whomever', () => {
    const site = new Site();
    const [one, other] = [site.master(1), site.master(2)];
    site.expect(one, { source: '10.5.5.5' });
    expect(site.expect(other, { source: '10.5.5.5' })).toBe('taken');
    expect(site.expect(one)).toBe('taken');
    expect(site.expect(one, { source: '10.5.5.5', port: 9 })).toBe('taken');
    expect(site.expect(other, { source: '10.5.5.6' })).toBeUndefined();
    expect(site.expect(other, { destination: 'fd00::1' })).toBeUndefined();
  });

  test('the same of another class is refused', () => {
    const site = new Site();
    const master = site.master(1);
    site.expect(master);
    expect(site.expect(master, { class: 1 })).toBe('other class');
  });
});

describe('the end', () => {
  test('of the oldest of its class, when there are too many', () => {
    const site = new Site();
    const master = site.master(1);
    for (const destinationPort of [1, 2, 3]) site.expect(master, { destinationPort });
    for (let destinationPort = 10; destinationPort < 40; destinationPort++)
      site.expect(master, { destinationPort, class: 1 });
    expect(site.ports.slice(0, 3)).toEqual([2, 3, 10]);
    expect(site.ports.length).toBe(32);
  });

  test('with its time, to the millisecond', () => {
    const site = new Site();
    site.expect(site.master(1), { flags: EXPECT_PERMANENT });
    site.advance(9_999);
    expect(site.arrive('10.5.5.5', 1)).toBe(CT_RELATED);
    site.advance(1);
    expect(site.arrive('10.5.5.5', 2)).toBe(CT_NEW);
    expect(site.ports).toEqual([]);
    site.advance(100);
    expect(site.tracker.expectations.count).toBe(0);
  });

  test('with its master; the connections that came of it know whose they were', () => {
    const site = new Site();
    const master = site.master(1);
    site.expect(master, { flags: EXPECT_PERMANENT });
    expect(site.arrive('10.5.5.5', 1)).toBe(CT_RELATED);
    site.tracker.kill(master);
    expect(site.tracker.expectations.count).toBe(0);
    expect(site.arrive('10.5.5.5', 2)).toBe(CT_NEW);
    const [child] = [...site.tracker.entries(0)];
    expect([site.tracker.masterHelper(child), site.tracker.helping.master(child)?.id]).toEqual(['silent', -1]);
  });
});

test('what comes of one has the mark of its master', () => {
  const site = new Site();
  const master = site.master(1);
  site.tracker.connections.setMark(master, 0x80000007);
  site.expect(master);
  site.arrive('10.5.5.5', 1);
  expect([...site.tracker.entries(0)].map((id) => site.tracker.connections.mark(id))).toEqual([0x80000007, 0x80000007]);
});

test('births and ends are told', () => {
  const site = new Site();
  const told: string[] = [];
  site.tracker.expectations.listener = (what, { destinationKey }) => told.push(`${what} ${destinationKey}`);
  const master = site.master(1);
  for (const destinationPort of [1, 2, 3]) site.expect(master, { destinationPort });
  site.arrive('10.5.5.5', 1, { dport: 3 });
  site.tracker.kill(master);
  expect(told).toEqual(['new 1', 'new 2', 'destroy 1', 'new 3', 'destroy 3', 'destroy 2']);
});
