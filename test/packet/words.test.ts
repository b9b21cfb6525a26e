import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { describeBytes } from '../../packet/describe.ts';
import { PacketWordsError, packetFromWords } from '../../packet/words.ts';

const abc = { sport: 1, dport: 2, data: 'abc' };

describe('words mean the packet that builders make', () => {
  it.each([
    [
      'tcp 2001:db8::1 > 2001:db8::2 sport 1024 dport 443 syn',
      build.ip6({ src: '2001:db8::1', dst: '2001:db8::2' }, build.tcp({ dport: 443 })),
    ],
    [
      '10.0.0.1.1024 > 10.0.0.2.80 syn ack',
      build.ip4({ src: '10.0.0.1', dst: '10.0.0.2' }, build.tcp({ flags: 'SA' })),
    ],
    ['fd00::1.5 > fd00::2.6: UDP', build.ip6({ src: 'fd00::1', dst: 'fd00::2' }, build.udp({ sport: 5, dport: 6 }))],
    ['udp [fd00::1]:5 > [fd00::2]:6', build.ip6({ src: 'fd00::1', dst: 'fd00::2' }, build.udp({ sport: 5, dport: 6 }))],
    ['udp 1.2.3.4:5 > 4.3.2.1:6', build.ip4({ src: '1.2.3.4', dst: '4.3.2.1' }, build.udp({ sport: 5, dport: 6 }))],
    ['tcp', build.ip4({}, build.tcp())],
    ['ip6 tcp rst', build.ip6({}, build.tcp({ flags: 'R' }))],
    ['tcp flags SA seq 5 ack 6 win 7', build.ip4({}, build.tcp({ flags: 'SA', seq: 5, ack: 6, window: 7 }))],
    ['tcp flags none', build.ip4({}, build.tcp({ flags: 0 }))],
    ['tcp flags 0x12', build.ip4({}, build.tcp({ flags: 'SA' }))],
    ['tcp fin,psh,urg 3', build.ip4({}, build.tcp({ flags: 'FPU', urgent: 3 }))],
    ['tcp ack 5', build.ip4({}, build.tcp({ flags: 'A', ack: 5 }))],
    ['tcp mss 1460 wscale 7', build.ip4({}, build.tcp({ options: { mss: 1460, windowScale: 7 } }))],
    ['udp sport 1 dport 2 data "abc"', build.ip4({}, build.udp(abc))],
    ['udp sport 1 dport 2 data 0x616263', build.ip4({}, build.udp(abc))],
    ['udp length 20', build.ip4({}, build.udp({ data: 20 }))],
    ['udp bad-checksum', build.ip4({}, build.udp({ badChecksum: true }))],
    ['udp ttl 3 tos 0x10', build.ip4({ ttl: 3, tos: 0x10 }, build.udp())],
    [
      'ip6 udp hl 3 dscp ef ecn 1 flow 0x12345',
      build.ip6({ hopLimit: 3, trafficClass: 0xb9, flowLabel: 0x12345 }, build.udp()),
    ],
    ['udp dscp cs1', build.ip4({ tos: 8 << 2 }, build.udp())],
    ['udp dscp AF41', build.ip4({ tos: 34 << 2 }, build.udp())],
    ['udp id 7 df', build.ip4({ id: 7, df: true }, build.udp())],
    ['icmp', build.ip4({}, build.icmp())],
    ['icmp6', build.ip6({}, build.icmp6())],
    ['icmp fd00::1 > fd00::2', build.ip6({ src: 'fd00::1', dst: 'fd00::2' }, build.icmp6())],
    ['icmp echo-reply id 5 seq 6 data "abc"', build.ip4({}, build.icmp({ type: 0, id: 5, seq: 6, data: 'abc' }))],
    ['icmp type 3 code 77', build.ip4({}, build.icmp({ type: 3, code: 77 }))],
    ['icmp host-redirect gateway 10.0.0.9', build.ip4({}, build.icmp({ type: 5, code: 1, gateway: '10.0.0.9' }))],
    [
      'icmp6 packet-too-big mtu 1280 about udp',
      build.icmp6ErrorAbout(build.ip6({}, build.udp()), {
        type: 2,
        code: 0,
        mtu: 1280,
        outer: { src: 'fd00:a::2', dst: 'fd00:b::2' },
      }),
    ],
    [
      'neighbour-solicitation ip6 target fd00::9',
      build.ip6({}, build.icmp6({ type: 135, data: Uint8Array.of(0xfd, ...new Array(14).fill(0), 9) })),
    ],
    ['sctp tag 5 chunk cookie-ack', build.ip4({}, build.sctp({ tag: 5, chunks: [{ type: 11, data: 16 }] }))],
    ['dccp response seq 5', build.ip4({}, build.dccp({ type: 1, seq: 5 }))],
    ['gre key 5', build.ip4({}, build.gre({ key: 5 }))],
    ['esp spi 9', build.ip4({}, build.esp({ spi: 9 }))],
    ['proto 99 length 4', build.ip4({}, build.raw(99, 4))],
    [
      'ip6 hbh dstopt rt 2 segleft 1 ah udp',
      build.ip6(
        {},
        build.hopByHop(),
        build.destinationOptions(),
        build.routing({ type: 2, segmentsLeft: 1, addresses: ['fd00::1'] }),
        build.ah(),
        build.udp(),
      ),
    ],
    ['udp id 7 offset 16 more length 8', build.ip4({ id: 7, offset: 16, mf: true }, build.raw(17, 8))],
    ['ip6 udp frag (id 7, 16|8+)', build.ip6({}, build.fragment({ id: 7, offset: 16, more: true }), build.raw(17, 8))],
    ['ip6 udp frag (id 7, 0|16+) length 30', build.fragments6(build.ip6({}, build.udp({ data: 30 })), 16, 7)[0]],
    ['hex 45000000', Uint8Array.of(0x45, 0, 0, 0)],
    ['45 00 00:14', Uint8Array.of(0x45, 0, 0, 0x14)],
    ['0x60000000', Uint8Array.of(0x60, 0, 0, 0)],
  ])('%s', (words, packet) => expect(toHex(packetFromWords(words))).toBe(toHex(packet)));
});

