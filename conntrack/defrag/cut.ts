// The way out: a packet leaves whole, in the pieces it came in, or in new ones that fit the device.
// net/ipv4/ip_output.c ip_finish_output(), ip_do_fragment(); net/ipv6/ip6_output.c ip6_finish_output(), ip6_fragment()
//
// A reassembled packet still has the cuts of its arrival. Where they are usable (each but the last a multiple of 8, none over the
// MTU) they are used again. Otherwise it is cut anew, into pieces no longer than the longest that came.

import { putU16, putU32 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Fragments } from './types.ts';

/**
 * `whole`: send `pkt` as it is. `cut`: the pieces went through the callback. `too big`: it may not be cut; the sender is to be told.
 * `dropped`: its extension headers make no sense; nobody is told.
 */
export type CutResult = 'whole' | 'cut' | 'too big' | 'dropped';

/** One piece: bytes[from .. to) of a buffer that is used again for the next one; 64 octets in front of `from` are free. */
export type Transmit = (bytes: Uint8Array, from: number, to: number) => void;

const HEADROOM = 64;

/**
 * Notes that the first `octets` of the packet, from the IP header on, were pulled together: a cut inside is forgotten on the way out.
 * Targets that rewrite beyond the headers, NAT and early demultiplexing do so (skb_ensure_writable(), pskb_may_pull()).
 */
export function pull(pkt: Packet, octets: number): void {
  const fragments = pkt.fragments as Fragments | undefined;
  if (fragments && octets > fragments.pulled) fragments.pulled = octets;
}

export class Cutter {
  private readonly random: () => number;
  private readonly buffer = new Uint8Array(HEADROOM + 65_535 + 40);

  constructor(random: () => number) {
    this.random = random;
  }

  /** `own`: made here, so that IPv6 may cut it too. `mtu` in octets. */
  cut(pkt: Packet, mtu: number, own: boolean, transmit: Transmit): CutResult {
    if (pkt.fragments === undefined && pkt.length <= mtu) return 'whole';
    if (pkt.gsoSize > 0) return segmentsFit(pkt, mtu) ? 'whole' : 'too big';
    return pkt.family === 4 ? this.cut4(pkt, mtu, transmit) : this.cut6(pkt, mtu, own, transmit);
  }

  private cut4(pkt: Packet, mtu: number, transmit: Transmit): CutResult {
    const fragments = pkt.fragments as Fragments | undefined;
    const largest = fragments?.largest ?? 0;
    const mayCut = !ipv4.dontFragment(pkt.bytes, pkt.l3) || (fragments !== undefined && largest <= mtu);
    if (!mayCut) return 'too big';
    const most = Math.min(mtu, largest || mtu);
    const header = ipv4.headerLength(pkt.bytes, pkt.l3);
    const sizes = fragments && received(fragments, pkt.length, header, most - header);
    if (sizes) this.copies4(pkt, sizes, transmit);
    else this.pieces4(pkt, most, fragments?.dontFragment ?? false, transmit);
    return 'cut';
  }

  /** In the cuts of the arrival. DF is not put back, whatever the pieces had: ip_fraglist_prepare(). */
  private copies4(pkt: Packet, sizes: readonly number[], transmit: Transmit): void {
    const { bytes, l3, l4 } = pkt;
    const header = l4 - l3;
    this.buffer.set(bytes.subarray(l3, l4), HEADROOM);
    let from = 0;
    for (let index = 0; index < sizes.length; index++) {
      if (index === 1) dropUncopiedOptions(this.buffer, HEADROOM, HEADROOM + header);
      const more = index + 1 < sizes.length ? ipv4.IP_MF : 0;
      this.send4(pkt, header, from, sizes[index], more | (from >>> 3), transmit);
      from += sizes[index];
    }
  }

  /** Anew. The packet may be a piece itself; `dontFragment` goes on all pieces when the longest that came had it. ip_frag_next() */
  private pieces4(pkt: Packet, mtu: number, dontFragment: boolean, transmit: Transmit): void {
    const { bytes, l3, l4, end } = pkt;
    const header = l4 - l3;
    const most = (mtu - header) & ~7;
    const flags = dontFragment ? ipv4.IP_DF : 0;
    const moreBehind = pkt.moreFragments;
    this.buffer.set(bytes.subarray(l3, l4), HEADROOM);
    let from = 0;
    do {
      const left = end - l4 - from;
      const size = left > mtu - header ? most : left;
      const offset = pkt.fragmentOffset + from;
      const more = size < left || moreBehind ? ipv4.IP_MF : 0;
      this.send4(pkt, header, from, size, flags | more | (offset >>> 3), transmit);
      if (offset === 0) dropUncopiedOptions(this.buffer, HEADROOM, HEADROOM + header);
      from += size;
    } while (l4 + from < end);
  }

  private send4(pkt: Packet, header: number, from: number, size: number, field: number, transmit: Transmit): void {
    const { buffer } = this;
    const at = pkt.l4 + from;
    buffer.set(pkt.bytes.subarray(at, at + size), HEADROOM + header);
    putU16(buffer, HEADROOM + 2, header + size);
    putU16(buffer, HEADROOM + ipv4.FRAGMENT_AT, field);
    ipv4.fillChecksum(buffer, HEADROOM);
    transmit(buffer, HEADROOM, HEADROOM + header + size);
  }

