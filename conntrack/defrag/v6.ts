// IPv6 reassembly, twice in the kernel: for the tracker (net/ipv6/netfilter/nf_conntrack_reasm.c) and for a host that receives
// fragments itself (net/ipv6/reassembly.c). The queues are alike. What does not belong into one, the tracker's drops alone, or
// passes on (the packet is INVALID then); the host's kills the queue, or answers with a parameter problem.

import { putU16, u16, u32 } from '../../packet/bytes.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  IPPROTO_AH,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../packet/numbers.ts';
import { isExtensionHeader, type Packet } from '../../packet/packet.ts';
import { combinedEcn } from './ecn.ts';
import { place } from './place.ts';
import type { FragmentQueue } from './queue.ts';
import { bufferCost, FragmentStore } from './store.ts';
import type { DefragUser, Fragments, Gathered } from './types.ts';

const QUEUE_COST = 184; // sizeof(struct frag_queue), measured
const MAX_PAYLOAD = 65_535;
const HEADER = 8; // octets of the fragment header

/** Parameter problem to be sent about the packet: code and pointer, an offset from the IPv6 header. */
export type Problem = (code: number, pointer: number) => void;

/** Where the fragment header stands, and the octet in front of it that names it. */
interface Place {
  readonly at: number;
  readonly nextAt: number;
}

abstract class Reassembly6 {
  readonly store: FragmentStore = new FragmentStore(
    { highThreshold: 4 << 20, lowThreshold: 3 << 20, timeoutMs: 60_000 },
    QUEUE_COST,
  );

  /** Reassembled packets are cut again by this: the longest packet, as each kind of queue measures it. */
  protected abstract packetLength(pkt: Packet): number;
  /** A piece that contradicts what is known of the end, or is empty. */
  protected abstract contradicts(pkt: Packet, queue: FragmentQueue, reason: string): Gathered;
  protected abstract unaligned(pkt: Packet, queue: FragmentQueue, problem: Problem): Gathered;
  protected abstract tooFarOut(pkt: Packet, pointer: number, problem: Problem): Gathered;

  /** nf_ct_frag6_queue(), ip6_frag_queue() */
  protected add(pkt: Packet, queue: FragmentQueue, { at, nextAt }: Place, problem: Problem): Gathered {
    const { bytes, l3 } = pkt;
    const field = u16(bytes, at + 2);
    const offset = field & 0xfff8;
    const end = offset + l3 + ipv6.LENGTH + ipv6.payloadLength(bytes, l3) - (at + HEADER);
    if (end > MAX_PAYLOAD) return this.tooFarOut(pkt, at + 2 - l3, problem);
    if ((field & 1) === 0) {
      if (end < queue.length || (queue.lastSeen && end !== queue.length))
        return this.contradicts(pkt, queue, 'fragments disagree on the end');
      queue.lastSeen = true;
      queue.length = end;
    } else {
      if ((end & 7) !== 0) return this.unaligned(pkt, queue, problem);
      if (end > queue.length) {
        if (queue.lastSeen) return this.contradicts(pkt, queue, 'fragment beyond the end');
        queue.length = end;
      }
    }
    if (end === offset) return this.contradicts(pkt, queue, 'empty fragment');

    const piece = { packet: bytes.slice(l3, pkt.end), dataAt: at + HEADER - l3, offset, end };
    const inserted = queue.insert(piece);
    if (inserted === 'duplicate') {
      pkt.reason = 'duplicate fragment';
      return 'held';
    }
    if (inserted === 'overlap') {
      this.store.kill(queue);
      return refuse(pkt, 'overlapping fragments');
    }
    queue.device = pkt.inDevice;
    queue.ecn |= 1 << (ipv6.trafficClass(bytes, l3) & 3);
    queue.largest = Math.max(queue.largest, this.packetLength(pkt));
    if (offset === 0) queue.nextAt = nextAt - l3;
    this.store.charge(queue, bufferCost(pkt.length));
    if (!queue.complete) return 'held';
    this.store.kill(queue);
    return finish(pkt, queue);
  }
}

