// Packet and byte counters of rules and policies, beside the tables that use them. A counted thing owns a slot for as long as it is
// installed, so that an edit of one rule moves no other rule's numbers. The arrays grow by replacement: read them through this
// object each time, keep no reference to them.

/** How the arrays are made: shared memory where another thread reads the counters. */
export type MakeCounts = (slots: number) => Float64Array;

export class Counts {
  packets: Float64Array;
  bytes: Float64Array;
  private readonly make: MakeCounts;
  private free: number[] = [];
  /** More of them. */
  private readonly stock: number[][] = [];
  private used = 0;

  constructor(make: MakeCounts = (slots) => new Float64Array(slots)) {
    this.make = make;
    this.packets = make(256);
    this.bytes = make(256);
  }

  /** A slot that starts from the given numbers. */
  take(packets = 0, bytes = 0): number {
    if (this.free.length === 0) this.free = this.stock.pop() ?? this.free;
    const slot = this.free.pop() ?? this.used++;
    if (slot >= this.packets.length) this.grow();
    this.set(slot, packets, bytes);
    return slot;
  }

  give(slot: number): void {
    this.free.push(slot);
  }

  /** Many at once; the list is ours from now on. */
  giveAll(slots: number[]): void {
    this.stock.push(slots);
  }

  set(slot: number, packets: number, bytes: number): void {
    this.packets[slot] = packets;
    this.bytes[slot] = bytes;
  }

  private grow(): void {
    const packets = this.make(this.packets.length * 2);
    const bytes = this.make(this.bytes.length * 2);
    packets.set(this.packets);
    bytes.set(this.bytes);
    this.packets = packets;
    this.bytes = bytes;
  }
}
