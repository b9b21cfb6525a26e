import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressAt,
  formatAddress,
  parseAddress4,
  parseAddress6,
  parseAnyAddress,
  prefixLength,
  prefixMask,
  wire,
} from '../../packet/address.ts';
import { fromHex, toHex } from '../../packet/bytes.ts';
import { bytes } from './rows.ts';

describe('IPv6 text is what inet_ntop() of glibc writes', () => {
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000000000000000001', '2001:db8::1'],
    // One zero group is not shortened; of two equal runs the first is.
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['00010000000000020000000000030003', '1::2:0:0:3:3'],
    ['00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
    ['00010002000300040005000600000000', '1:2:3:4:5:6::'],
    ['0000000000000000000000ff00000100', '::ff:0:100'],
    // Mapped and compatible addresses are dotted, but not :: and ::1.
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
    ['0000000000000000000000000a000001', '::10.0.0.1'],
    ['0000000000000000000000000000abcd', '::abcd'],
    ['0064ff9b0000000000000000c0000221', '64:ff9b::c000:221'],
    // As Python's socket.inet_ntop() gives them.
    ['ff000100010101ff0000000100000000', 'ff00:100:101:1ff:0:1::'],
    ['000000ff00ff00000100000000000000', '0:ff:ff:0:100::'],
    ['00ffff000000000000000000000000ff', 'ff:ff00::ff'],
  ])('%s is %s', (hex, text) => {
    expect(formatAddress(fromHex(hex)!, 6)).toBe(text);
    expect(toHex(parseAddress6(text)!)).toBe(hex);
  });
});

describe('text that inet_pton() refuses is refused', () => {
  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '1::2::3',
    ':1::',
    '1:',
    '::1:',
    '12345::',
    '00001::',
    'g::',
    '::1%eth0',
    '::1.2.3',
    '::1.2.3.256',
    '::01.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    ' ::1',
  ])('"%s" in IPv6', (text) => expect(parseAddress6(text)).toBeUndefined());

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '00.0.0.0',
    '256.1.1.1',
    '1..2.3',
    '0x1.2.3.4',
    '1.2.3.4 ',
    '-1.2.3.4',
  ])('"%s" in IPv4', (text) => expect(parseAddress4(text)).toBeUndefined());
});

it('takes what inet_pton() takes beyond its own output', () => {
  expect(toHex(parseAddress6('1:2:3:4:5:6:1.2.3.4')!)).toBe('00010002000300040005000601020304');
  expect(toHex(parseAddress6('1::2:3:4:5:6:7')!)).toBe('00010000000200030004000500060007');
  expect(toHex(parseAddress6('ABCD:0001::')!)).toBe('abcd0001000000000000000000000000');
  expect(parseAnyAddress('10.0.0.1')?.family).toBe(4);
  expect(parseAnyAddress('::10.0.0.1')?.family).toBe(6);
  expect(parseAnyAddress('ten')).toBeUndefined();
});

it('parses what it formats', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }), (octets) => {
      const address = Uint8Array.from(octets);
      expect(parseAddress6(formatAddress(address, 6))).toEqual(address);
    }),
  );
  fc.assert(
    fc.property(bytes(4, 4), (octets) => {
      const address = addressAt(octets, 0, 4);
      expect(wire(address, 4)).toEqual(octets);
      expect(parseAddress4(formatAddress(address, 4))).toEqual(address);
    }),
  );
});

it('never throws for any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(':', '.', '1', 'f', '0', 'x', ' ') }), (text) => {
      parseAddress6(text);
      parseAddress4(text);
    }),
  );
});

describe('masks', () => {
  it.each([
    [4, 0],
    [4, 1],
    [4, 24],
    [4, 32],
    [6, 0],
    [6, 7],
    [6, 64],
    [6, 127],
    [6, 128],
  ] as const)('IPv%i /%i', (family, length) => expect(prefixLength(prefixMask(length, family), family)).toBe(length));

  it('with a hole has no length', () => {
    expect(prefixLength(parseAddress6('ffff::ffff')!, 6)).toBe(-1);
    expect(prefixLength(parseAddress4('255.0.255.0')!, 4)).toBe(-1);
    expect(prefixLength(parseAddress6('ffff::')!, 4)).toBe(-1); // not even the mapped prefix
  });
});
