// IPv4 reassembly: net/ipv4/ip_fragment.c. Its habits, where they differ from IPv6: lengths that are no multiple of 8 are cut down
// to one, every contradiction kills the queue, and a queue that a peer has sent too many other fragments since is begun anew, for
// its 16-bit id may have come round again.

import { putU16 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Packet } from '../../packet/packet.ts';
import { combinedEcn } from './ecn.ts';
import { place } from './place.ts';
import type { FragmentQueue } from './queue.ts';
import { bufferCost, FragmentStore } from './store.ts';
import type { DefragUser, Fragments, Gathered } from './types.ts';

const QUEUE_COST = 200; // sizeof(struct ipq), measured

export class Reassembly4 {
  readonly store: FragmentStore;
  /** net.ipv4.ipfrag_max_dist; 0: no limit. */
  maxDistance = 64;
  private readonly peers = new Map<string, Peer>();

  constructor() {
    this.store = new FragmentStore(
      { highThreshold: 4 << 20, lowThreshold: 3 << 20, timeoutMs: 30_000 },
      QUEUE_COST,
      (queue) => this.leave(queue),
    );
  }

  /** `pkt` is a fragment. ip_defrag() */
  gather(pkt: Packet, user: DefragUser): Gathered {
    const key = queueKey(pkt, user);
    const found = this.store.find(key, user, pkt.now);
    if (!found) return refuse(pkt, 'fragment queues are full');
    const { queue } = found;
    if (found.made) this.join(queue);
    if (this.tooFar(queue)) this.store.restart(queue, pkt.now);
    return this.add(pkt, queue);
  }

  /** ip_frag_queue() */
  private add(pkt: Packet, queue: FragmentQueue): Gathered {
    const { bytes, l3, l4 } = pkt;
    const offset = pkt.fragmentOffset;
    let end = offset + pkt.end - l4;
    if (!pkt.moreFragments) {
      if (end < queue.length || (queue.lastSeen && end !== queue.length))
        return this.kill(pkt, queue, 'fragments disagree on the end');
      queue.lastSeen = true;
      queue.length = end;
    } else {
      end &= ~7;
      if (end > queue.length) {
        if (queue.lastSeen) return this.kill(pkt, queue, 'fragment beyond the end');
        queue.length = end;
      }
    }
    if (end === offset) return this.kill(pkt, queue, 'empty fragment');

    const piece = { packet: bytes.slice(l3, pkt.end), dataAt: l4 - l3, offset, end };
    const inserted = queue.insert(piece);
    if (inserted === 'overlap') return this.kill(pkt, queue, 'overlapping fragments');
    if (inserted === 'duplicate') {
      pkt.reason = 'duplicate fragment';
      return 'held';
    }
    const size = l4 - l3 + end - offset;
    queue.device = pkt.inDevice;
    queue.ecn |= 1 << (ipv4.tos(bytes, l3) & 3);
    queue.largest = Math.max(queue.largest, size);
    if (ipv4.dontFragment(bytes, l3)) queue.largestDontFragment = Math.max(queue.largestDontFragment, size);
    this.store.charge(queue, bufferCost(pkt.length));
    if (!queue.complete) return 'held';
    this.store.kill(queue);
    return finish(pkt, queue);
  }

  private kill(pkt: Packet, queue: FragmentQueue, reason: string): 'dropped' {
    this.store.kill(queue);
    return refuse(pkt, reason);
  }

  // --- ipfrag_max_dist: a count per source while queues of it are there -------------------------------------------------

  private join(queue: FragmentQueue): void {
    const source = queue.key.slice(0, 4);
    const peer = this.peers.get(source);
    if (peer) peer.queues++;
    else this.peers.set(source, { count: 0, queues: 1 });
  }

  private leave(queue: FragmentQueue): void {
    const source = queue.key.slice(0, 4);
    const peer = this.peers.get(source);
    if (peer && --peer.queues === 0) this.peers.delete(source);
  }

  /** Whether the peer has sent more than `maxDistance` fragments since this queue was last added to. ip_frag_too_far() */
  private tooFar(queue: FragmentQueue): boolean {
    const peer = this.peers.get(queue.key.slice(0, 4))!;
    const since = ++peer.count - queue.peerCount;
    queue.peerCount = peer.count;
    return this.maxDistance !== 0 && !queue.empty && since > this.maxDistance;
  }
}

interface Peer {
  count: number;
  queues: number;
}

function refuse(pkt: Packet, reason: string): 'dropped' {
  pkt.reason = reason;
  return 'dropped';
}

/** Source, destination, id, protocol, user; the source comes first, four characters. ip4_key_hashfn() */
function queueKey({ bytes, l3 }: Packet, user: DefragUser): string {
  return (
    String.fromCharCode(
      bytes[l3 + 12],
      bytes[l3 + 13],
      bytes[l3 + 14],
      bytes[l3 + 15],
      bytes[l3 + 16],
      bytes[l3 + 17],
      bytes[l3 + 18],
      bytes[l3 + 19],
      ipv4.id(bytes, l3),
      bytes[l3 + ipv4.PROTOCOL_AT],
    ) + user
  );
}

/** Makes `pkt` the whole datagram: header and options of the first piece. ip_frag_reasm() */
function finish(pkt: Packet, queue: FragmentQueue): Gathered {
  const ecn = combinedEcn(queue.ecn);
  if (ecn < 0) return refuse(pkt, 'fragments mix ECN codepoints');
  const { packet, dataAt } = queue.first!;
  const length = dataAt + queue.length;
  if (length > 0xffff) return refuse(pkt, 'reassembled packet longer than 65535 octets');
  const dontFragment = queue.largestDontFragment === queue.largest;

  place(pkt, length);
  const { bytes, l3 } = pkt;
  bytes.set(packet.subarray(0, dataAt), l3);
  const sizes = queue.assemble(bytes, l3 + dataAt);
  bytes[l3 + 1] |= ecn;
  putU16(bytes, l3 + 2, length);
  putU16(bytes, l3 + ipv4.FRAGMENT_AT, dontFragment ? ipv4.IP_DF : 0);
  ipv4.fillChecksum(bytes, l3);
  pkt.fragments = { sizes, largest: queue.largest, dontFragment, payloadAt: dataAt, pulled: 0 } satisfies Fragments;
  pkt.parse();
  return 'whole';
}
