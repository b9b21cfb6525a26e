// The sweep over the column of expiry times, once a second, in slices. A sweep, not a timer wheel: the whole column of a million
// connections reads in about a millisecond, costs no memory per connection, and nothing has to be moved when a packet prolongs one.
// Source: net/netfilter/nf_conntrack_core.c gc_worker()

import type { L4 } from './l4/l4.ts';
import type { Statistics } from './statistics.ts';
import { IPS_ASSURED } from './status.ts';
import type { ConnectionTable } from './table/table.ts';

/** What the sweep needs of the tracker. */
export interface SweepParts {
  readonly table: ConnectionTable;
  readonly statistics: Statistics;
  readonly l4s: readonly L4[];
  readonly sysctls: { readonly limits: { readonly max: number } };
  /** Milliseconds modulo 2^32. */
  readonly now: number;
  kill(id: number): void;
  flush(): void;
}

/** The sweep goes round in so many slices, one each SLICE_MS. */
const SLICES = 16;
const SLICE_MS = 62.5;
/** Slots of the index that early drop looks at. The kernel: 8 buckets, of about two entries each. NF_CT_EVICTION_RANGE */
const EVICTION_RANGE = 32;
/** Beyond this the 32-bit times have come round. */
const AGES = 2 ** 31;

export class Sweeper {
  private readonly parts: SweepParts;
  private sweptAt = Number.NEGATIVE_INFINITY;
  private slice = 0;
  /** A packet found no room: sweeps also evict, for as many slices. */
  private pressure = 0;

  constructor(parts: SweepParts) {
    this.parts = parts;
  }

  /** Room for one more: an unassured connection near `place`, where the new one's hash falls, ends. early_drop() */
  makeRoom(place: number): boolean {
    const { table, statistics, now } = this.parts;
    return table.near(place, EVICTION_RANGE, (id) => {
      const expired = table.expired(id, now);
      if (!expired && table.status(id) & IPS_ASSURED) return false;
      if (!expired) statistics.earlyDrop++;
      this.parts.kill(id);
      return true;
    });
  }

  /** The next round makes room, too. */
  relieve(): void {
    this.pressure = SLICES;
  }

  /** Ends what has expired by `now` (monotonic ms). The clock of the tracker is set already. */
  advance(now: number): void {
    const elapsed = now - this.sweptAt;
    if (elapsed < SLICE_MS) return;
    if (elapsed >= AGES) this.parts.flush();
    const { top } = this.parts.table;
    if (elapsed >= SLICES * SLICE_MS) {
      this.sweptAt = now;
      this.sweep(0, top);
      return;
    }
    while (now - this.sweptAt >= SLICE_MS) {
      this.sweptAt += SLICE_MS;
      this.sweep(Math.floor((this.slice * top) / SLICES), Math.floor(((this.slice + 1) * top) / SLICES));
      this.slice = (this.slice + 1) % SLICES;
    }
  }

  private sweep(from: number, to: number): void {
    const { table, now } = this.parts;
    for (let id = table.nextExpired(from, to, now); id >= 0; id = table.nextExpired(id + 1, to, now)) {
      this.parts.kill(id);
    }
    if (this.pressure > 0) this.evict(from, to);
  }

  /** Above 95% of the limit, after a packet found no room: unassured connections end, and those that are closing. */
  private evict(from: number, to: number): void {
    const { table, statistics, sysctls } = this.parts;
    this.pressure--;
    const enough = Math.floor(sysctls.limits.max / 100) * 95;
    for (let id = from; id < to && table.count > enough; id++) {
      if (!table.live(id)) continue;
      const l4 = this.parts.l4s[table.protocol(id)];
      if (table.status(id) & IPS_ASSURED && !l4.canEarlyDrop?.(table.state(id))) continue;
      statistics.earlyDrop++;
      this.parts.kill(id);
    }
  }
}
