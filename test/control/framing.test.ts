import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lines, LineTooLong } from '../../control/socket/framing.ts';

describe('lines from a stream', () => {
  test('are the same however the octets arrive', () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line), line, fc.array(fc.nat({ max: 40 })), (lines, unfinished, sizes) => {
        const stream = Buffer.from(lines.map((one) => `${one}\n`).join('') + unfinished);
        const reader = new Lines();
        const read: string[] = [];
        let at = 0;
        for (const size of sizes) {
          read.push(...reader.feed(stream.subarray(at, at + size)));
          at += size;
        }
        read.push(...reader.feed(stream.subarray(at)));
        expect(read).toEqual(lines);
        expect(reader.pending).toBe(Buffer.byteLength(unfinished));
        reader.clear();
        expect(reader.feed(Buffer.from('again\n'))).toEqual(['again']);
      }),
    );
  });

  test('a line past the bound is refused, in one piece or in many', () => {
    expect(() => new Lines(8).feed(Buffer.from('123456789\n'))).toThrow(LineTooLong);
    const reader = new Lines(8);
    expect(reader.feed(Buffer.from('12345678\n'))).toEqual(['12345678']);
    reader.feed(Buffer.from('12345'));
    expect(() => reader.feed(Buffer.from('6789'))).toThrow('at most 8 octets');
  });
});
