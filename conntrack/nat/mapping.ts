// Address translation, the half that decides: what a new connection shall look like from outside. The other half, which rewrites
// packets, is rewrite.ts.
//
// A connection is asked for each end once, while it is unconfirmed: map() by the target of the rule that matched, mapToItself() when no
// rule did. Both choose a tuple that packets of the original direction shall have from now on; its inverse becomes the reply tuple, which no
// other connection may have. Nothing else is kept: the difference between the two tuples is the translation. IPS_SRC_NAT and
// IPS_DST_NAT say which ends differ, IPS_SRC_NAT_DONE and IPS_DST_NAT_DONE which were asked.
//
// When nothing is free the last try stays, and confirm() finds the clash and drops the packet.
//
// Seams for helpers: an expected connection is given its mappings by map(), before the nat table is asked, and then counts as done;
// GRE keys are chosen for connections that have a master; table.setReply() is where all of it ends.
//
// Source: net/netfilter/nf_nat_core.c nf_nat_setup_info(), get_unique_tuple(), nf_nat_l4proto_unique_tuple()

import { IPPROTO_GRE, IPPROTO_TCP } from '../../packet/numbers.ts';
import type { L4 } from '../l4/l4.ts';
import * as tcp from '../l4/tcp-states.ts';
import { END, WORDS } from '../l4/tcp-window.ts';
import {
  type Direction,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
} from '../status.ts';
import { sameTuple } from '../table/same-tuple.ts';
import type { ConnectionTable } from '../table/table.ts';
import { Tuple } from '../table/tuple.ts';
import {
  chooseAddress,
  DESTINATION,
  hasPorts,
  isIcmp,
  isPortInRange,
  isSourceInRange,
  keyOf,
  type Manip,
  type NatRange,
  SOURCE,
  withKey,
} from './range.ts';
import { Sources } from './sources.ts';

/** Tries to find a free port before another start is drawn, half as many from there. NF_NAT_MAX_ATTEMPTS */
const MOST_TRIES = 128;
const FEWEST_TRIES = 16;
/** In the last ones a connection that is over may be ended for its port. NF_NAT_HARDER_THRESH */
const HARDER_TRIES = 32;

/** What translation asks of the tracker. */
export interface NatParts {
  readonly table: ConnectionTable;
  readonly l4s: readonly L4[];
  readonly statistics: { found: number };
  /** 32 random bits, unsigned. */
  readonly random: () => number;
  /** The live connection of that tuple, as id * 2 + direction, or -1: in that zone, or without one in either of the tuple's. */
  findLive(tuple: Tuple, zone?: number): number;
  /** The live connection that has the tuple of an unconfirmed one in that direction, likewise. */
  findRival(id: number, direction: Direction): number;
  kill(id: number): void;
}

export class Mapping {
  private readonly parts: NatParts;
  private readonly sources = new Sources();
  /** What packets of the original direction look like on the other side, so far. */
  private readonly present = new Tuple();
  /** What they shall look like. */
  private readonly chosen = new Tuple();
  private readonly scratch = new Tuple();

  constructor(parts: NatParts) {
    this.parts = parts;
  }

  isDone(id: number, manip: Manip): boolean {
    return (this.parts.table.status(id) & (manip === SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE)) !== 0;
  }

  /** Gives an unconfirmed connection a source or destination of the range; a confirmed one stays as it is. nf_nat_setup_info() */
  map(id: number, manip: Manip, range: NatRange): void {
    const { table } = this.parts;
    if (table.status(id) & IPS_CONFIRMED || this.isDone(id, manip)) return;
    const { present, chosen } = this;
    table.readAnswer(id, 1, present);
    this.choose(id, manip, range);
    if (!isSame(chosen, present)) {
      chosen.invert();
      table.setReply(id, chosen);
      table.addStatus(id, manip === SOURCE ? IPS_SRC_NAT : IPS_DST_NAT);
      if (manip === SOURCE) {
        table.readTuple(id, 0, chosen);
        this.sources.add(id, table.hashes.ofSource(chosen));
      }
    }
    table.addStatus(id, manip === SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE);
  }

