// list:set: sets in order, asked one after the other. Members are the places of sets (SetSlot): a swap changes what they mean.
// Source: net/netfilter/ipset/ip_set_list_set.c

import type { Packet } from '../../packet/packet.ts';
import { Extensions, type MemberOptions, type SetQuery } from './extensions.ts';
import type { SetSlot } from './sets.ts';
import { SetError, type SetHeader, type SetType } from './types.ts';

export interface Place {
  readonly side: 'before' | 'after';
  readonly slot: SetSlot;
}

interface Member {
  readonly slot: SetSlot;
  /** Into the extensions. */
  readonly row: number;
}

export class ListSet {
  readonly type: SetType;
  readonly header: SetHeader;
  readonly extensions: Extensions;
  private order: Member[] = [];
  private rows = 0;

  constructor(type: SetType, header: SetHeader) {
    this.type = type;
    this.header = header;
    this.extensions = new Extensions(header);
  }

  // --- By packets ----------------------------------------------------------------------------------------------------

  testPacket(pkt: Packet, query: SetQuery, count: boolean, compare: boolean): 0 | 1 {
    const { order } = this;
    for (let index = 0; index < order.length; index++) {
      const { slot, row } = order[index];
      if (this.extensions.expired(row, pkt.now)) continue;
      if (!slot.test(pkt, query, count && query.updateSubcounters, false)) continue;
      if (this.extensions.meets(row, query, pkt.end - pkt.l3, count, compare)) return 1;
    }
    return 0;
  }

  /** Into the first set that takes it. */
  addPacket(pkt: Packet, query: SetQuery, exist: boolean, timeout: number | undefined): boolean {
    return this.live(pkt.now).some(({ slot }) => slot.add(pkt, query, exist, timeout));
  }

  deletePacket(pkt: Packet, query: SetQuery): boolean {
    return this.live(pkt.now).some(({ slot }) => slot.delete(pkt, query));
  }

  // --- By commands ---------------------------------------------------------------------------------------------------

  add(slot: SetSlot, place: Place | undefined, options: MemberOptions, exist: boolean, now: number): void {
    const members = this.live(now);
    const beside = members.find((member) => member.slot === place?.slot && member.slot !== slot);
    if (place && !beside) throw new SetError(NO_PLACE);
    const known = members.find((member) => member.slot === slot);
    if (known) {
      if (!exist) throw new SetError("Element cannot be added to the set: it's already added");
      this.extensions.set(known.row, options, false, now);
      return;
    }
    this.sweep(now);
    const member = { slot, row: this.takeRow() };
    const at = beside ? this.order.indexOf(beside) + (place?.side === 'after' ? 1 : 0) : this.order.length;
    this.order.splice(at, 0, member);
    this.extensions.set(member.row, options, true, now);
  }

  delete(slot: SetSlot, place: Place | undefined, exist: boolean, now: number): void {
    if (!this.stands(slot, place, now)) {
      if (place) throw new SetError(NO_PLACE);
      if (!exist) throw new SetError("Element cannot be deleted from the set: it's not added");
      return;
    }
    this.order = this.order.filter((member) => member.slot !== slot);
  }

  test(slot: SetSlot, place: Place | undefined, now: number): boolean {
    return this.stands(slot, place, now);
  }

  private stands(slot: SetSlot, place: Place | undefined, now: number): boolean {
    const members = this.live(now);
    const at = members.findIndex((member) => member.slot === slot);
    if (at < 0 || !place) return at >= 0;
    return members[place.side === 'before' ? at + 1 : at - 1]?.slot === place.slot;
  }

  flush(): void {
    this.order = [];
    this.rows = 0;
    this.extensions.resize(0);
  }

  private live(now: number): readonly Member[] {
    return this.order.filter(({ row }) => !this.extensions.expired(row, now));
  }

  private sweep(now: number): void {
    this.order = [...this.live(now)];
  }

  private takeRow(): number {
    const used = new Set(this.order.map(({ row }) => row));
    for (let row = 0; row < this.rows; row++) if (!used.has(row)) return row;
    this.extensions.resize(this.rows + 1);
    return this.rows++;
  }

  // --- Looking at it -------------------------------------------------------------------------------------------------

  members(now: number): readonly Member[] {
    return this.live(now);
  }

  /** Whether a set is a member, timed out or not: then it is in use. */
  holds(slot: SetSlot): boolean {
    return this.order.some((member) => member.slot === slot);
  }

  entries(now: number): number {
    return this.live(now).length;
  }

  get size(): number {
    return 16 * this.order.length + this.extensions.size;
  }
}

const NO_PLACE = "The set to which you referred with 'before' or 'after' is not added to the set.";
