// Reassembly before the rules, for both families. net/ipv4/netfilter/nf_defrag_ipv4.c, net/ipv6/netfilter/nf_defrag_ipv6_hooks.c
//
// A datagram's life: its first piece to arrive opens a queue and starts its clock; pieces are copied in; the piece that closes the
// last hole becomes the whole packet and goes on through the hooks, with `pkt.fragments` saying how it came (cut.ts sends it on the
// same way); time, a contradiction or an overlap ends a queue that stays incomplete.
//
// There are three sets of queues with limits of their own, as in the kernel: IPv4 (tracker and host share it), IPv6 for the tracker,
// IPv6 for the host. Memory is bounded by the high thresholds; a packet that is no fragment costs two comparisons and no allocation.

import type { Packet } from '../../packet/packet.ts';
import { MOST_SECONDS } from '../sysctl.ts';
import type { FragmentQueue } from './queue.ts';
import type { StoreSettings } from './store.ts';
import type { DefragUser, Expired, Gathered } from './types.ts';
import { Reassembly4 } from './v4.ts';
import { HostReassembly6, type Problem, TrackerReassembly6 } from './v6.ts';

export class Defragmenter {
  private readonly ip4 = new Reassembly4();
  private readonly ip6 = new TrackerReassembly6();
  private readonly host6 = new HostReassembly6();

  /**
   * Shows `pkt` to reassembly; `pkt.now` is its time. On 'whole', `pkt` holds the datagram, is parsed again, and carries
   * `pkt.fragments` (types.ts Fragments); `pkt.bytes` is another buffer then if the old one was too small.
   * IPv6 with user 'local' is gatherAtHost()'s.
   */
  gather(pkt: Packet, user: DefragUser): Gathered {
    if (pkt.family === 6) return this.ip6.gather(pkt, user);
    return pkt.moreFragments || pkt.fragmentOffset !== 0 ? this.ip4.gather(pkt, user) : 'pass';
  }

  /** The IPv6 host's own, at the fragment header `at`, which the octet at `nextAt` named. `problem` is to be answered. */
  gatherAtHost(pkt: Packet, at: number, nextAt: number, problem: Problem): Gathered {
    return this.host6.gather(pkt, at, nextAt, problem);
  }

  /** Lets queues expire up to `now`; `expired` is called for each. Cheap when nothing is due. */
  advance(now: number, expired: (queue: Expired) => void): void {
    if (this.ip4.store.due(now)) this.ip4.store.expire(now, (queue) => expired(report(queue, 4)));
    if (this.ip6.store.due(now)) this.ip6.store.expire(now, (queue) => expired(report(queue, 6)));
    if (this.host6.store.due(now)) this.host6.store.expire(now, (queue) => expired(report(queue, 6)));
  }

  /** Octets accounted to queues of the family, as the kernel counts them. */
  memory(family: 4 | 6): number {
    return family === 4 ? this.ip4.store.memory : this.ip6.store.memory + this.host6.store.memory;
  }

  /** Datagrams that wait for pieces. */
  queues(family: 4 | 6): number {
    return family === 4 ? this.ip4.store.size : this.ip6.store.size + this.host6.store.size;
  }

  /** Takes a sysctl by its kernel name ("net.ipv4.ipfrag_time"). False: not one of ours, or no value of it. */
  setSysctl(name: string, value: string | number): boolean {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 0) return false;
    if (name === 'net.ipv4.ipfrag_max_dist') this.ip4.maxDistance = number;
    else {
      const [store, setting] = this.settingOf(name);
      if (!store) return false;
      if (setting === 'high_thresh' && number >= store.lowThreshold) store.highThreshold = number;
      else if (setting === 'low_thresh' && number <= store.highThreshold) store.lowThreshold = number;
      else if ((setting === 'time' || setting === 'timeout') && number <= MOST_SECONDS) store.timeoutMs = number * 1000;
      else return false;
    }
    return true;
  }

  /** Undefined: not one of ours. */
  getSysctl(name: string): number | undefined {
    if (name === 'net.ipv4.ipfrag_max_dist') return this.ip4.maxDistance;
    const [store, setting] = this.settingOf(name);
    if (setting === 'high_thresh') return store?.highThreshold;
    if (setting === 'low_thresh') return store?.lowThreshold;
    return setting === 'time' || setting === 'timeout' ? store && store.timeoutMs / 1000 : undefined;
  }

  private settingOf(name: string): [StoreSettings | undefined, string] {
    for (const [prefix, { store }] of [
      ['net.ipv4.ipfrag_', this.ip4],
      ['net.netfilter.nf_conntrack_frag6_', this.ip6],
      ['net.ipv6.ip6frag_', this.host6],
    ] as const) {
      if (name.startsWith(prefix)) return [store.settings, name.slice(prefix.length)];
    }
    return [undefined, ''];
  }
}

const report = ({ user, device, first }: FragmentQueue, family: 4 | 6): Expired => ({
  family,
  user,
  device,
  first: first?.packet,
});