  /** No rule: the addresses stay, and another port is chosen only if somebody else has the tuple. nf_nat_alloc_null_binding() */
  mapToItself(id: number, manip: Manip): void {
    const { table } = this.parts;
    if (table.status(id) & IPS_CONFIRMED || this.isDone(id, manip)) return;
    // Nobody has its reply tuple: nothing is to be chosen.
    if (this.parts.findRival(id, 1) < 0) table.addStatus(id, manip === SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE);
    else this.map(id, manip, NOTHING);
  }

  /** Remembers the device whose address a masquerade took: when it goes, so does the connection. */
  masquerade(id: number, device: string): void {
    this.sources.setDevice(id, device);
  }

  /** A connection that had its mappings in another table: `device` is that of masqueradedBy() there. */
  restore(id: number, device: string): void {
    const { table } = this.parts;
    if (device !== '') this.sources.setDevice(id, device);
    if (!(table.status(id) & IPS_SRC_NAT)) return;
    table.readTuple(id, 0, this.scratch);
    this.sources.add(id, table.hashes.ofSource(this.scratch));
  }

  /** Device that the connection was masqueraded by; '' for none. */
  masqueradedBy(id: number): string {
    return this.sources.device(id);
  }

  /** The connection is gone. */
  forget(id: number): void {
    this.sources.remove(id);
  }

  /** Octets reserved. */
  get size(): number {
    return this.sources.size;
  }

  // --- Choosing ------------------------------------------------------------------------------------------------------

  /** Sets `chosen`. get_unique_tuple() */
  private choose(id: number, manip: Manip, range: NatRange): void {
    const { present, chosen } = this;
    chosen.copy(present);
    if (manip === SOURCE && !range.random) {
      if (isSourceInRange(present, range)) {
        if (!this.isTakenByAnother(id)) return;
      } else if (this.chooseLikeBefore(id, range)) {
        if (!this.isTaken(id)) return;
      }
      chosen.copy(present);
    }
    const zone = present.zoneOriginal || present.zoneReply;
    chooseAddress(chosen, manip, range, zone);
    if (range.random) {
      this.choosePort(id, manip, range);
    } else if (range.ports) {
      const [low, high] = range.ports;
      const inRange = range.base === undefined && isPortInRange(chosen, manip, range.ports);
      if (!inRange || (low !== high && this.isTaken(id))) this.choosePort(id, manip, range);
    } else if (this.isTaken(id)) {
      this.choosePort(id, manip, range);
    }
  }

  /** As another connection of the same source was mapped, if that fits the range. find_appropriate_src() */
  private chooseLikeBefore(id: number, range: NatRange): boolean {
    const { chosen, present, sources, scratch } = this;
    const { table } = this.parts;
    const hash = table.hashes.ofSource(present);
    for (let other = sources.first(hash); other >= 0; other = sources.next(other, hash)) {
      if (other === id) continue;
      table.readTuple(other, 0, scratch);
      if (!hasSameSource(scratch, present)) continue;
      table.readAnswer(other, 1, scratch);
      for (let word = 0; word < 4; word++) chosen.words[word] = scratch.words[word];
      this.setKey(SOURCE, keyOf(scratch, SOURCE));
      if (isSourceInRange(chosen, range)) return true;
    }
    return false;
  }

  private setKey(manip: Manip, key: number): void {
    const { chosen } = this;
    chosen.keys = withKey(chosen, manip, key);
    chosen.inverse = this.parts.l4s[chosen.protocol].invert(chosen.keys);
  }

  /** nf_nat_l4proto_unique_tuple() */
  private choosePort(id: number, manip: Manip, range: NatRange): void {
    const { chosen } = this;
    const { protocol } = chosen;
    // GRE: keys are pairs that both ends know; only the PPTP helper can tell them.
    if (protocol === IPPROTO_GRE && !(this.parts.table.status(id) & IPS_EXPECTED)) return;
    if (!(hasPorts(chosen) || isIcmp(protocol))) return;
    const key = keyOf(chosen, manip);
    let [low, high] = range.ports ?? [0, 0];
    if (!range.ports) {
      if (protocol === IPPROTO_GRE) [low, high] = [1, 0xffff];
      else if (hasPorts(chosen)) {
        // A client may take another port, a server may not.
        if (manip === DESTINATION) return;
        [low, high] = portClass(key);
      } else high = 0xffff;
    }
    const size = high - low + 1;
    let offset = 0;
    if (range.base !== undefined) offset = (key - range.base) & 0xffff;
    else if (range.random || manip === SOURCE) offset = this.parts.random() & 0xffff;
    for (let tries = Math.min(size, MOST_TRIES); ; tries >>= 1) {
      for (let left = tries; left > 0; left--) {
        this.setKey(manip, (low + (offset % size)) & 0xffff);
        if (!this.isTakenEvenSo(id, left)) return;
        offset = (offset + 1) & 0xffff;
      }
      if (tries >= size || tries < FEWEST_TRIES) return;
      offset = this.parts.random() & 0xffff;
    }
  }

