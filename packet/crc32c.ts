// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78: SCTP's checksum, RFC 9260 appendix A.

const table = (() => {
  const entries = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    entries[value] = crc >>> 0;
  }
  return entries;
})();

/** Running CRC over bytes[from .. to); start with `crc32cStart`, end with `~`. */
export function crc32cAdd(crc: number, bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) crc = table[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return crc;
}

export const crc32cStart = 0xffffffff;

/** CRC-32C of bytes[from .. to), unsigned. */
export const crc32c = (bytes: Uint8Array, from: number, to: number): number =>
  ~crc32cAdd(crc32cStart, bytes, from, to) >>> 0;

const fourZeros = new Uint8Array(4);

/** The same with the four octets at `hole` taken as zero, as SCTP does with its checksum field. */
export function crc32cWithHole(bytes: Uint8Array, from: number, to: number, hole: number): number {
  let crc = crc32cAdd(crc32cStart, bytes, from, hole);
  crc = crc32cAdd(crc, fourZeros, 0, 4);
  return ~crc32cAdd(crc, bytes, hole + 4, to) >>> 0;
}