/** For the tracker: fragments that it cannot take go on to the rules as they are. */
export class TrackerReassembly6 extends Reassembly6 {
  /** Any IPv6 packet; one without fragment header passes. nf_ct_frag6_gather() */
  gather(pkt: Packet, user: DefragUser): Gathered {
    // Nearly every packet: the chain was walked to its end without meeting one.
    if (pkt.fragmentHeader < 0 && pkt.protocol >= 0) return 'pass';
    if (ipv6.payloadLength(pkt.bytes, pkt.l3) === 0) return 'pass'; // RFC 8200 4.5: not with jumbograms
    const found = findFragmentHeader(pkt);
    if (!found || firstPieceTooShort(pkt, found.at)) return 'pass';
    if (found.at + HEADER > pkt.end) return refuse(pkt, 'fragment header cut short');
    const key = queueKey(pkt, found.at, user);
    const queue = this.store.find(key, user, pkt.now)?.queue;
    return queue ? this.add(pkt, queue, found, nobody) : refuse(pkt, 'fragment queues are full');
  }

  protected override packetLength({ bytes, l3 }: Packet): number {
    return ipv6.LENGTH + ipv6.payloadLength(bytes, l3);
  }

  protected override contradicts(pkt: Packet, _queue: FragmentQueue, reason: string): Gathered {
    return refuse(pkt, reason);
  }

  protected override unaligned(_pkt: Packet, queue: FragmentQueue): Gathered {
    this.store.kill(queue);
    return 'pass';
  }

  protected override tooFarOut(pkt: Packet): Gathered {
    return refuse(pkt, 'fragment beyond 65535 octets');
  }
}

/** For the host behind INPUT; it has walked the chain itself. */
export class HostReassembly6 extends Reassembly6 {
  /** `at`: the fragment header, `nextAt`: the octet that named it. 'pass': it is no real fragment, go on behind the header. ipv6_frag_rcv() */
  gather(pkt: Packet, at: number, nextAt: number, problem: Problem): Gathered {
    const { bytes, l3, end } = pkt;
    if (ipv6.payloadLength(bytes, l3) === 0 || at + HEADER > end) {
      problem(ICMPV6_HDR_FIELD, at - l3);
      return refuse(pkt, 'fragment header cut short');
    }
    if ((u16(bytes, at + 2) & 0xfff9) === 0) return 'pass';
    if (firstPieceTooShort(pkt, at)) {
      problem(ICMPV6_HDR_INCOMP, 0);
      return refuse(pkt, 'first fragment without the whole header chain');
    }
    const queue = this.store.find(queueKey(pkt, at, 'local'), 'local', pkt.now)?.queue;
    return queue ? this.add(pkt, queue, { at, nextAt }, problem) : refuse(pkt, 'fragment queues are full');
  }

  protected override packetLength(pkt: Packet): number {
    return pkt.length;
  }

  protected override contradicts(pkt: Packet, queue: FragmentQueue, reason: string): Gathered {
    this.store.kill(queue);
    return refuse(pkt, reason);
  }

  protected override unaligned(pkt: Packet, _queue: FragmentQueue, problem: Problem): Gathered {
    problem(ICMPV6_HDR_FIELD, ipv6.PAYLOAD_LENGTH_AT);
    return refuse(pkt, 'fragment length is no multiple of 8');
  }

  protected override tooFarOut(pkt: Packet, pointer: number, problem: Problem): Gathered {
    problem(ICMPV6_HDR_FIELD, pointer);
    return refuse(pkt, 'fragment beyond 65535 octets');
  }
}

const ICMPV6_HDR_FIELD = 0;
const ICMPV6_HDR_INCOMP = 3;

const nobody: Problem = () => {};

function refuse(pkt: Packet, reason: string): 'dropped' {
  pkt.reason = reason;
  return 'dropped';
}

