// Arbitraries for the packet tests.

import fc from 'fast-check';

export const octet = fc.integer({ min: 0, max: 0xff });
export const word = fc.integer({ min: 0, max: 0xffff });
export const long = fc.integer({ min: 0, max: 0xffffffff });
export const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

/** Octets that look enough like IPv4 or IPv6 with known headers to get past the first checks. */
export const almostPacket: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.constantFrom(4, 6),
    bytes(200, 1),
    fc.constantFrom(0, 1, 6, 17, 33, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135, 136),
  )
  .map(([family, octets, protocol]) => {
    octets[0] = family === 4 ? 0x45 + (octets[0] % 3) : 0x60;
    const lengthAt = family === 4 ? 2 : 4;
    const length = family === 4 ? octets.length : Math.max(octets.length - 40, 0);
    if (octets.length > lengthAt + 1) octets.set([length >>> 8, length & 0xff], lengthAt);
    if (octets.length > 9) octets[family === 4 ? 9 : 6] = protocol;
    if (family === 4 && octets.length > 7) octets.set([0, 0], 6);
    return octets;
  });
