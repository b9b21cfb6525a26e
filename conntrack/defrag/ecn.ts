/**
 * What the ECN codepoints of a datagram's pieces make together; `seen` has bit 1 << codepoint for each. A value to OR into the first
 * piece's, or -1: a mix that nobody honest sends (not-ECT beside ECT or CE), and the datagram is dropped.
 * RFC 3168 5.3; net/ipv4/inet_fragment.c ip_frag_ecn_table
 */
export function combinedEcn(seen: number): number {
  if ((seen & NOT_ECT) !== 0) return seen === NOT_ECT ? 0 : -1;
  return (seen & CE) !== 0 && seen !== CE ? 3 : 0;
}

const NOT_ECT = 1 << 0;
const CE = 1 << 3;