  // --- Who has it ----------------------------------------------------------------------------------------------------

  /** Another connection has the answer to `chosen` in one of its directions, as id * 2 + direction; -1: nobody. */
  private holder(): number {
    const { chosen } = this;
    chosen.invert();
    const found = this.parts.findLive(chosen, chosen.zoneReply);
    chosen.invert();
    return found;
  }

  /** Unless it is the same flow, twice on its way: confirm() will merge them. nf_conntrack_tuple_taken() */
  private isTaken(id: number): boolean {
    const found = this.holder();
    if (found < 0 || sameTuple(this.parts.table, found >>> 1, 0, id, 0)) return false;
    this.parts.statistics.found++;
    return true;
  }

  /**
   * The flow as it stands is taken; but if its rival is not translated and is the same one seen from the other end, both go on, and confirm()
   * will see to it, with protocols of which it merges flows. nf_nat_used_tuple_new(), nf_nat_allow_clash()
   */
  private isTakenByAnother(id: number): boolean {
    const { chosen, parts } = this;
    if (!this.isTaken(id)) return false;
    if (!parts.l4s[chosen.protocol].allowClash) return true;
    let found = parts.findLive(chosen);
    if (found < 0) {
      chosen.invert();
      found = parts.findLive(chosen);
      chosen.invert();
    }
    if (found < 0) return false;
    const rival = found >>> 1;
    if (parts.table.status(rival) & (IPS_SRC_NAT | IPS_DST_NAT | IPS_SEQ_ADJUST)) return true;
    return !(sameTuple(parts.table, rival, 0, id, 1) && sameTuple(parts.table, rival, 1, id, 0));
  }

  /** With few tries left, a TCP connection that is over has to give its port to a SYN that it cannot be mistaken for. nf_nat_used_tuple_harder() */
  private isTakenEvenSo(id: number, triesLeft: number): boolean {
    const { chosen, parts } = this;
    const { table } = parts;
    if (triesLeft > HARDER_TRIES || chosen.protocol !== IPPROTO_TCP || table.state(id) !== tcp.SYN_SENT)
      return this.isTaken(id);
    chosen.invert();
    const found = parts.findLive(chosen);
    chosen.invert();
    if (found < 0) return false;
    const other = found >>> 1;
    if ((found & 1) === 0 || !this.mayEnd(other) || !this.isAhead(id, other)) return true;
    parts.kill(other);
    return false;
  }

  /** nf_nat_may_kill() */
  private mayEnd(id: number): boolean {
    const { table } = this.parts;
    return table.state(id) >= tcp.TIME_WAIT && (table.status(id) & (IPS_SRC_NAT | IPS_FIXED_TIMEOUT)) === IPS_SRC_NAT;
  }

  /** Late packets of the old connection will not fit the new one. nf_seq_has_advanced() */
  private isAhead(id: number, old: number): boolean {
    const { own, slabs } = this.parts.table;
    const { words } = slabs[IPPROTO_TCP]!;
    return ((words[own[id] * WORDS + END] - words[own[old] * WORDS + END]) | 0) > 0;
  }
}

const NOTHING: NatRange = {};

/** Servers trust ports below 512 (rsh) and below 1024: a port stays in its class. */
function portClass(port: number): [number, number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 1023] : [1024, 0xffff];
}

const isSame = (one: Tuple, other: Tuple): boolean => one.keys === other.keys && hasWords(one, other, 8);

const hasSameSource = (one: Tuple, other: Tuple): boolean =>
  one.family === other.family &&
  one.protocol === other.protocol &&
  one.zoneOriginal === other.zoneOriginal &&
  one.keys >>> 16 === other.keys >>> 16 &&
  hasWords(one, other, 4);

function hasWords(one: Tuple, other: Tuple, count: number): boolean {
  for (let word = 0; word < count; word++) if (one.words[word] !== other.words[word]) return false;
  return true;
}
