// Translation on its own: what is chosen for a connection, what becomes of its packets and of the answers to them. Whole walks with rules, as
// the kernel made them, are in test/data/scenarios/nat.json; ports that are drawn at random meet the kernel in test/kernel/nat.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressWords, DESTINATION, type NatRange, SOURCE } from '../../conntrack/nat/range.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import { formatAddress, parseAddress } from '../../packet/address.ts';
import { dccp, icmp, icmp6, ip, type Layer, sctp, tcp, udp } from '../../packet/build.ts';
import { toHex, u16 } from '../../packet/bytes.ts';
import { finishPartial, pseudoSum, verify } from '../../packet/checksum.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Family } from '../../packet/numbers.ts';
import { CT_RELATED, Packet } from '../../packet/packet.ts';
import { newTracker } from './player.ts';

const PREROUTING = 0;
const POSTROUTING = 4;

/** "10.0.2.1", "10.0.2.1-10.0.2.9". */
function to(addresses: string, more: NatRange = {}): NatRange {
  const family: Family = addresses.includes(':') ? 6 : 4;
  const [low, high = low] = addresses.split('-');
  const words = (text: string) => addressWords(parseAddress(text, family)!, family);
  return { ...more, addresses: [words(low), words(high)] };
}

interface Rules {
  readonly source?: NatRange;
  readonly destination?: NatRange;
}

/** A packet through the hooks, with these mappings for it if it is the first of its connection. Undefined: dropped. */
function pass(tracker: ConnectionTracker, octets: Uint8Array | Packet, rules: Rules = {}, now = 0): Packet | undefined {
  const pkt = octets instanceof Packet ? octets : Packet.of(octets);
  pkt.now = now;
  pkt.outDevice = 'tunB';
  pkt.hook = PREROUTING;
  if (!tracker.track(pkt)) return undefined;
  for (const [hook, manip, range] of [
    [PREROUTING, DESTINATION, rules.destination],
    [POSTROUTING, SOURCE, rules.source],
  ] as const) {
    pkt.hook = hook;
    if (pkt.connection < 0) continue;
    if (pkt.ctState === CT_RELATED) {
      if (!tracker.nat.translateError(pkt, manip)) return undefined;
      continue;
    }
    if (range) tracker.nat.map(pkt, manip, range);
    tracker.nat.mapToItself(pkt.connection, manip);
    if (!tracker.nat.translate(pkt, manip)) return undefined;
  }
  return tracker.confirm(pkt) ? pkt : undefined;
}

const at = (pkt: Packet, offset: number): string =>
  formatAddress(
    pkt.family === 4
      ? Uint8Array.of(...new Uint8Array(12), ...pkt.bytes.slice(pkt.l3 + offset, pkt.l3 + offset + 4))
      : pkt.bytes.slice(pkt.l3 + offset, pkt.l3 + offset + 16),
    pkt.family === 4 ? 4 : 6,
  );
const sourceOf = (pkt: Packet): string => at(pkt, pkt.family === 4 ? 12 : 8);
const destinationOf = (pkt: Packet): string => at(pkt, pkt.family === 4 ? 16 : 24);

/** "10.0.2.1:40 > 192.0.2.9:53" */
const ends = (pkt: Packet | undefined): string =>
  pkt === undefined
    ? 'dropped'
    : `${sourceOf(pkt)}:${u16(pkt.bytes, pkt.l4)} > ${destinationOf(pkt)}:${u16(pkt.bytes, pkt.l4 + 2)}`;

const send = (
  src: string,
  sport: number,
  dst: string,
  dport: number,
  layer: typeof udp | typeof tcp = udp,
): Uint8Array =>
  ip(
    src.includes(':') ? 6 : 4,
    { src, dst },
    layer === tcp ? tcp({ sport, dport, flags: 'S', seq: 100 }) : udp({ sport, dport, data: 'x' }),
  );

const sourcePort = (pkt: Packet | undefined): number => u16(pkt!.bytes, pkt!.l4);

