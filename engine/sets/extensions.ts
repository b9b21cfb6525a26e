// What a member carries beside its key: columns over member ids, only those that the set was created with.
// Source: include/linux/netfilter/ipset/ip_set.h; net/netfilter/ipset/ip_set_core.c ip_set_match_extensions()

import type { SetHeader } from './types.ts';

export interface Comparison {
  readonly op: 'eq' | 'ne' | 'lt' | 'gt';
  /** 64 bits as two words. */
  readonly high: number;
  readonly low: number;
}

/** What a rule asks of a set: made once per rule, filled in by a match. */
export class SetQuery {
  /** Bit i: part i+1 of the element is looked for at the packet's source; else at its destination. */
  readonly sources: number;
  /** How many parts the rule names. A set with more never matches. */
  readonly dimensions: number;
  readonly packets: Comparison | undefined;
  readonly bytes: Comparison | undefined;
  readonly updateCounters: boolean;
  readonly updateSubcounters: boolean;
  readonly returnNomatch: boolean;
  // Of the member that matched, where the set has skbinfo; else 0.
  mark = 0;
  markMask = 0;
  priority = 0;
  queue = 0;

  constructor(asked: Partial<SetQuery> & { readonly sources: number; readonly dimensions: number }) {
    this.sources = asked.sources;
    this.dimensions = asked.dimensions;
    this.packets = asked.packets;
    this.bytes = asked.bytes;
    this.updateCounters = asked.updateCounters ?? true;
    this.updateSubcounters = asked.updateSubcounters ?? true;
    this.returnNomatch = asked.returnNomatch ?? false;
  }
}

/** What `add` may say of a member. */
export interface MemberOptions {
  /** Seconds; 0: for ever. */
  readonly timeout?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly comment?: string;
  readonly skbMark?: number;
  readonly skbMask?: number;
  readonly skbPriority?: number;
  readonly skbQueue?: number;
  readonly nomatch?: boolean;
}

/** 64-bit counters as pairs of words: no BigInt for a packet. */
class Counters {
  words = new Uint32Array(0);

  resize(members: number): void {
    const grown = new Uint32Array(2 * members);
    grown.set(this.words.subarray(0, grown.length));
    this.words = grown;
  }

  add(id: number, amount: number): void {
    const { words } = this;
    const low = words[2 * id] + amount;
    words[2 * id] = low;
    if (low > 0xffff_ffff) words[2 * id + 1]++;
  }

  set(id: number, value: bigint): void {
    this.words[2 * id] = Number(value & 0xffff_ffffn);
    this.words[2 * id + 1] = Number(value >> 32n);
  }

  get(id: number): bigint {
    return (BigInt(this.words[2 * id + 1]) << 32n) | BigInt(this.words[2 * id]);
  }

  holds(id: number, { op, high, low }: Comparison): boolean {
    const above = this.words[2 * id + 1];
    const below = this.words[2 * id];
    switch (op) {
      case 'eq':
        return above === high && below === low;
      case 'ne':
        return above !== high || below !== low;
      case 'lt':
        return above < high || (above === high && below < low);
      case 'gt':
        return above > high || (above === high && below > low);
    }
  }
}

const SECOND = 1_000;

export class Extensions {
  private readonly header: SetHeader;
  /** Monotonic ms; Infinity: for ever. Below 0: so many ms, which do not run yet; to all but those who know it, time that is over. */
  private deadlines = new Float64Array(0);
  private readonly packets = new Counters();
  private readonly bytes = new Counters();
  private comments: (string | undefined)[] = [];
  /** mark, mask, priority, queue of each. */
  private skb = new Uint32Array(0);
  private nomatches = new Uint8Array(0);

  constructor(header: SetHeader) {
    this.header = header;
  }

  resize(members: number): void {
    const { header } = this;
    if (header.timeout !== undefined) {
      const deadlines = new Float64Array(members);
      deadlines.set(this.deadlines.subarray(0, members));
      this.deadlines = deadlines;
    }
    if (header.counters) {
      this.packets.resize(members);
      this.bytes.resize(members);
    }
    if (header.skbinfo) {
      const skb = new Uint32Array(4 * members);
      skb.set(this.skb.subarray(0, 4 * members));
      this.skb = skb;
    }
    const nomatches = new Uint8Array(members);
    nomatches.set(this.nomatches.subarray(0, members));
    this.nomatches = nomatches;
  }

  expired(id: number, now: number): boolean {
    return this.header.timeout !== undefined && this.deadlines[id] <= now;
  }

  /** A member has so many seconds, which do not run yet. */
  hold(id: number, seconds: number): void {
    if (this.header.timeout !== undefined)
      this.deadlines[id] = seconds === 0 ? Number.POSITIVE_INFINITY : -seconds * SECOND;
  }

