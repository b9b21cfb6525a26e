// TCP, net/netfilter/nf_conntrack_proto_tcp.c: a state per connection that follows what both ends must believe, moved by the kind of
// each segment (tcp-states.ts), and a window that keeps forged segments from moving it (tcp-window.ts).
//
// The tracker sees packets that an end may never see, and may have missed some that both ends saw. So it does not believe what
// could be a stranger's (ignored segments pass without moving anything and are only remembered), and it falls back in step when the
// other end's answer shows that a remembered one was right.

import { transportChecksumRight } from '../../packet/checksum.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import type { Slab } from '../slab.ts';
import {
  type Direction,
  IPCT_ASSURED,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
} from '../status.ts';
import { defineL4, INVALID, type Outcome, portKeys, REPEAT, swapKeys, type Tracking, VALID } from './l4.ts';
import { judgeReset, RESET_CERTAIN, RESET_INEXACT, RESET_INVALID } from './tcp-reset.ts';
import {
  ACK_SET,
  BAD,
  CLOSE,
  ESTABLISHED,
  FIN_SET,
  FIN_WAIT,
  IGNORE,
  isClosing,
  kindOf,
  LAST_ACK,
  LEGAL_FLAGS,
  MAX_RETRANS,
  NEXT,
  NONE,
  NONE_SET,
  RST_SET,
  SYN_RECV,
  SYN_SENT,
  SYN_SENT2,
  SYN_SET,
  SYNACK_SET,
  TIME_WAIT,
  UNACKNOWLEDGED,
} from './tcp-states.ts';
import * as win from './tcp-window.ts';

export const tcp = defineL4({
  name: 'tcp',
  protocol: IPPROTO_TCP,
  timeouts: [
    ['', 120],
    ['tcp_timeout_syn_sent', 120],
    ['tcp_timeout_syn_recv', 60],
    ['tcp_timeout_established', 432_000],
    ['tcp_timeout_fin_wait', 120],
    ['tcp_timeout_close_wait', 60],
    ['tcp_timeout_last_ack', 30],
    ['tcp_timeout_time_wait', 120],
    ['tcp_timeout_close', 10],
    ['', 120], // SYN_SENT2 has no sysctl
    ['tcp_timeout_max_retrans', 300],
    ['tcp_timeout_unacknowledged', 300],
  ],
  states: [
    'NONE',
    'SYN_SENT',
    'SYN_RECV',
    'ESTABLISHED',
    'FIN_WAIT',
    'CLOSE_WAIT',
    'LAST_ACK',
    'TIME_WAIT',
    'CLOSE',
    'SYN_SENT2',
  ],
  words: win.WORDS,
  allowClash: false,
  keys: portKeys,
  invert: swapKeys,
  canEarlyDrop: isClosing,
  packet(tracking, pkt, id, direction) {
    if (broken(tracking, pkt)) return INVALID;
    const { table } = tracking;
    const slab = table.slabs[IPPROTO_TCP] as Slab;
    const record = table.own[id] * win.WORDS;
    const kind = kindOf(header.flags(pkt.bytes, pkt.l4));
    const status = table.status(id);
    if (kind === ACK_SET && (status & SETTLING) === SETTLED && table.state(id) === ESTABLISHED)
      return proceed(tracking, slab, record, pkt, id, direction);
    if (!(status & IPS_CONFIRMED) && !open(tracking, slab, record, pkt, kind)) return INVALID;
    return follow(tracking, slab, record, pkt, id, direction, kind);
  },
});

/** tcp_error() */
function broken(tracking: Tracking, pkt: Packet): boolean {
  const { bytes, l4, end } = pkt;
  if (!pkt.whole && !header.fits(bytes, l4, end)) pkt.reason = 'TCP header cut short';
  else if (!pkt.whole && !header.whole(bytes, l4, end)) pkt.reason = 'TCP data offset malformed';
  else if (tracking.verifies(pkt) && !transportChecksumRight(pkt, IPPROTO_TCP)) pkt.reason = 'TCP checksum wrong';
  else if (!LEGAL_FLAGS[header.flags(bytes, l4) & ~(header.ECE | header.CWR | header.PSH)])
    pkt.reason = 'TCP flags that do not go together';
  else return false;
  return true;
}

