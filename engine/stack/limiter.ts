// How many errors a router sends. Token buckets per peer, net/ipv4/inetpeer.c inet_peer_xrlim_allow(), and one for all, net/ipv4/icmp.c
// icmp_global_allow(). Differs: both are off until a sysctl turns them on (the kernel's defaults are in the comments), so that
// scenarios see every answer; the one for packets without a route is always on, as in the kernel.

import type { Packet } from '../../packet/packet.ts';
import type { IcmpError } from './icmp-error.ts';

interface Bucket {
  tokens: number;
  at: number;
}

/** Peers remembered at most; the one seen first goes, and its successor starts with a full bucket. */
const MOST_PEERS = 4096;
/** A peer's bucket holds so many errors. */
const BURST = 6;
/** net/ipv4/route.c ip_error(): errors about packets without a route, to one peer: one a second, five at once. */
const NO_ROUTE_MS = 1000;
const NO_ROUTE_BURST = 5;

export class ErrorLimiter {
  /** net.ipv4.icmp_ratelimit (1000), net.ipv6.icmp.ratelimit (1000): ms between errors to one peer; 0: no limit. */
  private readonly everyMs = { 4: 0, 6: 0 };
  /** net.ipv4.icmp_ratemask: types that are limited: 3, 4, 11, 12. */
  private mask4 = (1 << 3) | (1 << 4) | (1 << 11) | (1 << 12);
  /** net.ipv4.icmp_msgs_per_sec (1000), icmp_msgs_burst (50): all limited types together; 0: no limit. */
  private perSecond = 0;
  private burst = 50;
  private readonly all: Bucket = { tokens: Number.POSITIVE_INFINITY, at: 0 };
  private readonly peers = new Map<string, Bucket>();

  setSysctl(name: string, value: number): boolean {
    if (name === 'net.ipv4.icmp_ratelimit') this.everyMs[4] = value;
    else if (name === 'net.ipv6.icmp.ratelimit') this.everyMs[6] = value;
    else if (name === 'net.ipv4.icmp_ratemask') this.mask4 = value;
    else if (name === 'net.ipv4.icmp_msgs_per_sec') this.perSecond = value;
    else if (name === 'net.ipv4.icmp_msgs_burst') this.burst = value;
    else return false;
    return true;
  }

  /**
   * Whether an error about `pkt` may be sent now, to its source. In IPv6 a peer behind a wide prefix may have them faster, for the
   * prefix is many peers: `prefix` is the length of the route to it (net/ipv6/icmp.c icmpv6_xrlim_allow()).
   */
  allows(pkt: Packet, { type }: IcmpError, prefix: number): boolean {
    if (pkt.family === 6) return type === 2 || this.take(pkt, this.everyMs[6] >>> ((128 - prefix) >>> 5), BURST);
    if (type > 31 || (this.mask4 & (1 << type)) === 0) return true;
    return this.takeGlobal(pkt.now) && this.take(pkt, this.everyMs[4], BURST);
  }

  allowsNoRoute(pkt: Packet): boolean {
    return this.take(pkt, NO_ROUTE_MS, NO_ROUTE_BURST);
  }

  private take(pkt: Packet, everyMs: number, burst: number): boolean {
    if (everyMs === 0) return true;
    const key = peerOf(pkt);
    let bucket = this.peers.get(key);
    if (!bucket) {
      bucket = { tokens: burst * everyMs, at: pkt.now };
      if (this.peers.size >= MOST_PEERS) this.peers.delete(this.peers.keys().next().value!);
      this.peers.set(key, bucket);
    }
    bucket.tokens = Math.min(bucket.tokens + pkt.now - bucket.at, burst * everyMs);
    bucket.at = pkt.now;
    if (bucket.tokens < everyMs) return false;
    bucket.tokens -= everyMs;
    return true;
  }

  private takeGlobal(now: number): boolean {
    if (this.perSecond === 0) return true;
    const { all } = this;
    all.tokens = Math.min(all.tokens + ((now - all.at) * this.perSecond) / 1000, this.burst);
    all.at = now;
    if (all.tokens < 1) return false;
    all.tokens--;
    return true;
  }
}

function peerOf({ bytes, l3, family }: Packet): string {
  const from = l3 + (family === 4 ? 12 : 8);
  return String.fromCharCode(...bytes.subarray(from, from + (family === 4 ? 4 : 16)));
}
