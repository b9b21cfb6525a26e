// SCTP (RFC 9260), net/netfilter/nf_conntrack_proto_sctp.c. A state by the chunks of both sides, and for each direction the verification
// tag that its packets must carry.
//
// A connection has three words: the tag of either direction (TAG), and which directions have an INIT outstanding and what a heartbeat with a
// strange tag left behind (FLAGS).

import { u16, u32 } from '../../packet/bytes.ts';
import { crc32cWithHole } from '../../packet/crc32c.ts';
import { IPPROTO_SCTP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { pull } from '../defrag/cut.ts';
import { type Direction, IPCT_ASSURED, IPCT_PROTOINFO, IPS_ASSURED, IPS_CONFIRMED } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import { defineL4, INVALID, portKeys, swapKeys, type Tracking, VALID } from './l4.ts';

const NONE = 0;
const CLOSED = 1;
const ESTABLISHED = 4;
const SHUTDOWN_SENT = 5;
const SHUTDOWN_RECD = 6;
const SHUTDOWN_ACK_SENT = 7;

/** Chunk types. */
const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const ERROR = 9;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;

const HEADER_LENGTH = 12;
const CHUNK_HEADER_LENGTH = 4;
/** Of INIT and INIT ACK behind the chunk header: tag, window, streams, first TSN. */
const INIT_LENGTH = 16;

const WORDS = 3;
const TAG = 0; // + direction
const FLAGS = 2;
const INIT_SEEN = 1; // << direction
const HEARTBEAT_FAILED = 4;
const FAILED_DIRECTION = 8;

const iv = 9;
const [cl, cw, ce, es, ss, sr, sa, hs] = [1, 2, 3, 4, 5, 6, 7, 8];

/** Next state by direction, chunk type and state. Types that are not here leave the state alone. Source: sctp_conntracks. */
const NEXT: readonly Readonly<Record<number, Uint8Array>>[] = [
  {
    //                                NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT _RECD _ACK_SENT HEARTBEAT_SENT
    [INIT]: Uint8Array.of(cl, cl, cw, ce, es, cl, cl, sa, cw),
    [INIT_ACK]: Uint8Array.of(cl, cl, cw, ce, es, ss, sr, sa, cl),
    [ABORT]: Uint8Array.of(cl, cl, cl, cl, cl, cl, cl, cl, cl),
    [SHUTDOWN]: Uint8Array.of(cl, cl, cw, ce, ss, ss, sr, sa, cl),
    [SHUTDOWN_ACK]: Uint8Array.of(sa, cl, cw, ce, es, sa, sa, sa, sa),
    [ERROR]: Uint8Array.of(cl, cl, cw, ce, es, ss, sr, sa, cl),
    [COOKIE_ECHO]: Uint8Array.of(cl, cl, ce, ce, es, ss, sr, sa, cl),
    [COOKIE_ACK]: Uint8Array.of(cl, cl, cw, es, es, ss, sr, sa, cl),
    [SHUTDOWN_COMPLETE]: Uint8Array.of(cl, cl, cw, ce, es, ss, sr, cl, cl),
    [HEARTBEAT]: Uint8Array.of(hs, cl, cw, ce, es, ss, sr, sa, hs),
    [HEARTBEAT_ACK]: Uint8Array.of(cl, cl, cw, ce, es, ss, sr, sa, hs),
  },
  {
    [INIT]: Uint8Array.of(iv, cl, cw, ce, es, ss, sr, sa, iv),
    [INIT_ACK]: Uint8Array.of(iv, cw, cw, ce, es, ss, sr, sa, iv),
    [ABORT]: Uint8Array.of(iv, cl, cl, cl, cl, cl, cl, cl, iv),
    [SHUTDOWN]: Uint8Array.of(iv, cl, cw, ce, sr, ss, sr, sa, iv),
    [SHUTDOWN_ACK]: Uint8Array.of(iv, cl, cw, ce, es, sa, sa, sa, iv),
    [ERROR]: Uint8Array.of(iv, cl, cw, cl, es, ss, sr, sa, iv),
    [COOKIE_ECHO]: Uint8Array.of(iv, cl, ce, ce, es, ss, sr, sa, iv),
    [COOKIE_ACK]: Uint8Array.of(iv, cl, cw, es, es, ss, sr, sa, iv),
    [SHUTDOWN_COMPLETE]: Uint8Array.of(iv, cl, cw, ce, es, ss, sr, cl, iv),
    [HEARTBEAT]: Uint8Array.of(iv, cl, cw, ce, es, ss, sr, sa, hs),
    [HEARTBEAT_ACK]: Uint8Array.of(iv, cl, cw, ce, es, ss, sr, sa, es),
  },
];

export const sctp = defineL4({
  name: 'sctp',
  protocol: IPPROTO_SCTP,
  timeouts: [
    ['', 0],
    ['sctp_timeout_closed', 10],
    ['sctp_timeout_cookie_wait', 3],
    ['sctp_timeout_cookie_echoed', 3],
    ['sctp_timeout_established', 210],
    ['sctp_timeout_shutdown_sent', 3],
    ['sctp_timeout_shutdown_recd', 3],
    ['sctp_timeout_shutdown_ack_sent', 3],
    ['sctp_timeout_heartbeat_sent', 30],
  ],
  states: [
    'NONE',
    'CLOSED',
    'COOKIE_WAIT',
    'COOKIE_ECHOED',
    'ESTABLISHED',
    'SHUTDOWN_SENT',
    'SHUTDOWN_RECD',
    'SHUTDOWN_ACK_SENT',
    'HEARTBEAT_SENT',
  ],
  words: WORDS,
  allowClash: false,
  keys: portKeys,
  invert: swapKeys,
  canEarlyDrop: (state) => state === SHUTDOWN_SENT || state === SHUTDOWN_RECD || state === SHUTDOWN_ACK_SENT,
  packet(tracking, pkt, id, direction) {
    if (broken(tracking, pkt)) return INVALID;
    const kinds = chunkKinds(tracking, pkt);
    if (kinds < 0) return refuse(pkt, 'SCTP chunks that do not go together');
    const { table } = tracking;
    const slab = table.slabs[IPPROTO_SCTP] as Slab;
    const record = table.own[id] * WORDS;
    const fresh = !(table.status(id) & IPS_CONFIRMED);
    if (fresh && !open(slab, record, pkt, kinds)) return refuse(pkt, 'SCTP association does not start like this');
    if (!(kinds & OWN_TAG_RULES) && tag(pkt) !== slab.words[record + TAG + direction]) {
      if (tracking.complaints.wanted) complainOfTag(tracking, pkt, slab.words[record + TAG + direction], direction);
      return refuse(pkt, 'SCTP verification tag wrong');
    }
    return follow(tracking, slab, record, pkt, id, direction, kinds);
  },
});

/** Tags as a little-endian machine prints what it has not turned round. */
function complainOfTag(tracking: Tracking, pkt: Packet, own: number, direction: Direction): void {
  const given = littleEndian(pkt.bytes, pkt.l4 + 4).toString(16);
  const turned = ((own << 24) | ((own & 0xff00) << 8) | ((own >>> 8) & 0xff00) | (own >>> 24)) >>> 0;
  const text = `verification tag check failed ${given} vs ${turned.toString(16)} for dir ${direction}`;
  tracking.complaints.say(pkt, IPPROTO_SCTP, text);
}

function refuse(pkt: Packet, reason: string): typeof INVALID {
  pkt.reason = reason;
  return INVALID;
}

/** The verification tag, signed. */
const tag = ({ bytes, l4 }: Packet): number => u32(bytes, l4 + 4) | 0;

/** sctp_error() */
function broken(tracking: Tracking, pkt: Packet): boolean {
  const { l4, end } = pkt;
  if (l4 + HEADER_LENGTH > end) pkt.reason = 'SCTP header cut short';
  // The CRC is in the host order of a little-endian machine, RFC 9260 appendix A.
  else if (tracking.verifies(pkt) && !sumFits(pkt)) pkt.reason = 'SCTP checksum wrong';
  else return false;
  return true;
}

/** Of a reassembled packet, the header is pulled together for that (skb_ensure_writable()). sctp_error() */
function sumFits(pkt: Packet): boolean {
  const { bytes, l3, l4, end } = pkt;
  pull(pkt, l4 + HEADER_LENGTH - l3);
  return crc32cWithHole(bytes, l4, end, l4 + 8) === littleEndian(bytes, l4 + 8);
}

const littleEndian = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;

/** Offset of the chunk behind the one at `at`; chunks are padded to four octets. */
const nextChunk = (bytes: Uint8Array, at: number): number => at + ((u16(bytes, at + 2) + 3) & ~3);

/** Bit of a chunk type; those above 30 have none of their own. */
const bit = (type: number): number => (type < 30 ? 1 << type : 1 << 30);

/** Chunks that have their own word on the tag. */
const OWN_TAG_RULES = [INIT, SHUTDOWN_COMPLETE, COOKIE_ECHO, ABORT, SHUTDOWN_ACK, HEARTBEAT, HEARTBEAT_ACK].reduce(
  (bits, type) => bits | bit(type),
  0,
);

/** Out of the blue: answered or dropped by their receiver, never the start of anything (RFC 9260 8.4). */
const NEVER_FIRST = bit(ABORT) | bit(SHUTDOWN_COMPLETE) | bit(COOKIE_ACK);

/** Set of the chunk types in the packet as bits, or -1 if there is none or they are not as RFC 9260 6.10 has them. do_basic_checks() */
function chunkKinds(tracking: Tracking, pkt: Packet): number {
  const { bytes, l4, end } = pkt;
  let kinds = 0;
  let alone = false;
  let count = 0;
  for (let at = l4 + HEADER_LENGTH; at + CHUNK_HEADER_LENGTH <= end; at = nextChunk(bytes, at)) {
    const type = bytes[at];
    if (type === INIT || type === INIT_ACK || type === SHUTDOWN_COMPLETE) alone = true;
    const first = type === COOKIE_ACK || type === COOKIE_ECHO || alone;
    if ((first && count !== 0) || u16(bytes, at + 2) === 0) {
      // The length as it stands on the wire, read the wrong way round; the line ends in its middle.
      const about = `chunk num ${count}, type ${type}, len ${bytes[at + 2] | (bytes[at + 3] << 8)} flag ${Number(alone)}`;
      tracking.complaints.say(pkt, IPPROTO_SCTP, `do_basic_checks failed. ${about}\n`);
      return -1;
    }
    kinds |= bit(type);
    count++;
  }
  return count === 0 ? -1 : kinds;
}

/** The first packet sets the tags that the next ones must have. sctp_new() */
function open(slab: Slab, record: number, pkt: Packet, kinds: number): boolean {
  const { bytes, l4, end } = pkt;
  const { words } = slab;
  if (kinds & NEVER_FIRST) return false;
  for (let at = l4 + HEADER_LENGTH; at + CHUNK_HEADER_LENGTH <= end; at = nextChunk(bytes, at)) {
    if (!(bytes[at] in NEXT[0])) return false;
    if (bytes[at] === INIT) {
      if (tag(pkt) !== 0 || at + CHUNK_HEADER_LENGTH + INIT_LENGTH > end) return false;
      words[record + TAG + 1] = u32(bytes, at + CHUNK_HEADER_LENGTH);
    } else if (bytes[at] === HEARTBEAT) {
      words[record + TAG] = tag(pkt);
    } else if (bytes[at] === SHUTDOWN_ACK) {
      // A SHUTDOWN ACK out of the blue is answered with a SHUTDOWN COMPLETE of the same tag, RFC 9260 8.4 (5).
      words[record + TAG + 1] = tag(pkt);
    }
  }
  return true;
}

/** What a chunk may say about the tag. */
const FITS = 0;
const STRANGE = 1;
/** Passes, but does not prolong. */
const SUSPECT = 2;

/** nf_conntrack_sctp_packet() */
function follow(
  tracking: Tracking,
  slab: Slab,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
  kinds: number,
): typeof INVALID | typeof VALID {
  const { table } = tracking;
  const { bytes, l4, end } = pkt;
  let suspect = false;
  let next = NONE;
  for (let at = l4 + HEADER_LENGTH; at + CHUNK_HEADER_LENGTH <= end; at = nextChunk(bytes, at)) {
    const said = checkTag(slab, record, pkt, at, direction, (kinds & bit(DATA)) !== 0 || suspect);
    if (said === STRANGE) return refuse(pkt, 'SCTP verification tag wrong');
    if (said === SUSPECT) {
      suspect = true;
      continue;
    }
    const state = table.state(id);
    next = NEXT[direction][bytes[at]]?.[state] ?? state;
    if (next === iv) return refuse(pkt, 'SCTP chunk that the state does not allow');
    const fresh = !(table.status(id) & IPS_CONFIRMED);
    if (!noteTag(slab, record, pkt, at, direction, fresh)) return refuse(pkt, 'SCTP initiation tag wrong');
    // An INIT sent again and again must not keep the entry for ever.
    if (bytes[at] === INIT && state === CLOSED && next === CLOSED && !fresh) suspect = true;
    table.setState(id, next);
    if (next === state) continue;
    tracking.event(id, IPCT_PROTOINFO);
    if (next === ESTABLISHED && !(table.status(id) & IPS_ASSURED)) {
      table.addStatus(id, IPS_ASSURED);
      tracking.event(id, IPCT_ASSURED);
    }
  }
  if (!suspect) tracking.refresh(id, pkt, direction, tracking.timeouts(id, IPPROTO_SCTP)[next]);
  return VALID;
}

/** RFC 9260 8.5.1: the exceptions from "a packet has its direction's tag". `strict`: no heartbeat is forgiven. */
function checkTag(
  { words }: Slab,
  record: number,
  pkt: Packet,
  at: number,
  direction: Direction,
  strict: boolean,
): number {
  const own = words[record + TAG + direction];
  const other = words[record + TAG + 1 - direction];
  const given = tag(pkt);
  switch (pkt.bytes[at]) {
    case INIT:
      return given === 0 ? FITS : STRANGE;
    case ABORT:
    case SHUTDOWN_COMPLETE: {
      // With the T bit the sender had no association, and sends back the tag that it was sent.
      const reflected = (pkt.bytes[at + 1] & 1) !== 0;
      return given === (reflected ? other : own) ? FITS : STRANGE;
    }
    case COOKIE_ECHO:
      return given === own ? FITS : STRANGE;
    case COOKIE_ACK:
      words[record + FLAGS] &= ~(INIT_SEEN | (INIT_SEEN << 1));
      return FITS;
    case HEARTBEAT:
    case HEARTBEAT_ACK:
      return checkHeartbeat(words, record, given, direction, pkt.bytes[at] === HEARTBEAT_ACK, strict);
    default:
      return FITS;
  }
}

/**
 * A multi-homed host opens its other paths with a heartbeat, and may have restarted since: one with another tag is let through, and its
 * answer sets the tag anew.
 */
function checkHeartbeat(
  words: Int32Array,
  record: number,
  given: number,
  direction: Direction,
  isAnswer: boolean,
  strict: boolean,
): number {
  const own = words[record + TAG + direction];
  const flags = words[record + FLAGS];
  if (own === 0) {
    words[record + TAG + direction] = given;
    return FITS;
  }
  if (given === own) {
    words[record + FLAGS] = flags & ~HEARTBEAT_FAILED;
    return FITS;
  }
  if (strict) return STRANGE;
  if (!isAnswer) {
    words[record + FLAGS] = (flags & ~FAILED_DIRECTION) | HEARTBEAT_FAILED | (direction === 1 ? FAILED_DIRECTION : 0);
    return SUSPECT;
  }
  const failedHere = ((flags & FAILED_DIRECTION) !== 0 ? 1 : 0) === direction;
  if (!(flags & HEARTBEAT_FAILED) || failedHere) return STRANGE;
  words[record + FLAGS] = flags & ~HEARTBEAT_FAILED;
  words[record + TAG + direction] = given;
  words[record + TAG + 1 - direction] = 0;
  return FITS;
}

/** INIT and INIT ACK say which tag the other side must use. False: they must not. */
function noteTag(
  { words }: Slab,
  record: number,
  pkt: Packet,
  at: number,
  direction: Direction,
  fresh: boolean,
): boolean {
  const type = pkt.bytes[at];
  if (type !== INIT && type !== INIT_ACK) return true;
  if (at + CHUNK_HEADER_LENGTH + INIT_LENGTH > pkt.end) return false;
  const given = u32(pkt.bytes, at + CHUNK_HEADER_LENGTH) | 0;
  const here = INIT_SEEN << direction;
  const there = INIT_SEEN << (1 - direction);
  const flags = words[record + FLAGS];
  const known = words[record + TAG + 1 - direction];
  if (type === INIT) {
    // The same INIT again does not ask anew.
    if (known === given && !fresh) return true;
    const collided = (flags & here) !== 0 && (flags & there) !== 0;
    words[record + FLAGS] = (collided ? flags & ~there : flags) | here;
  } else {
    // The tag is known already and nobody asked anew; or both sides asked at once.
    if (!(flags & there) && known !== 0 && known !== given) return false;
    if (flags & here && flags & there && known !== given) return false;
  }
  words[record + TAG + 1 - direction] = given;
  return true;
}
