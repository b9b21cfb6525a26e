// Segments that pass without belief, since they may be a stranger's or of a connection that began anew without us: what is remembered of
// them, and when an answer shows that one of them was right. net/netfilter/nf_conntrack_proto_tcp.c nf_conntrack_tcp_packet()

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import type { Direction } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import type { Tracking } from './l4.ts';
import { ACK_SET, LAST_ACK, RST_SET, STATES, SYN_SENT, SYN_SET, SYNACK_SET } from './tcp-states.ts';
import * as win from './tcp-window.ts';

/** A SYN after the end: taken if the end was orderly, or if the same side broke the connection off. */
export const mayReopen = (octets: Uint8Array, record: number, direction: Direction): boolean =>
  ((octets[4 * record + win.FLAGS] | octets[4 * record + win.FLAGS + 1]) & win.CLOSE_INIT) !== 0 ||
  (win.lastDirection(octets, record) === direction && win.lastKind(octets, record) === RST_SET);

/** A SYN/ACK for the SYN that was let through without belief: both ends agree, and only we were wrong. */
export const answersIgnoredSyn = (
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
export function resynchronise({ words, octets }: Slab, record: number, direction: Direction): void {
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
export const asksForServer = (
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
export const refused = (what: string, kind: number, direction: Direction, state: number): string =>
  `packet (index ${kind}) in dir ${direction} ${what}, state ${STATES[state]}`;

export function ignore(
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
  if (tracking.complaints.wanted) tracking.complaints.say(pkt, IPPROTO_TCP, refused('ignored', kind, direction, state));
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

export const isChallengeAck = (octets: Uint8Array, record: number, direction: Direction): boolean =>
  win.lastDirection(octets, record) !== direction &&
  win.lastKind(octets, record) === SYN_SET &&
  (octets[4 * record + win.LAST_FLAGS] & win.EXP_CHALLENGE_ACK) !== 0;