/** The first packet. Only a SYN opens; an ACK is taken for the middle of a connection that began before us, if that is wanted. tcp_new() */
function open({ knobs }: Tracking, slab: Slab, record: number, pkt: Packet, kind: number): boolean {
  const state = NEXT[0][kind][NONE];
  if (state === BAD || (state !== SYN_SENT && !knobs.tcpLoose)) {
    pkt.reason = state === BAD ? 'TCP connection does not start like this' : 'TCP connection whose start was not seen';
    return false;
  }
  const { words, octets } = slab;
  words.fill(0, record, record + win.WORDS);
  const end = (header.sequence(pkt.bytes, pkt.l4) + win.segmentLength(pkt)) | 0;
  const window = header.window(pkt.bytes, pkt.l4) || 1;
  words[record + win.END] = end;
  words[record + win.MAXWIN] = window;
  if (state === SYN_SENT) {
    words[record + win.MAXEND] = end;
    win.readOptions(slab, record, 0, pkt);
  } else {
    // The scales are unknown: nothing can be said about windows.
    words[record + win.MAXEND] = end + window;
    octets[4 * record + win.FLAGS] = win.SACK_PERM | win.BE_LIBERAL;
    octets[4 * record + win.FLAGS + 1] = win.SACK_PERM | win.BE_LIBERAL;
  }
  win.setLast(octets, record, NONE_SET, 0);
  return true;
}

/** Status of a connection that both ends are long in the middle of, and the bits that tell. */
const SETTLED = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;
const SETTLING = SETTLED | IPS_SEQ_ADJUST;

/** What follow() comes to for the plain segments of an established connection, which is nearly all of TCP: only numbers move. */
function proceed(
  tracking: Tracking,
  slab: Slab,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
): Outcome {
  const verdict = win.judgeWindow(tracking, slab, record, direction, pkt, ESTABLISHED, 0);
  if (verdict !== win.IN_WINDOW) return verdict === win.IGNORED ? VALID : INVALID;
  win.setLast(slab.octets, record, ACK_SET, direction);
  tracking.refresh(id, pkt, direction, chooseTimeout(tracking, slab, record, id, ACK_SET, ESTABLISHED));
  return VALID;
}

/** nf_conntrack_tcp_packet() */
function follow(
  tracking: Tracking,
  slab: Slab,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
  kind: number,
): Outcome {
  const { table, knobs } = tracking;
  const { octets } = slab;
  const state = table.state(id);
  let next = NEXT[direction][kind][state];
  let from = state;
  let judged = false;

  switch (next) {
    case SYN_SENT:
      if (state < TIME_WAIT) break;
      if (mayReopen(octets, record, direction)) {
        tracking.kill(id);
        return REPEAT;
      }
      ignore(tracking, slab, record, pkt, direction, kind, state);
      return VALID;
    case IGNORE:
      if (!answersIgnoredSyn(slab, record, pkt, direction, kind)) {
        ignore(tracking, slab, record, pkt, direction, kind, state);
        return VALID;
      }
      resynchronise(slab, record, direction);
      from = SYN_SENT;
      next = SYN_RECV;
      break;
    case BAD:
      if (tracking.isProxied(id) && asksForServer(slab, record, pkt, direction, kind, state)) return VALID;
      if (knobs.logInvalid !== 0) tracking.complain(pkt, IPPROTO_TCP, refused('invalid', kind, direction, state));
      pkt.reason = 'TCP segment that the state does not allow';
      return INVALID;
    case TIME_WAIT:
      if (state === LAST_ACK && kind === ACK_SET && isChallengeAck(octets, record, direction)) {
        octets[4 * record + win.LAST_FLAGS] &= ~win.EXP_CHALLENGE_ACK;
        if (knobs.logInvalid !== 0) tracking.complain(pkt, IPPROTO_TCP, 'challenge-ack ignored');
        return VALID;
      }
      break;
    case SYN_SENT2:
      octets[4 * record + win.LAST_FLAGS] |= win.SIMULTANEOUS_OPEN;
      break;
    case SYN_RECV:
      if (direction === 1 && kind === ACK_SET && octets[4 * record + win.LAST_FLAGS] & win.SIMULTANEOUS_OPEN)
        next = ESTABLISHED;
      break;
    case CLOSE: {
      if (kind !== RST_SET) break;
      const judgment = judgeReset(tracking, slab, record, pkt, id, direction);
      if (judgment === RESET_INVALID) {
        pkt.reason = 'TCP reset before the last acknowledgment';
        return INVALID;
      }
      if (judgment & RESET_INEXACT) next = state;
      judged = (judgment & RESET_CERTAIN) !== 0;
      break;
    }
  }

  if (!judged) {
    const shifted = tracking.acknowledgedShift(id, pkt, direction);
    const verdict = win.judgeWindow(tracking, slab, record, direction, pkt, state, shifted);
    if (verdict === win.IGNORED) return VALID;
    if (verdict === win.OUT_OF_WINDOW) {
      shorten(tracking, octets, record, pkt, id, direction, kind);
      return INVALID;
    }
  }
  win.setLast(octets, record, kind, direction);
  table.setState(id, next);
  if (state !== next && next === FIN_WAIT) octets[4 * record + win.FLAGS + direction] |= win.CLOSE_INIT;
  if (from !== next) tracking.event(id, IPCT_PROTOINFO);
  settle(tracking, pkt, id, direction, kind, from, next, chooseTimeout(tracking, slab, record, id, kind, next));
  return VALID;
}

