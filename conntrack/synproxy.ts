// What the tracker keeps of a connection that SYNPROXY opened in the client's name. Its sequence numbers are seqadj.ts's; here is what
// the two ends were told before both were there. Given only to such connections. include/net/netfilter/nf_conntrack_synproxy.h

import { Area } from './table/slab.ts';

/** Words of a connection. */
const FIRST_SEQUENCE = 0;
const FIRST_TIME = 1;
const TIME_SHIFT = 2;
const WORDS = 3;

/** All unsigned 32-bit numbers. */
export interface Proxied {
  /** Sequence number that the client was told in the server's name, less one. */
  readonly firstSequence: number;
  /** Time stamp that the client was told with it. */
  readonly firstTime: number;
  /** By how much the server's time stamps are ahead of that. */
  readonly timeShift: number;
}

export class ProxiedConnections {
  private readonly area = new Area(WORDS);
  /** The connection that went last: the reset that ends one is still on its way through the hooks. */
  private departed: { readonly id: number; readonly proxied: Proxied } | undefined = undefined;

  has(id: number): boolean {
    return this.area.at(id) >= 0;
  }

  /** A new connection, of which nothing is known yet. */
  open(id: number): void {
    if (this.departed?.id === id) this.departed = undefined;
    this.area.give(id);
  }

  /** What a connection has; undefined for most. */
  get(id: number): Proxied | undefined {
    const at = this.area.at(id);
    if (at < 0) return undefined;
    const { words } = this.area.slab;
    return {
      firstSequence: words[at + FIRST_SEQUENCE] >>> 0,
      firstTime: words[at + FIRST_TIME] >>> 0,
      timeShift: words[at + TIME_SHIFT] >>> 0,
    };
  }

  /** The same of the connection that a packet has just ended. */
  getDeparted(id: number): Proxied | undefined {
    return this.departed?.id === id ? this.departed.proxied : undefined;
  }

  /** Some or all of it. */
  set(id: number, { firstSequence, firstTime, timeShift }: Partial<Proxied>): void {
    const at = this.area.give(id);
    const { words } = this.area.slab;
    if (firstSequence !== undefined) words[at + FIRST_SEQUENCE] = firstSequence | 0;
    if (firstTime !== undefined) words[at + FIRST_TIME] = firstTime | 0;
    if (timeShift !== undefined) words[at + TIME_SHIFT] = timeShift | 0;
  }

  timeShift(id: number): number {
    return this.area.slab.words[this.area.at(id) + TIME_SHIFT];
  }

  /** The connection is gone. */
  forget(id: number): void {
    const proxied = this.get(id);
    if (!proxied) return;
    this.departed = { id, proxied };
    this.area.take(id);
  }

  get size(): number {
    return this.area.size;
  }
}
