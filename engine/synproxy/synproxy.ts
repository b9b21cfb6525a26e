// SYNPROXY: the handshake with a client is done in the server's name, without keeping anything, and only a client that completes it gets a
// connection to the server. Then the two halves are put together by shifting numbers.
//
//   client           here                                       server
//    SYN   ->  challenge()   nothing is kept
//          <-  SYN/ACK, a cookie, window 0
//    ACK   ->  open()        SYN in the client's name         ->          the tracker has it as a new connection
//                            atExit(): SYN/ACK, which ends here  <-
//                            ACK in the client's name         ->
//          <-  ACK with the server's window
//    data  <-> numbers (conntrack/seqadj.ts) and time stamps shifted at the exit  <->
//
// So the tracker is to see neither SYN nor ACK of the client: rules have them untracked (CT --notrack), and nf_conntrack_tcp_loose is 0.
// net/netfilter/nf_synproxy_core.c, net/ipv4/netfilter/ipt_SYNPROXY.c

import { pull } from '../../conntrack/defrag/cut.ts';
import { CLOSE, SYN_RECV, SYN_SENT } from '../../conntrack/l4/tcp-states.ts';
import { MAXWIN, WORDS as WINDOW_WORDS } from '../../conntrack/l4/tcp-window.ts';
import type { Proxied } from '../../conntrack/synproxy.ts';
import type { Template } from '../../conntrack/template.ts';
import { type ConnectionTracker, IPCT_SEQADJ, IPCT_SYNPROXY } from '../../conntrack/tracker.ts';
import { INPUT } from '../../grammar/tables.ts';
import { u16, u32 } from '../../packet/bytes.ts';
import { rewriteTransportU16, transportChecksumRight } from '../../packet/checksum.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Random } from '../services.ts';
import { ACCEPT, DROP, STOLEN, type Verdict } from '../verdict.ts';
import type { Cause } from '../walk.ts';
import { SynCookies } from './cookies.ts';
import {
  ECN,
  findInTime,
  hideInTime,
  MSS,
  readOptions,
  SACK_PERM,
  type SynOptions,
  TIMESTAMP,
  WSCALE,
} from './options.ts';
import { segment } from './segment.ts';
import { SynProxyStatistics } from './statistics.ts';

/** What a rule says of the server. */
export interface ServerOptions {
  /** Bits of options.ts that the client may use. */
  readonly allowed: number;
  readonly mss: number;
  readonly scale: number;
}

/** Of the connections that are opened to servers. */
const TEMPLATE: Template = {
  untracked: false,
  zoneOriginal: 0,
  zoneReply: 0,
  helper: undefined,
  timeout: undefined,
  events: undefined,
  expectEvents: undefined,
  mark: 0,
  proxied: true,
};

export interface SynProxyParts {
  readonly tracker: ConnectionTracker;
  readonly random: Random;
  /** Sends a packet of our own through the hooks. */
  send(octets: Uint8Array, about: Packet, cause: Cause): void;
}

export class SynProxy {
  readonly statistics = new SynProxyStatistics();
  private readonly parts: SynProxyParts;
  private readonly cookies: SynCookies;

  constructor(parts: SynProxyParts) {
    this.parts = parts;
    this.cookies = new SynCookies(parts.random);
  }

  // --- What the target asks ------------------------------------------------------------------------------------------

  /** The target's verdict, undefined: the segment is neither a first SYN nor an ACK, and the next rule's. synproxy_tg4() */
  answer(pkt: Packet, server: ServerOptions): Verdict | undefined {
    const { bytes, l4, end } = pkt;
    if (!this.checksumFits(pkt) || !tcp.fits(bytes, l4, end)) return drop(pkt, 'TCP checksum wrong');
    const options = readOptions(bytes, l4, end);
    if (!options) return drop(pkt, 'TCP header cut short');
    const flags = tcp.flags(bytes, l4) & (tcp.SYN | tcp.ACK | tcp.FIN | tcp.RST);
    if (flags === tcp.SYN) {
      this.statistics.synReceived++;
      this.challenge(pkt, options, server);
      return STOLEN;
    }
    if (flags !== tcp.ACK) return undefined;
    return this.open(pkt, options, 0) ? STOLEN : drop(pkt, 'no SYN cookie of ours');
  }

  /** The tracker has summed up what it saw on the way in, and in FORWARD that is enough, whatever it found. nf_ip_checksum() */
  private checksumFits(pkt: Packet): boolean {
    if (pkt.checksumTrusted || (pkt.hook !== INPUT && this.parts.tracker.hasSummed(pkt))) return true;
    return transportChecksumRight(pkt, IPPROTO_TCP);
  }