// The words between <| and |> are what the error points at.
describe('mistakes point at the word', () => {
  it.each([
    ['tcp <|flgs|> SA', 'is not a word for packets', 'did you mean "flags"?'],
    ['icmp <|echo-requst|>', 'is not a word for packets', 'did you mean "echo-request"?'],
    ['tcp 10.0.0.1 > <|fd00::1|>', 'both addresses must be of one family', undefined],
    ['tcp 10.0.0.1 > <|example.org|>', 'is no address', 'write an IPv4 or IPv6 address, not a name'],
    ['tcp <|10.0.0.256|> > 10.0.0.1', 'is not a word', 'addresses stand around ">": 10.0.0.1 > 10.0.0.2'],
    ['icmp6 <|10.0.0.1|> > 10.0.0.2', 'is IPv4, but an earlier word says IPv6', undefined],
    [
      'tcp dport <|http|>',
      '"dport" needs a number from 0 to 65535',
      'names of services are not known here: write the number',
    ],
    ['tcp dport <|65536|>', '"dport" needs a number from 0 to 65535', undefined],
    ['tcp dport<||>', 'a number behind "dport" is missing', undefined],
    ['udp <|syn|>', 'does not go with "udp"', undefined],
    ['tcp <|udp|>', 'a packet has one protocol', undefined],
    ['icmp <|sport|> 5', 'means nothing with "icmp"', 'it goes with tcp, udp, udplite, sctp, dccp'],
    ['udp <|seq|> 5', 'means nothing with "udp"', undefined],
    ['icmp 10.0.0.1 > 10.0.0.2 <|no-route|>', 'ICMP of IPv4 has no "no-route"', undefined],
    ['<|10.0.0.1 > 10.0.0.2|>', 'which protocol?', undefined],
    ['tcp flags <|XY|>', 'are no TCP flags', undefined],
    ['udp offset <|12|>', 'multiple of 8', undefined],
    ['udp frag <|12|8|>', 'multiple of 8', undefined],
    ['udp <|id|> 70000', 'at most 65535', undefined],
    ['ip6 udp <|id|> 7', 'has no id', undefined],
    ['sctp chunk <|cooki-ack|>', 'is no SCTP chunk', 'did you mean "cookie-ack"?'],
    ['udp data <|0x123|>', 'is not hex', undefined],
    ['tcp ip6 <|df|>', 'is IPv4, but an earlier word says IPv6', undefined],
    ['icmp gateway <|fd00::1|>', 'is no IPv4 address', undefined],
    ['45000000<|1|> ', 'half an octet', 'hex digits come in pairs'],
  ])('%s', (marked, message, hint) => {
    const start = marked.indexOf('<|');
    const end = marked.lastIndexOf('|>') - 2;
    const text = marked.slice(0, start) + marked.slice(start + 2, end + 2) + marked.slice(end + 4);
    let error: unknown;
    try {
      packetFromWords(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(PacketWordsError);
    const found = error as PacketWordsError;
    expect(found.message).toContain(message);
    expect(found.span).toEqual({ start, end });
    if (hint) expect(found.hint).toBe(hint);
  });
});

describe('the line that describe() writes is understood', () => {
  it.each(
    [
      build.ip4(
        {},
        build.tcp({
          flags: 'SA',
          seq: 9,
          ack: 8,
          options: { mss: 1460, nop: 1, windowScale: 7, sackPermitted: true, timestamps: [5, 6] },
        }),
      ),
      build.ip6({}, build.tcp({ flags: 'A', ack: 8, data: 9, options: { nop: 2, sack: [[7, 9]] } })),
      build.ip6({}, build.udp({ data: 9, badChecksum: true })),
      build.ip4({}, build.icmp({ id: 5, seq: 6, data: 56 })),
      build.icmp6ErrorAbout(build.ip6({}, build.udp())),
      build.icmpErrorAbout(build.ip4({}, build.tcp()), { code: 4, mtu: 1400 }),
      build.ip6({}, build.icmp6({ type: 136, data: new Uint8Array(16) })),
      build.ip6({}, build.hopByHop(), build.ah(), build.udp({ data: 3 })),
      ...build.fragments4(build.ip4({ id: 7 }, build.udp({ data: 40 })), 16),
      ...build.fragments6(build.ip6({}, build.hopByHop(), build.udp({ data: 40 })), 16, 0x12345678),
      build.ip4({}, build.esp()),
      build.ip4({}, build.raw(99, 4)),
    ].map((packet) => [describeBytes(packet)]),
  )('%s', (line) => expect(describeBytes(packetFromWords(line))).toBe(line));
});

it('any text gives a packet or a PacketWordsError', () => {
  const word = fc.constantFrom(
    'tcp',
    'udp',
    'icmp',
    'icmp6',
    '10.0.0.1',
    'fd00::1',
    '>',
    'sport',
    '5',
    'syn',
    'flags',
    'S.',
    'frag',
    '0|8+',
    'offset',
    '16',
    'about',
    'ah',
    'hbh',
    'data',
    '"x y"',
    '0xabc',
    '[',
    ':',
    'sack',
    '{1:2}',
    'length',
    '70000',
    'chunk',
    'init',
    'ip6',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
        fc.string(),
      ),
      (text) => {
        try {
          packetFromWords(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PacketWordsError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
