import { expect, test } from 'vitest';
import { mangle } from '../../conntrack/nat/mangle.ts';
import { ip, tcp, udp } from '../../packet/build.ts';
import { u16 } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import { Packet } from '../../packet/packet.ts';

const ENDS = { 4: { src: '10.1.0.5', dst: '192.0.2.9' }, 6: { src: 'fd00:1::5', dst: '2001:db8::9' } };
const text = (pkt: Packet, from: number): string => String.fromCharCode(...pkt.bytes.subarray(from, pkt.end));
const octets = (words: string): Uint8Array => new TextEncoder().encode(words);

test.each([4, 6] as const)('what is longer, shorter, or empty fits in, over IPv%i', (family) => {
  for (const [layer, header] of [
    [tcp({ sport: 1, dport: 2, flags: 'PA', data: 'say one thing' }), 20],
    [udp({ sport: 1, dport: 2, data: 'say one thing' }), 8],
  ] as const) {
    for (const word of ['three', 'two', '', 'one']) {
      const pkt = Packet.of(ip(family, ENDS[family], layer));
      expect(mangle(pkt, pkt.l4 + header + 4, 3, octets(word))).toBe(true);
      expect(text(pkt, pkt.l4 + header)).toBe(`say ${word} thing`);
      expect(verify(pkt)).toBe(true);
      expect(Packet.of(pkt.view()).length).toBe(pkt.length);
    }
  }
});

test('a wrong checksum becomes a right one; a UDP packet without stays without', () => {
  const wrong = Packet.of(ip(4, ENDS[4], tcp({ flags: 'PA', data: 'say one', badChecksum: true })));
  mangle(wrong, wrong.l4 + 24, 3, octets('two'));
  expect(verify(wrong)).toBe(true);
  const without = Packet.of(ip(4, ENDS[4], udp({ data: 'say one' })));
  without.bytes.fill(0, without.l4 + 6, without.l4 + 8);
  mangle(without, without.l4 + 12, 3, octets('two'));
  expect(u16(without.bytes, without.l4 + 6)).toBe(0);
});

test('a checksum that comes out as 0 is written as ones', () => {
  const build = (urgent: number) => Packet.of(ip(4, ENDS[4], tcp({ flags: 'PA', data: 'say one', urgent })));
  const first = build(0);
  mangle(first, first.l4 + 24, 3, octets('two'));
  // What makes the sum all ones.
  const pkt = build(u16(first.bytes, first.l4 + 16));
  mangle(pkt, pkt.l4 + 24, 3, octets('two'));
  expect(u16(pkt.bytes, pkt.l4 + 16)).toBe(0xffff);
  expect(verify(pkt)).toBe(true);
});
