// Messages in a TCP stream: each behind a header that has its length (TPKT, RFC 1006 6). Read are those that a segment has whole, and one whose header
// came alone in the segment before. Source: net/netfilter/nf_conntrack_h323_main.c get_tpkt_data()

import { u16 } from '../../../packet/bytes.ts';
import type { HelperCall } from '../../helping/helper-call.ts';
import type { State } from './ends.ts';

const HEADER = 4; // octets
/** Version 3, reserved octet. */
const VERSION = 0x0300;
/** Of one segment; a larger one, put together of many, is not read further. */
const MOST_MESSAGES = 32;

/** What is read of a message in [from, to): false: it cannot be; a string: why the packet is dropped. */
export type ReadMessage = (from: number, to: number) => string | false | undefined;

export function readMessages(call: HelperCall, state: State, read: ReadMessage): string | undefined {
  if (!call.established || call.from >= call.to) return undefined;
  const { from, to } = call;
  const alone = state.announced[call.direction];
  state.announced[call.direction] = 0;
  if (!isHeader(call, from)) {
    const behind = alone > 0 && alone <= to - from && read(from, from + alone);
    return behind === false ? undefined : behind;
  }
  for (let at = from, count = 0; count < MOST_MESSAGES && isHeader(call, at); count++) {
    const length = u16(call.bytes, at + 2);
    if (length < HEADER) break;
    if (at + length > to) {
      if (to - from === HEADER) state.announced[call.direction] = length - HEADER;
      break;
    }
    const refused = read(at + HEADER, at + length);
    if (refused === false) break;
    if (refused !== undefined) return refused;
    at += length;
  }
  return undefined;
}

const isHeader = ({ bytes, to }: HelperCall, at: number): boolean => at + HEADER <= to && u16(bytes, at) === VERSION;
