// The loopback device: what is sent to ourselves waits here until the packet at work is done, and comes in again.
// Source: drivers/net/loopback.c loopback_xmit(), net/core/dev.c dev_loopback_xmit()

import { Packet } from '../packet/packet.ts';

/** include/uapi/linux/if_packet.h, Packet.packetType */
const PACKET_BROADCAST = 1;

/** Loopback packets, and answers to answers, that one packet may cause before the rest is thrown away. */
const MOST_LOOPED = 64;

export class Loopback {
  private readonly waiting: Packet[] = [];
  private taken = 0;

  /** Nothing was taken since the last one came in. */
  get idle(): boolean {
    return this.taken === 0;
  }

  /** The packet as it will come in, by `device`; undefined when too many wait. */
  take(pkt: Packet, device: string): Packet | undefined {
    if (this.taken++ >= MOST_LOOPED) return undefined;
    const copy = again(pkt, device);
    this.waiting.push(copy);
    return copy;
  }

  /** The next one that comes in; undefined: that was all. */
  next(): Packet | undefined {
    const pkt = this.waiting.shift();
    if (pkt === undefined) this.taken = 0;
    return pkt;
  }
}

/** With connection and mark, but not as its first packet. */
export function again(pkt: Packet, device: string): Packet {
  const copy = Packet.of(pkt.view());
  copy.now = pkt.now;
  copy.inDevice = device;
  if (device !== 'lo' && device !== '') copy.packetType = PACKET_BROADCAST;
  copy.mark = pkt.mark;
  copy.traced = pkt.traced;
  copy.checksumTrusted = true;
  copy.connection = pkt.connection;
  copy.ctState = pkt.ctState;
  copy.direction = pkt.direction;
  copy.fragments = pkt.fragments;
  return copy;
}
