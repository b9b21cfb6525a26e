// The connection tracker: one table for both families.
//
// A packet meets it twice. track() at PREROUTING (or OUTPUT) finds the connection of the packet by its tuple, or makes a new one; the
// protocol (l4/) says whether the packet can be part of it and moves its state; the packet now has a connection, a direction and a
// ctstate, which rules ask for (arrival.ts). confirm() at POSTROUTING (or INPUT), after all rules, puts a new connection into the table: what the
// rules drop leaves no trace. A packet that ends in between is given back with release().
//
// A connection is unconfirmed, confirmed, dying, gone. Unconfirmed ones belong to one packet. Confirmed ones die by their
// timeout, by their protocol (a reset, a new SYN after the end), to make room (early drop), or by hand (flush, kill). Ids are
// reused, but not at once: see table.ts.
//
// INVALID means: no connection, the rules decide; nothing here drops a packet but a full table and a clash. `pkt.reason` says why.
//
// Time is that of the packets (`pkt.now`) and of advance(); it may jump forward. Expired connections are never found: each is looked
// at when met, and a sweep goes round once a second (sweeper.ts).
//
// Between the two, NAT may give an unconfirmed connection a reply tuple of its own (nat/). A new connection that was expected (expectations.ts) is
// told so (births.ts), and may be translated there. Helpers (helping.ts) read packets, and sequence numbers are shifted (seqadj.ts), in confirm().
//
// Source: net/netfilter/nf_conntrack_core.c

import { u32 } from '../packet/bytes.ts';
import { type Family, IPPROTO_TCP } from '../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_RELATED, CT_UNTRACKED, type Packet } from '../packet/packet.ts';
import { Accounting, type FlowCounts } from './accounting.ts';
import { Arrival, type ArrivalParts } from './arrival.ts';
import { type BirthParts, Births } from './births.ts';
import { Complaints } from './complaints.ts';
import { Confirmation, type ConfirmParts } from './confirmation.ts';
import { ConnectionColumns, type Connections } from './connections.ts';
import { ConnectionEvents } from './events.ts';
import { GreKeys } from './gre-keys.ts';
import { Expectations, type ExpectParts } from './helping/expectations.ts';
import type { HelpedTracker, HostOfHelpers } from './helping/helper-call.ts';
import { Helping } from './helping/helping.ts';
import type { Knobs } from './knobs.ts';
import type { L4, Tracking } from './l4/l4.ts';
import { setClosing as closeTcp } from './l4/tcp-life.ts';
import { forgetWindows, missedPackets } from './l4/tcp-missed.ts';
import type { NatParts } from './nat/mapping.ts';
import { Nat, type Translator } from './nat/nat.ts';
import { SequenceAdjustments, type Shifter } from './seqadj.ts';
import { Statistics } from './statistics.ts';

import type { Direction } from './status.ts';
import * as status from './status.ts';
import { Sweeper, type SweepParts } from './sweeper.ts';
import { ProxiedConnections } from './synproxy.ts';
import { Sysctls } from './sysctl.ts';
import { ConnectionTable } from './table/table.ts';
import type { Tuple } from './table/tuple.ts';
import { TimeoutPolicies } from './timeout-policies.ts';

export type { Connections } from './connections.ts';
export type { Statistics } from './statistics.ts';
export * from './status.ts';