  private cut6(pkt: Packet, mtu: number, own: boolean, transmit: Transmit): CutResult {
    const fragments = pkt.fragments as Fragments | undefined;
    const largest = fragments?.largest ?? 0;
    if (pkt.length <= mtu && pkt.length <= largest) return 'whole';
    if (largest > mtu || (fragments === undefined && !own && pkt.length > mtu)) return 'too big';
    const linear = fragments
      ? Math.max(pkt.length - sum(fragments.sizes) + fragments.sizes[0], fragments.pulled)
      : pkt.length;
    const { header, nextAt } = unfragmentable(pkt, linear);
    if (header < 0) return 'dropped';
    // Never larger pieces than came, but no less than every link carries.
    const most = (fragments ? Math.max(largest, ipv6.MIN_MTU) : mtu) - header - 8;
    if (most < 8) return 'too big';
    const sizes = (fragments && received(fragments, pkt.length, header, most)) ?? even(pkt.length - header, most);
    this.send6(pkt, header, nextAt, sizes, transmit);
    return 'cut';
  }

  private send6(pkt: Packet, header: number, nextAt: number, sizes: readonly number[], transmit: Transmit): void {
    const { buffer } = this;
    const { bytes, l3 } = pkt;
    const data = HEADROOM + header + 8;
    buffer.set(bytes.subarray(l3, l3 + header), HEADROOM);
    buffer[HEADROOM + nextAt] = IPPROTO_FRAGMENT;
    buffer[HEADROOM + header] = bytes[l3 + nextAt];
    buffer[HEADROOM + header + 1] = 0;
    putU32(buffer, HEADROOM + header + 4, this.identification());
    let from = 0;
    for (const size of sizes) {
      const at = l3 + header + from;
      buffer.set(bytes.subarray(at, at + size), data);
      from += size;
      const more = l3 + header + from < pkt.end ? 1 : 0;
      putU16(buffer, HEADROOM + header + 2, (from - size) | more);
      putU16(buffer, HEADROOM + ipv6.PAYLOAD_LENGTH_AT, header + 8 + size - ipv6.LENGTH);
      transmit(buffer, HEADROOM, data + size);
    }
  }

  /** Random and not 0, per packet: RFC 7739 5.3, net/ipv6/output_core.c __ipv6_select_ident(). */
  private identification(): number {
    let id = 0;
    for (let tries = 0; id === 0 && tries < 8; tries++) id = this.random();
    return id || 1;
  }
}

/** Whether a super-packet's segments, network header included, are no longer than `mtu`. skb_gso_validate_network_len() */
export function segmentsFit(pkt: Packet, mtu: number): boolean {
  const transport = pkt.protocol === 6 ? (pkt.bytes[pkt.l4 + 12] >>> 4) << 2 : 8;
  return pkt.l4 - pkt.l3 + transport + pkt.gsoSize <= mtu;
}

/**
 * The cuts of the arrival, if they can be used again with `header` octets in front of each piece and at most `most` data octets in it.
 * The first piece reaches at least to where the packet was pulled together; pieces swallowed by that are gone. Headers that came inside
 * the first piece and now stand in front of the cut make it shorter.
 */
function received(fragments: Fragments, length: number, header: number, most: number): number[] | undefined {
  const sizes = [...fragments.sizes];
  const firstLength = length - sum(sizes) + sizes[0];
  for (let missing = fragments.pulled - firstLength; missing > 0 && sizes.length > 1; ) {
    const taken = Math.min(missing, sizes[1]);
    sizes[0] += taken;
    sizes[1] -= taken;
    missing -= taken;
    if (sizes[1] === 0) sizes.splice(1, 1);
  }
  sizes[0] += length - header - sum(sizes);
  const usable = (size: number, index: number) => size <= most && ((size & 7) === 0 || index === sizes.length - 1);
  return sizes.length > 1 && (sizes[0] & 7) === 0 && sizes.every(usable) ? sizes : undefined;
}

/** Pieces of `most` octets, rounded down to a multiple of 8, and a last one with the rest. */
function even(length: number, most: number): number[] {
  const sizes: number[] = [];
  let left = length;
  for (; left > most; left -= most & ~7) sizes.push(most & ~7);
  sizes.push(left);
  return sizes;
}

/** Options without the copied flag become NOPs; the header keeps its length. net/ipv4/ip_options.c ip_options_fragment() */
function dropUncopiedOptions(bytes: Uint8Array, at: number, end: number): void {
  for (let here = ipv4.firstOption(bytes, at, end); here >= 0; ) {
    const length = bytes[here] === ipv4.IPOPT_NOOP ? 1 : bytes[here + 1];
    const copied = (bytes[here] & ipv4.IPOPT_COPY) !== 0;
    const next = ipv4.nextOption(bytes, here, end);
    if (!copied) bytes.fill(ipv4.IPOPT_NOOP, here, here + length);
    here = next;
  }
}

/**
 * Octets in front of where a fragment header goes, and the offset of the octet that will name it: hop-by-hop options, a routing header,
 * and destination options even where no routing header follows: the kernel's rule, not RFC 8200's. -1: the headers run out of the
 * packet's first `linear` octets. net/ipv6/output_core.c ip6_find_1stfragopt()
 */
function unfragmentable({ bytes, l3 }: Packet, linear: number): { header: number; nextAt: number } {
  let nextAt: number = ipv6.NEXT_HEADER_AT;
  let header: number = ipv6.LENGTH;
  let routed = false;
  while (header <= linear) {
    const next = bytes[l3 + nextAt];
    if (next === IPPROTO_DSTOPTS && routed) return { header, nextAt };
    if (next !== IPPROTO_HOPOPTS && next !== IPPROTO_ROUTING && next !== IPPROTO_DSTOPTS) return { header, nextAt };
    if (header + 2 > linear) break;
    routed ||= next === IPPROTO_ROUTING;
    nextAt = header;
    header += (bytes[l3 + header + 1] + 1) << 3;
  }
  return { header: -1, nextAt };
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
