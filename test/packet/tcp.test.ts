import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as build from '../../packet/build.ts';
import * as tcp from '../../packet/tcp.ts';
import { long, octet, word } from './rows.ts';

const segment = (fields: build.TcpFields): Uint8Array => build.ip4({}, build.tcp(fields));
const AT = 20;

it('reads what was built', () => {
  fc.assert(
    fc.property(
      fc.record({
        sport: word,
        dport: word,
        seq: long,
        ack: long,
        flags: octet,
        window: word,
        urgent: word,
        reserved: fc.nat(15),
      }),
      fc.uint8Array({ maxLength: 40 }),
      (fields, options) => {
        const packet = segment({ ...fields, options });
        expect(tcp.fits(packet, AT, packet.length) && tcp.whole(packet, AT, packet.length)).toBe(true);
        expect({
          sport: tcp.sourcePort(packet, AT),
          dport: tcp.destinationPort(packet, AT),
          seq: tcp.sequence(packet, AT),
          ack: tcp.acknowledgment(packet, AT),
          flags: tcp.flags(packet, AT),
          window: tcp.window(packet, AT),
          urgent: tcp.urgentPointer(packet, AT),
          reserved: tcp.reserved(packet, AT),
        }).toEqual(fields);
        expect(tcp.headerLength(packet, AT)).toBe(20 + Math.ceil(options.length / 4) * 4);
      },
    ),
  );
});

it.each([
  ['F', tcp.FIN],
  ['S.', tcp.SYN | tcp.ACK],
  ['SA', tcp.SYN | tcp.ACK],
  ['R', tcp.RST],
  ['PA', tcp.PSH | tcp.ACK],
  ['UEC', tcp.URG | tcp.ECE | tcp.CWR],
  ['W', tcp.CWR],
  ['', 0],
])('flags %s', (letters, bits) => expect(build.tcpFlags(letters)).toBe(bits));

describe('whole', () => {
  it.each([
    ['a header length below 20', { headerLength: 16 }, false],
    ['options that are not there', { headerLength: 24 }, false],
    ['options that are there', { options: Uint8Array.of(1, 1, 1, 1) }, true],
  ])('%s', (_name, fields, expected) => {
    const packet = segment(fields);
    expect(tcp.whole(packet, AT, packet.length)).toBe(expected);
  });
});

const options = (...octets: number[]): Uint8Array => segment({ options: Uint8Array.from(octets) });

// net/netfilter/xt_tcpudp.c tcp_find_option(), xt_tcpmss.c tcpmss_mt()
describe('options as matches look for them', () => {
  it.each([
    ['the first octet', options(2, 4, 5, 0xb4), 2, 40],
    ['behind no-operations', options(1, 1, 2, 4, 5, 0xb4, 1, 1), 2, 42],
    ['past the end of the list', options(0, 0, 2, 4, 5, 0xb4, 0, 0), 2, 42],
    ['a length of 0 counts as 1', options(9, 0, 0, 0, 4, 2, 0, 0), 4, 44],
    ['a length of 1 counts as 1', options(9, 1, 0, 0, 4, 2, 0, 0), 4, 44],
    ['not inside another option', options(9, 4, 2, 2, 1, 1, 1, 1), 2, -1],
    ['a length beyond the header jumps over the rest', options(9, 50, 4, 2), 4, -1],
    ['a kind in the very last octet', options(1, 1, 1, 8), 8, 43],
    ['end-of-list itself', options(1, 0, 1, 1), 0, 41],
  ])('%s', (_name, packet, kind, expected) => expect(tcp.option(packet, AT, packet.length, kind)).toBe(expected));

  it.each([
    ['an MSS', options(2, 4, 5, 0xb4), 1460],
    ['none', options(), undefined],
    ['of another length is none', options(2, 3, 5, 1), undefined],
    ['the first well-formed one', options(2, 3, 9, 2, 4, 1, 0, 0), 256],
    ['cut off by the header', options(1, 2, 4, 5), undefined],
    ['past the end of the list', options(0, 2, 4, 1, 2, 0, 0, 0), 258],
  ])('MSS: %s', (_name, packet, expected) => expect(tcp.mss(packet, AT, packet.length)).toBe(expected));
});

// net/netfilter/nf_conntrack_proto_tcp.c tcp_options()
describe('options as hosts and the tracker read them', () => {
  const kinds = (packet: Uint8Array): number[] => {
    const found: number[] = [];
    const limit = tcp.optionsEnd(packet, AT, packet.length);
    for (let o = tcp.firstOption(packet, AT, packet.length); o >= 0; o = tcp.nextOption(packet, o, limit))
      found.push(packet[o]);
    return found;
  };
  it.each([
    [
      'all kinds in a row',
      segment({ options: { mss: 1460, sackPermitted: true, timestamps: [1, 2], nop: 1, windowScale: 7 } }),
      [2, 4, 8, 3],
    ],
    ['end of list hides what follows', options(1, 0, 2, 4, 5, 0xb4), []],
    ['a length of 1 ends the list', options(4, 2, 9, 1, 4, 2), [4]],
    ['a length beyond the header ends the list', options(4, 2, 9, 7), [4]],
    ['a kind in the very last octet has no length', options(1, 1, 1, 4), []],
  ])('%s', (_name, packet, expected) => expect(kinds(packet)).toEqual(expected));

  it('values', () => {
    const packet = segment({ options: { windowScale: 7, sackPermitted: true, timestamps: [0xfffffffe, 3] } });
    expect(tcp.windowScale(packet, AT, packet.length)).toBe(7);
    expect(tcp.sackPermitted(packet, AT, packet.length)).toBe(true);
    expect(tcp.timestamps(packet, AT, packet.length)).toBe(AT + 20 + 5);
    const without = segment({});
    expect(tcp.windowScale(without, AT, without.length)).toBeUndefined();
    expect(tcp.sackPermitted(without, AT, without.length)).toBe(false);
    expect(tcp.timestamps(without, AT, without.length)).toBe(-1);
  });
});
