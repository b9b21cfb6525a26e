// TCP window tracking: is this segment one that its receiver could accept? After van Rooij, "Real Stateful TCP Packet Filtering
// in IP Filter", with what Linux made of it: net/netfilter/nf_conntrack_proto_tcp.c tcp_in_window(), tcp_init_sender(), tcp_options(),
// tcp_sack(). All numbers are of 32 bits and wrap; comparisons are of signed differences (RFC 9293 3.4).
//
// A connection has one record of WORDS words in the slab of TCP:
//   0-3 of the originator, 4-7 of the responder: END, MAXEND, MAXWIN, MAXACK
//   8-10 LAST_SEQ, LAST_ACK, and LAST_LENGTH (high half) with LAST_WINDOW: the last plain ACK, or the last packet that was ignored
//   11-12 eight octets: FLAGS of both sides, SCALE of both sides, LAST_FLAGS, LAST_SCALE, LAST (kind, direction), RETRANS

import { i32, u16 } from '../../packet/bytes.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import { viewOf } from '../../packet/view.ts';
import type { Direction } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import type { Tracking } from './l4.ts';
import { SYN_RECV, SYN_SENT } from './tcp-states.ts';

export const WORDS = 13;

/** Words of a side, from 4 * direction. */
export const END = 0; // highest sequence number sent, + 1
export const MAXEND = 1; // highest one that the other side allows
export const MAXWIN = 2; // largest window announced; 0: nothing was seen of this side yet
export const MAXACK = 3; // highest acknowledgment sent
const SIDE = 4;

export const LAST_SEQ = 8;
export const LAST_ACK = 9;
export const LAST_LENGTH_WINDOW = 10;

/** Octets, from OCTETS. */
const OCTETS = 44;
export const FLAGS = OCTETS; // + direction
export const SCALE = OCTETS + 2; // + direction
export const LAST_FLAGS = OCTETS + 4;
export const LAST_SCALE = OCTETS + 5;
export const LAST = OCTETS + 6;
export const RETRANS = OCTETS + 7;

/** Flags of a side and of LAST_FLAGS; include/uapi/linux/netfilter/nf_conntrack_tcp.h IP_CT_TCP_FLAG_*, IP_CT_EXP_CHALLENGE_ACK. */
export const WINDOW_SCALE = 0x01;
export const SACK_PERM = 0x02;
export const CLOSE_INIT = 0x04; // sent the first FIN
export const BE_LIBERAL = 0x08; // its violations pass
export const DATA_UNACKNOWLEDGED = 0x10;
export const MAXACK_SET = 0x20;
export const EXP_CHALLENGE_ACK = 0x40; // of LAST_FLAGS
/** Ours, of a side: packets went by unseen before its next one. Differs: the kernel has no such state. */
export const MISSED = 0x40;
export const SIMULTANEOUS_OPEN = 0x80;

/** Verdicts of the window. */
export const IN_WINDOW = 0;
export const IGNORED = 1;
export const OUT_OF_WINDOW = 2;
export type WindowVerdict = typeof IN_WINDOW | typeof IGNORED | typeof OUT_OF_WINDOW;

/** An ACK may lag that far behind what was sent. MAXACKWINCONST */
const MOST_ACK_LAG = 66_000;
const MOST_SCALE = 14;

const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

/** Octets of sequence space that the segment takes: data, and one each for SYN and FIN. */
export function segmentLength({ bytes, l4, end }: Packet): number {
  const flags = bytes[l4 + 13];
  const data = end - l4 - header.headerLength(bytes, l4);
  return data + (flags & header.SYN ? 1 : 0) + (flags & header.FIN ? 1 : 0);
}

/**
 * Flags (low octet) and scale (next octet) that the options of a segment ask for; -1 if it has none at all.
 * Source: nf_conntrack_proto_tcp.c tcp_options()
 */
export function offeredOptions(bytes: Uint8Array, at: number, end: number): number {
  if (header.headerLength(bytes, at) === header.LENGTH) return -1;
  let flags = 0;
  let scale = 0;
  const limit = header.optionsEnd(bytes, at, end);
  for (let here = header.firstOption(bytes, at, end); here >= 0; here = header.nextOption(bytes, here, limit)) {
    if (bytes[here] === header.TCPOPT_SACK_PERM && bytes[here + 1] === 2) flags |= SACK_PERM;
    if (bytes[here] === header.TCPOPT_WINDOW && bytes[here + 1] === 3) {
      flags |= WINDOW_SCALE;
      scale = Math.min(bytes[here + 2], MOST_SCALE);
    }
  }
  return flags | (scale << 8);
}

