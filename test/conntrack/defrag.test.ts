import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cutter, pull } from '../../conntrack/defrag/cut.ts';
import { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import { bufferCost } from '../../conntrack/defrag/store.ts';
import type { Expired } from '../../conntrack/defrag/types.ts';
import * as build from '../../packet/build.ts';
import { fromHex, toHex, u16 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { describePiece, pieceOf, wholeOf } from './defrag.rig.ts';
import { BOTH, ONLY_4, ONLY_6, type Row } from './defrag.rows.ts';

/** What `pkt` leaves as, in hex. */
function leaves(cutter: Cutter, pkt: Packet, mtu = 1500): string[] {
  const out: string[] = [];
  const result = cutter.cut(pkt, mtu, false, (bytes, from, to) => out.push(toHex(bytes, from, to)));
  return result === 'whole' ? [toHex(pkt.bytes, pkt.l3, pkt.end)] : out;
}

function play(family: Family, { pieces }: Row): { say: string; out: string; leaving: Uint8Array[] } {
  const defragmenter = new Defragmenter();
  const cutter = new Cutter(() => 77);
  const say: string[] = [];
  const leaving: string[] = [];
  for (const fields of pieces) {
    const pkt = Packet.of(pieceOf(family, fields));
    const said = defragmenter.gather(pkt, 'input');
    say.push(said);
    if (said === 'whole' || said === 'pass') leaving.push(...leaves(cutter, pkt));
  }
  return {
    say: say.join(' '),
    out: leaving.map(describePiece).join(' '),
    leaving: leaving.map((hex) => fromHex(hex)!),
  };
}

describe.each([
  [4, [...BOTH, ...ONLY_4]],
  [6, [...BOTH, ...ONLY_6]],
] as const)('fragments of IPv%i', (family, rows) => {
  it.each(rows)('$title', (row) => {
    const { say, out } = play(family, row);
    expect({ say, out }).toEqual({ say: row.say, out: row.out });
  });

  it('a packet that is no fragment passes as it is', () => {
    const pkt = Packet.of(wholeOf(family));
    const { bytes } = pkt;
    expect(new Defragmenter().gather(pkt, 'input')).toBe('pass');
    expect(pkt.bytes).toBe(bytes);
    expect(pkt.fragments).toBeUndefined();
  });

  it('pieces seen at PREROUTING and at OUTPUT do not meet', () => {
    const defragmenter = new Defragmenter();
    expect(defragmenter.gather(Packet.of(pieceOf(family, { from: 0, to: 32 })), 'input')).toBe('held');
    expect(defragmenter.gather(Packet.of(pieceOf(family, { from: 32, to: 80 })), 'output')).toBe('held');
    expect(defragmenter.queues(family)).toBe(2);
  });

  it('the whole packet is the one that was cut, whatever the sizes and the order', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 400, maxLength: 1200 }),
        sizes,
        fc.infiniteStream(fc.nat()),
        (data, units, dice) => {
          const original = wholeOf(family, data);
          const cuts = units.map((unit) => unit * 8);
          const pieces = family === 4 ? build.fragments4(original, cuts) : build.fragments6(original, cuts, 9);
          const order = pieces.map((octets) => ({ octets, rank: dice.next().value as number }));
          order.sort((a, b) => a.rank - b.rank);
          const defragmenter = new Defragmenter();
          const packets = order.map(({ octets }) => Packet.of(octets));
          const said = packets.map((pkt) => defragmenter.gather(pkt, 'input'));
          if (pieces.length === 1) return;
          expect(said.at(-1)).toBe('whole');
          const last = packets.at(-1)!;
          expect(toHex(last.view())).toBe(toHex(original));
          expect(defragmenter.memory(family)).toBe(0);
          // ... and out again: the cuts that came in, unless the whole is no longer than the longest piece.
          const out = leaves(new Cutter(() => 9), last);
          if (out.length > 1) expect(out).toEqual(pieces.map((octets) => toHex(octets)));
        },
      ),
    );
  });

  it('random fragments never throw, and memory stays under the threshold and one packet', () => {
    const defragmenter = new Defragmenter();
    const threshold = 20_000;
    const prefix = family === 4 ? 'net.ipv4.ipfrag_' : 'net.netfilter.nf_conntrack_frag6_';
    expect(defragmenter.setSysctl(`${prefix}high_thresh`, threshold), 'below the low one').toBe(false);
    expect(defragmenter.setSysctl(`${prefix}low_thresh`, 0)).toBe(true);
    expect(defragmenter.setSysctl(`${prefix}high_thresh`, threshold)).toBe(true);
    const fragment = fc.record({
      offset: fc.integer({ min: 0, max: 8191 }).map((units) => (units < 4000 ? units % 8 : units) * 8),
      more: fc.boolean(),
      id: fc.integer({ min: 0, max: 40 }),
      data: fc.uint8Array({ maxLength: 64 }),
      protocol: fc.constantFrom(6, 17, 44, 58, 59, 0, 43, 60),
      truncate: fc.option(fc.integer({ min: 20, max: 60 })),
    });
    fc.assert(
      fc.property(fragment, ({ offset, more, id, data, protocol, truncate }) => {
        const rest = build.raw(protocol, data);
        const octets =
          family === 4
            ? build.ip4({ id, offset, mf: more }, rest)
            : build.ip6({}, build.fragment({ id, offset, more }), rest);
        const pkt = Packet.of(truncate === null ? octets : octets.subarray(0, truncate));
        if (pkt.family === family) defragmenter.gather(pkt, 'input');
        expect(defragmenter.memory(family)).toBeLessThan(threshold + 5000);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('memory and time', () => {
  // /proc/net/sockstat and threshold probing on 6.18, TUN device.
  it.each([
    [112, 832],
    [192, 832],
    [193, 1280],
    [640, 1280],
    [641, 2304],
    [1500, 2304],
    [1664, 2304],
    [1668, 4352],
    [3712, 4352],
    [3716, 8448],
    [8020, 12_544],
    [20_020, 20_736],
    [60_020, 61_696],
  ])('a packet of %i octets accounts for %i', (length, cost) => expect(bufferCost(length)).toBe(cost));

  const first = (family: Family, id: number) => {
    const pkt = Packet.of(pieceOf(family, { from: 0, to: 32, id }));
    pkt.inDevice = 'tunA';
    return pkt;
  };

  it('a queue costs 200 octets for IPv4, 184 for IPv6, and the rest with its pieces', () => {
    const defragmenter = new Defragmenter();
    for (const family of [4, 6] as const) defragmenter.gather(first(family, 1), 'input');
    expect([defragmenter.memory(4), defragmenter.memory(6)]).toEqual([1032, 1016]);
  });

  it('above the threshold every fragment is refused, until time frees', () => {
    const defragmenter = new Defragmenter();
    defragmenter.setSysctl('net.ipv4.ipfrag_low_thresh', 0);
    defragmenter.setSysctl('net.ipv4.ipfrag_high_thresh', 4128); // four queues of 1,032
    const said = [1, 2, 3, 4, 5, 6].map((id) => defragmenter.gather(first(4, id), 'input'));
    expect(said).toEqual(['held', 'held', 'held', 'held', 'held', 'dropped']);
    const rest = Packet.of(pieceOf(4, { from: 32, to: 80, id: 1 }));
    expect(defragmenter.gather(rest, 'input')).toBe('dropped');
    expect(rest.reason).toBe('fragment queues are full');
    defragmenter.advance(30_000, () => {});
    expect(defragmenter.memory(4)).toBe(0);
    expect(defragmenter.gather(first(4, 7), 'input')).toBe('held');
  });

  it('queues end 30 s (IPv4) and 60 s (IPv6) after their first piece came', () => {
    const defragmenter = new Defragmenter();
    const ended: Expired[] = [];
    for (const family of [4, 6] as const) defragmenter.gather(first(family, 1), 'input');
    const ends = (now: number) => {
      ended.length = 0;
      defragmenter.advance(now, (queue) => ended.push(queue));
      return ended.map(({ family, device, first: octets }) => `${family} ${device} ${octets?.length}`);
    };
    expect(ends(29_999)).toEqual([]);
    expect(ends(30_000)).toEqual(['4 tunA 52']);
    expect(ends(59_999)).toEqual([]);
    expect(ends(60_000)).toEqual(['6 tunA 80']);
  });

  it('a queue without its first piece ends with nobody to tell', () => {
    const defragmenter = new Defragmenter();
    defragmenter.gather(Packet.of(pieceOf(6, { from: 32, to: 64 })), 'input');
    const firsts: unknown[] = [];
    defragmenter.advance(60_000, ({ first: octets }) => firsts.push(octets));
    expect(firsts).toEqual([undefined]);
  });

  it('more than ipfrag_max_dist fragments of the peer in between begin the queue anew', () => {
    for (const [between, said] of [
      [3, 'whole'],
      [4, 'held'],
    ] as const) {
      const defragmenter = new Defragmenter();
      defragmenter.setSysctl('net.ipv4.ipfrag_max_dist', 4);
      defragmenter.gather(first(4, 1), 'input');
      for (let id = 10; id < 10 + between; id++) defragmenter.gather(first(4, id), 'input');
      expect(defragmenter.gather(Packet.of(pieceOf(4, { from: 32, to: 80, id: 1 })), 'input')).toBe(said);
    }
  });

  it('knows its sysctls, and no others', () => {
    const defragmenter = new Defragmenter();
    for (const name of [
      'net.ipv4.ipfrag_time',
      'net.ipv4.ipfrag_low_thresh',
      'net.netfilter.nf_conntrack_frag6_timeout',
      'net.ipv6.ip6frag_low_thresh',
      'net.ipv6.ip6frag_high_thresh',
    ]) {
      expect(defragmenter.setSysctl(name, '5')).toBe(true);
      expect(defragmenter.getSysctl(name)).toBe(5);
    }
    expect(defragmenter.setSysctl('net.ipv4.ipfrag_secret', 5)).toBe(false);
    expect(defragmenter.setSysctl('net.ipv4.ipfrag_time', 'soon')).toBe(false);
  });
});

describe('on the way out', () => {
  const gather = (pieces: readonly Uint8Array[]): Packet => {
    const defragmenter = new Defragmenter();
    const packets = pieces.map((octets) => Packet.of(octets));
    for (const pkt of packets) defragmenter.gather(pkt, 'input');
    return packets.at(-1)!;
  };
  const out = (pkt: Packet, mtu: number) =>
    leaves(new Cutter(() => 9), pkt, mtu)
      .map(describePiece)
      .join(' ');
  const big4 = (df: boolean) => build.ip4({ id: 3, df }, build.udp({ data: new Uint8Array(1992) }));
  const big6 = build.ip6({}, build.udp({ data: new Uint8Array(1992) }));

  // Observed on Linux 6.18 with an MTU of 1300 on the way out.
  it.each([
    ['larger than the MTU, they are cut anew', false, [1400], '0:1280+ 1280:720'],
    ['with DF and small enough, they leave as they came, without DF', true, [1000], '0:1000+ 1000:1000'],
    ['with DF and too large, they do not leave', true, [1400], ''],
  ])('IPv4 pieces: %s', (_title, df, sizes, leaving) => {
    expect(out(gather(build.fragments4(big4(df), sizes)), 1300)).toBe(leaving);
  });

  it('IPv6 pieces larger than the MTU do not leave', () => {
    expect(out(gather(build.fragments6(big6, [1400], 7)), 1300)).toBe('');
  });

  it('IPv6 pieces get a new id, the same for all', () => {
    const ids = leaves(new Cutter(() => 0xabcdef01), gather(build.fragments6(big6, [1000], 7))).map((hex) =>
      hex.slice(88, 96),
    );
    expect(ids).toEqual(['abcdef01', 'abcdef01']);
  });

  it('a packet without DF is cut by the router, options not to be copied become NOPs', () => {
    // Router alert (copied), three NOPs, record route (not copied), as the kernel sent them over an MTU of 1300.
    const options = fromHex('94040000010101010707080a00020100')!;
    const pkt = Packet.of(build.ip4({ id: 0x55, options }, build.raw(17, new Uint8Array(1400))));
    const pieces = leaves(new Cutter(() => 0), pkt, 1300);
    expect(pieces.map(describePiece)).toEqual(['0:1264+', '1264:136']);
    expect(pieces[0].slice(40, 72)).toBe(toHex(options));
    expect(pieces[1].slice(40, 72)).toBe('94040000010101010101010101010100');
    for (const hex of pieces) expect(ipv4.checksumRight(fromHex(hex)!, 0)).toBe(true);
  });

  it('a fragment is cut into fragments', () => {
    const pkt = Packet.of(build.ip4({ id: 1, mf: true, offset: 800 }, build.raw(17, new Uint8Array(1400))));
    expect(out(pkt, 1300)).toBe('800:1280+ 2080:120+');
  });

  it('a TCP header across two pieces moves the cuts: 8 and 32 leave as 32 and 8', () => {
    const octets = build.ip4({ id: 1, df: true }, build.tcp({ flags: 'S', data: new Uint8Array(20) }));
    const pkt = gather(build.fragments4(octets, [8]));
    pull(pkt, 40); // as the router's early demultiplexing does
    expect(out(pkt, 1500)).toBe('0:32+ DF 32:8 DF'); // cut anew, DF is kept
  });

  it('destination options of the fragmentable part come out in front of the fragment header', () => {
    const octets = build.ip6(
      {},
      build.hopByHop(),
      build.destinationOptions(),
      build.udp({ data: new Uint8Array(400) }),
    );
    const pkt = gather(build.fragments6(octets, [96, 96], 7));
    const pieces = leaves(new Cutter(() => 9), pkt);
    expect(pieces.map(describePiece)).toEqual(['0:88+', '88:96+', '184:224']);
    expect(u16(fromHex(pieces[0])!, 4)).toBe(8 + 8 + 8 + 88);
  });

  it('IPv6 without fragments is cut only when it is our own', () => {
    const cutter = new Cutter(() => 9);
    const cut = (own: boolean) => {
      const pieces: string[] = [];
      const result = cutter.cut(Packet.of(big6), 1500, own, (bytes, from, to) => pieces.push(toHex(bytes, from, to)));
      return `${result} ${pieces.map(describePiece).join(' ')}`;
    };
    expect(cut(false)).toBe('too big ');
    expect(cut(true)).toBe('cut 0:1448+ 1448:552');
  });

  it('every packet that is cut comes together again', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Family>(4, 6),
        fc.uint8Array({ minLength: 1300, maxLength: 5000 }),
        fc.integer({ min: 1280, max: 1500 }),
        (family, data, mtu) => {
          const original = wholeOf(family, data);
          const pieces: Uint8Array[] = [];
          new Cutter(() => 9).cut(Packet.of(original), mtu, true, (bytes, from, to) =>
            pieces.push(bytes.slice(from, to)),
          );
          for (const octets of pieces) expect(octets.length).toBeLessThanOrEqual(mtu);
          if (pieces.length > 0) expect(toHex(gather(pieces).view())).toBe(toHex(original));
        },
      ),
    );
  });
});
