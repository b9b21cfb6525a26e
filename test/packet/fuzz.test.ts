// Any octets: no accessor throws or reads outside [at .. end) once its guard said yes, and parse() and describe() never throw.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as checksum from '../../packet/checksum.ts';
import * as dccp from '../../packet/dccp.ts';
import { describe as describePacket } from '../../packet/describe.ts';
import * as ext from '../../packet/ext-headers.ts';
import * as gre from '../../packet/gre.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import * as mld from '../../packet/mld.ts';
import * as ndp from '../../packet/ndp.ts';
import { Packet } from '../../packet/packet.ts';
import * as sctp from '../../packet/sctp.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import * as udplite from '../../packet/udplite.ts';
import { almostPacket, bytes } from './rows.ts';

type Read = (octets: Uint8Array, at: number, end: number) => unknown;
type Walk = { first: Read; next: Read; limit?: Read };

/** A header's guard, what it promises, and the walks over its variable part (bounded by `end` themselves). */
const HEADERS: [name: string, guard: Read, promised: Read[], free: Read[]][] = [
  [
    'ipv4',
    ipv4.fits,
    [
      ipv4.version,
      ipv4.headerLength,
      ipv4.tos,
      ipv4.totalLength,
      ipv4.id,
      ipv4.fragmentField,
      ipv4.fragmentOffset,
      ipv4.isFragment,
      ipv4.dontFragment,
      ipv4.ttl,
      ipv4.protocol,
      ipv4.headerChecksum,
      ipv4.source,
      ipv4.destination,
    ],
    [(b, at, end) => ipv4.option(b, at, end, 148)],
  ],
  ['ipv4 whole', ipv4.whole, [ipv4.checksumRight], []],
  [
    'ipv6',
    ipv6.fits,
    [ipv6.version, ipv6.trafficClass, ipv6.flowLabel, ipv6.payloadLength, ipv6.nextHeader, ipv6.hopLimit],
    [],
  ],
  [
    'tcp',
    tcp.fits,
    [
      tcp.sourcePort,
      tcp.destinationPort,
      tcp.sequence,
      tcp.acknowledgment,
      tcp.headerLength,
      tcp.reserved,
      tcp.flags,
      tcp.window,
      tcp.urgentPointer,
    ],
    [
      tcp.mss,
      tcp.windowScale,
      tcp.sackPermitted,
      tcp.timestamps,
      (b, at, end) => tcp.option(b, at, end, 5),
      (b, at, end) => walk(b, at, end, { first: tcp.firstOption, next: tcp.nextOption, limit: tcp.optionsEnd }),
    ],
  ],
  ['udp', udp.fits, [udp.sourcePort, udp.destinationPort, udp.length, udp.storedChecksum], []],
  [
    'udplite',
    udplite.fits,
    [udplite.sourcePort, udplite.destinationPort, udplite.coverage, udplite.storedChecksum],
    [],
  ],
  ['icmp', icmp.fits, [icmp.type, icmp.code, icmp.id, icmp.sequence, icmp.mtu, icmp.pointer, icmp.gateway], []],
  ['icmpv6', icmpv6.fits, [icmpv6.type, icmpv6.code, icmpv6.id, icmpv6.sequence, icmpv6.mtu, icmpv6.pointer], []],
  [
    'ndp',
    ndp.fits,
    [
      ndp.advertisementFlags,
      (b, at) =>
        b[at] === 134 && [
          ndp.routerHopLimit(b, at),
          ndp.routerFlags(b, at),
          ndp.routerLifetime(b, at),
          ndp.reachableTime(b, at),
          ndp.retransmitTimer(b, at),
        ],
    ],
    [ndp.optionsRight, (b, at, end) => walk(b, at, end, { first: ndp.firstOption, next: ndp.nextOption })],
  ],
  [
    'mld',
    mld.fits,
    [mld.maximumDelay, mld.records],
    [(b, at, end) => b[at] === 143 && walk(b, at, end, { first: mld.firstRecord, next: mld.nextRecord })],
  ],
  [
    'sctp',
    sctp.fits,
    [sctp.sourcePort, sctp.destinationPort, sctp.verificationTag],
    [(b, at, end) => walk(b, at, end, { first: sctp.firstChunk, next: sctp.nextChunk })],
  ],
  [
    'dccp',
    dccp.fits,
    [
      dccp.sourcePort,
      dccp.destinationPort,
      dccp.headerLength,
      dccp.ccval,
      dccp.checksumCoverage,
      dccp.type,
      dccp.extended,
      dccp.genericLength,
      dccp.needed,
    ],
    [(b, at, end) => dccp.option(b, at, end, 37)],
  ],
  ['dccp with numbers', (b, at, end) => dccp.fits(b, at, end) && at + dccp.needed(b, at) <= end, [dccp.sequence], []],
  ['gre', gre.fits, [gre.flags, gre.version, gre.protocol, gre.headerLength], []],
  [
    'gre whole',
    gre.whole,
    [
      (b, at) => gre.flags(b, at) & gre.GRE_KEY && gre.version(b, at) === 0 && gre.key(b, at),
      (b, at) => gre.flags(b, at) & gre.GRE_SEQ && gre.sequence(b, at),
    ],
    [],
  ],
  [
    'extension headers',
    ext.fits,
    [
      ext.nextHeader,
      (b, at) => ext.length(b, at, 60),
      ext.routingType,
      ext.segmentsLeft,
      ext.fragmentOffset,
      ext.moreFragments,
      ext.fragmentId,
      ext.fragmentReserved,
      ext.fragmentReservedBits,
      ext.espSpi,
      ext.espSequence,
      ext.mobilityType,
      ext.ahReserved,
      ext.ahSpi,
    ],
    [
      (b, at, end) => ext.option(b, at, end, 5),
      (b, at, end) => walk(b, at, end, { first: ext.firstOption, next: ext.nextOption, limit: ext.optionsEnd }),
    ],
  ],
  ['AH', ext.ahFits, [ext.ahSequence], []],
];