/** Source, destination, id, user; the device only where addresses do not say which link they are of. nf_hashfn(), fq_find() */
function queueKey({ bytes, l3, inDevice }: Packet, at: number, user: DefragUser): string {
  let key = '';
  for (let word = l3 + ipv6.SOURCE_AT; word < l3 + ipv6.LENGTH; word += 4)
    key += u32(bytes, word).toString(36).padStart(7);
  key +=
    u32(bytes, at + 4)
      .toString(36)
      .padStart(7) + user;
  const scoped = bytes[l3 + ipv6.DESTINATION_AT] === 0xff || (u16(bytes, l3 + ipv6.DESTINATION_AT) & 0xffc0) === 0xfe80;
  return scoped ? `${key}%${inDevice}` : key;
}

/** The first fragment header of the chain; undefined without one. find_prev_fhdr() */
function findFragmentHeader({ bytes, l3, end }: Packet): Place | undefined {
  let nextAt = l3 + ipv6.NEXT_HEADER_AT;
  let at = l3 + ipv6.LENGTH;
  while (bytes[nextAt] !== IPPROTO_FRAGMENT) {
    const next = bytes[nextAt];
    if (!isExtensionHeader(next) || next === IPPROTO_NONE || at + 2 > end) return undefined;
    nextAt = at;
    at += extensionLength(next, bytes[at + 1]);
  }
  return at <= end ? { at, nextAt } : undefined;
}

const extensionLength = (type: number, length: number): number =>
  type === IPPROTO_AH ? (length + 2) << 2 : (length + 1) << 3;

/**
 * RFC 8200 4.5: the first fragment holds all headers up to and including the upper-layer one, or nobody behind can judge it.
 * A chain that itself runs out counts as long enough, oddly. ipv6frag_thdr_truncated()
 */
function firstPieceTooShort({ bytes, end }: Packet, fragmentAt: number): boolean {
  let next = IPPROTO_FRAGMENT;
  let at = fragmentAt;
  while (isExtensionHeader(next)) {
    if (next === IPPROTO_NONE || at + 2 > end) return false;
    if (next === IPPROTO_FRAGMENT) {
      if (at + 4 > end || (u16(bytes, at + 2) & 0xfff8) !== 0) return false;
    }
    const length = next === IPPROTO_FRAGMENT ? HEADER : extensionLength(next, bytes[at + 1]);
    next = bytes[at];
    at += length;
  }
  return at + leastHeader(next) > end;
}

function leastHeader(protocol: number): number {
  if (protocol === IPPROTO_TCP) return 20;
  return protocol === IPPROTO_UDP || protocol === IPPROTO_ICMPV6 ? 8 : 1;
}

/** Makes `pkt` the whole datagram: the headers in front of the first piece's fragment header. nf_ct_frag6_reasm() */
function finish(pkt: Packet, queue: FragmentQueue): Gathered {
  const ecn = combinedEcn(queue.ecn);
  if (ecn < 0) return refuse(pkt, 'fragments mix ECN codepoints');
  const { packet, dataAt } = queue.first!;
  const headers = dataAt - HEADER;
  const payload = headers - ipv6.LENGTH + queue.length;
  if (payload > MAX_PAYLOAD) return refuse(pkt, 'reassembled packet longer than 65535 octets');

  place(pkt, headers + queue.length);
  const { bytes, l3 } = pkt;
  bytes.set(packet.subarray(0, headers), l3);
  const sizes = queue.assemble(bytes, l3 + headers);
  bytes[l3 + queue.nextAt] = packet[headers];
  bytes[l3 + 1] |= ecn << 4;
  putU16(bytes, l3 + ipv6.PAYLOAD_LENGTH_AT, payload);
  pkt.fragments = {
    sizes,
    largest: queue.largest,
    dontFragment: false,
    payloadAt: headers,
    pulled: 0,
  } satisfies Fragments;
  pkt.parse();
  return 'whole';
}
