// A packet on its way through the hooks: parsed once, carried everywhere, reused for the next one.
//
// `bytes` is a buffer that is usually longer than the packet: the packet is bytes[l3 .. end). Offsets (`l3`, `l4`, `end`) are
// indices into `bytes`. Nothing here allocates; a packet that must outlive its turn (a fragment queue, a delayed send) is copied.
//
// Life: a device fills `bytes`, `load()` sets the edges and clears the metadata, `parse()` finds the headers. Hooks read the
// meaning, set metadata (mark, connection, verdict reason), and rewrite bytes in place; whoever changes a length or a header
// that parse() looked at calls parse() again.

import type { Address } from './address.ts';
import { u16 } from './bytes.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
} from './numbers.ts';
import { PORTED } from './ports.ts';

/** ctstate bits as rules name them; one of them is set on a packet after the tracker saw it. include/uapi/linux/netfilter/xt_conntrack.h */
export const CT_INVALID = 1 << 0;
export const CT_ESTABLISHED = 1 << 1;
export const CT_RELATED = 1 << 2;
export const CT_NEW = 1 << 3;
export const CT_UNTRACKED = 1 << 6;

/** Kinds of super-packet as virtio-net numbers them; include/uapi/linux/virtio_net.h VIRTIO_NET_HDR_GSO_TCPV4 ... */
export const GSO_TCP4 = 1;
export const GSO_TCP6 = 4;
export const GSO_UDP = 5;
export const GSO_ECN = 0x80;

/** Who sent a local packet, as `-m owner`, `cgroup` and `socket` ask. Undefined members are unknown. */
export interface Owner {
  uid?: number;
  gid?: number;
  pid?: number;
  groups?: readonly number[];
  classid?: number;
  cgroup?: string;
}

/** One protection that IPsec took off a packet, or will put around it. */
export interface SecurityAssociation {
  /** IPPROTO_AH, IPPROTO_ESP or IPPROTO_COMP. */
  readonly protocol: number;
  readonly mode: 'transport' | 'tunnel';
  readonly spi: number;
  readonly reqid: number;
  /** Ends of the tunnel. */
  readonly source: Address;
  readonly destination: Address;
}

export class Packet {
  bytes: Uint8Array;
  /** Offset of the IP header. */
  l3 = 0;
  /** One past the last octet. */
  end = 0;
  /** How far `end` may grow in this buffer: its length, or less where the octets behind are another packet's. */
  room = 0;

  // --- What parse() found -------------------------------------------------------------------------------------------
  /** 0: neither IPv4 nor IPv6, or a header cut short; such a packet is dropped before any rule (`malformed` says why). */
  family: 0 | Family = 0;
  malformed = '';
  /**
   * Protocol that `-p` compares: the IPv4 protocol field, or the last header after all IPv6 extension headers (AH included;
   * ESP, no-next-header and unknown ones end the chain). -1: the chain runs out of the packet; a rule with `-p` then drops
   * the packet (net/ipv6/netfilter/ip6_tables.c ip6_packet_match()).
   */
  protocol = -1;
  /** Offset of that header's first octet; may be at or beyond `end` when nothing of it is there. */
  l4 = 0;
  /** Offset of this piece in the original datagram in octets; 0 for a whole packet and for a first fragment. */
  fragmentOffset = 0;
  moreFragments = false;
  /** Offset of the (first) IPv6 fragment header, -1 without one. */
  fragmentHeader = -1;
  /** No fragment, and what its protocol has in front is there: where that are ports the fixed header, of TCP its options, too. */
  whole = false;

  // --- What the device and the router say ---------------------------------------------------------------------------
  /** Names as rules see them; '' when there is none (an own packet has no input device). */
  inDevice = '';
  outDevice = '';
  /** Bridge ports, for `-m physdev` and LOG's PHYSIN/PHYSOUT; '' outside bridge mode. */
  physIn = '';
  physOut = '';
  /** Link-layer header as received (14 octets for Ethernet), or undefined: TUN devices have none. */
  linkHeader: Uint8Array | undefined = undefined;
  /** 0 to us, 1 broadcast, 2 multicast, 3 to another host. include/uapi/linux/if_packet.h PACKET_HOST... */
  packetType = 0;
  owner: Owner | undefined = undefined;
  /** What IPsec took off it on receipt, the innermost first; undefined: nothing that the device knows of. */
  ipsec: readonly SecurityAssociation[] | undefined = undefined;
  /** Time of arrival, monotonic milliseconds (fractions allowed). */
  now = 0;
  /** virtio-net: the transport checksum holds only the pseudo-header sum (CHECKSUM_PARTIAL), to be finished by the receiver. */
  checksumPartial = false;
  /** With checksumPartial, offsets into `bytes`: where the sum begins, and where the 16-bit checksum stands. Usually l4 and a field of it. */
  checksumStart = 0;
  checksumField = 0;
  /** virtio-net: payload octets per segment of a super-packet; 0: not one. */
  gsoSize = 0;
  /** virtio-net: how a super-packet is to be cut, one of GSO_TCP4, GSO_TCP6, GSO_UDP, with GSO_ECN beside it when CWR is set. */
  gsoType = 0;
  /** Checked and found right already (or made by us): the tracker need not sum it again. */
  checksumTrusted = false;

