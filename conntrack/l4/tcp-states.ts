// TCP's states, and what each kind of segment makes of them. net/netfilter/nf_conntrack_proto_tcp.c

import * as header from '../../packet/tcp.ts';

export const NONE = 0;
export const SYN_SENT = 1;
export const SYN_RECV = 2;
export const ESTABLISHED = 3;
export const FIN_WAIT = 4;
export const CLOSE_WAIT = 5;
export const LAST_ACK = 6;
export const TIME_WAIT = 7;
export const CLOSE = 8;
export const SYN_SENT2 = 9;
/** Their names, as /proc prints them. */
export const STATES = [
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
] as const;
/** Not states: what the tables may say instead. */
export const IGNORE = 10;
export const BAD = 11;
/** Two more timeouts behind those of the states. */
export const MAX_RETRANS = 10;
export const UNACKNOWLEDGED = 11;

/** Kinds of segments, in the order in which the tables have them. */
export const SYN_SET = 0;
export const SYNACK_SET = 1;
export const FIN_SET = 2;
export const ACK_SET = 3;
export const RST_SET = 4;
export const NONE_SET = 5;

const iv = BAD;
const ig = IGNORE;
const [sS, sR, es, fw, cw, la, tw, cl, s2] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/**
 * Next state by direction, kind of segment and state. Source: tcp_conntracks.
 *
 * Original SYN: in a live connection it may be a new incarnation or a forgery; only the SYN/ACK will tell (ignored). In TIME_WAIT
 * and CLOSE it opens again. SYN/ACK: only an answer in a simultaneous open. FIN: the first one leads to FIN_WAIT, the other side's to
 * LAST_ACK. ACK: from NONE it picks up a connection whose beginning was not seen; in FIN_WAIT it acknowledges the FIN, in LAST_ACK the last one.
 */
export const NEXT: readonly (readonly Uint8Array[])[] = [
  [
    //               NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2
    Uint8Array.of(/* SYN     */ sS, sS, ig, ig, ig, ig, ig, sS, sS, s2),
    Uint8Array.of(/* SYN/ACK */ iv, iv, sR, iv, iv, iv, iv, iv, iv, sR),
    Uint8Array.of(/* FIN     */ iv, iv, fw, fw, la, la, la, tw, cl, iv),
    Uint8Array.of(/* ACK     */ es, iv, es, es, cw, cw, tw, tw, cl, iv),
    Uint8Array.of(/* RST     */ iv, cl, cl, cl, cl, cl, cl, cl, cl, cl),
    Uint8Array.of(/* none    */ iv, iv, iv, iv, iv, iv, iv, iv, iv, iv),
  ],
  [
    // Reply SYN: simultaneous open, or a new connection the other way round. SYN/ACK in a live connection: it may answer a SYN that
    // was ignored. ACK in SYN_SENT: a challenge ACK (RFC 5961 4) of an end that still has an older connection.
    Uint8Array.of(/* SYN     */ iv, s2, iv, iv, iv, iv, iv, sS, iv, s2),
    Uint8Array.of(/* SYN/ACK */ iv, sR, ig, ig, ig, ig, ig, ig, ig, sR),
    Uint8Array.of(/* FIN     */ iv, iv, fw, fw, la, la, la, tw, cl, iv),
    Uint8Array.of(/* ACK     */ iv, ig, sR, es, cw, cw, tw, tw, cl, ig),
    Uint8Array.of(/* RST     */ iv, cl, cl, cl, cl, cl, cl, cl, cl, cl),
    Uint8Array.of(/* none    */ iv, iv, iv, iv, iv, iv, iv, iv, iv, iv),
  ],
];

/** Flag sets that make sense, PSH, ECE and CWR aside. Source: tcp_valid_flags. */
export const LEGAL_FLAGS = new Uint8Array(256);
for (const flags of [
  header.SYN,
  header.SYN | header.URG,
  header.SYN | header.ACK,
  header.RST,
  header.RST | header.ACK,
  header.FIN | header.ACK,
  header.FIN | header.ACK | header.URG,
  header.ACK,
  header.ACK | header.URG,
])
  LEGAL_FLAGS[flags] = 1;

export function kindOf(flags: number): number {
  if (flags & header.RST) return RST_SET;
  if (flags & header.SYN) return flags & header.ACK ? SYNACK_SET : SYN_SET;
  if (flags & header.FIN) return FIN_SET;
  return flags & header.ACK ? ACK_SET : NONE_SET;
}

/** FIN_WAIT to CLOSE: the connection is ending or over. */
export const isClosing = (state: number): boolean => state >= FIN_WAIT && state <= CLOSE;
