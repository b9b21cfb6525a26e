// The expectations of all connections.
//
// One is made by a helper, or by a tool, on behalf of a master. The first packet of a new flow that fits it takes it out (or leaves it, if it is
// permanent), and its connection is RELATED. One that nobody takes ends with its timeout, with its master, or when the master has too many of its
// class. Nothing comes of an expectation whose master is not in the table: what was announced has not left yet.
//
// Found by destination, through a keyed hash; the youngest one that fits is met first. There are never more than nf_conntrack_expect_max, whatever
// is announced. Source: net/netfilter/nf_conntrack_expect.c

import type { Statistics } from '../statistics.ts';
import { IPS_CONFIRMED, IPS_DYING } from '../status.ts';
import type { ConnectionTable } from '../table/table.ts';
import type { Tuple } from '../table/tuple.ts';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  type Expectation,
  isExpected,
  isSameExpectation,
  overlap,
} from './expectation.ts';
import type { Help } from './help.ts';

/** Why an expectation cannot be: `taken` by another one that overlaps it, `other class`: it is there already, `full`: too many. */
export type Refused = 'taken' | 'other class' | 'full' | 'no master';

/** Bits of events, as `CT --expevents` chooses; nf_conntrack_common.h enum ip_conntrack_expect_events */
export const IPEXP_NEW = 1 << 0;
export const IPEXP_DESTROY = 1 << 1;

export type ExpectListener = (what: 'new' | 'destroy', expectation: Expectation) => void;

export interface ExpectParts {
  readonly table: ConnectionTable;
  readonly statistics: Statistics;
  readonly sysctls: { readonly limits: { readonly expectMax: number } };
  /** Milliseconds modulo 2^32. */
  readonly now: number;
}

export interface Conditions {
  /** Another connection's expectation of the very same is replaced too. NF_CT_EXP_F_SKIP_MASTER */
  readonly anyMaster?: boolean;
  /** The timeout is set already. */
  readonly timed?: boolean;
}

/** All are looked at no more often than that. */
const SWEEP_MS = 100;

export class Expectations {
  listener: ExpectListener | undefined = undefined;
  /** Events (IPEXP_ bits) that are told of a master; all, unless its template said otherwise. */
  readonly eventMasks = new Map<number, number>();
  count = 0;
  private readonly parts: ExpectParts;
  /** By hash of the destination, youngest first. */
  private readonly buckets = new Map<number, Expectation[]>();
  /** No expectation ends before that; the tracker's clock. */
  private soonest = 0;

  constructor(parts: ExpectParts) {
    this.parts = parts;
  }

  // --- Looking up ----------------------------------------------------------------------------------------------------

  /** The expectation that a packet of `tuple` in `zone` fits; undefined: none. __nf_ct_expect_find() */
  find(tuple: Tuple, zone: number): Expectation | undefined {
    if (this.count === 0) return undefined;
    return this.buckets.get(this.parts.table.hashes.ofDestination(tuple))?.find((one) => this.fits(one, tuple, zone));
  }