describe('what is chosen', () => {
  test('the port stays while it is free, and then one of its class is drawn', () => {
    for (const [port, low, high] of [
      [40, 1, 511],
      [700, 600, 1_023],
      [512, 600, 1_023],
      [5_000, 1_024, 65_535],
    ]) {
      const tracker = newTracker();
      const source = to('10.0.2.1');
      expect(sourcePort(pass(tracker, send('10.1.0.1', port, '192.0.2.9', 53), { source }))).toBe(port);
      const other = sourcePort(pass(tracker, send('10.1.0.2', port, '192.0.2.9', 53), { source }));
      expect(other).not.toBe(port);
      expect(other).toBeGreaterThanOrEqual(low);
      expect(other).toBeLessThanOrEqual(high);
      // To another server the port is free.
      expect(sourcePort(pass(tracker, send('10.1.0.3', port, '192.0.2.10', 53), { source }))).toBe(port);
    }
  });

  test('without a rule the addresses stay, and the port too unless it is taken', () => {
    const tracker = newTracker();
    pass(tracker, send('10.1.0.1', 40, '192.0.2.9', 53), { source: to('10.0.2.1') });
    expect(ends(pass(tracker, send('10.0.2.1', 40, '192.0.2.9', 53)))).toMatch(
      /^10\.0\.2\.1:(?!40 ).* > 192\.0\.2\.9:53$/,
    );
    expect(ends(pass(tracker, send('10.0.2.1', 41, '192.0.2.9', 53)))).toBe('10.0.2.1:41 > 192.0.2.9:53');
  });

  test('a source that has been mapped is mapped so again, for whomever it speaks to', () => {
    const tracker = newTracker();
    const source = to('10.0.2.1', { ports: [7_000, 7_100] });
    const first = sourcePort(pass(tracker, send('10.1.0.1', 40, '192.0.2.9', 53), { source }));
    for (const host of ['192.0.2.10', '198.51.100.1']) {
      expect(sourcePort(pass(tracker, send('10.1.0.1', 40, host, 53), { source }))).toBe(first);
    }
    expect(sourcePort(pass(tracker, send('10.1.0.1', 41, '192.0.2.10', 53), { source }))).not.toBe(first);
  });

  test('DCCP has ports to translate only while it is tracked', () => {
    const destination = to('10.1.0.9', { ports: [8_080, 8_080] });
    const packet = () => ip(4, { src: '192.0.2.9', dst: '10.0.2.1' }, dccp({ sport: 40, dport: 80, data: 'x' }));
    const tracker = newTracker();
    const untouched = pass(tracker, packet(), { destination })!;
    expect([ends(untouched), verify(untouched)]).toEqual(['192.0.2.9:40 > 10.1.0.9:80', false]);
    tracker.sysctls.set('sekisho.conntrack_dccp', 1);
    const rewritten = pass(tracker, packet(), { destination })!;
    expect([ends(rewritten), verify(rewritten)]).toEqual(['192.0.2.9:40 > 10.1.0.9:8080', true]);
  });

  test('a range of ports that is used up: dropped', () => {
    const tracker = newTracker();
    const source = to('10.0.2.1', { ports: [7_000, 7_002] });
    const seen = [1, 2, 3].map((port) =>
      sourcePort(pass(tracker, send('10.1.0.1', port, '192.0.2.9', 53), { source })),
    );
    expect(seen.sort()).toEqual([7_000, 7_001, 7_002]);
    expect(pass(tracker, send('10.1.0.1', 4, '192.0.2.9', 53), { source })).toBeUndefined();
    expect(tracker.statistics.insertFailed).toBe(1);
    expect(tracker.table.count).toBe(4); // the last one is released by whoever drops the packet
  });

  test('a destination takes the first free port of its range, or the shifted one', () => {
    const tracker = newTracker();
    const destination = to('10.1.0.9', { ports: [80, 82] });
    const dport = (pkt: Packet | undefined) => u16(pkt!.bytes, pkt!.l4 + 2);
    expect(dport(pass(tracker, send('192.0.2.9', 5, '10.0.2.1', 8_080), { destination }))).toBe(80);
    expect(dport(pass(tracker, send('192.0.2.9', 5, '10.0.2.1', 8_081), { destination }))).toBe(81);
    expect(dport(pass(tracker, send('192.0.2.9', 6, '10.0.2.1', 8_082), { destination }))).toBe(80);
    const shifted = to('10.1.0.9', { ports: [6_000, 6_010], base: 5_000 });
    expect(dport(pass(tracker, send('192.0.2.9', 7, '10.0.2.1', 5_003), { destination: shifted }))).toBe(6_003);
  });

  // Asked of Linux 6.18: SNAT of 10.1.0.1 to .5 to 10.0.2.10-10.0.2.200 and of fd00:1::1 to ::3 to fd00:b::10-fd00:b::ffff:1.
  test('of several addresses the one that the kernel takes', () => {
    const tracker = newTracker();
    const chosen = (client: string, server: string, range: string): string =>
      sourceOf(pass(tracker, send(client, 4_000, server, 53), { source: to(range) })!);
    const four = [1, 2, 3, 4, 5].map((host) => chosen(`10.1.0.${host}`, '192.0.2.9', '10.0.2.10-10.0.2.200'));
    expect(four).toEqual(['10.0.2.33', '10.0.2.21', '10.0.2.55', '10.0.2.65', '10.0.2.195']);
    const six = [1, 2, 3].map((host) => chosen(`fd00:1::${host}`, '2001:db8::9', 'fd00:b::10-fd00:b::ffff:1'));
    expect(six).toEqual(['fd00:b::8af6:84b5', 'fd00:b::66cc:3b47', 'fd00:b::20bc:1a08']);
  });

  test('--persistent: the same address towards every server', () => {
    const tracker = newTracker();
    const source = to('10.0.2.10-10.0.2.200', { persistent: true });
    const seen = new Set(
      [1, 2, 3, 4, 5, 6].map((host) =>
        sourceOf(pass(tracker, send('10.1.0.1', host, `192.0.2.${host}`, 53), { source })!),
      ),
    );
    expect(seen.size).toBe(1);
  });

  test('a TCP connection that is over gives its port to a SYN ahead of it, not to one behind', () => {
    for (const [seq, wanted] of [
      [1_000_000, '10.0.2.1:7000 > 192.0.2.9:80'],
      [50, 'dropped'],
    ] as const) {
      const tracker = newTracker();
      const source = to('10.0.2.1', { ports: [7_000, 7_000], random: true });
      const step = (from: 'client' | 'server', flags: string, seqAck: [number, number]) =>
        pass(
          tracker,
          from === 'client'
            ? ip(
                4,
                { src: '10.1.0.1', dst: '192.0.2.9' },
                tcp({ sport: 40, dport: 80, flags, seq: seqAck[0], ack: seqAck[1] }),
              )
            : ip(
                4,
                { src: '192.0.2.9', dst: '10.0.2.1' },
                tcp({ sport: 80, dport: 7_000, flags, seq: seqAck[0], ack: seqAck[1] }),
              ),
          { source },
        );
      step('client', 'S', [100, 0]);
      step('server', 'SA', [900, 101]);
      step('client', 'A', [101, 901]);
      step('client', 'FA', [101, 901]);
      step('server', 'FA', [901, 102]);
      expect(step('client', 'A', [102, 902])).toBeDefined();
      const syn = ip(4, { src: '10.1.0.2', dst: '192.0.2.9' }, tcp({ sport: 41, dport: 80, flags: 'S', seq }));
      expect(ends(pass(tracker, syn, { source }))).toBe(wanted);
    }
  });

  test('masqueraded connections end with the device or with its address', () => {
    const tracker = newTracker();
    const masquerade = (octets: Uint8Array, range: NatRange, device: string) => {
      const pkt = Packet.of(octets);
      pkt.outDevice = device;
      tracker.track(pkt);
      tracker.nat.masquerade(pkt, range);
      tracker.confirm(pkt);
    };
    masquerade(send('10.1.0.1', 1, '192.0.2.9', 53), to('10.0.2.1'), 'tunB');
    masquerade(send('10.1.0.1', 2, '192.0.2.9', 53), to('10.0.2.2'), 'tunB');
    masquerade(send('10.1.0.1', 3, '192.0.2.9', 53), to('10.0.3.1'), 'tunC');
    tracker.nat.forgetDevice('tunB', parseAddress('10.0.2.2', 4)!, 4);
    expect(tracker.table.count).toBe(2);
    tracker.nat.forgetDevice('tunB');
    expect(tracker.table.count).toBe(1);
  });
});

