// A tuple: what tells one flow from another. Addresses, protocol, two 16-bit keys (ports, ICMP id and type, GRE keys) and the zone
// of each direction. This one is a scratch object, filled anew for every packet and for every quoted packet; connections keep theirs
// in the table's columns.

import { u16 } from '../../packet/bytes.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
} from '../../packet/numbers.ts';
import { viewOf } from '../../packet/view.ts';

export class Tuple {
  family: Family = 4;
  protocol = 0;
  /** Source in 0-3, destination in 4-7, as signed 32-bit words in network order; IPv4 has one word each, at 0 and 4. */
  readonly words = new Int32Array(8);
  /** Source key in the high half, destination key in the low one; signed. */
  keys = 0;
  /** The keys of the answer's tuple. */
  inverse = 0;
  zoneOriginal = 0;
  zoneReply = 0;

  /** The addresses of the IP header at `l3`, which is known to be there. */
  setAddresses(bytes: Uint8Array, l3: number, family: Family): void {
    const { words } = this;
    const view = viewOf(bytes);
    this.family = family;
    if (family === 4) {
      words[0] = view.getInt32(l3 + 12);
      words[4] = view.getInt32(l3 + 16);
    } else {
      words[0] = view.getInt32(l3 + 8);
      words[1] = view.getInt32(l3 + 12);
      words[2] = view.getInt32(l3 + 16);
      words[3] = view.getInt32(l3 + 20);
      words[4] = view.getInt32(l3 + 24);
      words[5] = view.getInt32(l3 + 28);
      words[6] = view.getInt32(l3 + 32);
      words[7] = view.getInt32(l3 + 36);
    }
  }

  /** Protocols whose answer has the ports the other way round. */
  setPorts(source: number, destination: number): void {
    this.keys = (source << 16) | destination;
    this.inverse = (destination << 16) | source;
  }

  /** Protocols without keys of their own. */
  setNoKeys(): void {
    this.keys = 0;
    this.inverse = 0;
  }

  setZones(original: number, reply: number): void {
    this.zoneOriginal = original;
    this.zoneReply = reply;
  }

  copy(other: Tuple): void {
    this.family = other.family;
    this.protocol = other.protocol;
    for (let word = 0; word < 8; word++) this.words[word] = other.words[word];
    this.keys = other.keys;
    this.inverse = other.inverse;
    this.setZones(other.zoneOriginal, other.zoneReply);
  }

  copied(): Tuple {
    const copy = new Tuple();
    copy.copy(this);
    return copy;
  }

  /** Becomes the tuple of the answer. The zones stay. */
  invert(): void {
    const { words, keys } = this;
    for (let word = 0; word < 4; word++) {
      const source = words[word];
      words[word] = words[word + 4];
      words[word + 4] = source;
    }
    this.keys = this.inverse;
    this.inverse = keys;
  }
}

/**
 * Finds the transport header of the packet quoted at `l3` (an ICMP error carries it, rarely whole): sets addresses and protocol of
 * `tuple`, returns the header's offset, or -1 for what has no tuple: cut short, a later fragment, no next header.
 * Source: net/netfilter/nf_conntrack_core.c ipv4_get_l4proto(), ipv6_get_l4proto(), net/ipv6/exthdrs_core.c ipv6_skip_exthdr()
 */
export function readQuotedHeader(tuple: Tuple, bytes: Uint8Array, l3: number, end: number, family: Family): number {
  if (l3 + (family === 4 ? 20 : 40) > end) return -1;
  tuple.setAddresses(bytes, l3, family);
  if (family === 6) return skipExtensionHeaders(tuple, bytes, l3, end);
  tuple.protocol = bytes[l3 + 9];
  const l4 = l3 + ((bytes[l3] & 0x0f) << 2);
  return (u16(bytes, l3 + 6) & 0x1fff) === 0 && l4 <= end ? l4 : -1;
}

function skipExtensionHeaders(tuple: Tuple, bytes: Uint8Array, l3: number, end: number): number {
  let next = bytes[l3 + 6];
  let at = l3 + 40;
  while (isSkipped(next)) {
    if (at + 2 > end) return -1;
    let length = (bytes[at + 1] + 1) << 3;
    if (next === IPPROTO_FRAGMENT) {
      if (at + 4 > end || (u16(bytes, at + 2) & 0xfff8) !== 0) return -1;
      length = 8;
    } else if (next === IPPROTO_AH) {
      length = (bytes[at + 1] + 2) << 2;
    }
    next = bytes[at];
    at += length;
  }
  tuple.protocol = next;
  return next === IPPROTO_NONE ? -1 : at;
}

const isSkipped = (next: number): boolean =>
  next === IPPROTO_HOPOPTS ||
  next === IPPROTO_ROUTING ||
  next === IPPROTO_FRAGMENT ||
  next === IPPROTO_AH ||
  next === IPPROTO_DSTOPTS;