/** A SYN after the end: taken if the end was orderly, or if the same side broke the connection off. */
const mayReopen = (octets: Uint8Array, record: number, direction: Direction): boolean =>
  ((octets[4 * record + win.FLAGS] | octets[4 * record + win.FLAGS + 1]) & win.CLOSE_INIT) !== 0 ||
  (win.lastDirection(octets, record) === direction && win.lastKind(octets, record) === RST_SET);

/** A SYN/ACK for the SYN that was let through without belief: both ends agree, and only we were wrong. */
const answersIgnoredSyn = (
  { words, octets }: Slab,
  record: number,
  pkt: Packet,
  direction: Direction,
  kind: number,
): boolean =>
  kind === SYNACK_SET &&
  win.lastKind(octets, record) === SYN_SET &&
  win.lastDirection(octets, record) !== direction &&
  (header.acknowledgment(pkt.bytes, pkt.l4) | 0) === win.lastEnd(words, record);

/**
 * The side of the remembered SYN starts anew from it, the other side from the SYN/ACK at hand; that one stays liberal if it was, as the
 * kernel has it.
 */
function resynchronise({ words, octets }: Slab, record: number, direction: Direction): void {
  const other = (1 - direction) as Direction;
  const side = record + 4 * other;
  const end = win.lastEnd(words, record);
  words[side + win.END] = end;
  words[side + win.MAXEND] = end;
  words[side + win.MAXWIN] = win.lastWindow(words, record) || 1;
  octets[4 * record + win.LAST_FLAGS] &= ~win.EXP_CHALLENGE_ACK;
  octets[4 * record + win.SCALE + other] = octets[4 * record + win.LAST_SCALE];
  octets[4 * record + win.FLAGS + other] = octets[4 * record + win.LAST_FLAGS];
  words.fill(0, record + 4 * direction, record + 4 * direction + 4);
  octets[4 * record + win.SCALE + direction] = 0;
  octets[4 * record + win.FLAGS + direction] &= win.BE_LIBERAL;
}

/**
 * SYNPROXY's SYN to the server or its answer was lost, and the client asks again whether somebody is there: that belongs to the connection, so
 * that a SYN with the right numbers can be sent again.
 */
const asksForServer = (
  { words, octets }: Slab,
  record: number,
  pkt: Packet,
  direction: Direction,
  kind: number,
  state: number,
): boolean =>
  state === SYN_SENT &&
  kind === ACK_SET &&
  direction === 0 &&
  win.lastDirection(octets, record) === 0 &&
  ((words[record + win.END] - 1) | 0) === (header.sequence(pkt.bytes, pkt.l4) | 0);

/** `kind` counts as the kernel's enum does: SYN, SYN/ACK, FIN, ACK, RST. */
const refused = (what: string, kind: number, direction: Direction, state: number): string =>
  `packet (index ${kind}) in dir ${direction} ${what}, state ${tcp.states[state]}`;

function ignore(
  tracking: Tracking,
  slab: Slab,
  record: number,
  pkt: Packet,
  direction: Direction,
  kind: number,
  state: number,
): void {
  const { words, octets } = slab;
  const { bytes, l4, end } = pkt;
  if (tracking.knobs.logInvalid !== 0) tracking.complain(pkt, IPPROTO_TCP, refused('ignored', kind, direction, state));
  win.setLast(octets, record, kind, direction);
  win.remember(slab, record, header.sequence(bytes, l4), win.segmentLength(pkt), header.window(bytes, l4));
  if (kind === SYN_SET && direction === 0) {
    const offered = win.offeredOptions(bytes, l4, end);
    // In LAST_ACK the ACK that a host sends to an unexpected SYN (RFC 5961 4) must not be taken for that of the last FIN.
    octets[4 * record + win.LAST_FLAGS] =
      (offered < 0 ? 0 : offered & 0xff) | (state === LAST_ACK ? win.EXP_CHALLENGE_ACK : 0);
    octets[4 * record + win.LAST_SCALE] = offered < 0 ? 0 : offered >>> 8;
  }
  if (state === SYN_SENT && kind === ACK_SET && direction === 1)
    words[record + win.LAST_ACK] = header.acknowledgment(bytes, l4);
}

const isChallengeAck = (octets: Uint8Array, record: number, direction: Direction): boolean =>
  win.lastDirection(octets, record) !== direction &&
  win.lastKind(octets, record) === SYN_SET &&
  (octets[4 * record + win.LAST_FLAGS] & win.EXP_CHALLENGE_ACK) !== 0;

/**
 * FIN and RST outside the window from both sides: the ends know something that we do not, and the entry shall not live for days.
 * nf_tcp_handle_invalid()
 */