// --- Bytes ------------------------------------------------------------------------------------------------------------

const port = fc.integer({ min: 1, max: 65_535 });

/** A transport layer and the answer to it, given the ports that the answer came to. */
const talks = fc.oneof(
  fc.record({ kind: fc.constant('udp' as const), sport: port, dport: port, data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('tcp' as const), sport: port, dport: port, data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('sctp' as const), sport: port, dport: port, data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('echo' as const), sport: port, dport: port, data: fc.uint8Array({ maxLength: 40 }) }),
);
type Talk = typeof talks extends fc.Arbitrary<infer T> ? T : never;

function layerOf(family: Family, { kind, data }: Talk, ports: [number, number], answer: boolean): Layer {
  const [sport, dport] = ports;
  if (kind === 'udp') return udp({ sport, dport, data });
  if (kind === 'tcp')
    return tcp({ sport, dport, data, flags: answer ? 'SA' : 'S', seq: 7, ack: answer ? 8 + data.length : 0 });
  if (kind === 'sctp')
    return sctp({
      sport,
      dport,
      tag: answer ? 1 : 0,
      chunks: [{ type: answer ? 2 : 1, data: new Uint8Array([0, 0, 0, 1, ...new Uint8Array(12)]) }],
    });
  const type = family === 4 ? (answer ? 0 : 8) : answer ? 129 : 128;
  const fields = { type, id: answer ? dport : sport, seq: 1, data };
  return family === 4 ? icmp(fields) : icmp6(fields);
}