/** Takes over the options of a SYN for its sender. */
export function readOptions(slab: Slab, record: number, direction: Direction, { bytes, l4, end }: Packet): void {
  const offered = offeredOptions(bytes, l4, end);
  if (offered < 0) return;
  const at = 4 * record + direction;
  slab.octets[at + FLAGS] = (slab.octets[at + FLAGS] & BE_LIBERAL) | (offered & 0xff);
  slab.octets[at + SCALE] = offered >>> 8;
}

/** Two no-operations, and a timestamp option of ten octets. */
const TIMESTAMP_ALONE = 0x0101_080a;

/** The highest right edge of the SACK blocks if it is beyond `ack`, else `ack`. tcp_sack() */
function selectiveAck({ bytes, l4, end }: Packet, ack: number): number {
  // No options, or a timestamp alone in the usual form: RFC 7323 appendix A.
  const length = header.headerLength(bytes, l4);
  if (length === header.LENGTH || (length === 32 && i32(bytes, l4 + header.LENGTH) === TIMESTAMP_ALONE)) return ack;
  const limit = header.optionsEnd(bytes, l4, end);
  for (let here = header.firstOption(bytes, l4, end); here >= 0; here = header.nextOption(bytes, here, limit)) {
    const length = bytes[here + 1];
    if (bytes[here] !== header.TCPOPT_SACK || length < 10 || (length - 2) % 8 !== 0) continue;
    for (let block = here + 2; block < here + length; block += 8) {
      const edge = i32(bytes, block + 4);
      if (after(edge, ack)) ack = edge;
    }
    return ack;
  }
  return ack;
}

/** A SYN tells all about its sender. tcp_init_sender() */
function initSender(slab: Slab, record: number, direction: Direction, pkt: Packet, end: number, window: number): void {
  const { words, octets } = slab;
  const sender = record + SIDE * direction;
  words[sender + END] = end;
  words[sender + MAXEND] = end;
  words[sender + MAXWIN] = window === 0 ? 1 : window;
  readOptions(slab, record, direction, pkt);
  // RFC 7323 2.2: both sides must offer window scaling, or neither has it.
  const at = 4 * record;
  if (direction === 1 && !(octets[at + FLAGS] & octets[at + FLAGS + 1] & WINDOW_SCALE)) {
    octets[at + SCALE] = 0;
    octets[at + SCALE + 1] = 0;
  }
}

/** Remembers a packet that was let through without being believed. */
export function remember(slab: Slab, record: number, sequence: number, length: number, window: number): void {
  slab.words[record + LAST_SEQ] = sequence;
  slab.words[record + LAST_LENGTH_WINDOW] = (length << 16) | window;
}

export const lastEnd = (words: Int32Array, record: number): number =>
  (words[record + LAST_SEQ] + (words[record + LAST_LENGTH_WINDOW] >>> 16)) | 0;

export const lastWindow = (words: Int32Array, record: number): number => words[record + LAST_LENGTH_WINDOW] & 0xffff;

/** LAST: the kind of the last packet in three bits, its direction above. */
export const lastKind = (octets: Uint8Array, record: number): number => octets[4 * record + LAST] & 7;
export const lastDirection = (octets: Uint8Array, record: number): number => octets[4 * record + LAST] >>> 3;
export function setLast(octets: Uint8Array, record: number, kind: number, direction: number): void {
  octets[4 * record + LAST] = kind | (direction << 3);
}

/**
 * Judges the segment and moves the window. `record` is the offset of the connection's record in slab.words; `state` that of the connection
 * before the segment. `shifted`: by how much the receiver's numbers are shifted where this segment acknowledges them (seqadj.ts).
 * Sets `pkt.reason` for what is not in the window. All numbers are signed words here: only differences count.
 */