  /** The same for a new connection: takes it out, unless it is permanent. nf_ct_find_expectation() */
  take(tuple: Tuple, zone: number): Expectation | undefined {
    if (this.count === 0) return undefined;
    const bucket = this.buckets.get(this.parts.table.hashes.ofDestination(tuple));
    const found = bucket?.find((one) => !(one.flags & EXPECT_INACTIVE) && this.fits(one, tuple, zone));
    if (found === undefined) return undefined;
    const { master } = found;
    if ((this.parts.table.status(master.id) & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return undefined;
    if (!(found.flags & EXPECT_PERMANENT)) this.remove(found);
    return found;
  }

  private fits(expectation: Expectation, tuple: Tuple, zone: number): boolean {
    return isExpected(expectation, tuple) && this.zoneOf(expectation) === zone && !this.isOver(expectation);
  }

  private isOver({ expires }: Expectation): boolean {
    return ((expires - this.parts.now) | 0) <= 0;
  }

  /** Zone id of the master, whatever direction it is for. nf_ct_zone_equal_any() */
  private zoneOf({ master }: Expectation): number {
    return this.parts.table.zone(master.id, 0) || this.parts.table.zone(master.id, 1);
  }

  // --- Birth and death -----------------------------------------------------------------------------------------------

  /** Adds an expectation; says why not. nf_ct_expect_related(), __nf_ct_expect_check() */
  add(expectation: Expectation, { anyMaster = false, timed = false }: Conditions = {}): Refused | undefined {
    const { master } = expectation;
    if (master.id < 0) return 'no master';
    const hash = this.parts.table.hashes.ofDestination(expectation.tuple);
    const refused = this.makeWay(expectation, hash, anyMaster) ?? this.makeRoom(expectation);
    if (refused !== undefined) return refused;
    const { now } = this.parts;
    const policy = master.helper?.policies[expectation.class];
    if (!timed && policy) expectation.expires = (now + policy.timeoutMs) | 0;
    if (this.count === 0 || ((expectation.expires - this.soonest) | 0) < 0) this.soonest = expectation.expires;
    this.count++;
    master.expectations.push(expectation);
    const bucket = this.buckets.get(hash);
    if (bucket) bucket.unshift(expectation);
    else this.buckets.set(hash, [expectation]);
    this.parts.statistics.expectCreate++;
    this.tell('new', expectation);
    return undefined;
  }

  /** The same once more replaces itself; what overlaps another one is refused. */
  private makeWay(expectation: Expectation, hash: number, anyMaster: boolean): Refused | undefined {
    const zone = this.zoneOf(expectation);
    for (const other of [...(this.buckets.get(hash) ?? [])]) {
      if (this.isOver(other)) this.remove(other);
      if (this.isOver(other) || this.zoneOf(other) !== zone) continue;
      const { master } = expectation;
      if ((anyMaster || other.master === master) && isSameExpectation(other, expectation)) {
        if (other.class !== expectation.class || other.master !== master) return 'other class';
        this.remove(other);
        return undefined;
      }
      if (overlap(other, expectation)) return 'taken';
    }
    return undefined;
  }

  private makeRoom({ master, class: own }: Expectation): Refused | undefined {
    const most = master.helper?.policies[own]?.most ?? 0;
    if (most > 0 && master.expecting(own) >= most) {
      const oldest = master.expectations.find((one) => one.class === own);
      if (oldest) this.remove(oldest);
    }
    const { expectMax } = this.parts.sysctls.limits;
    if (this.count >= expectMax) this.sweep();
    return this.count >= expectMax ? 'full' : undefined;
  }

  /** nf_ct_unexpect_related() */
  remove(expectation: Expectation): void {
    const hash = this.parts.table.hashes.ofDestination(expectation.tuple);
    const bucket = this.buckets.get(hash);
    const at = bucket?.indexOf(expectation) ?? -1;
    if (bucket === undefined || at < 0) return;
    bucket.splice(at, 1);
    if (bucket.length === 0) this.buckets.delete(hash);
    const { expectations } = expectation.master;
    expectations.splice(expectations.indexOf(expectation), 1);
    this.count--;
    this.parts.statistics.expectDelete++;
    this.tell('destroy', expectation);
  }

  /** The master is gone. nf_ct_remove_expectations() */
  removeOf(master: Help): void {
    for (const expectation of [...master.expectations].reverse()) this.remove(expectation);
  }

  flush(): void {
    for (const expectation of [...this.all()]) this.remove(expectation);
  }

  /** Time goes on. What is over is not found any more, and ends here at the latest SWEEP_MS later. */
  advance(): void {
    if (this.count > 0 && ((this.parts.now - this.soonest) | 0) >= SWEEP_MS) this.sweep();
  }

  private sweep(): void {
    let soonest: number | undefined;
    for (const expectation of [...this.all()]) {
      if (this.isOver(expectation)) this.remove(expectation);
      else if (soonest === undefined || ((expectation.expires - soonest) | 0) < 0) soonest = expectation.expires;
    }
    this.soonest = soonest ?? 0;
  }

  /** The expectation ends at another time than before. */
  setTimeout(expectation: Expectation, timeoutMs: number): void {
    expectation.expires = (this.parts.now + timeoutMs) | 0;
    if (((expectation.expires - this.soonest) | 0) < 0) this.soonest = expectation.expires;
  }

  private tell(what: 'new' | 'destroy', expectation: Expectation): void {
    if (!this.listener) return;
    const wanted = this.eventMasks.get(expectation.master.id) ?? -1;
    if (wanted & (what === 'new' ? IPEXP_NEW : IPEXP_DESTROY)) this.listener(what, expectation);
  }

  // --- For tools -----------------------------------------------------------------------------------------------------

  /** All that are not over. Do not change them while walking. */
  *entries(): Generator<Expectation> {
    for (const expectation of this.all()) if (!this.isOver(expectation)) yield expectation;
  }

  private *all(): Generator<Expectation> {
    for (const bucket of this.buckets.values()) yield* bucket;
  }

  /** Milliseconds until it ends. */
  timeLeft({ expires }: Expectation): number {
    return Math.max(0, (expires - this.parts.now) | 0);
  }
}