const families = fc.constantFrom<Family>(4, 6);
const CLIENT = { 4: '10.1.0.5', 6: 'fd00:1::5' };
const SERVER = { 4: '192.0.2.9', 6: '2001:db8::9' };
const OUTSIDE = { 4: '10.0.2.1', 6: 'fd00:b::1' };
const INSIDE = { 4: '10.1.0.77', 6: 'fd00:1::77' };

describe('packets', () => {
  test('there with right checksums, and the answer back to whom it belongs, with right checksums too', () => {
    fc.assert(
      fc.property(families, talks, fc.boolean(), fc.boolean(), (family, talk, source, destination) => {
        const tracker = newTracker();
        const rules = {
          source: source ? to(OUTSIDE[family], { ports: [7_000, 7_000] }) : undefined,
          destination: destination ? to(INSIDE[family]) : undefined,
        };
        const there = pass(
          tracker,
          ip(
            family,
            { src: CLIENT[family], dst: SERVER[family] },
            layerOf(family, talk, [talk.sport, talk.dport], false),
          ),
          rules,
        )!;
        expect([sourceOf(there), destinationOf(there)]).toEqual([
          source ? OUTSIDE[family] : CLIENT[family],
          destination ? INSIDE[family] : SERVER[family],
        ]);
        expect(verify(there)).toBe(true);
        if (family === 4) expect(ipv4.checksumRight(there.bytes, there.l3)).toBe(true);
        const seen: [number, number] =
          talk.kind === 'echo'
            ? [0, u16(there.bytes, there.l4 + 4)]
            : [u16(there.bytes, there.l4 + 2), sourcePort(there)];
        const back = pass(
          tracker,
          ip(family, { src: destinationOf(there), dst: sourceOf(there) }, layerOf(family, talk, seen, true)),
        )!;
        const plain = ip(
          family,
          { src: SERVER[family], dst: CLIENT[family] },
          layerOf(family, talk, talk.kind === 'echo' ? [0, talk.sport] : [talk.dport, talk.sport], true),
        );
        expect(toHex(back.view())).toBe(toHex(plain));
      }),
    );
  });

  test('an error about a translated packet quotes the one that was sent', () => {
    fc.assert(
      fc.property(families, talks, fc.integer({ min: 8, max: 60 }), (family, talk, quoted) => {
        const tracker = newTracker();
        const octets = ip(
          family,
          { src: CLIENT[family], dst: SERVER[family] },
          layerOf(family, talk, [talk.sport, talk.dport], false),
        );
        const there = pass(tracker, octets, {
          source: to(OUTSIDE[family], { ports: [7_000, 7_000] }),
          destination: to(INSIDE[family]),
        })!;
        const length = Math.min(octets.length, there.l4 - there.l3 + quoted);
        const error = (data: Uint8Array, src: string, dst: string) =>
          ip(family, { src, dst }, family === 4 ? icmp({ type: 11, data }) : icmp6({ type: 3, data }));
        const back = pass(tracker, error(there.view().slice(0, length), INSIDE[family], OUTSIDE[family]))!;
        expect(verify(back)).toBe(true);
        const plain = error(octets.slice(0, length), SERVER[family], CLIENT[family]);
        // A CRC over what is quoted of an SCTP packet is one of its own; a TCP checksum is mended where the whole header is quoted.
        const mended = talk.kind !== 'sctp' && !(talk.kind === 'tcp' && quoted > 16 && quoted < 20);
        if (mended) expect(toHex(back.view())).toBe(toHex(plain));
      }),
    );
  });

  test('a partial checksum stays one: of the new addresses, without the ports', () => {
    for (const family of [4, 6] as const) {
      const tracker = newTracker();
      const pkt = Packet.of(send(CLIENT[family], 40, SERVER[family], 80, tcp));
      const sumAt = pkt.l4 + 16;
      const pseudo = pseudoSum(pkt.bytes, pkt.l3, 6, pkt.end - pkt.l4);
      pkt.bytes.set([pseudo >>> 8, pseudo & 0xff], sumAt);
      pkt.checksumPartial = true;
      pkt.checksumStart = pkt.l4;
      pkt.checksumField = sumAt;
      const there = pass(tracker, pkt, {
        source: to(OUTSIDE[family], { ports: [7_000, 7_000] }),
        destination: to(INSIDE[family]),
      })!;
      expect(u16(there.bytes, sumAt)).toBe(pseudoSum(there.bytes, there.l3, 6, there.end - there.l4));
      finishPartial(there);
      expect(verify(there)).toBe(true);
    }
  });

  test('no UDP checksum stays none; a wrong one stays wrong by as much', () => {
    const tracker = newTracker();
    const source = to('10.0.2.1');
    const none = ip(4, { src: '10.1.0.1', dst: '192.0.2.9' }, udp({ sport: 1, dport: 2, noChecksum: true }));
    expect(u16(pass(tracker, none, { source })!.bytes, 26)).toBe(0);
    tracker.sysctls.set('net.netfilter.nf_conntrack_checksum', 0);
    const wrong = ip(4, { src: '10.1.0.1', dst: '192.0.2.9' }, udp({ sport: 2, dport: 2, badChecksum: true }));
    expect(verify(pass(tracker, wrong, { source })!)).toBe(false);
  });
});