export function judgeWindow(
  tracking: Tracking,
  slab: Slab,
  record: number,
  direction: Direction,
  pkt: Packet,
  state: number,
  shifted: number,
): WindowVerdict {
  const { words, octets } = slab;
  const { bytes, l4 } = pkt;
  const sender = record + SIDE * direction;
  const receiver = record + SIDE - SIDE * direction;
  const senderFlags = 4 * record + FLAGS + direction;
  const receiverFlags = 4 * record + FLAGS + 1 - direction;
  const flags = bytes[l4 + 13];

  const length = segmentLength(pkt);
  const view = viewOf(bytes);
  let seq = view.getInt32(l4 + 4);
  let end = (seq + length) | 0;
  let ack = view.getInt32(l4 + 8);
  let sack = octets[receiverFlags] & SACK_PERM ? selectiveAck(pkt, ack) : ack;
  ack = (ack - shifted) | 0;
  sack = (sack - shifted) | 0;
  const announced = u16(bytes, l4 + 14);

  if (words[sender + MAXWIN] === 0 || flags & header.SYN) {
    if (meet(slab, record, direction, pkt, state, end, sack)) return IN_WINDOW;
  }
  // Without an acknowledgment, or with the 0 of a RST from a broken stack, as if it were right.
  if (!(flags & header.ACK) || (flags & header.RST && ack === 0)) {
    ack = words[receiver + END];
    sack = ack;
  }
  // The answer to a SYN.
  if (flags & header.RST && seq === 0 && state === SYN_SENT) {
    seq = words[sender + END];
    end = seq;
  }

  const maxwin = words[receiver + MAXWIN];
  // Not before the left edge of what the receiver may still take, if its window is known.
  const inReceiveWindow = after(end, (words[sender + END] - maxwin - 1) | 0);
  const widest = words[sender + MAXWIN];
  const mostLag = widest >>> 0 > MOST_ACK_LAG ? widest : MOST_ACK_LAG;
  const ackNotTooOld = after(sack, (words[receiver + END] - mostLag - 1) | 0);
  const ackSent = before(sack, (words[receiver + END] + 1) | 0);

  if (!before(seq, (words[sender + MAXEND] + 1) | 0)) {
    const overshot = (end - words[sender + MAXEND] + 1) >>> 0;
    const lenient = isLenient(tracking, octets, senderFlags);
    if (maxwin !== 0 && inReceiveWindow && ackNotTooOld && ackSent && overshot <= maxwin >>> 0) {
      // Some stacks send more than the window. If the rules let it pass, the peer will acknowledge it: be ready for that.
      words[sender + END] = end;
      octets[senderFlags] |= DATA_UNACKNOWLEDGED;
      return lenient ? IN_WINDOW : ignored(tracking, pkt, '%u bytes more than expected', overshot);
    }
    if (lenient) return IN_WINDOW;
    const bound = words[sender + MAXEND] + 1;
    pkt.reason = 'TCP data beyond the window';
    return outside(tracking, pkt, 'SEQ is over upper bound %u (over the window of the receiver)', bound);
  }
  if (!ackSent) {
    if (isLenient(tracking, octets, senderFlags)) return IN_WINDOW;
    const bound = words[receiver + END] + 1;
    pkt.reason = 'TCP acknowledges what was not sent';
    return outside(tracking, pkt, 'ACK is over upper bound %u (ACKed data not seen yet)', bound);
  }
  // Old data once more, a late ACK: harmless, and the receiver answers with where it is.
  if (maxwin !== 0 && !inReceiveWindow) {
    if (isLenient(tracking, octets, senderFlags)) return IN_WINDOW;
    const bound = words[sender + END] - maxwin - 1;
    return ignored(tracking, pkt, 'SEQ is under lower bound %u (already ACKed data retransmitted)', bound);
  }
  if (!ackNotTooOld) {
    if (isLenient(tracking, octets, senderFlags)) return IN_WINDOW;
    const bound = words[receiver + END] - mostLag - 1;
    return ignored(tracking, pkt, 'ignored ACK under lower bound %u (possible overly delayed)', bound);
  }

  // RFC 7323 2.2: the window of a SYN is not scaled.
  const window = flags & header.SYN ? announced : announced << octets[4 * record + SCALE + direction];
  const reach = (window + (sack - ack)) | 0;
  if (widest >>> 0 < reach >>> 0) words[sender + MAXWIN] = reach;
  let unacknowledged = octets[senderFlags];
  if (after(end, words[sender + END])) {
    words[sender + END] = end;
    unacknowledged |= DATA_UNACKNOWLEDGED;
  }
  if (flags & header.ACK) {
    if (!(unacknowledged & MAXACK_SET) || after(ack, words[sender + MAXACK])) words[sender + MAXACK] = ack;
    unacknowledged |= MAXACK_SET;
  }
  octets[senderFlags] = unacknowledged;

  if (maxwin !== 0 && after(end, words[sender + MAXEND])) {
    words[receiver + MAXWIN] = (words[receiver + MAXWIN] + end - words[sender + MAXEND]) | 0;
  }
  if (after((sack + window) | 0, (words[receiver + MAXEND] - 1) | 0)) {
    words[receiver + MAXEND] = (sack + window + (window === 0 ? 1 : 0)) | 0;
  }
  if (ack === words[receiver + END]) octets[receiverFlags] &= ~DATA_UNACKNOWLEDGED;

  if ((flags & PLAIN) === header.ACK)
    countRetransmission(slab, record, direction, seq, ack, (length << 16) | announced);
  return IN_WINDOW;
}

