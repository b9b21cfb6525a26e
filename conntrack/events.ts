// What happens to connections, told to whoever listens (`conntrack -E`, the daemon's monitor, tests).
//
// As in the kernel, a connection reports events only if it was made to: while somebody listened, or because of
// net.netfilter.nf_conntrack_events, or of a rule (`CT --ctevents`). What a packet changes is gathered, and told as one event when the
// packet has passed all rules; what a dropped packet has changed waits for the connection's next packet. An end is told at once.
// Nobody listening, nothing is kept. Source: net/netfilter/nf_conntrack_ecache.c

import { IPCT_DESTROY, IPCT_NEW, IPCT_RELATED } from './status.ts';

export type EventKind = 'new' | 'update' | 'destroy';

/** Told of each connection's birth, changes and end; `bits` are IPCT_, `by` who did it by a tool. */
export type Listener = (what: EventKind, id: number, bits: number, by?: string) => void;

/** nf_conntrack_events: for all connections; for those made while somebody listens. 0: only where rules ask. */
const ALWAYS = 1;
const WHILE_HEARD = 2;

export class ConnectionEvents {
  /** A tool is at work: its name, for the events that it makes. */
  by: string | undefined;
  private readonly listeners = new Set<Listener>();
  /** IPCT_ bits that a connection reports, and those that have happened. Empty while nobody was ever to be told. */
  private masks = new Int32Array(0);
  private gathered = new Int32Array(0);
  /** Connections that have something to tell. */
  private waiting = 0;

  /** Returns what ends the listening. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  get heard(): boolean {
    return this.listeners.size > 0;
  }

  /**
   * A new connection, unconfirmed; masks of a rule, 0 for none. nf_ct_ecache_ext_add(). Differs: there a rule's masks count only if events
   * were on when it was loaded.
   */
  open(id: number, mode: number, mask: number, expectMask: number): void {
    let wanted = mask;
    if (mask === 0 && expectMask === 0) wanted = mode === ALWAYS || (mode === WHILE_HEARD && this.heard) ? -1 : 0;
    if (id >= this.masks.length) {
      if (wanted === 0) return;
      this.reach(id);
    }
    this.masks[id] = wanted;
  }

  /** Something happened to the connection by the packet at hand. nf_conntrack_event_cache() */
  note(id: number, bits: number): void {
    if (id >= this.masks.length || this.masks[id] === 0) return;
    if (this.gathered[id] === 0) this.waiting++;
    this.gathered[id] |= bits;
  }

  /** The packet passed: tells what was gathered. nf_ct_deliver_cached_events() */
  deliver(id: number): void {
    if (this.waiting === 0 || id >= this.gathered.length) return;
    const bits = this.gathered[id];
    if (bits === 0) return;
    this.gathered[id] = 0;
    this.waiting--;
    this.report(id, bits);
  }

  /** Tells at once. All of it, if any of it is wanted. nf_conntrack_eventmask_report() */
  report(id: number, bits: number): void {
    if (id >= this.masks.length || (bits & this.masks[id]) === 0) return;
    const what = bits & IPCT_DESTROY ? 'destroy' : bits & (IPCT_NEW | IPCT_RELATED) ? 'new' : 'update';
    for (const listener of this.listeners) listener(what, id, bits, this.by);
  }

  /** IPCT_ bits that the connection reports. */
  mask(id: number): number {
    return id < this.masks.length ? this.masks[id] : 0;
  }

  forget(id: number): void {
    if (id >= this.masks.length) return;
    this.masks[id] = 0;
    if (this.gathered[id] === 0) return;
    this.gathered[id] = 0;
    this.waiting--;
  }

  /** Octets reserved. */
  get size(): number {
    return this.masks.byteLength + this.gathered.byteLength;
  }

  private reach(id: number): void {
    const length = Math.max(256, id + 1, this.masks.length + (this.masks.length >>> 1));
    const [masks, gathered] = [new Int32Array(length), new Int32Array(length)];
    masks.set(this.masks);
    gathered.set(this.gathered);
    this.masks = masks;
    this.gathered = gathered;
  }
}
