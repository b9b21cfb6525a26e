import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import * as dccp from '../../packet/dccp.ts';
import * as gre from '../../packet/gre.ts';
import * as icmp from '../../packet/icmp.ts';
import { icmpByName, icmpName } from '../../packet/icmp-names.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import * as mld from '../../packet/mld.ts';
import * as ndp from '../../packet/ndp.ts';
import * as sctp from '../../packet/sctp.ts';
import * as udp from '../../packet/udp.ts';
import * as udplite from '../../packet/udplite.ts';
import { long, octet, word } from './rows.ts';

/** What the layer alone is, behind an IPv4 header that is cut off. */
const octets = (layer: build.Layer): Uint8Array => build.ip4({}, layer).slice(20);
const message6 = (fields: build.Icmp6Fields): Uint8Array => build.ip6({}, build.icmp6(fields)).slice(40);

describe('UDP and UDP-Lite read what was built', () => {
  it('UDP', () => {
    fc.assert(
      fc.property(word, word, word, (sport, dport, length) => {
        const header = octets(build.udp({ sport, dport, length }));
        expect(udp.fits(header, 0, 8)).toBe(true);
        expect([udp.sourcePort(header, 0), udp.destinationPort(header, 0), udp.length(header, 0)]).toEqual([
          sport,
          dport,
          length,
        ]);
      }),
    );
  });
  it('UDP-Lite', () => {
    const header = octets(build.udplite({ sport: 1, dport: 2, coverage: 8, data: 4 }));
    expect([udplite.sourcePort(header, 0), udplite.destinationPort(header, 0), udplite.coverage(header, 0)]).toEqual([
      1, 2, 8,
    ]);
    expect(udplite.storedChecksum(header, 0)).not.toBe(0);
  });
  it('seven octets are no header', () => expect(udp.fits(new Uint8Array(8), 1, 8)).toBe(false));
});

describe('ICMP', () => {
  it('reads what was built', () => {
    fc.assert(
      fc.property(octet, octet, word, word, (type, code, id, seq) => {
        for (const [header, message] of [
          [icmp, octets(build.icmp({ type, code, id, seq }))],
          [icmpv6, message6({ type, code, id, seq })],
        ] as const) {
          expect([header.type(message, 0), header.code(message, 0)]).toEqual([type, code]);
          expect([header.id(message, 0), header.sequence(message, 0)]).toEqual([id, seq]);
        }
      }),
    );
  });

  it.each([
    ['MTU', icmp.mtu(octets(build.icmp({ type: 3, code: 4, mtu: 1400 })), 0), 1400],
    ['pointer', icmp.pointer(octets(build.icmp({ type: 12, pointer: 20 })), 0), 20],
    ['gateway', icmp.gateway(octets(build.icmp({ type: 5, gateway: '10.0.0.9' })), 0), 0x0a000009],
    ['MTU of ICMPv6', icmpv6.mtu(message6({ type: 2, mtu: 70_000 }), 0), 70_000],
    ['pointer of ICMPv6', icmpv6.pointer(message6({ type: 4, pointer: 300 }), 0), 300],
  ])('%s', (_name, found, expected) => expect(found).toBe(expected));

  it('errors are the types that quote a packet', () => {
    const types = Array.from({ length: 256 }, (_, type) => type);
    expect(types.filter(icmp.isError)).toEqual([3, 4, 5, 11, 12]);
    expect(types.filter(icmpv6.isError)).toEqual(types.slice(0, 128));
  });

  it.each([
    [4, 3, 3, 'port-unreachable'],
    [4, 3, 77, 'destination-unreachable code 77'],
    [4, 8, 0, 'echo-request'],
    [4, 40, 0, 'type 40'],
    [6, 1, 4, 'port-unreachable'],
    [6, 4, 1, 'unknown-header-type'],
    [6, 135, 0, 'neighbour-solicitation'],
    [6, 200, 3, 'type 200 code 3'],
  ] as const)('name in IPv%i of %i/%i', (family, type, code, name) => expect(icmpName(type, code, family)).toBe(name));

  it('names are looked up without regard to case, and by family', () => {
    expect(icmpByName('tos-HOST-unreachable', 4)).toMatchObject({ type: 3, code: 12 });
    expect(icmpByName('no-route', 4)).toBeUndefined();
  });
});

