// What a helper sees of a packet and of its connection, and what it may do about them. One object, used again for every packet.

import { u32 } from '../../packet/bytes.ts';
import { type Family, IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import { pull } from '../defrag/cut.ts';
import type { GreKeys } from '../gre-keys.ts';
import { findPort, followMaster } from '../nat/follow.ts';
import { mangle } from '../nat/mangle.ts';
import type { NatRange } from '../nat/range.ts';
import type { Shifter } from '../seqadj.ts';
import { type Direction, IPS_DST_NAT, IPS_EXPECTED, IPS_SRC_NAT } from '../status.ts';
import type { ConnectionTable } from '../table/table.ts';
import { Tuple } from '../table/tuple.ts';
import { Expectation } from './expectation.ts';
import type { Conditions, Expectations, Refused } from './expectations.ts';
import type { Help } from './help.ts';

/** What helpers use of the tracker. */
export interface HelpedTracker {
  readonly table: ConnectionTable;
  readonly expectations: Expectations;
  readonly seqadj: Shifter;
  readonly nat: { assign(id: number, manip: 0 | 1, range: NatRange): void };
  /** PPTP's call ids. */
  readonly greKeys: GreKeys;
  /** 32 random bits, unsigned. */
  readonly random: () => number;
  /** The live connection of a tuple, as id * 2 + direction, or -1: in that zone, or without one in either of the tuple's. */
  findLive(tuple: Tuple, zone?: number): number;
  kill(id: number): void;
  /** The connection lives for so long from now on, unless its timeout is fixed. nf_ct_refresh() */
  prolong(id: number, timeoutMs: number): void;
  readonly host: HostOfHelpers;
}

/** What helpers ask of the machine. */
export interface HostOfHelpers {
  /** Netmask of the own address of `device` whose broadcast address is `word`; 0: none is. IPv4 */
  broadcastMask(device: string, word: number): number;
  /** What goes to both addresses leaves by the same device to the same neighbour. */
  isSameWay(one: Int32Array, other: Int32Array, family: Family): boolean;
}

/** What is expected. Addresses as the words of a Tuple, four each. */
export interface Expected {
  readonly protocol: number;
  /** Left out: any. */
  readonly source?: Int32Array;
  readonly sourcePort?: number;
  readonly destination: Int32Array;
  readonly destinationPort: number;
  /** Index of the helper's policy; the first one unless given. */
  readonly class?: number;
}

const UDP_LENGTH = 8;

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export class HelperCall {
  pkt: Packet = NO_PACKET;
  /** The connection's id. */
  id = -1;
  direction: Direction = 0;
  /** Offset of the payload in pkt.bytes; it ends at `to`. */
  from = 0;
  /** The tuples of both directions, as the packets of each come in. */
  readonly tuples: readonly [Tuple, Tuple] = [new Tuple(), new Tuple()];
  readonly tracker: HelpedTracker;
  private help!: Help;

  constructor(tracker: HelpedTracker) {
    this.tracker = tracker;
  }

  /** The packet at hand; false: it has no payload. An empty UDP datagram has one of no octets. */
  begin(pkt: Packet): boolean {
    const { bytes, l4, end } = pkt;
    this.pkt = pkt;
    this.id = pkt.connection;
    this.direction = pkt.direction;
    if (pkt.protocol === IPPROTO_TCP) {
      if (!tcp.fits(bytes, l4, end)) return false;
      this.from = l4 + tcp.headerLength(bytes, l4);
      return this.from < end;
    }
    this.from = l4 + (pkt.protocol === IPPROTO_UDP ? UDP_LENGTH : 0);
    return this.from <= end;
  }

  /** What is known of its connection. */
  know(help: Help): this {
    this.help = help;
    this.tracker.table.readTuple(this.id, 0, this.tuples[0]);
    this.tracker.table.readTuple(this.id, 1, this.tuples[1]);
    return this;
  }

  // --- The packet and its connection ---------------------------------------------------------------------------------

  get bytes(): Uint8Array {
    return this.pkt.bytes;
  }

  /** One past the last octet of the payload. */
  get to(): number {
    return this.pkt.end;
  }

  get family(): Family {
    return this.tuples[0].family;
  }

  /** Tuple of the packet's direction. */
  get own(): Tuple {
    return this.tuples[this.direction];
  }

  /** Tuple of the other direction. */
  get other(): Tuple {
    return this.tuples[1 - this.direction];
  }

  /** There has been traffic both ways, and the packet is no error. */
  get established(): boolean {
    return this.pkt.ctState === CT_ESTABLISHED;
  }

  /** The connection's addresses are translated: the payload's have to be, too. */
  get translated(): boolean {
    return (this.tracker.table.status(this.id) & (IPS_SRC_NAT | IPS_DST_NAT)) !== 0;
  }

  /** The connection was itself expected of another one. */
  get isExpected(): boolean {
    return (this.tracker.table.status(this.id) & IPS_EXPECTED) !== 0;
  }

  /** TCP: sequence number of the first octet of the payload, as its sender counts. */
  get sequence(): number {
    return u32(this.pkt.bytes, this.pkt.l4 + tcp.SEQUENCE_AT);
  }

  /** The expectations of this connection, oldest first. */
  get expectations(): readonly Expectation[] {
    return this.help.expectations;
  }

  /** The packet is read as a whole: where it came in fragments, their cuts are forgotten. skb_linearize() */
  readWhole(): void {
    pull(this.pkt, this.pkt.length);
  }

  // --- Expecting -----------------------------------------------------------------------------------------------------

  /** An expectation of this connection, for expect(). nf_ct_expect_init() */
  expectation({ protocol, source, sourcePort, destination, destinationPort, ...rest }: Expected): Expectation {
    const expectation = new Expectation(this.help);
    const { tuple, sourceMask } = expectation;
    tuple.family = this.family;
    tuple.protocol = protocol;
    if (source) {
      tuple.words.set(source);
      sourceMask.fill(-1, 0, this.family === 4 ? 1 : 4);
    }
    tuple.words.set(destination, 4);
    tuple.setPorts(sourcePort ?? 0, destinationPort);
    expectation.sourceKeyMask = sourcePort === undefined ? 0 : 0xffff;
    expectation.class = rest.class ?? 0;
    return expectation;
  }

  /** Undefined: it is expected from now on; else why not. nf_ct_expect_related() */
  expect(expectation: Expectation, conditions?: Conditions): Refused | undefined {
    return this.tracker.expectations.add(expectation, conditions);
  }

  /**
   * The same where addresses are translated: the connection that comes, in `direction` of this one, is translated as this one is. Returns the
   * port that is to be announced instead of the expectation's, the same one while it is free; 0: all are taken, and nothing is expected.
   */
  expectTranslated(expectation: Expectation, direction: Direction): number {
    expectation.savedKey = expectation.destinationKey;
    expectation.direction = direction;
    expectation.born = followMaster;
    return findPort(this.tracker.expectations, expectation, expectation.destinationKey, this.tracker.random);
  }

  /** nf_ct_unexpect_related() */
  unexpect(expectation: Expectation): void {
    this.tracker.expectations.remove(expectation);
  }

  // --- Acting --------------------------------------------------------------------------------------------------------

  /**
   * Writes `replacement` over `length` octets from `at` (an offset into `bytes`). Lengths and checksums are set; what TCP sends behind is shifted,
   * unless `shift` is false (then call shift() once all is written). `bytes` and `to` are others afterwards. False: the packet would grow too long.
   */
  mangle(at: number, length: number, replacement: string | Uint8Array, shift = true): boolean {
    const octets = typeof replacement === 'string' ? latin1(replacement) : replacement;
    if (!mangle(this.pkt, at, length, octets)) return false;
    if (shift) this.shift(octets.length - length);
    return true;
  }

  /** The payload of this TCP segment grew by `octets`. */
  shift(octets: number): void {
    if (this.pkt.protocol !== IPPROTO_TCP) return;
    this.tracker.seqadj.change(this.id, this.direction, this.sequence, octets);
  }

  /** The connection lives for so long from now on. */
  prolong(timeoutMs: number): void {
    this.tracker.prolong(this.id, timeoutMs);
  }
}

const NO_PACKET = new Packet(0);
