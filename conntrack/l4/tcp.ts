// TCP, net/netfilter/nf_conntrack_proto_tcp.c: a state per connection that follows what both ends must believe, moved by the kind of
// each segment (tcp-states.ts), and a window that keeps forged segments from moving it (tcp-window.ts). How long it lives: tcp-life.ts.
//
// The tracker sees packets that an end may never see, and may have missed some that both ends saw. So it does not believe what
// could be a stranger's (ignored segments pass without moving anything and are only remembered: tcp-ignored.ts), and it falls back in step
// when the other end's answer shows that a remembered one was right.

import { transportChecksumRight } from '../../packet/checksum.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import {
  type Direction,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
} from '../status.ts';
import type { Slab } from '../table/slab.ts';
import { defineL4, INVALID, type Outcome, portKeys, REPEAT, swapKeys, type Tracking, VALID } from './l4.ts';
import {
  answersIgnoredSyn,
  asksForServer,
  ignore,
  isChallengeAck,
  mayReopen,
  refused,
  resynchronise,
} from './tcp-ignored.ts';
import { chooseTimeout, settle, shorten } from './tcp-life.ts';
import { judgeReset, RESET_CERTAIN, RESET_INEXACT, RESET_INVALID } from './tcp-reset.ts';
import {
  ACK_SET,
  BAD,
  CLOSE,
  ESTABLISHED,
  FIN_WAIT,
  IGNORE,
  isClosing,
  kindOf,
  LAST_ACK,
  LEGAL_FLAGS,
  NEXT,
  NONE,
  NONE_SET,
  RST_SET,
  STATES,
  SYN_RECV,
  SYN_SENT,
  SYN_SENT2,
  TIME_WAIT,
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
  states: STATES,
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
  for (let word = record; word < record + win.WORDS; word++) words[word] = 0;
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
  const { table, complaints } = tracking;
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
      if (complaints.wanted) complaints.say(pkt, IPPROTO_TCP, refused('invalid', kind, direction, state));
      pkt.reason = 'TCP segment that the state does not allow';
      return INVALID;
    case TIME_WAIT:
      if (state === LAST_ACK && kind === ACK_SET && isChallengeAck(octets, record, direction)) {
        octets[4 * record + win.LAST_FLAGS] &= ~win.EXP_CHALLENGE_ACK;
        if (complaints.wanted) complaints.say(pkt, IPPROTO_TCP, 'challenge-ack ignored');
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
