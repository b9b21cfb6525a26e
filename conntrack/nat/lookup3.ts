// Bob Jenkins' lookup3 over 32-bit words (public domain, burtleburtle.net/bob/c/lookup3.c hashword()). NAT picks an address of a range by
// it. It has no key, on purpose: the same client gets the same address after a restart, and from the kernel and from us.

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

const START = 0xdeadbeef;

/** Hash of words[from .. from + count), unsigned. */
export function lookup3(words: Int32Array, from: number, count: number, seed: number): number {
  let a = (START + (count << 2) + seed) | 0;
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
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}
