// Connections made, changed, found and ended by hand: what ctnetlink offers to tools. A request is data with nothing trusted in it but its
// types; the answer is an id, or the error that the kernel would give.
//
// Source: net/netfilter/nf_conntrack_netlink.c

import { type Address, parseAddress, wire } from '../packet/address.ts';
import { u32 } from '../packet/bytes.ts';
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP } from '../packet/numbers.ts';
import { hasKeys } from './flow.ts';
import { BE_LIBERAL, CLOSE_INIT, FLAGS, SACK_PERM, WORDS as TCP_WORDS } from './l4/tcp-window.ts';
import { addressWords, DESTINATION, type Manip, SOURCE } from './nat/range.ts';
import {
  IPCT_ASSURED,
  IPCT_HELPER,
  IPCT_LABEL,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_REPLY,
  IPCT_SEQADJ,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_SEEN_REPLY,
} from './status.ts';
import { Tuple } from './table/tuple.ts';
import type { ConnectionTracker } from './tracker.ts';

/** errno(3). */
export type Errno =
  | 'EAFNOSUPPORT'
  | 'EBUSY'
  | 'EEXIST'
  | 'EINVAL'
  | 'EMFILE'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'EOPNOTSUPP'
  | 'EPERM';

/** One direction of a flow, as somebody asks for it. */
export interface TupleGiven {
  protocol: number;
  src: Address;
  dst: Address;
  /** As FlowTuple has them. */
  srcKey: number;
  dstKey: number;
}

/** Where a new connection is to be translated to. */
export interface NatGiven {
  address?: Address;
  port?: number;
}

export interface FlowGiven {
  family: 4 | 6;
  orig?: TupleGiven;
  reply?: TupleGiven;
  /** Of both directions, or of one of them; at most one of the three. */
  zone?: number;
  zoneOrig?: number;
  zoneReply?: number;
  /** The connection that has the tuple is meant only if it has this id. */
  id?: number;
  /** Seconds. */
  timeout?: number;
  /** IPS_ bits. */
  status?: number;
  state?: number;
  /** Of TCP: flags of l4/tcp-window.ts that both sides get. */
  tcpFlags?: number;
  /** SCTP's verification tags. */
  tags?: readonly [number, number];
  mark?: number;
  /** Bits to be set or cleared are those of the mask. */
  labels?: { words: readonly number[]; mask: readonly number[] };
  sourceNat?: NatGiven;
  destinationNat?: NatGiven;
}

/** What a flush takes; all when nothing is said. */
export interface FlushGiven {
  family?: 4 | 6;
  zone?: number;
}

/** __nf_ct_set_timeout() stops at INT_MAX jiffies; our times are milliseconds of 32 bits. */
const MOST_MS = 2 ** 31 - 1;

/** Bits of a request that change something. The others are the tracker's own. IPS_UNCHANGEABLE_MASK */
const CHANGEABLE = IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT | IPS_HELPER;
const FIXED = IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING;

/** Messages that open a flow, and those that answer. icmp_nlattr_to_tuple(), icmpv6_nlattr_to_tuple() */
const QUERIES: Readonly<Record<number, readonly number[]>> = {
  [IPPROTO_ICMP]: [0, 8, 13, 14, 15, 16, 17, 18],
  [IPPROTO_ICMPV6]: [128, 129, 139, 140],
};

/** Flags of TCP that are for tools to give. */
const GIVEN_FLAGS = BE_LIBERAL | CLOSE_INIT | SACK_PERM;

const CHANGES = IPCT_REPLY | IPCT_ASSURED | IPCT_HELPER | IPCT_PROTOINFO | IPCT_SEQADJ | IPCT_MARK;

export class ConnectionEditor {
  private readonly tracker: ConnectionTracker;
  private readonly tuple = new Tuple();
  private readonly other = new Tuple();

  constructor(tracker: ConnectionTracker) {
    this.tracker = tracker;
  }

  /** Id of the connection with that tuple, in either direction. */
  find(given: FlowGiven): number | Errno {
    const asked = given.orig ?? given.reply;
    if (!asked) return 'EINVAL';
    const wrong = this.read(given, asked, this.tuple);
    if (wrong) return wrong;
    const found = this.tracker.findLive(this.tuple);
    if (found < 0 || (given.id !== undefined && given.id !== found >>> 1)) return 'ENOENT';
    return found >>> 1;
  }