describe('neighbour discovery', () => {
  const target = new Uint8Array(16).fill(0xab);
  const link = Uint8Array.of(1, 1, 2, 0, 0, 0, 0, 1);
  const concatenated = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

  it.each([
    ['router solicitation', { type: 133, data: link }, 8],
    ['router advertisement', { type: 134, data: concatenated(new Uint8Array(8), link) }, 16],
    ['neighbour solicitation', { type: 135, data: concatenated(target, link) }, 24],
    ['neighbour advertisement', { type: 136, rest: 0xe0000000, data: concatenated(target, link) }, 24],
    ['redirect', { type: 137, data: concatenated(target, target, link) }, 40],
  ])('%s: options come after its fixed octets', (_name, fields, at) => {
    const message = message6(fields);
    expect(ndp.fits(message, 0, message.length)).toBe(true);
    expect(ndp.fits(message, 0, at - 1)).toBe(false);
    const option = ndp.firstOption(message, 0, message.length);
    expect([option, ndp.optionType(message, option), ndp.optionLength(message, option)]).toEqual([at, 1, 8]);
    expect(ndp.nextOption(message, option, message.length)).toBe(-1);
    expect(ndp.optionsRight(message, 0, message.length)).toBe(true);
  });

  it('fields of the advertisements', () => {
    const neighbour = message6({ type: 136, rest: 0xe0000000, data: target });
    expect(ndp.advertisementFlags(neighbour, 0)).toBe(ndp.NA_ROUTER | ndp.NA_SOLICITED | ndp.NA_OVERRIDE);
    const router = message6({ type: 134, rest: 0x40c00708, data: Uint8Array.of(0, 0, 1, 0, 0, 0, 2, 0) });
    expect([ndp.routerHopLimit(router, 0), ndp.routerFlags(router, 0), ndp.routerLifetime(router, 0)]).toEqual([
      64, 0xc0, 1800,
    ]);
    expect([ndp.reachableTime(router, 0), ndp.retransmitTimer(router, 0)]).toEqual([256, 512]);
  });

  it.each([
    ['length 0', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)],
    ['beyond the message', Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0)],
    ['a single octet', Uint8Array.of(1)],
  ])('an option with %s makes the message wrong', (_name, option) => {
    const message = message6({ type: 135, data: concatenated(target, option) });
    expect(ndp.firstOption(message, 0, message.length)).toBe(-1);
    expect(ndp.optionsRight(message, 0, message.length)).toBe(false);
  });
});

describe('multicast listener discovery', () => {
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
  it('a query says its version by its length (RFC 3810 8.1)', () => {
    expect([23, 24, 25, 27, 28, 60].map(mld.queryVersion)).toEqual([0, 1, 0, 0, 2, 2]);
  });
  it('version 1', () => {
    const query = message6({ type: 130, rest: 0x03e80000, data: group });
    expect(mld.fits(query, 0, query.length)).toBe(true);
    expect(mld.maximumDelay(query, 0)).toBe(1000);
    expect(toHex(query, mld.GROUP_AT, 24)).toBe(toHex(group));
  });
  it('records of a version 2 report', () => {
    const record = (type: number, sources: number, auxiliary: number): number[] => [
      type,
      auxiliary,
      0,
      sources,
      ...group,
      ...new Array<number>(16 * sources + 4 * auxiliary).fill(1),
    ];
    const report = message6({
      type: 143,
      rest: 3,
      data: Uint8Array.from([...record(4, 0, 0), ...record(1, 2, 1), ...record(6, 9, 0).slice(0, 30)]),
    });
    const found: number[][] = [];
    for (let r = mld.firstRecord(report, 0, report.length); r >= 0; r = mld.nextRecord(report, r, report.length)) {
      found.push([mld.recordType(report, r), mld.recordSources(report, r), mld.recordLength(report, r)]);
    }
    expect(mld.records(report, 0)).toBe(3);
    expect(found).toEqual([
      [mld.CHANGE_TO_EXCLUDE, 0, 20],
      [mld.MODE_IS_INCLUDE, 2, 56],
    ]); // the third is cut short
  });
});

describe('SCTP', () => {
  it('reads what was built', () => {
    fc.assert(
      fc.property(word, word, long, (sport, dport, tag) => {
        const packet = octets(build.sctp({ sport, dport, tag }));
        expect([sctp.sourcePort(packet, 0), sctp.destinationPort(packet, 0), sctp.verificationTag(packet, 0)]).toEqual([
          sport,
          dport,
          tag,
        ]);
        expect(sctp.initTag(packet, sctp.firstChunk(packet, 0, packet.length))).toBe(1);
      }),
    );
  });

  const types = (chunks: build.SctpChunk[]): number[] => {
    const packet = octets(build.sctp({ chunks }));
    const found: number[] = [];
    for (let c = sctp.firstChunk(packet, 0, packet.length); c >= 0; c = sctp.nextChunk(packet, c, packet.length))
      found.push(sctp.chunkType(packet, c));
    return found;
  };
  it.each([
    ['one', [{ type: 1, data: 16 }], [1]],
    ['padded to 4', [{ type: 0, data: 13 }, { type: 3, data: 2 }, { type: 14 }], [0, 3, 14]],
    ['a length of 0 ends the walk', [{ type: 0, length: 0 }, { type: 3 }], [0]],
    // for_each_sctp_chunk() minds only 0.
    ['a length below 4 goes on by 4', [{ type: 0, length: 1 }, { type: 3 }], [0, 3]],
    ['a length beyond the packet ends the walk', [{ type: 0, length: 400 }, { type: 3 }], [0]],
  ])('chunks: %s', (_name, chunks, expected) => expect(types(chunks)).toEqual(expected));

  it('a common header alone has no chunk', () => {
    expect(sctp.firstChunk(new Uint8Array(15), 0, 15)).toBe(-1);
    expect(sctp.firstChunk(new Uint8Array(11), 0, 11)).toBe(-1);
  });

  it('flags', () => {
    const packet = octets(build.sctp({ chunks: [{ type: 6, flags: 1 }] }));
    expect([sctp.chunkFlags(packet, 12), sctp.chunkLength(packet, 12)]).toEqual([sctp.SCTP_CHUNK_FLAG_T, 4]);
  });
});

