// Bob Jenkins' lookup3 (public domain, burtleburtle.net/bob/c/lookup3.c hashword()), as the kernel seeds it. It has no key, on purpose: HMARK and
// cluster promise the same number on every machine, and NAT the same address for a client after a restart.

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

const INITVAL = 0xdeadbeef;

/** The end of a hash. __jhash_final() */
function mixed(first: number, second: number, third: number): number {
  let a = first;
  let b = second;
  let c = third;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

/** Words are 32 bits, signed or not; the hash is unsigned. include/linux/jhash.h jhash_3words() */
export function jhash3(first: number, second: number, third: number, seed: number): number {
  const start = (seed + INITVAL + (3 << 2)) | 0;
  return mixed((first + start) | 0, (second + start) | 0, (third + start) | 0);
}

/** Hash of words[from .. from + count), unsigned. include/linux/jhash.h jhash2() */
export function jhash2(words: Int32Array, from: number, count: number, seed: number): number {
  let a = (INITVAL + (count << 2) + seed) | 0;
  let b = a;
  let c = a;
  let at = from;
  let left = count;
  for (; left > 3; left -= 3, at += 3) {
    a = (a + words[at]) | 0;
    b = (b + words[at + 1]) | 0;
    c = (c + words[at + 2]) | 0;
    a = ((a - c) | 0) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 4);
    b = (b + a) | 0;
  }
  if (left === 0) return c >>> 0;
  a = (a + words[at]) | 0;
  if (left > 1) b = (b + words[at + 1]) | 0;
  if (left > 2) c = (c + words[at + 2]) | 0;
  return mixed(a, b, c);
}

/** `value` of 32 bits spread over 0 .. below-1 without a division: the upper half of the product. include/linux/math.h reciprocal_scale() */
export function reciprocalScale(value: number, below: number): number {
  const low = Math.floor(((value & 0xffff) * below) / 0x1_0000);
  return Math.floor(((value >>> 16) * below + low) / 0x1_0000);
}