  /** A new connection, confirmed. Returns its id. ctnetlink_create_conntrack() */
  create(given: FlowGiven, now: number): number | Errno {
    this.tracker.advance(now);
    const wrong = this.readBoth(given);
    if (wrong) return wrong;
    if (this.tracker.findLive(this.tuple) >= 0) return 'EEXIST';
    if (this.tuple.protocol !== this.other.protocol || given.timeout === undefined) return 'EINVAL';
    const { table, sysctls } = this.tracker;
    if (sysctls.limits.max !== 0 && table.count >= sysctls.limits.max) return 'ENOMEM';
    const id = this.tracker.open(this.tuple, now);
    const problem = this.furnish(id, given, now);
    if (problem) {
      this.tracker.discard(id);
      return problem;
    }
    this.tracker.adopt(id);
    // A connection without room for labels is made without them.
    const labelled = given.labels !== undefined && this.changeLabels(id, given.labels) === undefined;
    this.tracker.events.report(id, IPCT_NEW | CHANGES | (labelled ? IPCT_LABEL : 0));
    return id;
  }

  /** Both tuples of a new connection; one that is left out is the mirror image of the other. */
  private readBoth(given: FlowGiven): Errno | undefined {
    const { tuple, other } = this;
    const { orig, reply } = given;
    const wrong = (orig && this.read(given, orig, tuple)) ?? (reply && this.read(given, reply, other));
    if (wrong) return wrong;
    if (!orig && !reply) return 'EINVAL';
    if (!reply) other.copy(tuple);
    else if (!orig) tuple.copy(other);
    if (!reply) other.invert();
    else if (!orig) tuple.invert();
    return undefined;
  }

  private furnish(id: number, given: FlowGiven, now: number): Errno | undefined {
    const { table } = this.tracker;
    if (!this.isInverse()) table.setReply(id, this.other);
    this.translate(id, DESTINATION, given.destinationNat);
    this.translate(id, SOURCE, given.sourceNat);
    table.expires[id] = (Math.floor(now) + Math.min((given.timeout as number) * 1_000, MOST_MS)) | 0;
    const wrong = this.change(id, { ...given, timeout: undefined }, now);
    return wrong ?? (this.clashes(id) ? 'EEXIST' : undefined);
  }

  /** Whether the reply tuple is the mirror image of the original one. */
  private isInverse(): boolean {
    const { tuple, other } = this;
    if (other.keys !== tuple.inverse) return false;
    for (let word = 0; word < 8; word++) if (other.words[word] !== tuple.words[word ^ 4]) return false;
    return true;
  }

  private translate(id: number, manip: Manip, given: NatGiven | undefined): void {
    if (!given) return;
    const { address, port } = given;
    const words = address && addressWords(address, this.tracker.table.family(id));
    this.tracker.nat.assign(id, manip, {
      addresses: words && [words, words],
      ports: port === undefined ? undefined : [port, port],
    });
  }

  /** nf_conntrack_hash_check_insert() */
  private clashes(id: number): boolean {
    const { table } = this.tracker;
    const { tuple } = this;
    for (const direction of [0, 1] as const) {
      table.readTuple(id, direction, tuple);
      if (this.tracker.findLive(tuple, direction === 0 ? tuple.zoneOriginal : tuple.zoneReply) >= 0) return true;
    }
    return false;
  }

  /** Changes the connection that has the tuple. Returns its id. ctnetlink_change_conntrack() */
  update(given: FlowGiven, now: number): number | Errno {
    this.tracker.advance(now);
    const id = this.find(given);
    if (typeof id === 'string') return id;
    if (given.sourceNat || given.destinationNat) return 'EOPNOTSUPP';
    const wrong = this.change(id, given, now) ?? (given.labels && this.changeLabels(id, given.labels));
    if (wrong) return wrong;
    this.tracker.events.report(id, CHANGES | (given.labels ? IPCT_LABEL : 0));
    return id;
  }

  private change(id: number, given: FlowGiven, now: number): Errno | undefined {
    const wrong = this.changeTimeout(id, given, now) ?? this.changeStatus(id, given) ?? this.changeState(id, given);
    if (wrong) return wrong;
    if (given.tcpFlags !== undefined) this.addTcpFlags(id, given.tcpFlags);
    if (given.mark !== undefined) this.tracker.table.setMark(id, given.mark | 0);
    return undefined;
  }

  private changeTimeout(id: number, { timeout }: FlowGiven, now: number): Errno | undefined {
    const { table } = this.tracker;
    if (timeout === undefined) return undefined;
    if (table.status(id) & IPS_FIXED_TIMEOUT) return 'EPERM';
    table.expires[id] = (Math.floor(now) + Math.min(timeout * 1_000, MOST_MS)) | 0;
    return undefined;
  }

