// HalfSipHash-1-3 (Aumasson and Bernstein, SipHash's 32-bit sibling), the keyed hash of the connection index. With a key that only
// this start knows, nobody can choose addresses and ports that fall on one another. The kernel uses SipHash for the same reason
// (net/netfilter/nf_conntrack_core.c hash_conntrack_raw()); on 32-bit arithmetic the half one costs no more than an unkeyed hash.

/** Words behind the message that the hash needs for itself. */
export const PADDING = 4;

/** Hash of words[0 .. count), as a signed 32-bit number. Overwrites the PADDING words behind them. */
export function halfSipHash(words: Int32Array, count: number, key0: number, key1: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  // The length in octets in the high octet of a last word, then three rounds to finish: as words of the message, so that the round
  // stands here once.
  words[count] = count << 26;
  words[count + 1] = 0;
  words[count + 2] = 0;
  words[count + 3] = 0;
  const steps = count + PADDING;
  for (let step = 0; step < steps; step++) {
    const word = words[step];
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (step === count) v2 ^= 0xff;
  }
  return v1 ^ v3;
}
