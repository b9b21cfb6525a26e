// Contract first: see the members. (The body comes with its own commit.)

import type { Packet } from '../../packet/packet.ts';
import type { DefragUser, Expired, Gathered } from './types.ts';

export interface Defragmenter {
  /** Takes a sysctl by its kernel name ("net.ipv4.ipfrag_time"). False: not one of ours. */
  setSysctl(name: string, value: string | number): boolean;
  /**
   * Shows `pkt` to reassembly; `pkt.now` is its time. On 'whole', `pkt` holds the datagram, is parsed again, and carries
   * `pkt.fragments` (types.ts Fragments). `pkt.bytes` may be another buffer then.
   */
  gather(pkt: Packet, user: DefragUser): Gathered;
  /** Lets queues expire up to `now`; `expired` is called for each. Cheap when nothing is due. */
  advance(now: number, expired: (queue: Expired) => void): void;
  /** Octets accounted to queues of the family, as the kernel counts them. */
  memory(family: 4 | 6): number;
}
