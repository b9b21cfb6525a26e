// DCCP (RFC 4340), after net/netfilter/nf_conntrack_proto_dccp.c of Linux 6.12. Newer kernels (6.16 on) have it no more and take DCCP for a
// protocol of addresses only; so do we, unless `sekisho.conntrack_dccp` is 1. No kernel at hand could confirm this file's rows.
//
// Who is the client matters more than who sent the first packet: a REQUEST after the end may come from the other side, and turns the
// roles round. What could belong to a connection that we know nothing of (a REQUEST in an open one) is let through and not believed, until
// the RESPONSE shows that it was right.
//
// Differs: acknowledgments with short sequence numbers may have the 16 octets that RFC 4340 5.1 gives them; that kernel wanted 20.
//
// A connection has two words: the low 32 bits of the sequence number of its RESPONSE; the high 16, and above them what was seen last.

import { verify } from '../../packet/checksum.ts';
import * as header from '../../packet/dccp.ts';
import { IPPROTO_DCCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { type Direction, IPCT_ASSURED, IPCT_PROTOINFO, IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import { defineL4, INVALID, type Outcome, portKeys, swapKeys, type Tracking, VALID } from './l4.ts';

const NONE = 0;
const REQUEST = 1;
const RESPOND = 2;
const PARTOPEN = 3;
const CLOSEREQ = 5;
const CLOSING = 6;
const TIMEWAIT = 7;
/** Not states: what the tables may say instead. */
const IGNORE = 8;
const BAD = 9;

const [iv, ig] = [BAD, IGNORE];
const [rq, rs, po, op, cr, cg, tw] = [1, 2, 3, 4, 5, 6, 7];

const CLIENT = 0;
const SERVER = 1;

/**
 * Next state by role of the sender, packet type and state. Source: dccp_state_table.
 *
 * Differs: a client's CLOSE sent again stays CLOSING (RFC 4340 8.3: it is sent until the RESET comes) and a late RESET is ignored, as the
 * kernel's own remarks have it; its table seems to say otherwise in these two cells.
 */
const NEXT: readonly (readonly Uint8Array[])[] = [
  [
    //                     NONE REQUEST RESPOND PARTOPEN OPEN CLOSEREQ CLOSING TIMEWAIT
    Uint8Array.of(/* REQUEST  */ rq, rq, rs, ig, ig, ig, ig, rq),
    Uint8Array.of(/* RESPONSE */ iv, ig, ig, ig, ig, ig, ig, iv),
    Uint8Array.of(/* DATA     */ iv, iv, iv, iv, op, cr, cg, iv), // RFC 4340 8.1.5: DATAACK in PARTOPEN
    Uint8Array.of(/* ACK      */ iv, iv, po, po, op, cr, cg, iv),
    Uint8Array.of(/* DATAACK  */ iv, iv, po, po, op, cr, cg, iv),
    Uint8Array.of(/* CLOSEREQ */ iv, iv, iv, iv, iv, iv, iv, iv), // a server's only
    Uint8Array.of(/* CLOSE    */ iv, iv, iv, cg, cg, cg, cg, iv),
    Uint8Array.of(/* RESET    */ iv, tw, tw, tw, tw, tw, tw, ig),
    Uint8Array.of(/* SYNC     */ iv, ig, ig, ig, ig, ig, ig, ig),
    Uint8Array.of(/* SYNCACK  */ iv, ig, ig, ig, ig, ig, ig, ig),
  ],
  [
    Uint8Array.of(/* REQUEST  */ iv, ig, ig, ig, ig, ig, ig, rq), // the other way round
    Uint8Array.of(/* RESPONSE */ iv, rs, rs, ig, ig, ig, ig, iv),
    Uint8Array.of(/* DATA     */ iv, iv, iv, op, op, iv, cg, iv),
    Uint8Array.of(/* ACK      */ iv, iv, iv, op, op, iv, cg, iv),
    Uint8Array.of(/* DATAACK  */ iv, iv, iv, op, op, iv, cg, iv),
    Uint8Array.of(/* CLOSEREQ */ iv, iv, iv, cr, cr, cr, cr, iv),
    Uint8Array.of(/* CLOSE    */ iv, iv, iv, cg, cg, iv, cg, iv), // not after its own CLOSEREQ
    Uint8Array.of(/* RESET    */ iv, tw, tw, tw, tw, tw, tw, ig),
    Uint8Array.of(/* SYNC     */ iv, ig, ig, ig, ig, ig, ig, ig),
    Uint8Array.of(/* SYNCACK  */ iv, ig, ig, ig, ig, ig, ig, ig),
  ],
];

const WORDS = 2;
const RESPONSE_LOW = 0;
const REST = 1;
/** In REST, above the high 16 bits of the response's number. */
const TYPE_SHIFT = 16;
const TYPE_MASK = 0xf << TYPE_SHIFT;
const FROM_REPLY = 1 << 20;
const REPLY_IS_CLIENT = 1 << 21;

export const dccp = defineL4({
  name: 'dccp',
  protocol: IPPROTO_DCCP,
  // Multiples of a segment's longest life, two minutes; an open one twelve hours.
  timeouts: [
    ['', 240],
    ['dccp_timeout_request', 240],
    ['dccp_timeout_respond', 480],
    ['dccp_timeout_partopen', 480],
    ['dccp_timeout_open', 43_200],
    ['dccp_timeout_closereq', 64],
    ['dccp_timeout_closing', 64],
    ['dccp_timeout_timewait', 240],
  ],
  states: ['NONE', 'REQUEST', 'RESPOND', 'PARTOPEN', 'OPEN', 'CLOSEREQ', 'CLOSING', 'TIMEWAIT'],
  words: WORDS,
  allowClash: true,
  keys: portKeys,
  invert: swapKeys,
  canEarlyDrop: (state) => state === CLOSEREQ || state === CLOSING || state === TIMEWAIT,
  packet(tracking, pkt, id, direction) {
    if (broken(tracking, pkt)) return INVALID;
    const { table } = tracking;
    const slab = table.slabs[IPPROTO_DCCP] as Slab;
    const record = table.own[id] * WORDS;
    const type = header.type(pkt.bytes, pkt.l4);
    if (!(table.status(id) & IPS_CONFIRMED) && !open(slab, record, type)) {
      pkt.reason = 'DCCP connection does not start like this';
      return INVALID;
    }
    return follow(tracking, slab, record, pkt, id, direction, type);
  },
});

/** Types that must have long sequence numbers, RFC 4340 5.1: all but DATA, ACK and DATAACK. */
const NEEDS_LONG_NUMBERS =
  (1 << header.DCCP_PKT_REQUEST) |
  (1 << header.DCCP_PKT_RESPONSE) |
  (1 << header.DCCP_PKT_CLOSEREQ) |
  (1 << header.DCCP_PKT_CLOSE) |
  (1 << header.DCCP_PKT_RESET) |
  (1 << header.DCCP_PKT_SYNC) |
  (1 << header.DCCP_PKT_SYNCACK);

/** dccp_error(), dccp_header_pointer() */
function broken(tracking: Tracking, pkt: Packet): boolean {
  const { bytes, l4, end } = pkt;
  if (!header.fits(bytes, l4, end)) {
    pkt.reason = 'DCCP header cut short';
    return true;
  }
  const length = header.headerLength(bytes, l4);
  const type = header.type(bytes, l4);
  if (length < header.MIN_LENGTH || l4 + length > end) pkt.reason = 'DCCP data offset malformed';
  else if (coverage(bytes, l4, end) > end - l4) pkt.reason = 'DCCP checksum coverage malformed';
  else if (tracking.verifies(pkt) && !verify(pkt)) pkt.reason = 'DCCP checksum wrong';
  else if (type >= header.DCCP_PKT_INVALID) pkt.reason = 'DCCP type reserved';
  else if ((NEEDS_LONG_NUMBERS >>> type) & 1 && !header.extended(bytes, l4))
    pkt.reason = 'DCCP sequence number too short';
  else if (l4 + header.leastLength(bytes, l4) > end) pkt.reason = 'DCCP header cut short';
  else return false;
  return true;
}

/** Octets that the checksum covers at least: the kernel leaves the header out of the count. */
const coverage = (bytes: Uint8Array, at: number, end: number): number => {
  const field = header.checksumCoverage(bytes, at);
  return field === 0 ? end - at : (field - 1) * 4;
};

/** dccp_new() */
function open({ words }: Slab, record: number, type: number): boolean {
  words[record + RESPONSE_LOW] = 0;
  words[record + REST] = header.DCCP_PKT_REQUEST << TYPE_SHIFT;
  return NEXT[CLIENT][type][NONE] !== BAD;
}

const roleOf = (rest: number, direction: Direction): number =>
  ((rest & REPLY_IS_CLIENT) !== 0) === (direction === 1) ? CLIENT : SERVER;

/** dccp_packet() */
function follow(
  tracking: Tracking,
  { words }: Slab,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
  type: number,
): Outcome {
  const { table } = tracking;
  const at = record + REST;
  if (type === header.DCCP_PKT_RESET && !(table.status(id) & IPS_SEEN_REPLY)) {
    // Refused, or given up: that was all of the connection.
    tracking.killCounted(id, pkt, direction);
    return VALID;
  }
  const state = table.state(id);
  let next = NEXT[roleOf(words[at], direction)][type][state];
  switch (next) {
    case BAD:
      pkt.reason = 'DCCP packet that the state does not allow';
      return INVALID;
    case IGNORE:
      if (!answersRequest(words[at], direction, type)) {
        words[at] = withLast(words[at], direction, type);
        return VALID;
      }
      // Both ends agree, and only we were wrong.
      words[at] = withClient(words[at], direction === 0);
      noteResponse(words, record, pkt);
      next = RESPOND;
      break;
    case REQUEST:
      if (state === TIMEWAIT && roleOf(words[at], direction) === SERVER)
        words[at] = withClient(words[at], direction === 1);
      break;
    case RESPOND:
      if (state === REQUEST) noteResponse(words, record, pkt);
      break;
    case PARTOPEN:
      if (state === RESPOND && type === header.DCCP_PKT_ACK && acknowledgesResponse(words, record, pkt))
        assure(tracking, id);
      break;
  }
  words[at] = withLast(words[at], direction, type);
  table.setState(id, next);
  if (next !== state) tracking.event(id, IPCT_PROTOINFO);
  tracking.refresh(id, pkt, direction, tracking.timeouts(id, IPPROTO_DCCP)[next]);
  return VALID;
}

/** A RESPONSE right after a REQUEST of the other side that was let through without belief. */
const answersRequest = (rest: number, direction: Direction, type: number): boolean =>
  type === header.DCCP_PKT_RESPONSE &&
  (rest & TYPE_MASK) >>> TYPE_SHIFT === header.DCCP_PKT_REQUEST &&
  ((rest & FROM_REPLY) !== 0) !== (direction === 1);

const withLast = (rest: number, direction: Direction, type: number): number =>
  (rest & ~(TYPE_MASK | FROM_REPLY)) | (type << TYPE_SHIFT) | (direction === 1 ? FROM_REPLY : 0);

const withClient = (rest: number, replyIsClient: boolean): number =>
  replyIsClient ? rest | REPLY_IS_CLIENT : rest & ~REPLY_IS_CLIENT;

function noteResponse(words: Int32Array, record: number, { bytes, l4 }: Packet): void {
  const number = header.sequence(bytes, l4);
  words[record + RESPONSE_LOW] = number;
  words[record + REST] = (words[record + REST] & ~0xffff) | (number / 2 ** 32);
}

/** A short number has the low 24 bits, RFC 4340 7.6. */
function acknowledgesResponse(words: Int32Array, record: number, { bytes, l4 }: Packet): boolean {
  const number = header.acknowledgment(bytes, l4);
  const low = words[record + RESPONSE_LOW];
  if (!header.extended(bytes, l4)) return (low & 0xff_ffff) === number;
  return low === (number | 0) && (words[record + REST] & 0xffff) === Math.floor(number / 2 ** 32);
}

function assure(tracking: Tracking, id: number): void {
  if (tracking.table.status(id) & IPS_ASSURED) return;
  tracking.table.addStatus(id, IPS_ASSURED);
  tracking.event(id, IPCT_ASSURED);
}
