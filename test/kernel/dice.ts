// Seeded chance: the same seed makes the same scenario on every machine.

export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 32 random bits, unsigned: splitmix32. */
  u32(): number {
    this.state = (this.state + 0x9e37_79b9) >>> 0;
    let mixed = this.state ^ (this.state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + (this.u32() % (high - low + 1));
  }

  chance(share: number): boolean {
    return this.u32() / 0x1_0000_0000 < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.u32() % items.length];
  }

  /** One of the second members, as often as its first member says. */
  weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
    let left = (this.u32() / 0x1_0000_0000) * items.reduce((total, [weight]) => total + weight, 0);
    for (const [weight, item] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return items[items.length - 1][1];
  }

  /** Each item with that probability, at least one. */
  some<T>(items: readonly T[], share = 0.5): T[] {
    const chosen = items.filter(() => this.chance(share));
    return chosen.length > 0 ? chosen : [this.pick(items)];
  }

  shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let last = copy.length - 1; last > 0; last--) {
      const other = this.int(0, last);
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  }

  octets(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32());
  }
}