describe('DCCP', () => {
  it('reads what was built', () => {
    const number48 = fc.nat(2 ** 31 - 1).map((n) => n * 2 ** 17 + 5);
    fc.assert(
      fc.property(word, word, fc.nat(9), number48, number48, (sport, dport, type, seq, ack) => {
        const packet = octets(build.dccp({ sport, dport, type, seq, ack }));
        expect([dccp.sourcePort(packet, 0), dccp.destinationPort(packet, 0), dccp.type(packet, 0)]).toEqual([
          sport,
          dport,
          type,
        ]);
        expect(dccp.sequence(packet, 0)).toBe(seq);
        expect(dccp.headerLength(packet, 0)).toBe(dccp.needed(packet, 0));
        if (type !== dccp.DCCP_PKT_REQUEST && type !== dccp.DCCP_PKT_DATA)
          expect(dccp.acknowledgment(packet, 0)).toBe(ack);
      }),
    );
  });

  it('short sequence numbers have 24 bits', () => {
    const packet = Uint8Array.of(0, 1, 0, 2, 5, 0, 0, 0, 3 << 1, 0x12, 0x34, 0x56, 0, 0xab, 0xcd, 0xef);
    expect([dccp.extended(packet, 0), dccp.sequence(packet, 0), dccp.acknowledgment(packet, 0)]).toEqual([
      false,
      0x123456,
      0xabcdef,
    ]);
  });

  // net/netfilter/xt_dccp.c dccp_find_option()
  it.each([
    ['found', [37, 4, 1, 1], 37, 20],
    ['behind two single octets', [0, 1, 37, 3, 1, 0, 0, 0], 37, 22],
    ['a length of 0 counts as 1', [40, 0, 37, 3], 37, 22],
    ['absent', [40, 4, 37, 3], 37, -1],
  ])('option %s', (_name, options, kind, at) => {
    const packet = octets(build.dccp({ options: Uint8Array.from(options) }));
    expect(dccp.option(packet, 0, packet.length, kind)).toBe(at);
  });
});

describe('GRE', () => {
  it.each([
    ['bare', { data: 4 }, 4, undefined, undefined],
    ['with key', { key: 0xdeadbeef }, 8, 0xdeadbeef, undefined],
    ['with checksum, key and sequence number', { checksum: true, key: 7, seq: 9 }, 16, 7, 9],
    ['with sequence number', { seq: 0xffffffff }, 8, undefined, 0xffffffff],
  ])('version 0 %s', (_name, fields, length, key, seq) => {
    const packet = octets(build.gre(fields));
    expect([gre.version(packet, 0), gre.protocol(packet, 0), gre.headerLength(packet, 0)]).toEqual([0, 0x0800, length]);
    if (key !== undefined) expect(gre.key(packet, 0)).toBe(key);
    if (seq !== undefined) expect(gre.sequence(packet, 0)).toBe(seq);
  });

  it.each([
    ['data', { seq: 5, data: 10 }, 12],
    ['acknowledgement', { ack: 6 }, 12],
    ['both', { seq: 5, ack: 6, data: 1 }, 16],
  ])('version 1 (PPTP), %s', (_name, fields: build.GreFields, length) => {
    const packet = octets(build.gre({ version: 1, callId: 4711, ...fields }));
    expect([
      gre.version(packet, 0),
      gre.protocol(packet, 0),
      gre.callId(packet, 0),
      gre.headerLength(packet, 0),
    ]).toEqual([1, gre.GRE_PROTO_PPP, 4711, length]);
    expect(gre.payloadLength(packet, 0)).toBe(packet.length - length);
    if (fields.seq !== undefined) expect(gre.sequence(packet, 0)).toBe(fields.seq);
    if (fields.ack !== undefined) expect(gre.acknowledgment(packet, 0)).toBe(fields.ack);
  });

  it('optional fields that are not there make it not whole', () => {
    const packet = octets(build.gre({ key: 7, seq: 9 }));
    expect([gre.whole(packet, 0, 12), gre.whole(packet, 0, 11), gre.fits(packet, 0, 3)]).toEqual([true, false, false]);
  });
});
