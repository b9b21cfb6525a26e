// bitmap:ip,mac: addresses of a range, each with the MAC address that it comes from. One that was added without a MAC address waits for the
// first packet that has the address, and keeps the packet's; the time that it has begins to run then.
//
// A member's row is its place in the range. Source: net/netfilter/ipset/ip_set_bitmap_ipmac.c, ip_set_bitmap_gen.h

import type { Packet } from '../../packet/packet.ts';
import { Extensions, type MemberOptions, type SetQuery } from './extensions.ts';
import type { Element } from './layout.ts';
import { NOT_THERE, THERE } from './member-set.ts';
import { addressWords, macWords } from './probe.ts';
import { SetError, type SetHeader, type SetType } from './types.ts';

const ABSENT = 0;
/** Without a MAC address yet. */
const WAITING = 1;
const FILLED = 2;

type Mac = readonly [number, number];

export class IpMacSet {
  readonly type: SetType;
  readonly header: SetHeader;
  readonly extensions: Extensions;
  private readonly first: number;
  private readonly states: Uint8Array;
  private readonly macs: Int32Array;
  /** Address and MAC address of the packet at hand. */
  private readonly seen = new Int32Array(3);

  constructor(type: SetType, header: SetHeader) {
    this.type = type;
    this.header = header;
    const [first, last] = header.range!;
    this.first = first;
    this.states = new Uint8Array(last - first + 1);
    this.macs = new Int32Array(2 * this.states.length);
    this.extensions = new Extensions(header);
    this.extensions.resize(this.states.length);
  }

  /** Row of an address, or -1: it is out of the range. */
  private rowOf(address: number): number {
    const row = (address >>> 0) - this.first;
    return row >= 0 && row < this.states.length ? row : -1;
  }

  private rowOfElement({ addresses: [address] }: Element): number {
    const row = this.rowOf(address[0]);
    if (row < 0) throw new SetError('Element is out of the range of the set');
    return row;
  }

  /** Only the time of members with a MAC address runs. Differs: the kernel takes the others out some time after it is over, here they are gone at once. */
  private state(row: number, now: number): number {
    if (this.states[row] === FILLED && this.extensions.expired(row, now)) this.remove(row);
    return this.states[row];
  }

  private remove(row: number): void {
    this.states[row] = ABSENT;
    this.extensions.clear(row);
  }

  private fill(row: number, [high, low]: Mac): void {
    this.states[row] = FILLED;
    this.macs[2 * row] = high;
    this.macs[2 * row + 1] = low;
  }

  private isFrom(row: number, high: number, low: number): boolean {
    return this.macs[2 * row] === high && this.macs[2 * row + 1] === low;
  }

  /** Where a member waits, its own time begins unless another one is given than all have. bitmap_ipmac_add_timeout() */
  private timeoutOf(row: number, seconds: number | undefined): number | undefined {
    const { timeout } = this.header;
    if (this.states[row] !== WAITING || timeout === undefined) return seconds;
    return seconds === undefined || seconds === timeout ? this.extensions.heldSeconds(row) : seconds;
  }

  // --- By packets ----------------------------------------------------------------------------------------------------

  /** Its row, with what it shows in `seen`; -1: the set is not about it. bitmap_ipmac_kadt() */
  private rowOfPacket(pkt: Packet, { sources, dimensions }: SetQuery): number {
    if (pkt.family !== 4 || dimensions < 2) return -1;
    addressWords(pkt, (sources & 1) !== 0, this.seen, 0);
    const row = this.rowOf(this.seen[0]);
    return row >= 0 && macWords(pkt, (sources & 2) !== 0, this.seen, 1) ? row : -1;
  }