  /** synproxy_send_client_synack() */
  private challenge(pkt: Packet, options: SynOptions, { allowed, mss, scale }: ServerOptions): void {
    const { bytes, l4, now } = pkt;
    const asksEcn = (tcp.flags(bytes, l4) & (tcp.ECE | tcp.CWR)) === (tcp.ECE | tcp.CWR);
    options.present = (options.present | (asksEcn ? ECN : 0)) & allowed;
    const cookie = this.cookies.make(pkt, options.mss);
    options.mss = mss;
    if (options.present & TIMESTAMP) hideInTime(options, now, scale);
    else options.present &= ~(WSCALE | SACK_PERM | ECN);
    const flags = tcp.SYN | tcp.ACK | (options.present & ECN ? tcp.ECE : 0);
    const ack = tcp.sequence(bytes, l4) + 1;
    this.send(pkt, segment(pkt, 'back', { flags, seq: cookie, ack, window: 0, options }), { answers: true });
  }

  /** `late`: how far the segment is behind the ACK of a handshake. synproxy_recv_client_ack(), synproxy_send_server_syn() */
  private open(pkt: Packet, options: SynOptions, late: number): boolean {
    const { bytes, l4 } = pkt;
    const mss = this.cookies.check(pkt);
    if (mss === 0) {
      this.statistics.cookieInvalid++;
      return false;
    }
    this.statistics.cookieValid++;
    options.mss = mss;
    options.present |= MSS;
    if (options.present & TIMESTAMP) findInTime(options);
    const flags = tcp.SYN | (options.present & ECN ? tcp.ECE | tcp.CWR : 0);
    // What the server is to be told of our own numbers stands where a SYN has nothing to say: atExit() finds it there.
    const ack = tcp.acknowledgment(bytes, l4) - 1;
    const seq = tcp.sequence(bytes, l4) + late - 1;
    const window = tcp.window(bytes, l4);
    this.send(pkt, segment(pkt, 'onward', { flags, seq, ack, window, options }), { onward: true, template: TEMPLATE });
    return true;
  }

  // --- At the exit ---------------------------------------------------------------------------------------------------

  /** Every packet of a connection that was opened here, before the tracker confirms it. ipv4_synproxy_hook(), ipv6_synproxy_hook() */
  atExit(pkt: Packet): Verdict {
    const { tracker } = this.parts;
    const { bytes, l4, end, connection: id, direction } = pkt;
    if (pkt.inDevice === 'lo' || pkt.protocol !== IPPROTO_TCP) return ACCEPT;
    if (!tracker.proxied.has(id)) return this.atEnd(pkt);
    if (!tcp.fits(bytes, l4, end)) return drop(pkt, 'TCP header cut short');
    const flags = tcp.flags(bytes, l4);
    const state = tracker.table.state(id);
    if (state === SYN_RECV && (flags & (tcp.SYN | tcp.ACK)) === (tcp.SYN | tcp.ACK)) return this.join(pkt);
    if (state === CLOSE && flags & tcp.RST && direction === 1) {
      tracker.seqadj.shift(id, 1, behind(pkt, tracker.proxied.get(id)!));
    } else if (state === CLOSE && (flags & (tcp.SYN | tcp.ACK)) === tcp.SYN && direction === 0) {
      // Opened again: what the two halves differ by is found out anew.
      tracker.proxied.set(id, { timeShift: 0 });
      this.statistics.connReopened++;
      const verdict = this.begin(pkt, flags);
      if (verdict !== ACCEPT) return verdict;
    } else if (state === SYN_SENT) {
      const verdict = this.begin(pkt, flags);
      if (verdict !== ACCEPT) return verdict;
    }
    return this.shiftTime(pkt) ? ACCEPT : drop(pkt, 'TCP options that cannot be shifted');
  }

  /** The server has nobody at that port: its reset has ended the connection, and looks to the client as if it came after the SYN/ACK. */
  private atEnd(pkt: Packet): Verdict {
    const { bytes, l4, end, connection: id, direction } = pkt;
    const departed = direction === 1 ? this.parts.tracker.proxied.getDeparted(id) : undefined;
    if (!departed || !tcp.fits(bytes, l4, end) || !(tcp.flags(bytes, l4) & tcp.RST)) return ACCEPT;
    add(pkt, l4 + tcp.SEQUENCE_AT, behind(pkt, departed));
    return ACCEPT;
  }