  // --- What rules read and write ------------------------------------------------------------------------------------
  /** Hook being walked, as an index into HOOKS of grammar/tables.ts (the kernel's NF_INET_ numbers). */
  hook = 0;
  mark = 0;
  priority = 0;
  /** Security mark (SECMARK). */
  secmark = 0;
  /** Set by TRACE: every rule met is reported. */
  traced = false;

  // --- What the tracker says ----------------------------------------------------------------------------------------
  /** Connection id in the tracker's table; -1: none (INVALID, UNTRACKED, or not yet asked). */
  connection = -1;
  /** 0 before the tracker ran, else exactly one CT_ bit. */
  ctState = 0;
  /** 0 original, 1 reply; meaningful while `connection` is not -1. */
  direction: 0 | 1 = 0;
  /** The connection id is of an unconfirmed entry, which confirm() will put into the table or a drop will free. */
  unconfirmed = false;
  /**
   * Set by the CT target and NOTRACK in the raw table for the tracker that runs after it: the template to start from.
   * The tracker defines its shape (conntrack/template.ts); undefined for nearly every packet.
   */
  template: unknown = undefined;
  /** Sizes of the IP packets that a reassembled packet came in as; undefined when it came whole. See conntrack/defrag. */
  fragments: unknown = undefined;

  // --- Fate ---------------------------------------------------------------------------------------------------------
  /** A match asked for the packet to be dropped at once (`*hotdrop = true` in the kernel). The walker looks after each match. */
  hotDropped = false;
  /** Why it was dropped or is INVALID, in words, for traces and tests; '' otherwise. Constant strings only: no building per packet. */
  reason = '';

  constructor(capacity = 65_575) {
    this.bytes = new Uint8Array(capacity);
  }

  /** A packet over its own copy of `octets`, parsed. For tests, generated packets and scenarios; the data path reuses packets. */
  static of(octets: Uint8Array): Packet {
    const packet = new Packet(0);
    packet.bytes = octets.slice();
    packet.load(0, octets.length, 0);
    packet.parse();
    return packet;
  }

  get length(): number {
    return this.end - this.l3;
  }

  /** The octets of the packet, as a view: valid until the buffer is reused. Allocates. */
  view(): Uint8Array {
    return this.bytes.subarray(this.l3, this.end);
  }

  /** Makes this packet the octets bytes[l3 .. end) that arrived at `now`, and forgets all metadata. parse() comes next. */
  load(l3: number, end: number, now: number): void {
    this.l3 = l3;
    this.end = end;
    this.room = this.bytes.length;
    this.now = now;
    this.inDevice = '';
    this.outDevice = '';
    this.physIn = '';
    this.physOut = '';
    this.linkHeader = undefined;
    this.packetType = 0;
    this.owner = undefined;
    this.ipsec = undefined;
    this.checksumPartial = false;
    this.checksumStart = 0;
    this.checksumField = 0;
    this.gsoSize = 0;
    this.gsoType = 0;
    this.checksumTrusted = false;
    this.hook = 0;
    this.mark = 0;
    this.priority = 0;
    this.secmark = 0;
    this.traced = false;
    this.forgetConnection();
    this.template = undefined;
    this.fragments = undefined;
    this.hotDropped = false;
    this.reason = '';
  }

  forgetConnection(): void {
    this.connection = -1;
    this.ctState = 0;
    this.direction = 0;
    this.unconfirmed = false;
  }

  /** For a match: the packet is to vanish, and the rule does not match. Returns false, so that it can be returned. */
  hotDrop(reason = 'header cut short'): false {
    this.hotDropped = true;
    this.reason = reason;
    return false;
  }

  /**
   * Finds family, edges, protocol and fragment fields from bytes[l3 .. end). Trailing octets beyond the length that the header
   * claims are cut off, as the kernel does on receipt. False, with `malformed` set, for what cannot be read: not IP, header cut
   * short, length larger than what is there. What else the kernel refuses on receipt, before any hook, is the stack's to look
   * at, since bridges and own packets are spared some of it: header checksum (ipv4.checksumRight), impossible addresses,
   * hop-by-hop options. Never throws. Source: net/ipv4/ip_input.c ip_rcv_core(), net/ipv6/ip6_input.c ip6_rcv_core().
   */
  parse(): boolean {
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.fragmentHeader = -1;
    this.whole = false;
    this.protocol = -1;
    this.l4 = this.end;
    this.malformed = '';
    const version = this.end > this.l3 ? this.bytes[this.l3] >>> 4 : 0;
    if (version === 4) return this.parse4();
    if (version === 6) return this.parse6();
    return this.bad('neither IPv4 nor IPv6');
  }

