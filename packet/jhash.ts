// Jenkins' hash of three words (lookup3), as the kernel seeds it: HMARK and cluster promise the same number on every machine.
// include/linux/jhash.h jhash_3words()

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

const INITVAL = 0xdeadbeef;

/** Words are 32 bits, signed or not; the hash is unsigned. */
export function jhash3(first: number, second: number, third: number, seed: number): number {
  const start = (seed + INITVAL + (3 << 2)) | 0;
  let a = (first + start) | 0;
  let b = (second + start) | 0;
  let c = (third + start) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

/** `value` of 32 bits spread over 0 .. below-1 without a division: the upper half of the product. include/linux/math.h reciprocal_scale() */
export function reciprocalScale(value: number, below: number): number {
  const low = Math.floor(((value & 0xffff) * below) / 0x1_0000);
  return Math.floor(((value >>> 16) * below + low) / 0x1_0000);
}