  /** A member that waits for its MAC address has it from here, and is met. */
  testPacket(pkt: Packet, query: SetQuery, count: boolean, compare: boolean): typeof NOT_THERE | typeof THERE {
    const row = this.rowOfPacket(pkt, query);
    if (row < 0) return NOT_THERE;
    switch (this.state(row, pkt.now)) {
      case ABSENT:
        return NOT_THERE;
      case WAITING:
        this.put(row, pkt, undefined);
        return THERE;
      default:
        if (!this.isFrom(row, this.seen[1], this.seen[2])) return NOT_THERE;
        return this.extensions.meets(row, query, pkt.end - pkt.l3, count, compare) ? THERE : NOT_THERE;
    }
  }

  addPacket(pkt: Packet, query: SetQuery, exist: boolean, timeout: number | undefined): boolean {
    const row = this.rowOfPacket(pkt, query);
    if (row < 0 || (this.state(row, pkt.now) === FILLED && !exist)) return false;
    this.put(row, pkt, timeout);
    return true;
  }

  private put(row: number, pkt: Packet, timeout: number | undefined): void {
    this.extensions.setByPacket(row, this.timeoutOf(row, timeout), pkt.end - pkt.l3, pkt.now);
    this.fill(row, [this.seen[1], this.seen[2]]);
  }

  deletePacket(pkt: Packet, query: SetQuery): boolean {
    const row = this.rowOfPacket(pkt, query);
    if (row < 0 || this.state(row, pkt.now) === ABSENT) return false;
    this.remove(row);
    return true;
  }

  // --- By commands ---------------------------------------------------------------------------------------------------

  /** Throws SetError when no member could be so. */
  check(element: Element): void {
    this.rowOfElement(element);
  }

  /** Throws SetError: it is there already, and not `exist`. bitmap_ipmac_do_add() */
  add(element: Element, options: MemberOptions, exist: boolean, now: number): void {
    const row = this.rowOfElement(element);
    const { mac } = element;
    const state = this.state(row, now);
    const again = state === FILLED || (state === WAITING && !mac);
    // The time that a waiting member has does not run, which the kernel takes for time that is over: then it is added again.
    if (again && !exist && !this.extensions.expired(row, now))
      throw new SetError("Element cannot be added to the set: it's already added");
    const timeout = mac ? this.timeoutOf(row, options.timeout) : options.timeout;
    this.extensions.set(row, { ...options, timeout }, state === ABSENT, now);
    // To say that a member is there which has its MAC address makes it wait, in the kernel too: its time is over.
    if (!mac) this.extensions.hold(row, options.timeout ?? this.header.timeout ?? 0);
    if (mac) this.fill(row, mac);
    else if (state === ABSENT) this.states[row] = WAITING;
  }

  delete(element: Element, exist: boolean, now: number): void {
    const row = this.rowOfElement(element);
    const there = this.state(row, now) !== ABSENT;
    this.remove(row);
    if (!there && !exist) throw new SetError("Element cannot be deleted from the set: it's not added");
  }

  test({ addresses: [address], mac }: Element, _nomatch: boolean, now: number): boolean {
    const row = this.rowOf(address[0]);
    const state = row < 0 ? ABSENT : this.state(row, now);
    return state === FILLED && mac ? this.isFrom(row, mac[0], mac[1]) : state !== ABSENT;
  }

  flush(): void {
    for (let row = 0; row < this.states.length; row++) this.remove(row);
  }

  // --- Looking at it -------------------------------------------------------------------------------------------------

  *members(now: number): Generator<{ readonly row: number; readonly element: Element }> {
    for (let row = 0; row < this.states.length; row++) {
      const state = this.state(row, now);
      if (state !== ABSENT) yield { row, element: this.elementAt(row, state) };
    }
  }

  private elementAt(row: number, state: number): Element {
    const mac: Mac | undefined = state === FILLED ? [this.macs[2 * row], this.macs[2 * row + 1]] : undefined;
    return {
      addresses: [Int32Array.of(this.first + row), new Int32Array(0)],
      lengths: [32, 32],
      port: 0,
      iface: '',
      physdev: false,
      wildcard: false,
      mac,
      mark: 0,
    };
  }

  entries(now: number): number {
    return [...this.members(now)].length;
  }

  get size(): number {
    return this.states.byteLength + this.macs.byteLength + this.extensions.size;
  }
}