  /** nf_ct_change_status_common(). A connection in the making counts as confirmed there. */
  private changeStatus(id: number, { status }: FlowGiven): Errno | undefined {
    if (status === undefined) return undefined;
    const { table } = this.tracker;
    const is = table.status(id) | IPS_CONFIRMED;
    // The tools leave it out.
    const wanted = status | IPS_CONFIRMED;
    const lost = is & ~wanted;
    if ((is ^ wanted) & FIXED || lost & (IPS_SEEN_REPLY | IPS_ASSURED)) return 'EBUSY';
    table.addStatus(id, status & CHANGEABLE);
    return undefined;
  }

  private changeState(id: number, { state, tags }: FlowGiven): Errno | undefined {
    const { table, l4s } = this.tracker;
    if (state === undefined && !tags) return undefined;
    const protocol = table.protocol(id);
    const states = l4s[protocol].states;
    if (!states) return undefined;
    if (protocol === IPPROTO_SCTP && (state === undefined || !tags)) return 'EINVAL';
    if (state === undefined || state >= states.length) return 'EINVAL';
    table.setState(id, state);
    const slab = table.slabs[protocol];
    if (protocol === IPPROTO_SCTP && slab && tags) {
      const at = table.own[id] * slab.stride;
      slab.words[at] = tags[0] | 0;
      slab.words[at + 1] = tags[1] | 0;
    }
    return undefined;
  }

  /** nlattr_to_tcp() */
  private addTcpFlags(id: number, flags: number): void {
    const { table } = this.tracker;
    const slab = table.slabs[IPPROTO_TCP];
    if (table.protocol(id) !== IPPROTO_TCP || !slab) return;
    const octets = 4 * table.own[id] * TCP_WORDS + FLAGS;
    for (const direction of [0, 1]) slab.octets[octets + direction] |= flags & GIVEN_FLAGS;
  }

  /** ctnetlink_attach_labels() */
  private changeLabels(id: number, { words, mask }: NonNullable<FlowGiven['labels']>): Errno | undefined {
    const { labelling } = this.tracker.connections;
    return labelling.replace(id, words, mask) ? undefined : 'ENOSPC';
  }

  /** Ends the connection that has the tuple. ctnetlink_del_conntrack() */
  remove(given: FlowGiven, now: number): number | Errno {
    this.tracker.advance(now);
    const id = this.find(given);
    if (typeof id === 'number') this.tracker.kill(id);
    return id;
  }

  /** Ends those of ids `from` up to `to` that are meant; how many. All in one go are too many for one turn of the data plane. */
  flush({ family, zone }: FlushGiven, from = 0, to = this.tracker.table.top): number {
    const { table } = this.tracker;
    let count = 0;
    for (let id = from; id < Math.min(to, table.top); id++) {
      if (!table.live(id) || (family !== undefined && table.family(id) !== family)) continue;
      if (zone !== undefined && (table.zone(id, 0) !== zone || table.zone(id, 1) !== zone)) continue;
      this.tracker.kill(id);
      count++;
    }
    return count;
  }

  /** Sets counters of connections to zero. */
  zero(id: number): void {
    this.tracker.accounting.zero(id);
  }

  // --- Tuples ----------------------------------------------------------------------------------------------------------

  /** Makes a Tuple of what was given; says what is wrong with it. */
  read(
    given: Pick<FlowGiven, 'family' | 'zone' | 'zoneOrig' | 'zoneReply'>,
    { protocol, src, dst, srcKey, dstKey }: TupleGiven,
    tuple: Tuple,
  ): Errno | undefined {
    const { family } = given;
    const queries = QUERIES[protocol];
    if (queries && (!queries.includes(dstKey >>> 8) || (protocol === IPPROTO_ICMPV6) !== (family === 6)))
      return 'EINVAL';
    const zones = [given.zone, given.zoneOrig, given.zoneReply].filter((zone) => zone !== undefined);
    if (zones.length > 1) return 'EINVAL';
    tuple.family = family;
    tuple.protocol = protocol;
    tuple.words.fill(0);
    [src, dst].forEach((address, end) => {
      const octets = wire(address, family);
      for (let at = 0; at < octets.length; at += 4) tuple.words[4 * end + at / 4] = u32(octets, at) | 0;
    });
    tuple.keys = this.tracks(protocol) ? (srcKey << 16) | dstKey : 0;
    tuple.inverse = this.tracker.l4s[protocol].invert(tuple.keys);
    tuple.setZones(given.zone ?? given.zoneOrig ?? 0, given.zone ?? given.zoneReply ?? 0);
    return undefined;
  }

  /** An address of a request, from its text. */
  address(text: string, family: 4 | 6): Address | undefined {
    return parseAddress(text, family);
  }

  /** Protocols that nobody tracks have no keys. */
  private tracks(protocol: number): boolean {
    const l4 = this.tracker.l4s[protocol];
    return hasKeys(protocol) && (l4.protocol === protocol || protocol === IPPROTO_GRE);
  }
}