/** Goes to the end of a list, which must come, with every stop inside. */
function walk(octets: Uint8Array, at: number, end: number, { first, next, limit }: Walk): void {
  const stop = (limit ? limit(octets, at, end) : end) as number;
  let last = at - 1;
  for (let here = first(octets, at, end) as number; here >= 0; here = next(octets, here, stop) as number) {
    expect(here).toBeGreaterThan(last);
    expect(here).toBeLessThan(end);
    last = here;
  }
}

/** The octets, with every read outside [at .. end) an error of the test. */
function fenced(octets: Uint8Array, at: number, end: number): Uint8Array {
  return new Proxy(octets, {
    get(target, key) {
      const index = typeof key === 'string' && /^-?\d+$/.test(key) ? Number(key) : undefined;
      if (index !== undefined && (index < at || index >= end))
        throw new Error(`read of octet ${index} outside [${at}, ${end})`);
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it.each(HEADERS)('%s reads only what its guard promises', (_name, guard, promised, free) => {
  fc.assert(
    fc.property(bytes(90), fc.nat(8), fc.nat(8), (octets, at, less) => {
      const end = Math.max(octets.length - less, at);
      // A guard may look only at what it has found to be there, too.
      const within = fenced(octets, at, end);
      if (!guard(within, at, end)) return;
      for (const read of promised) read(within, at, end);
      for (const read of free) read(within, at, end);
    }),
    { numRuns: 300 },
  );
});

it('parse(), describe(), find(), verify() and filling never throw, and stay inside the packet', () => {
  fc.assert(
    fc.property(fc.oneof(almostPacket, bytes(120)), (octets) => {
      const pkt = new Packet(0);
      pkt.bytes = octets;
      pkt.load(0, octets.length, 0);
      pkt.parse();
      expect(pkt.end).toBeLessThanOrEqual(octets.length);
      describePacket(pkt, { verbose: true });
      if (pkt.family === 0) return;
      if (pkt.family === 6) for (const kind of [0, 6, 43, 44, 50, 51, 59, 60, 135]) ext.find(pkt, kind);
      checksum.verify(pkt);
      const length = octets.length;
      const sumAt = checksum.transportChecksumAt(pkt);
      expect(sumAt === -1 || sumAt + 2 <= pkt.end).toBe(true);
      if (checksum.fillTransportChecksum(pkt)) expect(checksum.verify(pkt)).toBe(true);
      expect(octets.length).toBe(length);
    }),
    { numRuns: 2000 },
  );
});