function shorten(
  tracking: Tracking,
  octets: Uint8Array,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
  kind: number,
): void {
  const { table, now } = tracking;
  const status = table.status(id);
  if (!(status & IPS_ASSURED) || status & IPS_FIXED_TIMEOUT || (kind !== FIN_SET && kind !== RST_SET)) return;
  const last = win.lastKind(octets, record);
  if (win.lastDirection(octets, record) === direction || (last !== FIN_SET && last !== RST_SET)) {
    win.setLast(octets, record, kind, direction);
    return;
  }
  const left = (table.expires[id] - now) | 0;
  const timeout = tracking.timeouts(id, IPPROTO_TCP)[UNACKNOWLEDGED];
  if (left < 120_000 || left <= timeout) return;
  table.expires[id] = now + timeout;
  // In ticks, of which the common kernel has 250 a second.
  const text = `packet (index ${kind}, dir ${direction}) response for index ${last} lower timeout to ${timeout / 4}`;
  tracking.complain(pkt, IPPROTO_TCP, text);
}

function chooseTimeout(
  tracking: Tracking,
  { words, octets }: Slab,
  record: number,
  id: number,
  kind: number,
  next: number,
): number {
  const timeouts = tracking.timeouts(id, IPPROTO_TCP);
  const own = timeouts[next];
  const flags = octets[4 * record + win.FLAGS] | octets[4 * record + win.FLAGS + 1];
  const retransmitted = octets[4 * record + win.RETRANS] >= tracking.knobs.tcpMaxRetrans;
  if (retransmitted && own > timeouts[MAX_RETRANS]) return timeouts[MAX_RETRANS];
  // Also a reset that did not change the state.
  if (kind === RST_SET) return timeouts[CLOSE];
  if (flags & win.DATA_UNACKNOWLEDGED && own > timeouts[UNACKNOWLEDGED]) return timeouts[UNACKNOWLEDGED];
  if (win.lastWindow(words, record) === 0 && own > timeouts[MAX_RETRANS]) return timeouts[MAX_RETRANS];
  return own;
}

/** Window tracking starts anew with the next packet of either side. */
export function forgetWindows({ table }: Tracking, id: number): void {
  if (table.state(id) !== ESTABLISHED) return;
  const { words } = table.slabs[IPPROTO_TCP]!;
  const record = table.own[id] * win.WORDS;
  for (const direction of [0, 1]) words[record + 4 * direction + win.MAXWIN] = 0;
}

/** The same after packets that we have missed for a while: what was acknowledged says nothing about resets any more. */
export function missedPackets(tracking: Tracking, id: number): void {
  const { table } = tracking;
  if (table.state(id) !== ESTABLISHED) return;
  forgetWindows(tracking, id);
  const { octets } = table.slabs[IPPROTO_TCP]!;
  const flags = 4 * table.own[id] * win.WORDS + win.FLAGS;
  for (const direction of [0, 1])
    octets[flags + direction] = (octets[flags + direction] & ~win.MAXACK_SET) | win.MISSED;
}

/** A reset that a rule sends in our name ends the connection, although the tracker does not see it. nf_conntrack_tcp_set_closing() */
export function setClosing(tracking: Tracking, id: number): void {
  const { table } = tracking;
  const from = table.state(id);
  table.setState(id, CLOSE);
  if (from === CLOSE || table.status(id) & IPS_FIXED_TIMEOUT) return;
  table.expires[id] = tracking.now + tracking.timeouts(id, IPPROTO_TCP)[CLOSE];
  tracking.event(id, IPCT_PROTOINFO);
}

/** What the accepted packet means for life and death of the connection. */
function settle(
  tracking: Tracking,
  pkt: Packet,
  id: number,
  direction: Direction,
  kind: number,
  from: number,
  next: number,
  timeout: number,
): void {
  const { table } = tracking;
  const status = table.status(id);
  if (!(status & IPS_SEEN_REPLY)) {
    // The port is closed: that was all of the connection. The reset is counted as its last packet. nf_ct_kill_acct()
    if (kind === RST_SET) {
      tracking.refresh(id, pkt, direction, 0);
      tracking.kill(id);
      return;
    }
    // A SYN sent again and again must not keep the entry, and the mapping that goes with it, for ever.
    if (kind === SYN_SET && from === SYN_SENT) return;
    // Picked up, and only one side seen.
    if (next === ESTABLISHED) timeout = Math.min(timeout, tracking.timeouts(id, IPPROTO_TCP)[UNACKNOWLEDGED]);
  } else if (!(status & IPS_ASSURED) && (from === SYN_RECV || from === ESTABLISHED) && next === ESTABLISHED) {
    table.addStatus(id, IPS_ASSURED);
    tracking.event(id, IPCT_ASSURED);
  }
  tracking.refresh(id, pkt, direction, timeout);
}