export interface Tracker {
  readonly connections: Connections;
  /** Packets and octets that connections have sent. */
  readonly accounting: FlowCounts;
  /** What NAT targets ask for a connection. */
  readonly nat: Translator;
  /** Name of the helper that reads the master of a connection that was expected; undefined: it was not, or the helper is gone. */
  masterHelper(id: number): string | undefined;
  /** Shifted sequence numbers: SYNPROXY and helpers shift them. */
  readonly seqadj: Shifter;
  /** PREROUTING and OUTPUT at -200: finds or makes the connection. 1 ACCEPT, 0 DROP (table full). */
  track(pkt: Packet): 0 | 1;
  /** Last of POSTROUTING and INPUT: lets the helper read the packet, shifts sequence numbers, puts an unconfirmed entry into the table. 0 DROP on a clash that cannot be resolved. */
  confirm(pkt: Packet): 0 | 1;
  /** The packet ended here: an unconfirmed entry goes with it. */
  release(pkt: Packet): void;
  /** nf_ct_attach(): `made` (our answer about `about`) belongs to the same connection, RELATED, the other direction. */
  attach(made: Packet, about: Packet): void;
  /** The tuple of a packet that was not tracked or is INVALID, to keep; undefined: it has none. */
  tupleOf(pkt: Packet): Tuple | undefined;
  /** The connection in the table that has that tuple at `now`, as id * 2 + direction; -1: none. */
  holderOf(tuple: Tuple, now: number): number;
  /** A TCP reset is sent to the connection of `about`: it is over, if it is in the table. nf_ct_set_closing() */
  setClosing(about: Packet): void;
  /** Whether it verified `pkt` on the way in, whatever came of that: for hooks further on, and protocols whose checksum it verifies. */
  hasSummed(pkt: Packet): boolean;
}

const ACCEPT = 1;
const DROP = 0;

const HOOK_PREROUTING = 0;

