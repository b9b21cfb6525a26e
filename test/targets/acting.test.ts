// Targets that tell, count or send, on a manual clock.

import { describe, expect, test } from 'vitest';
import { SecurityContexts } from '../../conntrack/security-contexts.ts';
import type { Connections, Tracker } from '../../conntrack/tracker.ts';
import type { CompileContext } from '../../engine/extension.ts';
import { estimatorKey, RateEstimator } from '../../engine/rate-estimator.ts';
import type { Services } from '../../engine/services.ts';
import { TimerMap } from '../../engine/timers.ts';
import { formatAddress } from '../../packet/address.ts';
import { fragment, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { type Family, IPPROTO_NONE } from '../../packet/numbers.ts';
import { CT_NEW, Packet } from '../../packet/packet.ts';
import { AUDIT } from '../../targets/AUDIT.ts';
import { CONNSECMARK } from '../../targets/CONNSECMARK.ts';
import { RATEEST } from '../../targets/RATEEST.ts';
import { SECMARK } from '../../targets/SECMARK.ts';
import { TEE } from '../../targets/TEE.ts';
import { TPROXY } from '../../targets/TPROXY.ts';
import { ULOG } from '../../targets/ULOG.ts';
import { bareServices, seeded } from '../../testing/bare-services.ts';
import { targetCases } from '../../testing/ext-cases.ts';
import { play } from '../../testing/scenario/scenario.ts';
import { firewallOf, ROUTER } from '../engine/firewall-of.ts';
import { hmark, tee, tproxy } from './scenarios.ts';

const packet4 = ip4({}, udp({ data: 'abc' }));
const packet6 = ip6({}, udp({ data: 'abc' }));

// --- A firewall on a manual clock ---------------------------------------------------------------------------------------

/** Replaces a filter table. */
const rules = (...lines: readonly string[]): string =>
  `*filter\n${lines.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

/** A router; what was told since the last call, with its time. */
function bench() {
  const { firewall, logged, load, receive } = firewallOf(ROUTER);
  return {
    firewall,
    logged,
    load: (family: Family, ...lines: readonly string[]) => load(family, rules(...lines)),
    receive: (octets: Uint8Array, now: number) => receive('tunA', octets, now),
    told: () => logged.splice(0).map(({ now, text }) => `${now} ${text}`),
  };
}

describe('-j IDLETIMER', () => {
  const RULE = 'FORWARD -j IDLETIMER --timeout 5 --label way';

  test('tells once, so many seconds after the rule came or the last packet', () => {
    const router = bench();
    router.firewall.advance(1000);
    router.load(4, RULE);
    router.firewall.advance(5999);
    expect(router.told()).toEqual([]);
    router.firewall.advance(6000);
    expect(router.logged[0].event).toEqual({ kind: 'idle', label: 'way' });
    expect(router.told()).toEqual(['6000 xt_IDLETIMER: way is idle']);
    router.firewall.advance(60_000);
    expect(router.told()).toEqual([]);
    router.receive(packet4, 60_000);
    router.receive(packet4, 63_000);
    router.firewall.advance(100_000);
    expect(router.told()).toEqual(['68000 xt_IDLETIMER: way is idle']);
  });

  test('one timer for both families, and none without a rule', () => {
    const router = bench();
    router.load(4, RULE);
    router.load(6, RULE);
    router.receive(packet6, 3000);
    router.load(6);
    router.firewall.advance(20_000);
    expect(router.told()).toEqual(['8000 xt_IDLETIMER: way is idle']);
    router.receive(packet4, 21_000);
    router.load(4);
    router.firewall.advance(60_000);
    expect(router.told()).toEqual([]);
  });

  test('of another kind under the same label is refused', () => {
    const router = bench();
    router.load(4, RULE);
    expect(() => router.load(6, `${RULE} --alarm`)).toThrow(/different timer type/);
  });

  test('tracing a packet does not restart it', () => {
    const router = bench();
    router.load(4, RULE);
    router.firewall.trace(packet4, { device: 'tunA', now: 4000 });
    router.firewall.advance(20_000);
    expect(router.told()).toEqual(['5000 xt_IDLETIMER: way is idle']);
  });
});

test.each([
  ['', ['0 on', '0 off', '10 on', '10 off', '20 on', '20 off']],
  ['--led-delay 100', ['0 on', '10 on', '20 on', '120 off']],
  ['--led-delay 100 --led-always-blink', ['0 on', '10 blink', '20 blink', '120 off']],
  ['--led-delay inf', ['0 on', '10 on', '20 on']],
])('-j LED %s', (options, told) => {
  const router = bench();
  router.load(4, `FORWARD -j LED --led-trigger-id x ${options}`);
  for (const now of [0, 10, 20]) router.receive(packet4, now);
  router.firewall.advance(1000);
  expect(router.told()).toEqual(told.map((line) => line.replace(' ', ' netfilter-x ')));
});

describe('timers', () => {
  test('run in the order of their times, each at its own', () => {
    const timers = new TimerMap();
    const ran: string[] = [];
    for (const [key, at] of [
      ['b', 20],
      ['a', 10],
      ['c', 30],
      ['d', 40],
    ] as const)
      timers.start(key, at, (now) => ran.push(`${key}${now}`));
    timers.start('a', 25, (now) => ran.push(`a${now}`));
    timers.stop('c');
    timers.advance(35);
    expect([ran, timers.now, timers.running('d'), timers.running('a')]).toEqual([['b20', 'a25'], 35, true, false]);
  });

  test('one that starts itself again runs as often as it is due', () => {
    const timers = new TimerMap();
    let count = 0;
    const again = (now: number): void => {
      count++;
      timers.start('x', now + 10, again);
    };
    timers.start('x', 10, again);
    timers.advance(55);
    expect(count).toBe(5);
  });
});

// --- RATEEST ------------------------------------------------------------------------------------------------------------

describe('rate estimators', () => {
  /** est_timer() as it stands in the kernel, called at each sample. */
  class Plain {
    private average = 0n;
    private count = 0n;
    private readonly intervalLog: bigint;
    private readonly ewmaLog: bigint;

    constructor(intervalLog: number, ewmaLog: number) {
      this.intervalLog = BigInt(intervalLog);
      this.ewmaLog = BigInt(ewmaLog);
    }

    add(): void {
      this.count++;
    }

    sample(): void {
      const rate = this.count << (10n - this.intervalLog);
      this.average += (rate >> this.ewmaLog) - (this.average >> this.ewmaLog);
      this.count = 0n;
    }

    read(): number {
      return Number(this.average >> 8n);
    }
  }

  test.each([
    [0, 1],
    [2, 3],
    [5, 8],
    [0, 30],
  ])('sampled when somebody looks, as by a timer (interval %i, weight %i)', (intervalLog, ewmaLog) => {
    const random = seeded(intervalLog + 7);
    const estimator = new RateEstimator({ intervalLog, ewmaLog }, 100);
    const plain = new Plain(intervalLog, ewmaLog);
    const interval = 250 * 2 ** intervalLog;
    let [now, next] = [100, 100 + interval];
    for (let step = 0; step < 3000; step++) {
      // Now and then a pause over many intervals.
      now += (random() >>> 8) % 20 === 0 ? (random() >>> 4) % (20 * interval) : (random() >>> 8) % 40;
      for (; next <= now; next += interval) plain.sample();
      estimator.add(1, now);
      plain.add();
      expect([estimator.packetsPerSecond(now), estimator.octetsPerSecond(now)]).toEqual([plain.read(), plain.read()]);
    }
  });

  test('a long silence costs nothing, and the rate is gone', () => {
    const estimator = new RateEstimator({ intervalLog: 0, ewmaLog: 2 }, 0);
    for (let now = 0; now < 10_000; now++) estimator.add(100, now);
    expect(estimator.packetsPerSecond(10_000)).toBeGreaterThan(900);
    expect(estimator.packetsPerSecond(1e15)).toBe(0);
  });
});

/** Two rules of one target share what is shared. */
function contexts(services: Partial<Services> = {}): Record<Family, CompileContext> {
  const shared = new Map<string, unknown>();
  const context = (family: Family): CompileContext => ({
    family,
    table: 'mangle',
    services: bareServices(services),
    state: (make) => make(),
    shared<T>(name: string, make: () => T, families: 'each' | 'both' = 'each'): T {
      const key = families === 'both' ? name : `${family} ${name}`;
      if (!shared.has(key)) shared.set(key, make());
      return shared.get(key) as T;
    },
  });
  return { 4: context(4), 6: context(6) };
}

test('-j RATEEST counts both families into one estimator of a name', () => {
  const both = contexts();
  const settings = { name: 'x', intervalLog: 0, ewmaLog: 1 };
  RATEEST.compile(settings, both[4])(Packet.of(packet4));
  RATEEST.compile(settings, both[6])(Packet.of(packet6));
  const estimator = both[4].shared(estimatorKey('x'), () => new RateEstimator(settings, 0), 'both');
  // Two packets in a quarter of a second, half of it believed.
  expect(estimator.packetsPerSecond(250)).toBe(4);
  expect(estimator.octetsPerSecond(250)).toBe(2 * (packet4.length + packet6.length));
  expect(() => RATEEST.compile({ ...settings, ewmaLog: 2 }, both[4])).toThrow(/other times/);
});

// --- The rest -----------------------------------------------------------------------------------------------------------

targetCases(AUDIT, {
  packets: [
    ['--type drop', packet4, { verdict: 'CONTINUE', logged: ['mark=0 saddr=10.0.1.2 daddr=10.0.2.2 proto=17'] }],
    [
      '--type drop',
      { packet: packet6, mark: 0xab },
      { verdict: 'CONTINUE', logged: ['mark=0xab saddr=fd00:a::2 daddr=fd00:b::2 proto=17'] },
    ],
    // Without a last header to be seen the first one is told.
    [
      '--type accept',
      ip6({}, fragment({ offset: 8 }), raw(17, 8)),
      { logged: ['mark=0 saddr=fd00:a::2 daddr=fd00:b::2 proto=44'] },
    ],
    [
      '--type accept',
      ip6({}, raw(IPPROTO_NONE, 0)),
      { logged: [`mark=0 saddr=fd00:a::2 daddr=fd00:b::2 proto=${IPPROTO_NONE}`] },
    ],
  ],
});

targetCases(ULOG, {
  packets: [
    [
      '--ulog-nlgroup 3 --ulog-prefix x --ulog-cprange 20',
      packet4,
      {
        verdict: 'CONTINUE',
        check: (_pkt, { logged }) =>
          expect(logged[0].nflog).toEqual({ group: 3, prefix: 'x', threshold: 1, packet: packet4.slice(0, 20) }),
      },
    ],
  ],
});

targetCases(TEE, {
  packets: [
    [
      '--gateway 10.0.1.9 --oif tunA',
      packet4,
      {
        verdict: 'CONTINUE',
        packet: packet4,
        check: (pkt, { duplicates: [{ pkt: copied, gateway, device }] }) =>
          expect([copied, formatAddress(gateway, 4), device]).toEqual([pkt, '10.0.1.9', 'tunA']),
      },
    ],
  ],
});

const listening =
  (family: Family, where: string): Partial<Services>['transparentSocket'] =>
  (_pkt, address, port) =>
    where === `${formatAddress(address, family)} ${port}`;
const syn = ip4({}, tcp({ dport: 80 }));

targetCases(TPROXY, {
  table: 'mangle',
  frame: '-p tcp',
  packets: [
    ['--on-port 3128 --tproxy-mark 1', syn, { verdict: 'DROP', mark: 0 }],
    [
      '--on-port 3128 --on-ip 127.0.0.1 --tproxy-mark 0x1/0xff',
      { packet: syn, mark: 0x1234, services: { transparentSocket: listening(4, '127.0.0.1 3128') } },
      { verdict: 'ACCEPT', mark: 0x1201, packet: syn },
    ],
    [
      '--on-port 3128 --on-ip 127.0.0.1 --tproxy-mark 1',
      { packet: syn, services: { transparentSocket: listening(4, '127.0.0.1 80') } },
      { verdict: 'DROP', mark: 0 },
    ],
    // Port 0 and no address: those of the packet, where the device has no address.
    [
      '--on-port 0 --tproxy-mark 7',
      { packet: syn, services: { transparentSocket: listening(4, '10.0.2.2 80') } },
      { verdict: 'ACCEPT', mark: 7 },
    ],
    ['--on-port 0', { packet: ip4({}, raw(6, 7)), services: { transparentSocket: () => true } }, { verdict: 'DROP' }],
  ],
});

describe('security marks', () => {
  const marks = new Map<number, number>();
  const connections = {
    contexts: new SecurityContexts(),
    secmark: (id: number) => marks.get(id) ?? 0,
    setSecmark: (id: number, value: number) => marks.set(id, value),
  } as unknown as Connections;
  const both = contexts({ tracker: { connections } as unknown as Tracker });
  const label = (context: string, family: Family, pkt: Packet) => SECMARK.compile({ context }, both[family])(pkt);
  const save = CONNSECMARK.compile({ mode: 'save' }, both[4]);
  const restore = CONNSECMARK.compile({ mode: 'restore' }, both[4]);
  const tracked = (id: number): Packet => {
    const pkt = Packet.of(packet4);
    pkt.connection = id;
    pkt.ctState = CT_NEW;
    return pkt;
  };

  test('a context has one number in both families, another context another', () => {
    const [one, two, three] = [tracked(-1), Packet.of(packet6), tracked(-1)];
    label('a', 4, one);
    label('a', 6, two);
    label('b', 4, three);
    expect(one.secmark).toBe(two.secmark);
    expect(new Set([0, one.secmark, three.secmark]).size).toBe(3);
  });

  test('goes to the connection once, and comes back to packets that have none', () => {
    const [first, later, other, own] = [tracked(1), tracked(1), tracked(2), tracked(1)];
    label('a', 4, first);
    save(first);
    restore(later);
    restore(other);
    label('b', 4, own);
    save(own);
    restore(own);
    expect([later.secmark, other.secmark]).toEqual([first.secmark, 0]);
    expect(own.secmark).not.toBe(first.secmark);
    expect(marks.get(1)).toBe(first.secmark);
  });
});

test.each([...tee, ...tproxy, ...hmark])('$name: the interpreter agrees', (scenario) => {
  expect(play(scenario, { interpreted: true })).toEqual(play(scenario));
});
