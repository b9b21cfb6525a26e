// Programs at a queue: what -j NFQUEUE hands packets to. One is attached like an extension (Registry), under the numbers that it listens at,
// and decides at once, in the process that runs the engine: nothing is held. Source: net/netfilter/nfnetlink_queue.c
//
// A packet that is accepted goes on behind the table that queued it; in the nat table, untranslated.

import type { HookName } from '../grammar/tables.ts';
import { HOOKS } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { DROP, QUEUE_BYPASS, type Verdict } from './verdict.ts';

export type QueueVerdict = 'accept' | 'drop';

/** A packet as a listener sees it; of no use when the listener has returned. */
export interface QueuedPacket {
  readonly queue: number;
  readonly family: Family;
  readonly hook: HookName;
  /** '' where there is none. */
  readonly inDevice: string;
  readonly outDevice: string;
  /** Read and written: what rules behind see with -m mark. */
  mark: number;
  /** From the first octet of the IP header; a view of the packet: what is written there is written into it, and checksums are the listener's business. */
  readonly octets: Uint8Array;
  /** Puts another packet in its place: a whole IP packet with right checksums. One that is none is dropped. */
  replace(octets: Uint8Array): void;
}

export interface QueueListener {
  readonly name: string;
  readonly summary: string;
  /** Queue numbers, 0 to 65535. */
  readonly queues: readonly number[];
  /** What it throws drops the packet. */
  decide(packet: QueuedPacket): QueueVerdict;
}

export const defineQueue = (listener: QueueListener): QueueListener => listener;

class Handed implements QueuedPacket {
  replaced = false;
  readonly queue: number;
  private readonly pkt: Packet;

  constructor(queue: number, pkt: Packet) {
    this.queue = queue;
    this.pkt = pkt;
  }

  get family(): Family {
    return this.pkt.family as Family;
  }

  get hook(): HookName {
    return HOOKS[this.pkt.hook];
  }

  get inDevice(): string {
    return this.pkt.inDevice;
  }

  get outDevice(): string {
    return this.pkt.outDevice;
  }

  get mark(): number {
    return this.pkt.mark;
  }

  set mark(value: number) {
    this.pkt.mark = value >>> 0;
  }

  get octets(): Uint8Array {
    return this.pkt.view();
  }

  replace(octets: Uint8Array): void {
    const { pkt } = this;
    pkt.bytes = octets.slice();
    pkt.l3 = 0;
    pkt.end = octets.length;
    pkt.room = octets.length;
    // It is one packet now, finished, and came in one piece.
    pkt.checksumPartial = false;
    pkt.checksumTrusted = false;
    pkt.gsoSize = 0;
    pkt.gsoType = 0;
    pkt.fragments = undefined;
    this.replaced = true;
  }
}

/** Lets the listener decide. */
export function decide(listener: QueueListener, queue: number, pkt: Packet): Verdict {
  const handed = new Handed(queue, pkt);
  const { family } = pkt;
  let verdict: QueueVerdict;
  try {
    verdict = listener.decide(handed);
  } catch {
    pkt.reason = 'the listener at the queue failed';
    return DROP;
  }
  if (handed.replaced && (!pkt.parse() || pkt.family !== family)) {
    pkt.family = family;
    pkt.reason = 'replaced at the queue by what is no packet';
    return DROP;
  }
  if (verdict === 'accept') return QUEUE_BYPASS;
  pkt.reason = 'dropped by the listener at the queue';
  return DROP;
}
