// TCP options that SYNPROXY hands on between client and server: read from a segment, kept in the low bits of the time stamp while nothing
// else is kept, and written again. net/netfilter/nf_synproxy_core.c

import { putU16, putU32, u16, u32 } from '../../packet/bytes.ts';
import * as tcp from '../../packet/tcp.ts';

/** NF_SYNPROXY_OPT_* */
export const MSS = 0x01;
export const WSCALE = 0x02;
export const SACK_PERM = 0x04;
export const TIMESTAMP = 0x08;
export const ECN = 0x10;

export interface SynOptions {
  /** Which there are. */
  present: number;
  mss: number;
  scale: number;
  /** Time stamp value and echo. */
  time: number;
  echo: number;
}

export const noOptions = (): SynOptions => ({ present: 0, mss: 0, scale: 0, time: 0, echo: 0 });

const MOST_SCALE = 14;

/** Undefined: the header is cut short, or its length makes no sense. Of two of a kind the last one counts. synproxy_parse_options() */
export function readOptions(bytes: Uint8Array, at: number, end: number): SynOptions | undefined {
  if (!tcp.whole(bytes, at, end)) return undefined;
  const found = noOptions();
  const limit = tcp.optionsEnd(bytes, at, end);
  for (let here = tcp.firstOption(bytes, at, end); here >= 0; here = tcp.nextOption(bytes, here, limit)) {
    readOption(found, bytes, here);
  }
  return found;
}

function readOption(found: SynOptions, bytes: Uint8Array, here: number): void {
  const [kind, length] = [bytes[here], bytes[here + 1]];
  if (kind === tcp.TCPOPT_MSS && length === 4) {
    found.present |= MSS;
    found.mss = u16(bytes, here + 2);
  } else if (kind === tcp.TCPOPT_WINDOW && length === 3) {
    found.present |= WSCALE;
    found.scale = Math.min(bytes[here + 2], MOST_SCALE);
  } else if (kind === tcp.TCPOPT_TIMESTAMP && length === 10) {
    found.present |= TIMESTAMP;
    found.time = u32(bytes, here + 2);
    found.echo = u32(bytes, here + 6);
  } else if (kind === tcp.TCPOPT_SACK_PERM && length === 2) {
    found.present |= SACK_PERM;
  }
}

const { TCPOPT_NOP: NOP } = tcp;

/** In words of four octets, in this order. synproxy_build_options() */
export function writeOptions({ present, mss, scale, time, echo }: SynOptions): Uint8Array {
  const octets = new Uint8Array(tcp.MAX_LENGTH - tcp.LENGTH);
  let at = 0;
  const word = (...values: readonly number[]): void => {
    octets.set(values, at);
    at += 4;
  };
  if (present & MSS) {
    word(tcp.TCPOPT_MSS, 4);
    putU16(octets, at - 2, mss);
  }
  if (present & TIMESTAMP) {
    const before = present & SACK_PERM ? [tcp.TCPOPT_SACK_PERM, 2] : [NOP, NOP];
    word(...before, tcp.TCPOPT_TIMESTAMP, 10);
    putU32(octets, at, time);
    putU32(octets, at + 4, echo);
    at += 8;
  } else if (present & SACK_PERM) {
    word(NOP, NOP, tcp.TCPOPT_SACK_PERM, 2);
  }
  if (present & WSCALE) word(NOP, tcp.TCPOPT_WINDOW, 3, scale);
  return octets.subarray(0, at);
}

// --- What the time stamp carries ---------------------------------------------------------------------------------------
//   | ms, without their last six bits | ECN | SACK | scale(4), 15: none |

const NO_SCALE = 0xf;
const SACK_BIT = 1 << 4;
const ECN_BIT = 1 << 5;

/** The time stamp of the answer to a SYN with these options; the server's `scale` goes in their place. synproxy_init_timestamp_cookie() */
export function hideInTime(options: SynOptions, now: number, scale: number): void {
  const { present } = options;
  options.echo = options.time;
  let time = (Math.floor(now) & ~0x3f) | (present & WSCALE ? options.scale : NO_SCALE);
  if (present & WSCALE) options.scale = scale;
  if (present & SACK_PERM) time |= SACK_BIT;
  if (present & ECN) time |= ECN_BIT;
  options.time = time >>> 0;
}

/** What the client brings back of that. synproxy_check_timestamp_cookie() */
export function findInTime(options: SynOptions): void {
  const { echo } = options;
  options.scale = echo & NO_SCALE;
  if (options.scale !== NO_SCALE) options.present |= WSCALE;
  if (echo & SACK_BIT) options.present |= SACK_PERM;
  if (echo & ECN_BIT) options.present |= ECN;
}