export class ConnectionTracker
  implements Tracker, Tracking, NatParts, SweepParts, ExpectParts, HelpedTracker, BirthParts, ArrivalParts, ConfirmParts
{
  readonly table: ConnectionTable;
  readonly connections: ConnectionColumns;
  readonly sysctls = new Sysctls();
  readonly knobs: Knobs = this.sysctls.knobs;
  readonly l4s: readonly L4[] = this.sysctls.l4s;
  readonly accounting = new Accounting();
  readonly statistics = new Statistics();
  readonly nat = new Nat(this);
  readonly seqadj: SequenceAdjustments;
  readonly proxied = new ProxiedConnections();
  readonly expectations = new Expectations(this);
  readonly helping = new Helping(this);
  /** Set by whoever knows the machine's addresses. */
  host: HostOfHelpers = { broadcastMask: () => 0, isSameWay: () => false };
  /** Calls that the PPTP helper knows. */
  readonly greKeys: GreKeys;
  readonly random: () => number;
  readonly events = new ConnectionEvents();
  readonly policies = new TimeoutPolicies();
  /** What nf_conntrack_log_invalid tells of packets. */
  readonly complaints = new Complaints(this.knobs);
  /** Milliseconds modulo 2^32 of the packet or the advance at hand. */
  now = 0;
  /** The same as the packets have it: monotonic, and never round. */
  time = 0;

  private readonly sweeper = new Sweeper(this);
  private readonly births = new Births(this, this.sweeper);
  private readonly arrival: Arrival;
  private readonly confirmation = new Confirmation(this);

  /** `random` gives 32 unsigned bits; two of them become the key of the hash. */
  constructor(random: () => number) {
    this.random = random;
    this.table = new ConnectionTable({
      secret: [random() | 0, random() | 0],
      invert: (protocol, keys) => this.l4s[protocol].invert(keys),
      words: (protocol) => this.l4s[protocol].words,
    });
    this.arrival = new Arrival(this, this.births);
    this.greKeys = new GreKeys(this.table);
    this.seqadj = new SequenceAdjustments(this.table);
    this.sysctls.onExchange = (protocol) => this.flush(protocol);
    this.sysctls.addReading('count', () => this.table.count);
    this.connections = new ConnectionColumns(this.table, (id, bits) => this.events.note(id, bits));
    this.advance(0);
  }

  // --- The packet's walk -----------------------------------------------------------------------------------------------

  /**
   * Finds or makes the connection of `pkt` and sets its direction and ctstate. `pkt` is whole (after reassembly). A new connection is
   * unconfirmed until the last hook. A header that is cut short or a wrong checksum gives INVALID; nothing throws for any
   * input bytes. Source: nf_conntrack_in()
   */
  track(pkt: Packet): 0 | 1 {
    return this.arrival.track(pkt);
  }

  /** The connection of that tuple, as id * 2 + direction, or -1. Expired ones that it meets end here. */
  findLive(tuple: Tuple, zone = -1): number {
    for (;;) {
      const found = zone < 0 ? this.table.find(tuple) : this.table.findIn(tuple, zone);
      if (found < 0 || !this.table.expired(found >>> 1, this.now)) return found;
      this.kill(found >>> 1);
    }
  }

  /** The connection that has the tuple of an unconfirmed one in that direction, likewise. */
  findRival(id: number, direction: Direction): number {
    for (;;) {
      const found = this.table.findRival(id, direction);
      if (found < 0 || !this.table.expired(found >>> 1, this.now)) return found;
      this.kill(found >>> 1);
    }
  }

  tupleOf(pkt: Packet): Tuple | undefined {
    return this.arrival.tupleOf(pkt);
  }

  holderOf(tuple: Tuple, now: number): number {
    this.setClock(now);
    return this.findLive(tuple);
  }

  /** An unconfirmed connection with the areas that the sysctls and rules ask for. */
  open(tuple: Tuple, now: number): number {
    return this.births.open(tuple, now);
  }

  /** nf_confirm() */
  confirm(pkt: Packet): 0 | 1 {
    const id = pkt.connection;
    if (id < 0) return ACCEPT;
    // An error about the original direction, or an answer of ours to it: nothing of the connection's own.
    if (pkt.ctState === CT_RELATED && pkt.direction === 1) return this.confirmation.insert(pkt);
    // What comes by the loopback device was shifted when it left.
    const shifts = this.table.status(id) & status.IPS_SEQ_ADJUST && pkt.inDevice !== 'lo';
    const isRead = this.helping.isRead(id);
    if (isRead || pkt.unconfirmed) this.setClock(pkt.now);
    const reason = isRead ? this.helping.read(pkt) : undefined;
    if (reason !== undefined) {
      pkt.reason = reason;
      return DROP;
    }
    if (shifts && !this.seqadj.adjust(pkt)) {
      this.statistics.drop++;
      pkt.reason = 'TCP options that cannot be shifted';
      return DROP;
    }
    return this.confirmation.insert(pkt);
  }

  release(pkt: Packet): void {
    if (pkt.unconfirmed && pkt.connection >= 0) this.discard(pkt.connection);
    pkt.forgetConnection();
  }

  attach(made: Packet, about: Packet): void {
    if (about.connection < 0) {
      // An answer to what was not tracked has no connection, but no blank slate either: CT and NOTRACK leave it alone. nf_conntrack_attach()
      if (about.ctState === CT_UNTRACKED) made.ctState = CT_INVALID;
      return;
    }
    made.connection = about.connection;
    made.direction = about.direction === 0 ? 1 : 0;
    made.ctState = CT_RELATED;
    made.unconfirmed = false;
  }

  answer(made: Packet, about: Packet): void {
    if (about.connection < 0) return;
    made.connection = about.connection;
    made.direction = 1;
    made.ctState = CT_ESTABLISHED;
    made.unconfirmed = false;
  }

  setClosing(about: Packet): void {
    const id = about.connection;
    if (id < 0 || about.unconfirmed || this.table.protocol(id) !== IPPROTO_TCP) return;
    this.setClock(about.now);
    closeTcp(this, id);
  }

  // --- What protocols use ------------------------------------------------------------------------------------------------

  timeouts(id: number, protocol: number): Int32Array {
    return this.policies.policy(id)?.timeouts ?? this.sysctls.timeouts[protocol];
  }

  refresh(id: number, pkt: Packet, direction: Direction, timeoutMs: number): void {
    const { table } = this;
    if (!(table.status(id) & status.IPS_FIXED_TIMEOUT)) table.expires[id] = this.now + timeoutMs;
    this.count(id, pkt, direction);
  }

  private count(id: number, pkt: Packet, direction: Direction): void {
    if (this.accounting.counting) this.accounting.add(id, direction, pkt.end - pkt.l3);
  }

  prolong(id: number, timeoutMs: number): void {
    const { table } = this;
    if (!(table.status(id) & status.IPS_FIXED_TIMEOUT)) table.expires[id] = this.now + timeoutMs;
  }

  /** Ends a confirmed connection. */
  kill(id: number): void {
    const { table } = this;
    if (!table.live(id)) return;
    table.remove(id);
    this.events.report(id, status.IPCT_DESTROY);
    this.connections.forget(id);
    table.close(id);
    this.forget(id);
  }

  killCounted(id: number, pkt: Packet, direction: Direction): void {
    this.count(id, pkt, direction);
    this.kill(id);
  }

  private forget(id: number): void {
    this.nat.forget(id);
    this.seqadj.forget(id);
    this.proxied.forget(id);
    this.greKeys.forget(id);
    this.policies.forget(id);
    this.events.forget(id);
    this.helping.forget(id);
    if (this.expectations.eventMasks.size > 0) this.expectations.eventMasks.delete(id);
  }

  event(id: number, bits: number): void {
    this.events.note(id, bits);
  }

  verifies(pkt: Packet): boolean {
    return this.knobs.checksum !== 0 && pkt.hook === HOOK_PREROUTING && !pkt.checksumTrusted && !pkt.checksumPartial;
  }

  hasSummed({ ctState }: Packet): boolean {
    return this.knobs.checksum !== 0 && ctState !== 0 && ctState !== CT_UNTRACKED;
  }

  acknowledgedShift(id: number, { bytes, l4 }: Packet, direction: Direction): number {
    if (!(this.table.status(id) & status.IPS_SEQ_ADJUST)) return 0;
    return this.seqadj.offset(id, direction === 0 ? 1 : 0, u32(bytes, l4 + 8) - 1);
  }

  isProxied(id: number): boolean {
    return this.proxied.has(id);
  }

  greKey(tuple: Tuple): number {
    return this.greKeys.find(tuple);
  }

  // --- Time --------------------------------------------------------------------------------------------------------------

  setClock(now: number): void {
    this.time = now;
    this.now = Math.floor(now) | 0;
  }

  /** Time goes on: ends what has expired. `now` is monotonic ms. Cheap when called often. */
  advance(now: number): void {
    this.setClock(now);
    this.sweeper.advance(now);
    this.expectations.advance();
  }

  /**
   * Packets of the family come again after a time without: what passed meanwhile is unknown, so established TCP connections start from
   * the windows of their next packets. nf_conntrack_proto.c nf_ct_tcp_fixup()
   */
  resume(family: Family): void {
    const { table } = this;
    for (let id = 0; id < table.top; id++) {
      if (!table.live(id) || table.family(id) !== family || table.protocol(id) !== IPPROTO_TCP) continue;
      forgetWindows(this, id);
    }
  }

  /** The same for one connection out of a snapshot, of whose packets we missed some. */
  relearn(id: number): void {
    if (this.table.protocol(id) === IPPROTO_TCP) missedPackets(this, id);
  }

  // --- For tools -----------------------------------------------------------------------------------------------------------

  /** A connection that was made by hand goes into the table; that no other one has its tuples is the caller's business. */
  adopt(id: number): void {
    this.table.insert(id);
    this.statistics.insert++;
  }

  /** An unconfirmed connection that is to be none. */
  discard(id: number): void {
    this.connections.forget(id);
    this.table.close(id);
    this.forget(id);
  }

  /** Ids of all connections in the table whose time is not over at `now`. Do not change the table while walking. */
  *entries(now: number): Generator<number> {
    const { table } = this;
    const time = Math.floor(now) | 0;
    for (let id = 0; id < table.top; id++) if (table.live(id) && !table.expired(id, time)) yield id;
  }

  /** Ends all connections, or those of one protocol. */
  flush(protocol?: number): void {
    const { table } = this;
    for (let id = 0; id < table.top; id++) if (protocol === undefined || table.protocol(id) === protocol) this.kill(id);
  }

  /** Name of the helper that reads the connection, or undefined. */
  helper(id: number): string | undefined {
    return this.helping.helper(id)?.name;
  }

  masterHelper(id: number): string | undefined {
    return this.helping.master(id)?.helper?.name;
  }
}
