// Packets and octets per direction, and the time of birth, of connections that were made while nf_conntrack_acct or
// nf_conntrack_timestamp was on. Columns that do not exist while nobody asked.

const NONE = -1;

/** What rules may ask. */
export interface FlowCounts {
  /** -1: the connection is not counted. Allocates nothing. */
  packets(id: number, direction: number): number;
  octets(id: number, direction: number): number;
}

export class Accounting implements FlowCounts {
  /** Some connections are counted. */
  counting = false;
  /** Packets and octets of the original direction, then of the reply, at 4 * id. */
  private counters = new Float64Array(0);
  /** Monotonic ms. */
  private births = new Float64Array(0);

  /** A new connection: with counters or without. */
  open(id: number, counted: boolean, stamped: boolean, now: number): void {
    if (counted) {
      this.counters = reach(this.counters, 4 * id + 4);
      this.counting = true;
    }
    if (4 * id < this.counters.length) this.counters.fill(counted ? 0 : NONE, 4 * id, 4 * id + 4);
    if (stamped) this.births = reach(this.births, id + 1);
    if (id < this.births.length) this.births[id] = stamped ? now : NONE;
  }

  add(id: number, direction: number, octets: number): void {
    const at = 4 * id + 2 * direction;
    if (at >= this.counters.length || this.counters[at] === NONE) return;
    this.counters[at]++;
    this.counters[at + 1] += octets;
  }

  packets(id: number, direction: number): number {
    return this.at(4 * id + 2 * direction);
  }

  octets(id: number, direction: number): number {
    return this.at(4 * id + 2 * direction + 1);
  }

  private at(place: number): number {
    return place < this.counters.length ? this.counters[place] : NONE;
  }

  /** Undefined: not counted. */
  counted(id: number, direction: number): { packets: number; bytes: number } | undefined {
    const at = 4 * id + 2 * direction;
    if (at >= this.counters.length || this.counters[at] === NONE) return undefined;
    return { packets: this.counters[at], bytes: this.counters[at + 1] };
  }

  /** Monotonic ms; undefined: not noted. */
  birth(id: number): number | undefined {
    return id < this.births.length && this.births[id] !== NONE ? this.births[id] : undefined;
  }

  /** What a snapshot has kept, whatever the settings are now; undefined: leave as it is. */
  restore(id: number, counters: readonly number[] | undefined, birth: number | undefined): void {
    if (counters) {
      this.counters = reach(this.counters, 4 * id + 4);
      this.counters.set(counters, 4 * id);
      this.counting = true;
    }
    if (birth !== undefined) {
      this.births = reach(this.births, id + 1);
      this.births[id] = birth;
    }
  }

  zero(id: number): void {
    if (4 * id < this.counters.length && this.counters[4 * id] !== NONE) this.counters.fill(0, 4 * id, 4 * id + 4);
  }

  get size(): number {
    return this.counters.byteLength + this.births.byteLength;
  }
}

function reach(column: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= column.length) return column;
  const larger = new Float64Array(Math.max(length, column.length + (column.length >>> 1), 256)).fill(NONE);
  larger.set(column);
  return larger;
}