/** Neither of these with ACK: a segment of the kind ACK. */
const PLAIN = header.ACK | header.SYN | header.FIN | header.RST;

/**
 * The first segment that is seen of a side, or a SYN: what it says of its sender is taken over. True: there is nothing to compare it with
 * yet. `end` and `sack` are those of the segment.
 */
function meet(
  slab: Slab,
  record: number,
  direction: Direction,
  pkt: Packet,
  state: number,
  end: number,
  sack: number,
): boolean {
  const { words, octets } = slab;
  const sender = record + SIDE * direction;
  const receiver = record + SIDE - SIDE * direction;
  const flags = header.flags(pkt.bytes, pkt.l4);
  const window = header.window(pkt.bytes, pkt.l4);
  if (words[sender + MAXWIN] !== 0) {
    // RFC 9293 3.4.2: a host that lost its memory opens again with higher sequence numbers.
    const again = after(end, words[sender + END]) && (state === SYN_SENT || state === SYN_RECV);
    if (again) initSender(slab, record, direction, pkt, end, window);
    return again && direction === 1 && !(flags & header.ACK);
  }
  if (flags & header.SYN) {
    initSender(slab, record, direction, pkt, end, window);
    // Simultaneous open.
    return !(flags & header.ACK);
  }
  // In the middle of a connection: what the packet says has to do.
  words[sender + END] = end;
  words[sender + MAXWIN] = window << octets[4 * record + SCALE + direction] || 1;
  words[sender + MAXEND] = end + words[sender + MAXWIN];
  if (words[receiver + MAXWIN] === 0) {
    words[receiver + END] = sack;
    words[receiver + MAXEND] = sack;
  } else if (sack === ((words[receiver + END] + 1) | 0)) {
    // The answer to a keep-alive, most likely.
    words[receiver + END]++;
  } else if (octets[4 * record + FLAGS + direction] & MISSED && after(sack, words[receiver + END])) {
    // The other side has been heard first, with old data once more; this acknowledges what was sent while nobody looked.
    words[receiver + END] = sack;
  }
  octets[4 * record + FLAGS + direction] &= ~MISSED;
  return false;
}

/** Violations of that side pass. */
const isLenient = (tracking: Tracking, octets: Uint8Array, senderFlags: number): boolean =>
  tracking.knobs.tcpBeLiberal !== 0 || (octets[senderFlags] & BE_LIBERAL) !== 0;

/** A segment outside the window, and the number that the kernel's log has for %u. Everything is fine where we are liberal. */
function outside(tracking: Tracking, pkt: Packet, text: string, bound: number): typeof OUT_OF_WINDOW {
  if (tracking.complaints.wanted) tracking.complaints.say(pkt, IPPROTO_TCP, text.replace('%u', String(bound >>> 0)));
  return OUT_OF_WINDOW;
}

function ignored(tracking: Tracking, pkt: Packet, text: string, bound: number): typeof IGNORED {
  outside(tracking, pkt, text, bound);
  return IGNORED;
}

function countRetransmission(
  { words, octets }: Slab,
  record: number,
  direction: Direction,
  seq: number,
  ack: number,
  lengthWindow: number,
): void {
  if (
    lastDirection(octets, record) === direction &&
    words[record + LAST_SEQ] === seq &&
    words[record + LAST_ACK] === ack &&
    words[record + LAST_LENGTH_WINDOW] === lengthWindow
  ) {
    octets[4 * record + RETRANS]++;
    return;
  }
  setLast(octets, record, lastKind(octets, record), direction);
  words[record + LAST_SEQ] = seq;
  words[record + LAST_ACK] = ack;
  words[record + LAST_LENGTH_WINDOW] = lengthWindow;
  octets[4 * record + RETRANS] = 0;
}
