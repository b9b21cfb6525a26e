// One fragment queue: the pieces of one datagram as they arrive, and the rules of which pieces may lie beside each other.
// net/ipv4/inet_fragment.c; both families share it.
//
// Pieces stand in runs: stretches of data without a hole. A run grows at its end only while it is the last one; a piece that comes
// anywhere else starts a run of its own, even where it touches a neighbour. That matters, for a piece is a duplicate only when it
// lies inside *one* run: RFC 5722 lets duplicates pass unnoticed and kills the datagram on any other overlap.

import type { DefragUser } from './types.ts';

/** A fragment, kept as the whole packet it came as. */
export interface Piece {
  readonly packet: Uint8Array;
  /** Where its data starts in `packet`. */
  readonly dataAt: number;
  /** Place of the data in the datagram; `end` is one past it, already cut to what counts. */
  readonly offset: number;
  readonly end: number;
}

interface Run {
  readonly start: number;
  end: number;
  readonly pieces: Piece[];
}

export type Insertion = 'inserted' | 'duplicate' | 'overlap';

export class FragmentQueue {
  readonly key: string;
  readonly user: DefragUser;
  /** Monotonic ms. */
  expiresAt: number;
  /** Length of the datagram's data as far as known: the end of the last fragment, or of the furthest so far. */
  length = 0;
  /** Octets that are here. */
  held = 0;
  /** The fragment with offset 0 is here. */
  first: Piece | undefined = undefined;
  /** A fragment without "more fragments" was seen: `length` is final. */
  lastSeen = false;
  /** Bit 1 << codepoint for each ECN codepoint seen. */
  ecn = 0;
  /** Longest packet; longest packet with DF (IPv4). */
  largest = 0;
  largestDontFragment = 0;
  /** Octets accounted to it, as the kernel counts. */
  memory = 0;
  device = '';
  /** IPv6: offset of the octet that named the first piece's fragment header. */
  nextAt = 0;
  /** IPv4: the peer's fragment count when this queue was last added to. */
  peerCount = 0;
  private runs: Run[] = [];

  constructor(key: string, user: DefragUser, expiresAt: number) {
    this.key = key;
    this.user = user;
    this.expiresAt = expiresAt;
  }

  get complete(): boolean {
    return this.first !== undefined && this.lastSeen && this.held === this.length;
  }

  get empty(): boolean {
    return this.runs.length === 0;
  }

  /** Forgets all pieces: the datagram begins anew (net/ipv4/ip_fragment.c ip_frag_reinit()). The caller mends the accounts. */
  clear(expiresAt: number): void {
    this.expiresAt = expiresAt;
    this.length = 0;
    this.held = 0;
    this.first = undefined;
    this.lastSeen = false;
    this.ecn = 0;
    this.device = '';
    this.runs = [];
  }

  /** Puts a piece in its place. Only 'inserted' changes anything. inet_frag_queue_insert() */
  insert(piece: Piece): Insertion {
    const last = this.runs.at(-1);
    if (last === undefined || piece.end > last.end) {
      if (last !== undefined && piece.offset < last.end) return 'overlap';
      if (last !== undefined && piece.offset === last.end) {
        last.pieces.push(piece);
        last.end = piece.end;
      } else this.runs.push(runOf(piece));
    } else {
      const at = this.firstRunEndingAfter(piece.offset);
      const met = this.runs[at];
      if (piece.offset >= met.start && piece.end <= met.end) return 'duplicate';
      if (piece.end > met.start) return 'overlap';
      this.runs.splice(at, 0, runOf(piece));
    }
    this.held += piece.end - piece.offset;
    if (piece.offset === 0) this.first = piece;
    return 'inserted';
  }

  /** Index of the first run whose end lies beyond `offset`. There is one: the caller has looked at the last. */
  private firstRunEndingAfter(offset: number): number {
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.runs[middle].end > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Writes the data of a complete queue behind each other from `at`, and returns the size of each piece in order. */
  assemble(into: Uint8Array, at: number): number[] {
    const sizes: number[] = [];
    for (const run of this.runs) {
      for (const { packet, dataAt, offset, end } of run.pieces) {
        into.set(packet.subarray(dataAt, dataAt + end - offset), at + offset);
        sizes.push(end - offset);
      }
    }
    return sizes;
  }
}

const runOf = (piece: Piece): Run => ({ start: piece.offset, end: piece.end, pieces: [piece] });