  /** The SYN to the server leaves, or the client asks whether somebody is there yet. */
  private begin(pkt: Packet, flags: number): Verdict {
    const { tracker } = this.parts;
    const { bytes, l4, end, connection: id, direction } = pkt;
    const options = readOptions(bytes, l4, end);
    if (!options) return drop(pkt, 'TCP header cut short');
    // A keep-alive repeats the last octet; here that is the SYN.
    if ((flags & (tcp.SYN | tcp.ACK)) === tcp.ACK && direction === 0) {
      if (!this.open(pkt, options, 1)) return drop(pkt, 'no SYN cookie of ours');
      this.statistics.cookieRetrans++;
      return STOLEN;
    }
    tracker.proxied.set(id, { firstSequence: tcp.acknowledgment(bytes, l4) });
    if (options.present & TIMESTAMP) tracker.proxied.set(id, { firstTime: options.echo });
    tracker.event(id, IPCT_SYNPROXY);
    return ACCEPT;
  }

  /** The server is there: it gets its ACK, and the client hears of its window. Their numbers are shifted from here on. */
  private join(pkt: Packet): Verdict {
    const { tracker } = this.parts;
    const { bytes, l4, end, connection: id } = pkt;
    const options = readOptions(bytes, l4, end);
    if (!options) return drop(pkt, 'TCP header cut short');
    const { firstSequence, firstTime } = tracker.proxied.get(id)!;
    if (options.present & TIMESTAMP) {
      tracker.proxied.set(id, { timeShift: options.time - firstTime });
      tracker.event(id, IPCT_SYNPROXY);
    }
    const { scale, time, echo } = options;
    options.present &= ~(MSS | WSCALE | SACK_PERM);
    const [seq, ack] = [tcp.sequence(bytes, l4), tcp.acknowledgment(bytes, l4)];
    const swapped = { ...options, time: echo, echo: time };
    const ours = segment(pkt, 'back', {
      flags: tcp.ACK,
      seq: ack,
      ack: seq + 1,
      window: this.window(id),
      options: swapped,
    });
    this.send(pkt, ours, {});
    tracker.seqadj.shift(id, pkt.direction, (firstSequence - seq) | 0);
    tracker.event(id, IPCT_SEQADJ);
    const window = tcp.window(bytes, l4) >>> scale;
    const theirs = segment(pkt, 'onward', { flags: tcp.ACK, seq: seq + 1, ack, window, options });
    this.send(pkt, theirs, { onward: true, answers: true });
    return STOLEN;
  }

  /** The largest window that the client has announced. */
  private window(id: number): number {
    const { table } = this.parts.tracker;
    const { words } = table.slabs[IPPROTO_TCP]!;
    return words[table.own[id] * WINDOW_WORDS + MAXWIN] & 0xffff;
  }

  /** Time stamps of the server look to the client as if they went on from the cookie's. synproxy_tstamp_adjust() */
  private shiftTime(pkt: Packet): boolean {
    const shift = this.parts.tracker.proxied.timeShift(pkt.connection);
    if (shift === 0) return true;
    const { bytes, l3, l4, end, direction } = pkt;
    const limit = l4 + tcp.headerLength(bytes, l4);
    if (limit > end) return false;
    pull(pkt, limit - l3);
    let here = tcp.wholeOption(bytes, l4 + tcp.LENGTH, limit);
    while (here >= 0 && here < limit) {
      const length = bytes[here + 1];
      if (bytes[here] === tcp.TCPOPT_TIMESTAMP && length === 10) {
        if (direction === 1) add(pkt, here + 2, -shift);
        else add(pkt, here + 6, shift);
        return true;
      }
      here = tcp.wholeOption(bytes, here + length, limit);
    }
    return here >= 0;
  }

  private send(about: Packet, octets: Uint8Array, cause: Cause): void {
    this.parts.send(octets, about, cause);
  }
}

/** What takes the sequence number of a server's reset to where the client expects it. */
const behind = ({ bytes, l4 }: Packet, { firstSequence }: Proxied): number =>
  (firstSequence - tcp.sequence(bytes, l4) + 1) | 0;

function drop(pkt: Packet, reason: string): Verdict {
  pkt.reason = reason;
  return DROP;
}

/** Adds to a 32-bit number of the TCP header. */
function add(pkt: Packet, at: number, amount: number): void {
  const value = (u32(pkt.bytes, at) + amount) >>> 0;
  if (value >>> 16 !== u16(pkt.bytes, at)) rewriteTransportU16(pkt, at, value >>> 16);
  rewriteTransportU16(pkt, at + 2, value & 0xffff);
}