  private bad(why: string): false {
    this.family = 0;
    this.malformed = why;
    return false;
  }

  private parse4(): boolean {
    const { bytes, l3 } = this;
    if (this.end - l3 < 20) return this.bad('IPv4 header cut short');
    const headerLength = (bytes[l3] & 0x0f) << 2;
    const totalLength = u16(bytes, l3 + 2);
    if (headerLength < 20 || this.end - l3 < headerLength) return this.bad('IPv4 header length');
    if (totalLength < headerLength || totalLength > this.end - l3) return this.bad('IPv4 total length');
    this.end = l3 + totalLength;
    this.family = 4;
    this.protocol = bytes[l3 + 9];
    this.l4 = l3 + headerLength;
    const fragment = u16(bytes, l3 + 6);
    this.moreFragments = (fragment & 0x2000) !== 0;
    this.fragmentOffset = (fragment & 0x1fff) << 3;
    this.whole = (fragment & 0x3fff) === 0 && this.hasHeader();
    return true;
  }

  private hasHeader(): boolean {
    const { protocol, l4, end } = this;
    const length = PORTED[protocol];
    if (length === 0) return true;
    if (l4 + length > end) return false;
    if (protocol !== IPPROTO_TCP) return true;
    const header = (this.bytes[l4 + 12] >>> 4) << 2;
    return header >= length && l4 + header <= end;
  }

  private parse6(): boolean {
    const { bytes, l3 } = this;
    if (this.end - l3 < 40) return this.bad('IPv6 header cut short');
    const payloadLength = u16(bytes, l3 + 4);
    // A payload length of 0 with hop-by-hop options would announce a jumbogram, which no 64 KiB device carries.
    if (payloadLength > this.end - l3 - 40) return this.bad('IPv6 payload length');
    if (payloadLength > 0 || bytes[l3 + 6] !== IPPROTO_HOPOPTS) this.end = l3 + 40 + payloadLength;
    this.family = 6;
    this.walkExtensionHeaders(bytes[l3 + 6], l3 + 40);
    return true;
  }

  /** net/ipv6/exthdrs_core.c ipv6_find_hdr() with target -1. */
  private walkExtensionHeaders(next: number, at: number): void {
    const { bytes, end } = this;
    while (isExtensionHeader(next) && next !== IPPROTO_NONE) {
      if (at + readOctets(next) > end) {
        this.chainEnds(-1, at);
        return;
      }
      let length = (bytes[at + 1] + 1) << 3;
      if (next === IPPROTO_FRAGMENT) {
        const field = u16(bytes, at + 2);
        // Defragmentation works on the first one (nf_conntrack_reasm.c find_prev_fhdr()); a second one can only lie inside.
        if (this.fragmentHeader < 0) {
          this.fragmentHeader = at;
          this.moreFragments = (field & 1) !== 0;
        }
        this.fragmentOffset = field & 0xfff8;
        // A later fragment shows no more headers. Its protocol is known only if it is not another extension header.
        if (this.fragmentOffset !== 0) {
          const inner = bytes[at];
          const known = !isExtensionHeader(inner) || inner === IPPROTO_NONE;
          this.chainEnds(known ? inner : -1, at + 8);
          return;
        }
        length = 8;
      } else if (next === IPPROTO_AH) {
        length = (bytes[at + 1] + 2) << 2;
      }
      next = bytes[at];
      at += length;
    }
    this.chainEnds(next, at);
  }

  private chainEnds(protocol: number, at: number): void {
    this.protocol = protocol;
    this.l4 = at;
    this.whole = protocol >= 0 && this.fragmentOffset === 0 && !this.moreFragments && this.hasHeader();
  }
}

/** Octets of an extension header that ipv6_find_hdr() reads: with fewer the chain runs out of the packet. */
export const readOctets = (header: number): number =>
  header === IPPROTO_FRAGMENT || header === IPPROTO_ROUTING ? 4 : 2;

/** The headers that ipv6_ext_hdr() knows. Mobility (135) is none: it ends the chain. */
export const isExtensionHeader = (next: number): boolean =>
  next === IPPROTO_HOPOPTS ||
  next === IPPROTO_ROUTING ||
  next === IPPROTO_FRAGMENT ||
  next === IPPROTO_AH ||
  next === IPPROTO_NONE ||
  next === IPPROTO_DSTOPTS;
