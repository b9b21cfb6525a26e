// All queues of one family and kind: found by key, accounted, expired. One of the kernel's struct fqdir.
//
// Memory is what bounds a flood. The kernel counts buffers, not payload, and refuses every fragment, also of queues at hand, while
// the count is above the threshold; only time (or completion) frees. There is no eviction and no limit on the number of fragments.

import { FragmentQueue } from './queue.ts';
import type { DefragUser } from './types.ts';

export interface StoreSettings {
  /** Octets of accounted memory above which fragments are refused; 0: none are taken at all. */
  highThreshold: number;
  /** Without effect since Linux 4.17: nothing is evicted any more. */
  lowThreshold: number;
  timeoutMs: number;
}

export class FragmentStore {
  readonly settings: StoreSettings;
  memory = 0;
  private readonly queues = new Map<string, FragmentQueue>();
  /** Octets that an empty queue accounts for. */
  private readonly queueCost: number;
  /** No queue expires before this. */
  private earliest = Number.POSITIVE_INFINITY;
  private readonly gone: ((queue: FragmentQueue) => void) | undefined;

  /** `gone` is told of every queue that leaves, however it ends. */
  constructor(settings: StoreSettings, queueCost: number, gone?: (queue: FragmentQueue) => void) {
    this.settings = settings;
    this.queueCost = queueCost;
    this.gone = gone;
  }

  get size(): number {
    return this.queues.size;
  }

  /** The queue of that key, or a new one; undefined while memory is above the threshold. inet_frag_find() */
  find(key: string, user: DefragUser, now: number): { queue: FragmentQueue; made: boolean } | undefined {
    const { highThreshold, timeoutMs } = this.settings;
    if (highThreshold === 0 || this.memory > highThreshold) return undefined;
    const known = this.queues.get(key);
    if (known) return { queue: known, made: false };
    const queue = new FragmentQueue(key, user, now + timeoutMs);
    this.queues.set(key, queue);
    this.charge(queue, this.queueCost);
    this.earliest = Math.min(this.earliest, queue.expiresAt);
    return { queue, made: true };
  }

  charge(queue: FragmentQueue, octets: number): void {
    queue.memory += octets;
    this.memory += octets;
  }

  /** Drops the pieces, keeps the queue, and starts its clock again. */
  restart(queue: FragmentQueue, now: number): void {
    this.charge(queue, this.queueCost - queue.memory);
    queue.clear(now + this.settings.timeoutMs);
    this.earliest = Math.min(this.earliest, queue.expiresAt);
  }

  kill(queue: FragmentQueue): void {
    if (!this.queues.delete(queue.key)) return;
    this.memory -= queue.memory;
    this.gone?.(queue);
  }

  due(now: number): boolean {
    return now >= this.earliest;
  }

  /** Takes out what ran out of time up to `now`, oldest first. */
  expire(now: number, expired: (queue: FragmentQueue) => void): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const queue of this.queues.values()) {
      if (queue.expiresAt <= now) {
        this.kill(queue);
        expired(queue);
      } else if (queue.expiresAt < earliest) earliest = queue.expiresAt;
    }
    this.earliest = earliest;
  }
}

/**
 * Octets that a packet of `length` octets from a TUN device accounts for: the buffer that the kernel allocates for it, with 64
 * octets of headroom, 320 of shared info and 256 of struct sk_buff; beyond a page the rest stands in pages of its own.
 * drivers/net/tun.c tun_alloc_skb(), net/core/skbuff.c __alloc_skb(). Measured on 6.18: /proc/net/sockstat for lengths 28 to 60,020.
 */
export function bufferCost(length: number): number {
  const room = ((Math.min(length, LINEAR) + 64 + 63) & ~63) + 320;
  const pages = length > LINEAR ? Math.ceil((length - LINEAR) / 4096) * 4096 : 0;
  return 256 + pages + (room <= 576 ? 576 : 1 << (32 - Math.clz32(room - 1)));
}

/** Most octets of a packet in the buffer's own part: a page less headroom and shared info. include/linux/skbuff.h SKB_MAX_HEAD(64) */
const LINEAR = 4096 - 64 - 320;
