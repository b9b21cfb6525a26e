// Whether a reset ends a connection: only one that its receiver will believe may, for a stranger can guess addresses and ports, and a window is
// wide. RFC 5961 3; net/netfilter/nf_conntrack_proto_tcp.c nf_conntrack_tcp_packet(), case TCP_CONNTRACK_CLOSE

import type { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import { type Direction, IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts';
import type { Slab } from '../table/slab.ts';
import type { Tracking } from './l4.ts';
import { ACK_SET, ESTABLISHED, isClosing, SYN_SENT, SYN_SET } from './tcp-states.ts';
import * as win from './tcp-window.ts';

/** The window decides. */
const RESET_TO_WINDOW = 0;
/** No need to ask the window. */
export const RESET_CERTAIN = 1;
/** The state stays: the receiver may answer with a challenge ACK (RFC 5961 3). */
export const RESET_INEXACT = 2;
export const RESET_INVALID = 4;

/** Sums of the numbers above. `record` is the offset of the connection's record in slab.words. */
export function judgeReset(
  { table, knobs }: Tracking,
  { words, octets }: Slab,
  record: number,
  pkt: Packet,
  id: number,
  direction: Direction,
): number {
  const state = table.state(id);
  const status = table.status(id);
  // The ports may be in use again already; what is remembered of the window is of no value.
  if (isClosing(state)) return RESET_CERTAIN;
  const kind = win.lastKind(octets, record);
  const seq = header.sequence(pkt.bytes, pkt.l4) | 0;
  let judgment = RESET_TO_WINDOW;
  // After a SYN that was let through, the highest acknowledgment may be of another connection.
  if (octets[4 * record + win.FLAGS + 1 - direction] & win.MAXACK_SET && kind !== SYN_SET) {
    const established = state === ESTABLISHED && (status & IPS_ASSURED) !== 0;
    const acknowledged = words[record + 4 * (1 - direction) + win.MAXACK];
    if (seq === 0 && !established) return RESET_TO_WINDOW;
    if (((seq - acknowledged) | 0) < 0 && !knobs.tcpIgnoreInvalidRst) return RESET_INVALID;
    if (!established || seq === acknowledged) return RESET_TO_WINDOW;
    // Right behind data that the sender of the reset sent last.
    if (kind === ACK_SET && win.lastDirection(octets, record) === direction && seq === win.lastEnd(words, record))
      return RESET_TO_WINDOW;
    judgment = RESET_INEXACT;
  }
  // The answer to a SYN of the other side, or to an ACK, that we let through and that was wrong.
  const answersIgnored =
    kind === SYN_SET
      ? (status & IPS_SEEN_REPLY) !== 0 && win.lastDirection(octets, record) !== direction
      : kind === ACK_SET && !(status & IPS_ASSURED);
  if (answersIgnored && (header.acknowledgment(pkt.bytes, pkt.l4) | 0) === win.lastEnd(words, record))
    return judgment | RESET_CERTAIN;
  // The answer to a challenge ACK that was let through.
  const challenged = state === SYN_SENT && kind === ACK_SET && win.lastDirection(octets, record) === 1;
  return challenged && seq === words[record + win.LAST_ACK] ? judgment | RESET_CERTAIN : judgment;
}
