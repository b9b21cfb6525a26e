// How long a TCP connection lives, by what its last segment was and by what is not acknowledged yet; and its ends.
// net/netfilter/nf_conntrack_proto_tcp.c nf_conntrack_tcp_packet(), behind the window

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import {
  type Direction,
  IPCT_ASSURED,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from '../status.ts';
import type { Slab } from '../table/slab.ts';
import type { Tracking } from './l4.ts';
import {
  CLOSE,
  ESTABLISHED,
  FIN_SET,
  MAX_RETRANS,
  RST_SET,
  SYN_RECV,
  SYN_SENT,
  SYN_SET,
  UNACKNOWLEDGED,
} from './tcp-states.ts';
import * as win from './tcp-window.ts';

/**
 * FIN and RST outside the window from both sides: the ends know something that we do not, and the entry shall not live for days.
 * nf_tcp_handle_invalid()
 */
export function shorten(
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
  tracking.complaints.say(pkt, IPPROTO_TCP, text);
}

export function chooseTimeout(
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
export function settle(
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
    // The port is closed: that was all of the connection. The reset is counted as its last packet.
    if (kind === RST_SET) {
      tracking.killCounted(id, pkt, direction);
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
