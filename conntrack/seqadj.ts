// Sequence adjustment. Where we change the length of what one end of a TCP connection says (a helper writes another address into the
// payload), or answer in its name with sequence numbers of our own (SYNPROXY), each end counts octets that the other does not know of. From then
// on its sequence numbers are shifted on their way out, and what the other end acknowledges of them is shifted back.
//
// A direction has three words: POSITION, where its last change was; BEFORE, the shift up to there; AFTER, the shift behind. So one change may be on
// its way again (a retransmission) while the next ones are counted. All are in the numbers of the sender; the window of the tracker counts in
// these, too (l4/tcp-window.ts), since it sees packets before they are shifted.
//
// Given only to connections that need it. Source: net/netfilter/nf_conntrack_seqadj.c

import { u16, u32 } from '../packet/bytes.ts';
import { rewriteTransportU16 } from '../packet/checksum.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';
import { pull } from './defrag/cut.ts';
import { type Direction, IPS_SEQ_ADJUST } from './status.ts';
import { Area } from './table/slab.ts';
import type { ConnectionTable } from './table/table.ts';

/** Words of a direction, from WORDS * direction. */
const POSITION = 0;
const BEFORE = 1;
const AFTER = 2;
const WORDS = 3;

const SACK_BLOCK = 8; // octets

/** One direction of a connection, for listings and snapshots. */
export interface Adjustment {
  readonly position: number;
  readonly before: number;
  readonly after: number;
}

/** What targets and helpers ask for. Sequence numbers are those of the sender of that direction. */
export interface Shifter {
  /** The payload at `sequence` of that direction grew by `octets` (shrank, if negative). nf_ct_seqadj_set() */
  change(id: number, direction: Direction, sequence: number, octets: number): void;
  /** All of that direction is shifted by `octets`: its first sequence number was another one than its receiver was told. nf_ct_seqadj_init() */
  shift(id: number, direction: Direction, octets: number): void;
}

export class SequenceAdjustments implements Shifter {
  private readonly table: ConnectionTable;
  private readonly area = new Area(2 * WORDS);

  constructor(table: ConnectionTable) {
    this.table = table;
  }

  change(id: number, direction: Direction, sequence: number, octets: number): void {
    if (octets === 0) return;
    const at = this.give(id, direction);
    const { words } = this.area.slab;
    // A retransmission of what was counted already is not counted again.
    if (words[at + BEFORE] !== words[at + AFTER] && !isAfter(sequence, words[at + POSITION])) return;
    words[at + POSITION] = sequence;
    words[at + BEFORE] = words[at + AFTER];
    words[at + AFTER] += octets;
  }

  shift(id: number, direction: Direction, octets: number): void {
    if (octets === 0) return;
    const at = this.give(id, direction);
    this.area.slab.words[at + BEFORE] = octets;
    this.area.slab.words[at + AFTER] = octets;
  }

  private give(id: number, direction: Direction): number {
    this.table.addStatus(id, IPS_SEQ_ADJUST);
    return this.area.give(id) + WORDS * direction;
  }

  /** The shift of a sequence number of that direction. nf_ct_seq_offset() */
  offset(id: number, direction: Direction, sequence: number): number {
    const at = this.area.at(id);
    if (at < 0) return 0;
    const way = at + WORDS * direction;
    const { words } = this.area.slab;
    return words[way + (isAfter(sequence, words[way + POSITION]) ? AFTER : BEFORE)];
  }

  /** What a connection has in a direction; undefined for most. */
  get(id: number, direction: Direction): Adjustment | undefined {
    const at = this.area.at(id);
    if (at < 0) return undefined;
    const way = at + WORDS * direction;
    const { words } = this.area.slab;
    return { position: words[way + POSITION] >>> 0, before: words[way + BEFORE], after: words[way + AFTER] };
  }

  /** Gives a connection what get() once said. */
  restore(id: number, direction: Direction, { position, before, after }: Adjustment): void {
    const at = this.give(id, direction);
    this.area.slab.words.set([position | 0, before, after], at);
  }

  /** The connection is gone. */
  forget(id: number): void {
    this.area.take(id);
  }

  /** Octets reserved. */
  get size(): number {
    return this.area.size;
  }

  // --- Packets -------------------------------------------------------------------------------------------------------

  /**
   * Shifts the numbers of a TCP segment on its way out, and mends its checksum. False: its options make no sense, and it must not go on.
   * Differs: the kernel takes an ICMP error of the original direction for a segment and garbles it (nf_confirm() spares only the other one).
   * Source: nf_ct_seq_adjust()
   */
  adjust(pkt: Packet): boolean {
    const at = this.area.at(pkt.connection);
    if (at < 0 || pkt.protocol !== IPPROTO_TCP) return true;
    const { bytes, l3, l4, end } = pkt;
    if (!tcp.fits(bytes, l4, end)) return false;
    pull(pkt, l4 + tcp.LENGTH - l3);
    const { words } = this.area.slab;
    const way = at + WORDS * pkt.direction;
    const sequence = u32(bytes, l4 + tcp.SEQUENCE_AT);
    add(pkt, l4 + tcp.SEQUENCE_AT, words[way + (isAfter(sequence, words[way + POSITION]) ? AFTER : BEFORE)]);
    if (!(bytes[l4 + tcp.FLAGS_AT] & tcp.ACK)) return true;
    const back = at + WORDS * (1 - pkt.direction);
    this.takeBack(pkt, l4 + tcp.ACKNOWLEDGMENT_AT, back);
    return this.adjustBlocks(pkt, back);
  }

  /** The number at `at` counts what the other direction sent, shifted: as its sender counts. */
  private takeBack(pkt: Packet, at: number, back: number): void {
    const { words } = this.area.slab;
    const sent = u32(pkt.bytes, at) - words[back + BEFORE];
    add(pkt, at, -words[back + (isAfter(sent, words[back + POSITION]) ? AFTER : BEFORE)]);
  }

  /** nf_ct_sack_adjust() */
  private adjustBlocks(pkt: Packet, back: number): boolean {
    const { bytes, l3, l4, end } = pkt;
    const limit = l4 + tcp.headerLength(bytes, l4);
    if (limit > end) return false;
    pull(pkt, limit - l3);
    let here = tcp.wholeOption(bytes, l4 + tcp.LENGTH, limit);
    while (here >= 0 && here < limit) {
      const length = bytes[here + 1];
      if (bytes[here] === tcp.TCPOPT_SACK && length > 2 && (length - 2) % SACK_BLOCK === 0) {
        for (let edge = here + 2; edge < here + length; edge += 4) this.takeBack(pkt, edge, back);
      }
      here = tcp.wholeOption(bytes, here + length, limit);
    }
    return here >= 0;
  }
}

const isAfter = (sequence: number, position: number): boolean => ((position - sequence) | 0) < 0;

/** Adds to a 32-bit number of the TCP header. */
function add(pkt: Packet, at: number, octets: number): void {
  if (octets === 0) return;
  const value = (u32(pkt.bytes, at) + octets) >>> 0;
  if (value >>> 16 !== u16(pkt.bytes, at)) rewriteTransportU16(pkt, at, value >>> 16);
  rewriteTransportU16(pkt, at + 2, value & 0xffff);
}