  /** Seconds that are held; 0: for ever. */
  heldSeconds(id: number): number {
    const deadline = this.deadlines[id];
    return deadline === Number.POSITIVE_INFINITY ? 0 : -deadline / SECOND;
  }

  nomatch(id: number): boolean {
    return this.nomatches[id] !== 0;
  }

  /** A fresh member begins from nothing; an old one keeps counters that are not given. */
  set(id: number, options: MemberOptions, fresh: boolean, now: number): void {
    const { header } = this;
    if (header.timeout !== undefined) {
      const seconds = options.timeout ?? header.timeout;
      this.deadlines[id] = seconds === 0 ? Number.POSITIVE_INFINITY : now + seconds * SECOND;
    }
    if (header.counters) {
      if (fresh || options.packets !== undefined) this.packets.set(id, options.packets ?? 0n);
      if (fresh || options.bytes !== undefined) this.bytes.set(id, options.bytes ?? 0n);
    }
    if (header.comment) this.comments[id] = options.comment === '' ? undefined : options.comment;
    if (header.skbinfo) {
      this.skb[4 * id] = options.skbMark ?? 0;
      this.skb[4 * id + 1] = options.skbMask ?? 0;
      this.skb[4 * id + 2] = options.skbPriority ?? 0;
      this.skb[4 * id + 3] = options.skbQueue ?? 0;
    }
    this.nomatches[id] = options.nomatch ? 1 : 0;
  }

  /** A member that a packet put in or renewed: it counts that packet. `renewed`: one of a hash, which keeps what was said about it. */
  setByPacket(id: number, timeout: number | undefined, octets: number, now: number, renewed = false): void {
    this.set(id, { timeout, comment: renewed ? this.comments[id] : undefined }, true, now);
    if (!this.header.counters) return;
    this.packets.add(id, 1);
    this.bytes.add(id, octets);
  }

  /** Lets go of what is not in columns. */
  clear(id: number): void {
    if (this.header.comment) this.comments[id] = undefined;
  }

  /** A packet has met the member: counts it, then says whether the rule's other conditions hold. */
  meets(id: number, query: SetQuery, octets: number, count: boolean, compare: boolean): boolean {
    const { header } = this;
    if (header.counters) {
      if (count) {
        this.packets.add(id, 1);
        this.bytes.add(id, octets);
      }
      if (compare) {
        if (query.packets && !this.packets.holds(id, query.packets)) return false;
        if (query.bytes && !this.bytes.holds(id, query.bytes)) return false;
      }
    }
    if (header.skbinfo) {
      query.mark = this.skb[4 * id];
      query.markMask = this.skb[4 * id + 1];
      query.priority = this.skb[4 * id + 2];
      query.queue = this.skb[4 * id + 3];
    }
    return true;
  }

  /** As `list` and `save` print it, with a blank in front of each word. `flags`: what the type adds behind nomatch. */
  print(id: number, flags: string, now: number): string {
    const { header } = this;
    let text = '';
    if (header.timeout !== undefined) {
      const deadline = this.deadlines[id];
      const left = deadline < 0 ? -deadline : deadline - now;
      // A member in its last second is not for ever, which is what 0 says.
      text += ` timeout ${left === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.floor(left / SECOND))}`;
    }
    if (this.nomatches[id]) text += ' nomatch';
    text += flags;
    if (header.counters) text += ` packets ${this.packets.get(id)} bytes ${this.bytes.get(id)}`;
    const comment = header.comment ? this.comments[id] : undefined;
    if (comment !== undefined) text += ` comment "${comment}"`;
    if (header.skbinfo) text += this.printSkb(id);
    return text;
  }

  private printSkb(id: number): string {
    const [mark, mask, priority, queue] = this.skb.subarray(4 * id, 4 * id + 4);
    let text = '';
    if (mark !== 0 || mask !== 0) text += ` skbmark 0x${mark.toString(16)}`;
    if ((mark !== 0 || mask !== 0) && mask !== 0xffff_ffff) text += `/0x${mask.toString(16)}`;
    if (priority !== 0) text += ` skbprio ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`;
    if (queue !== 0) text += ` skbqueue ${queue}`;
    return text;
  }

  /** Octets of the columns. */
  get size(): number {
    const { deadlines, packets, bytes, skb, nomatches } = this;
    const counters = packets.words.byteLength + bytes.words.byteLength;
    const comments = this.header.comment ? this.comments.reduce((total, text) => total + (text?.length ?? 0), 0) : 0;
    return deadlines.byteLength + counters + skb.byteLength + nomatches.byteLength + comments;
  }
}