test('no two connections share a reply tuple, whatever comes', () => {
  const flow = fc.record({
    client: fc.integer({ min: 1, max: 3 }),
    server: fc.integer({ min: 1, max: 2 }),
    sport: fc.integer({ min: 1, max: 3 }),
    source: fc.constantFrom('10.0.2.1', '10.0.2.1-10.0.2.2', undefined),
    ports: fc.constantFrom<[number, number] | undefined>(undefined, [1, 4]),
    random: fc.boolean(),
    destination: fc.constantFrom('192.0.2.1', undefined),
  });
  fc.assert(
    fc.property(fc.array(flow, { maxLength: 60 }), (flows) => {
      const tracker = newTracker();
      for (const { client, server, sport, source, ports, random, destination } of flows) {
        const octets = send(`10.1.0.${client}`, sport, `192.0.2.${server}`, 53);
        const pkt = Packet.of(octets);
        const range = source === undefined ? undefined : to(source, { ports, random });
        if (
          !pass(tracker, pkt, { source: range, destination: destination === undefined ? undefined : to(destination) })
        )
          tracker.release(pkt);
      }
      const { table } = tracker;
      const replies = Array.from(tracker.entries(0), (id) =>
        [table.tupleWord(id, 1, 0), table.tupleWord(id, 1, 4), table.tupleKeys(id, 1)].join(),
      );
      expect(new Set(replies).size).toBe(replies.length);
      tracker.flush();
      expect(table.count).toBe(0);
    }),
  );
});
