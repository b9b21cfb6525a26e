// What reassembly hands on with a whole packet, and what it says of each packet that it was shown.

/**
 * How the pieces of a reassembled packet came in, in order: what the output needs to send fragments of the same sizes again.
 * It hangs on Packet.fragments.
 */
export interface Fragments {
  /** Payload octets of each piece, in order; their sum is the fragmentable part. */
  readonly sizes: readonly number[];
  /** Length of the longest IP packet among the pieces, headers included. */
  readonly largest: number;
  /** IPv4: the longest piece had DF set, so that path MTU discovery with fragments is at work. */
  readonly dontFragment: boolean;
  /** Where the payload of the first piece began, from the IP header on: the fragment header stood in front of it (IPv6). */
  readonly payloadAt: number;
  /**
   * Octets of the packet, from the IP header on, that were pulled together since: a header that lay across two pieces, or the whole
   * packet for a target that rewrites payload. Cuts inside them are forgotten (net/core/skbuff.c __pskb_pull_tail()).
   */
  pulled: number;
}

/**
 * `pass`: not a fragment, or one that reassembly leaves alone (the tracker will call it INVALID). `held`: in a queue now, or a
 * duplicate of what is. `dropped`: refused, `pkt.reason` says why. `whole`: `pkt` is the whole datagram now.
 */
export type Gathered = 'pass' | 'held' | 'dropped' | 'whole';

/**
 * Who reassembles: pieces of one do not meet those of the other. `input` is PREROUTING, `output` is OUTPUT, `local` is the host's
 * own (before INPUT for IPv4, behind it for IPv6), for when the tracker is off. include/net/ip.h enum ip_defrag_users
 */
export type DefragUser = 'input' | 'output' | 'local';

/** A queue ran out of time. */
export interface Expired {
  readonly family: 4 | 6;
  readonly user: DefragUser;
  /** Device that the last piece came in by. */
  readonly device: string;
  /** The piece with offset 0 as it was received; undefined if it never came, and then nobody is told. */
  readonly first: Uint8Array | undefined;
}
