// The rules' view of the connections: what matches and targets may ask and set, by id.

import { IPPROTO_TCP } from '../packet/numbers.ts';
import { CLOSE, TIME_WAIT } from './l4/tcp-states.ts';
import { Labels } from './labels.ts';
import { SecurityContexts } from './security-contexts.ts';
import { type Direction, IPCT_LABEL, IPCT_MARK, IPCT_SECMARK, IPS_CONFIRMED } from './status.ts';
import type { ConnectionTable } from './table/table.ts';
import { Tuple } from './table/tuple.ts';

/** What rules may ask of a connection by its id (Packet.connection). Ids are small integers, reused after the connection is gone. */
export interface Connections {
  family(id: number): 4 | 6;
  protocol(id: number): number;
  zone(id: number): number;
  status(id: number): number;
  /** Sets IPS_ bits: the nat hooks keep there which of their rules were asked for the connection. */
  addStatus(id: number, bits: number): void;
  mark(id: number): number;
  setMark(id: number, mark: number): void;
  /** What the numbers of security contexts are called. */
  readonly contexts: SecurityContexts;
  /** Number of a security context (SECMARK); 0: none. */
  secmark(id: number): number;
  setSecmark(id: number, secmark: number): void;
  /** Whether the label of that bit (0-127) is set. */
  hasLabel(id: number, bit: number): boolean;
  /** False: the connection was made when no rule asked for labels, and has no room for any. */
  setLabel(id: number, bit: number): boolean;
  /** Octet `index` (0-15, mapped form) of the source or destination address of that direction's tuple. No allocation. */
  sourceOctet(id: number, direction: Direction, index: number): number;
  destinationOctet(id: number, direction: Direction, index: number): number;
  /** 16-bit keys of the tuple: ports; ICMP: id as source key, type and code (type << 8 | code) as destination key. */
  sourceKey(id: number, direction: Direction): number;
  destinationKey(id: number, direction: Direction): number;
  /** Milliseconds until it expires; 0 while it is unconfirmed, as `--ctexpire` sees it. */
  timeLeft(id: number, now: number): number;
  /** Others may find it at `now`: it is confirmed, and its time is not over. */
  inTable(id: number, now: number): boolean;
  /** TCP, and in TIME_WAIT or CLOSE. */
  closed(id: number): boolean;
  /** The tuple of a connection in that direction, to keep. */
  tuple(id: number, direction: Direction): Tuple;
  /** Calls `run` once when the connection goes, confirmed or not: its id may be another's next. */
  whenGone(id: number, run: () => void): void;
}

/** The rules' view of the table. */
export class ConnectionColumns implements Connections {
  private readonly table: ConnectionTable;
  readonly contexts = new SecurityContexts();
  /** Of the few connections that have one. */
  private readonly secmarks = new Map<number, number>();
  private readonly watched = new Map<number, (() => void)[]>();
  readonly labelling = new Labels();
  private readonly changed: (id: number, bits: number) => void;

  /** `changed` is told of changes that the rules make to confirmed connections, as IPCT_ bits. */
  constructor(table: ConnectionTable, changed: (id: number, bits: number) => void) {
    this.table = table;
    this.changed = changed;
  }

  family(id: number): 4 | 6 {
    return this.table.family(id);
  }

  protocol(id: number): number {
    return this.table.protocol(id);
  }

  zone(id: number): number {
    return this.table.zone(id, 0) || this.table.zone(id, 1);
  }

  status(id: number): number {
    return this.table.status(id);
  }

  addStatus(id: number, bits: number): void {
    this.table.addStatus(id, bits);
  }

  mark(id: number): number {
    return this.table.mark(id) >>> 0;
  }

  setMark(id: number, mark: number): void {
    if (this.table.mark(id) === (mark | 0)) return;
    this.table.setMark(id, mark | 0);
    if (this.table.status(id) & IPS_CONFIRMED) this.changed(id, IPCT_MARK);
  }

  secmark(id: number): number {
    return this.secmarks.get(id) ?? 0;
  }

  setSecmark(id: number, secmark: number): void {
    this.secmarks.set(id, secmark);
    if (this.table.status(id) & IPS_CONFIRMED) this.changed(id, IPCT_SECMARK);
  }

  hasLabel(id: number, bit: number): boolean {
    return this.labelling.has(id, bit);
  }

  setLabel(id: number, bit: number): boolean {
    const { labelling } = this;
    if (labelling.has(id, bit)) return true;
    if (!labelling.set(id, bit)) return false;
    if (this.table.status(id) & IPS_CONFIRMED) this.changed(id, IPCT_LABEL);
    return true;
  }

  /** For tools: the 128 bits in four words; undefined: none can be set. */
  labels(id: number): Int32Array | undefined {
    return this.labelling.words(id);
  }

  /** The connection goes, and its id may be another's next. */
  forget(id: number): void {
    if (this.secmarks.size > 0) this.secmarks.delete(id);
    if (this.watched.size === 0) return;
    const told = this.watched.get(id);
    this.watched.delete(id);
    for (const run of told ?? []) run();
  }

  sourceOctet(id: number, direction: Direction, index: number): number {
    return this.octet(id, direction, 0, index);
  }

  destinationOctet(id: number, direction: Direction, index: number): number {
    return this.octet(id, direction, 4, index);
  }

  private octet(id: number, direction: Direction, from: number, index: number): number {
    if (this.table.family(id) === 4) {
      if (index < 10) return 0;
      if (index < 12) return 0xff;
      return (this.table.tupleWord(id, direction, from) >>> (24 - 8 * (index - 12))) & 0xff;
    }
    return (this.table.tupleWord(id, direction, from + (index >>> 2)) >>> (24 - 8 * (index & 3))) & 0xff;
  }

  sourceKey(id: number, direction: Direction): number {
    return this.table.tupleKeys(id, direction) >>> 16;
  }

  destinationKey(id: number, direction: Direction): number {
    return this.table.tupleKeys(id, direction) & 0xffff;
  }

  timeLeft(id: number, now: number): number {
    if (!(this.table.status(id) & IPS_CONFIRMED)) return 0;
    return Math.max(0, (this.table.expires[id] - (Math.floor(now) | 0)) | 0);
  }

  inTable(id: number, now: number): boolean {
    if (!this.table.live(id)) return false;
    return !this.table.expired(id, Math.floor(now) | 0);
  }

  closed(id: number): boolean {
    if (this.table.protocol(id) !== IPPROTO_TCP) return false;
    const state = this.table.state(id);
    return state === TIME_WAIT || state === CLOSE;
  }

  tuple(id: number, direction: Direction): Tuple {
    const tuple = new Tuple();
    this.table.readTuple(id, direction, tuple);
    return tuple;
  }

  whenGone(id: number, run: () => void): void {
    const told = this.watched.get(id);
    if (told) told.push(run);
    else this.watched.set(id, [run]);
  }
}
