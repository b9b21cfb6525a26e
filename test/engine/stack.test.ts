import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRoutes, DEFAULT_TOPOLOGY } from '../../engine/stack/index.ts';
import { addressAt, formatAddress, parseAddress } from '../../packet/address.ts';
import * as build from '../../packet/build.ts';
import { fromHex, toHex, u16, u32 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { lineOf, Rig } from './stack.rig.ts';
import { ADDRESSES, FORWARDED, HOST, OPTIONS } from './stack.rows.ts';

describe.each([
  ['forwarding', FORWARDED],
  ['addresses', ADDRESSES],
  ['options', OPTIONS],
  ['the host', HOST],
])('%s', (_part, rows) => {
  it.each(rows)('$title', ({ side, octets, topology, out }) => {
    expect(new Rig(topology).receive(side ?? 'A', octets).map(lineOf)).toEqual(out);
  });
});

describe('octets of what we make', () => {
  const only = (octets: Uint8Array, rig = new Rig()): Uint8Array => {
    const out = rig.receive('A', octets);
    expect(out).toHaveLength(1);
    return fromHex(out[0].hex)!;
  };
  const datagram = build.udp({ sport: 1000, dport: 2000, data: Uint8Array.of(1) });

  it('an IPv4 error has no DF and a second word of 0', () => {
    const error = only(build.ip4({ ttl: 1, df: true }, datagram));
    expect([u16(error, 6), u32(error, 24)]).toEqual([0, 0]);
  });

  it('fragmentation needed and packet too big carry the MTU', () => {
    const narrow = () => new Rig({ B: { mtu: 1300 } });
    const long = build.udp({ data: new Uint8Array(1400) });
    expect(u32(only(build.ip4({ df: true }, long), narrow()), 24)).toBe(1300);
    expect(u32(only(build.ip6({}, long), narrow()), 44)).toBe(1300);
  });

  it('a parameter problem points at the option, and into what IPv4 calls the first octet', () => {
    expect(u32(only(build.ip4({ options: fromHex('94030000') }, datagram)), 24)).toBe(0x15000000);
    const unknown = {
      protocol: 0,
      emit: (next: number, rest: Uint8Array) => Uint8Array.of(next, 0, 0x9e, 4, 0, 0, 0, 0, ...rest),
    };
    expect(u32(only(build.ip6({}, unknown, datagram)), 44)).toBe(42);
  });

  it('a time exceeded goes on recording the route, and quotes a header whose checksum was not mended', () => {
    const error = only(build.ip4({ ttl: 1, options: fromHex('070b040000000000000000') }, datagram));
    expect(toHex(error, 20, 32)).toBe('070b0c0a0001010a00010100');
    expect(toHex(error, 40 + 20, 40 + 32)).toBe('070b080a0001010000000000');
    expect(ipv4.checksumRight(error, 40)).toBe(false);
    expect(ipv4.checksumRight(error, 0)).toBe(true);
  });

  it('a forwarded record route has the address of the way out, and a right checksum', () => {
    const packet = only(build.ip4({ options: fromHex('070704000000') }, datagram));
    expect(toHex(packet, 20, 28)).toBe('0707080a00020100');
    expect(ipv4.checksumRight(packet, 0)).toBe(true);
  });

  it('a timestamp request is answered with the time of day', () => {
    const rig = new Rig();
    rig.now = 3_600_000.5;
    const reply = only(
      build.ip4(
        { dst: '10.0.1.1' },
        build.icmp({ type: 13, id: 1, seq: 2, data: fromHex('00000005aaaaaaaabbbbbbbb') }),
      ),
      rig,
    );
    expect(toHex(reply, 20, 22)).toBe('0e00');
    expect([u32(reply, 28), u32(reply, 32), u32(reply, 36)]).toEqual([5, 3_600_000, 3_600_000]);
  });

  it('a neighbour advertisement says router, solicited, and overrides only when asked by a group', () => {
    const target = fromHex('fd00000a000000000000000000000001')!;
    const ask = (dst: string) => build.ip6({ dst, hopLimit: 255 }, build.icmp6({ type: 135, rest: 0, data: target }));
    expect(u32(only(ask('fd00:a::1')), 44)).toBe(0xc0000000);
    expect(u32(only(ask('ff02::1')), 44)).toBe(0xe0000000);
  });
});

describe('fragments', () => {
  const whole = (family: Family, dst: string) =>
    family === 4
      ? build.ip4({ dst, id: 7 }, build.icmp({ id: 1, data: new Uint8Array(100).fill(9) }))
      : build.ip6({ dst }, build.icmp6({ id: 1, data: new Uint8Array(100).fill(9) }));
  const pieces = (family: Family, dst: string) =>
    family === 4 ? build.fragments4(whole(4, dst), 40) : build.fragments6(whole(6, dst), 40, 5);

  it.each([
    [4, '10.0.1.1', false],
    [4, '10.0.1.1', true],
    [6, 'fd00:a::1', false],
    [6, 'fd00:a::1', true],
  ] as const)('IPv%i: the host puts a ping of %s together, tracked: %s', (family, dst, tracked) => {
    const rig = new Rig({}, tracked);
    const outs = pieces(family, dst).map((octets) => rig.receive('A', octets).length);
    expect(outs).toEqual([0, 0, 1]);
  });

  // Seen on Linux 6.18, with the timeouts set to a second.
  it.each([
    [
      'IPv6 to others',
      6,
      'fd00:b::2',
      [
        'A IP6 (class 0x0, hl 64) fd00:a::1 > fd00:a::2: ICMP6, ttl-zero-during-reassembly, length 96, about: IP6 fd00:a::2 > fd00:b::2 ICMP6',
      ],
    ],
    ['IPv4 to others', 4, '10.0.2.2', []],
    [
      'IPv4 to us',
      4,
      '10.0.1.1',
      [
        'A IP (tos 0xc0, ttl 64) 10.0.1.1 > 10.0.1.2: ICMP ttl-zero-during-reassembly, length 68, about: IP 10.0.1.2 > 10.0.1.1 ICMP',
      ],
    ],
  ] as const)('a datagram that stays incomplete: %s', (_title, family, dst, out) => {
    const rig = new Rig({}, true);
    rig.receive('A', pieces(family, dst)[0]);
    expect(rig.advance(29_000)).toEqual([]);
    expect(rig.advance(31_000).map(lineOf)).toEqual(out);
  });

  it('pieces too large for the way out: too big, about the whole packet', () => {
    const rig = new Rig({ B: { mtu: 1300 } }, true);
    const packet = build.ip6({}, build.udp({ data: new Uint8Array(1992) }));
    const outs = build.fragments6(packet, [1400], 5).map((octets) => rig.receive('A', octets));
    const error = fromHex(outs[1][0].hex)!;
    expect([error[40], u32(error, 44), u16(error, 48 + 4)]).toEqual([2, 1300, 2000]);
  });
});

describe('routes', () => {
  const routes = createRoutes({
    ...DEFAULT_TOPOLOGY,
    tunC: {
      addresses: ['192.0.2.1/31', '2001:db8:c::1/127', '198.51.100.1/24'],
      routes: ['10.1.2.0/24 via 192.0.2.0', '2001:db8::/32'],
      mtu: 1400,
    },
  });
  const address = (text: string) =>
    [parseAddress(text, text.includes(':') ? 6 : 4)!, (text.includes(':') ? 6 : 4) as Family] as const;

  it.each([
    ['10.0.1.1', 'LOCAL'],
    ['10.0.1.2', 'UNICAST'],
    ['10.0.1.255', 'BROADCAST'],
    ['10.0.1.0', 'UNICAST'],
    ['192.0.2.0', 'UNICAST'],
    ['127.1.2.3', 'LOCAL'],
    ['0.0.0.0', 'BROADCAST'],
    ['255.255.255.255', 'BROADCAST'],
    ['224.1.1.1', 'MULTICAST'],
    ['fd00:a::1', 'LOCAL'],
    ['fd00:a::', 'ANYCAST'],
    ['2001:db8:c::', 'UNICAST'],
    ['ff02::5', 'MULTICAST'],
    ['::', 'UNSPEC'],
    ['::1', 'LOCAL'],
  ])('%s is %s', (text, type) => expect(routes.type(...address(text))).toBe(type));

  it.each([
    ['10.1.9.9', 'tunA', undefined],
    ['10.1.2.9', 'tunC', '192.0.2.0'],
    ['8.8.8.8', 'tunB', undefined],
    ['10.0.2.1', 'lo', undefined],
    ['fd00:1::9', 'tunA', undefined],
    ['2001:db8:1::9', 'tunC', undefined],
    ['2001:dead::9', 'tunB', undefined],
  ])('%s leaves by %s, next hop %s', (text, device, via) => {
    const way = routes.lookup(...address(text));
    expect([way?.device, way?.via && formatAddress(way.via, 4)]).toEqual([device, via]);
  });

  it.each([
    ['tunC', '198.51.100.7', '198.51.100.1'],
    ['tunC', '203.0.113.1', '192.0.2.1'],
    ['tunB', 'fd00:a::2', 'fd00:b::1'],
  ])('%s speaks to %s as %s', (device, text, own) => {
    const [towards, family] = address(text);
    expect(formatAddress(routes.sourceFor(device, family, towards)!, family)).toBe(own);
  });

  it('seen from one device, an address of another is not local', () => {
    expect(routes.type(...address('10.0.1.1'), 'tunB')).toBe('UNICAST');
  });

  it('a bad prefix is refused with what it is', () => {
    const topology = { tunA: { addresses: ['10.0.1.1/33'], routes: [], mtu: 1500 } };
    expect(() => createRoutes(topology)).toThrow('"10.0.1.1/33" is no address with prefix length');
  });

  it('finds the longest prefix that fits (against a plain search)', () => {
    const prefix = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 32 }));
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), fc.integer({ min: 0, max: 3 }), (list, host) => {
        const texts = [...new Set(list.map(([octet, length]) => `${octet * 64}.${octet}.0.0/${length}`))];
        const table = createRoutes({ t: { addresses: [], routes: texts, mtu: 1500 } });
        const target = parseAddress(`${host * 64}.${host}.0.1`, 4)!;
        const value = u32(target, 12);
        const fitting = texts
          .map((text) => ({ value: u32(parseAddress(text.split('/')[0], 4)!, 12), length: Number(text.split('/')[1]) }))
          .filter((one) => one.length === 0 || (one.value ^ value) >>> (32 - one.length) === 0);
        const longest = Math.max(-1, ...fitting.map(({ length }) => length));
        expect(table.find(target, 12, 4)?.length ?? -1).toBe(longest);
      }),
    );
  });

  it.each([4, 6] as const)(
    'IPv%d: finds the same again after many others, whose answers stand in the same places',
    (family) => {
      const [near, far] = family === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
      const table = createRoutes({
        near: { addresses: [], routes: [near], mtu: 1500 },
        far: { addresses: [], routes: [far], mtu: 1500 },
      });
      const octets = new Uint8Array(16);
      for (let asked = 0; asked < 4000; asked++) {
        const address = asked % 1500;
        octets.fill(0);
        // The rest of the address is another one in all its words.
        octets.set([(address & 1) << 7, 7, address >>> 8, address & 0xff], family === 4 ? 12 : 4 * (address % 4));
        const inNear = (octets[family === 4 ? 12 : 0] & 0x80) === 0;
        expect(table.find(octets, family === 4 ? 12 : 0, family)?.device).toBe(inNear ? 'near' : 'far');
      }
    },
  );
});

