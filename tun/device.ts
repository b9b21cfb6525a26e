// A device: where packets come from and go to. One small interface, several bodies: the Linux TUN (linux.ts), the in-memory twin
// (memory.ts), and wrappers that record (pcap.ts) or disturb (loss.ts) what passes. test/tun/suite.ts holds what all of them keep.
//
// A packet that read() hands out lives in the reader's Packet until the callback returns: whoever wants it longer copies it.
// write() has taken the packet, or counted it as dropped, when it returns: its buffer may be reused at once. A device that takes
// no unfinished checksums or super-packets finishes and cuts them itself (segment.ts), so callers never ask.
//
// Nothing a packet does makes a device throw. What cannot be written is a drop, counted under its reason.

import type { Packet } from '../packet/packet.ts';

/** Where a packet starts in a buffer that a device fills: room for the virtio-net header before it, and L3 aligned to 4. */
export const HEADROOM = 16;

/** Longest IP packet that can come in, with room for what rewrites may add (an MSS option, a longer address in FTP). */
export const BUFFER_LENGTH = HEADROOM + 65_535 + 40 + 1_024;

/** From one buffer to the next where many lie in a row: an odd number of cache lines, so that they do not all fall into the same sets of the cache. */
export const SLOT_LENGTH = 64 * 1_043;

export interface Device {
  /** As rules and people see it. */
  readonly name: string;
  /** Octets of the longest packet that leaves in one piece; segments of a super-packet count singly. */
  mtu: number;
  /** Descriptor to poll for incoming packets, -1 where there is none. */
  readonly descriptor: number;
  readonly counters: DeviceCounters;
  /**
   * Reads up to `limit` waiting packets, never waits. Each one is loaded into `into` with arrival time `now` and parsed, then
   * handed to `each`. Returns how many; fewer than `limit` means that none is left.
   */
  read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number;
  /** False: dropped, and counted. May change the buffer around and, where a checksum was to be finished, in the packet. */
  write(pkt: Packet): boolean;
  /** Called once per round, after the writes: what was held back until `now` leaves, at the latest with the wait that follows. */
  flush(now: number): void;
  close(): void;
}

/** What ends a data plane whose device somebody has deleted, alone or with its namespace. */
export const deviceGone = (name: string): Error => new Error(`device ${name} was deleted`);

/** Why a device did not take a packet. Indices of the second half of DeviceCounters.cells. */
export const DROPS = ['down', 'full', 'too long', 'refused', 'lost', 'ring full'] as const;
export type DropReason = (typeof DROPS)[number];
const DROP_AT = Object.fromEntries(DROPS.map((reason, index) => [reason, 4 + index])) as Record<DropReason, number>;

/**
 * Counts of one device, in shared memory: the worker that owns the device adds, any thread may look. Each cell is a 64-bit float
 * written whole, so a reader sees an older or a newer value and never a torn one.
 */
export class DeviceCounters {
  readonly cells: Float64Array;

  constructor(memory = new SharedArrayBuffer((4 + DROPS.length) * 8)) {
    this.cells = new Float64Array(memory);
  }

  received(octets: number): void {
    this.cells[0]++;
    this.cells[1] += octets;
  }

  sent(octets: number, packets = 1): void {
    this.cells[2] += packets;
    this.cells[3] += octets;
  }

  /** Returns false, so that write() can return it. */
  dropped(reason: DropReason): false {
    this.cells[DROP_AT[reason]]++;
    return false;
  }

  drops(reason: DropReason): number {
    return this.cells[DROP_AT[reason]];
  }

  /** All counts by name, drops only where there were any. */
  toJSON(): DeviceCounts {
    const [receivedPackets, receivedBytes, sentPackets, sentBytes] = this.cells;
    const drops: Partial<Record<DropReason, number>> = {};
    for (const reason of DROPS) if (this.drops(reason) > 0) drops[reason] = this.drops(reason);
    return { receivedPackets, receivedBytes, sentPackets, sentBytes, drops };
  }
}

export interface DeviceCounts {
  receivedPackets: number;
  receivedBytes: number;
  sentPackets: number;
  sentBytes: number;
  drops: Partial<Record<DropReason, number>>;
}

/** Counts of one device that several counted parts of. */
export function sumOfCounts(all: readonly DeviceCounts[]): DeviceCounts {
  const sum: DeviceCounts = { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, drops: {} };
  for (const counts of all) {
    sum.receivedPackets += counts.receivedPackets;
    sum.receivedBytes += counts.receivedBytes;
    sum.sentPackets += counts.sentPackets;
    sum.sentBytes += counts.sentBytes;
    for (const reason of DROPS)
      if (counts.drops[reason]) sum.drops[reason] = (sum.drops[reason] ?? 0) + counts.drops[reason];
  }
  return sum;
}

/**
 * Makes `to` the same packet as `from`: octets, which go to `at` in its buffer of at least BUFFER_LENGTH, arrival time and offload
 * fields, parsed. What rules and the tracker wrote on it stays behind.
 */
export function copyPacket(from: Packet, to: Packet, at = HEADROOM): void {
  to.bytes.set(from.bytes.subarray(from.l3, from.end), at);
  to.load(at, at + from.end - from.l3, from.now);
  to.parse();
  const moved = at - from.l3;
  to.checksumPartial = from.checksumPartial;
  to.checksumStart = from.checksumStart + moved;
  to.checksumField = from.checksumField + moved;
  to.checksumTrusted = from.checksumTrusted;
  to.gsoSize = from.gsoSize;
  to.gsoType = from.gsoType;
}