describe('settings', () => {
  const datagram = (dst: string) => build.ip4({ dst }, build.udp({}));

  it('ip_forward = 0: delivered to us, not passed on', () => {
    const rig = new Rig();
    expect(rig.stack.setSysctl('net.ipv4.ip_forward', 0)).toBe(true);
    expect(rig.receive('A', datagram('10.0.2.2'))).toEqual([]);
    expect(rig.receive('A', datagram('10.0.1.1'))).toHaveLength(1);
  });

  it('icmp_echo_ignore_all', () => {
    const rig = new Rig();
    rig.stack.setSysctl('net.ipv4.icmp_echo_ignore_all', '1');
    expect(rig.receive('A', build.ip4({ dst: '10.0.1.1' }, build.icmp()))).toEqual([]);
  });

  it('icmp_echo_ignore_broadcasts = 0: answered from the address towards the asker', () => {
    const rig = new Rig();
    rig.stack.setSysctl('net.ipv4.icmp_echo_ignore_broadcasts', 0);
    const [reply] = rig.receive('A', build.ip4({ dst: '10.0.1.255' }, build.icmp()));
    expect(formatAddress(addressAt(fromHex(reply.hex)!, ipv4.SOURCE_AT, 4), 4)).toBe('10.0.1.1');
  });

  it('five errors at once about packets without a route, then one a second', () => {
    const rig = new Rig({ B: { routes: [] } });
    const answers = (count: number) =>
      Array.from({ length: count }, () => rig.receive('A', datagram('8.8.8.8')).length);
    expect(answers(7)).toEqual([1, 1, 1, 1, 1, 0, 0]);
    rig.now += 1000;
    expect(answers(2)).toEqual([1, 0]);
  });

  it('icmp_ratelimit: six errors at once to one peer, then one per interval', () => {
    const rig = new Rig();
    rig.stack.setSysctl('net.ipv4.icmp_ratelimit', 1000);
    const answers = (count: number) =>
      Array.from({ length: count }, () => rig.receive('A', datagram('10.0.1.1')).length);
    expect(answers(8)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    rig.now += 1000;
    expect(answers(2)).toEqual([1, 0]);
  });

  it('refuses what it does not know', () => {
    expect(new Rig().stack.setSysctl('net.ipv4.conf.all.accept_source_route', 1)).toBe(false);
    expect(new Rig().stack.setSysctl('net.ipv4.ip_forward', 'yes')).toBe(false);
  });
});

it('random octets never throw, and nothing comes out that is no packet', () => {
  const start = fc.constantFrom(
    '4500001c0001000040110000' + '0a0001020a000101',
    '4b00003c0001000001010000' + '0a0001020a000202',
    '6000000000200040' + 'fd00000a000000000000000000000002' + 'fd00000a000000000000000000000001',
    '6000000000202b01' + 'fd00000a000000000000000000000002' + 'fd00000b000000000000000000000002',
  );
  const rigs = [new Rig(), new Rig({}, true)];
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 80 }), fc.nat(1), (head, tail, which) => {
      const octets = Uint8Array.of(...fromHex(head)!, ...tail);
      if (octets[0] >>> 4 === 4) {
        octets[2] = 0;
        octets[3] = octets.length;
        if (octets.length >= ipv4.headerLength(octets, 0)) ipv4.fillChecksum(octets, 0);
      } else octets[5] = tail.length;
      for (const { hex } of rigs[which].receive('A', octets)) expect(Packet.of(fromHex(hex)!).malformed).toBe('');
    }),
    { numRuns: 2000 },
  );
});
