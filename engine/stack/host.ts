// The host behind INPUT: no sockets, so every port is closed (or, on demand, silent); it answers pings and says what it does not speak. net/ipv4/icmp.c,
// net/ipv4/tcp_ipv4.c tcp_v4_rcv(), net/ipv4/udp.c __udp4_lib_rcv(), net/ipv4/ip_input.c ip_protocol_deliver_rcu() and their IPv6
// counterparts. Each answer was seen on the kernel.

import type { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import type { Fragments } from '../../conntrack/defrag/types.ts';
import { addressAt } from '../../packet/address.ts';
import { icmp, icmp6, ip4, ip6, tcp as tcpLayer } from '../../packet/build.ts';
import { putU16, u16, u32 } from '../../packet/bytes.ts';
import { pseudoSum, sum } from '../../packet/checksum.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import {
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import { type ErrorContext, errorSource4, type IcmpError } from './icmp-error.ts';
import { echoOptions } from './options4.ts';
import { examineOptions } from './options6.ts';
import { isMulticast } from './routes.ts';
import type { RouteTable } from './types.ts';

const IPPROTO_PIM = 103;
const TTL = 64;

export interface HostParts extends ErrorContext {
  readonly routes: RouteTable;
  readonly defragmenter: Defragmenter;
  readonly openPorts: boolean;
  /** Sends an answer that is tracked on its own; `onLink`: back where `about` came from, whatever the routes say. */
  reply(octets: Uint8Array, about: Packet, onLink?: boolean): void;
  /** Builds and sends an error, if one may be sent. */
  error(about: Packet, error: IcmpError): void;
}

export class Host {
  /** net.ipv4.icmp_echo_ignore_all, icmp_echo_ignore_broadcasts; net.ipv6.icmp.echo_ignore_all, _multicast, _anycast. */
  readonly ignore = { echo4: false, broadcasts4: true, echo6: false, multicast6: false, anycast6: false };
  private readonly parts: HostParts;

  constructor(parts: HostParts) {
    this.parts = parts;
  }

  setSysctl(name: string, value: number): boolean {
    const { ignore } = this;
    if (name === 'net.ipv4.icmp_echo_ignore_all') ignore.echo4 = value !== 0;
    else if (name === 'net.ipv4.icmp_echo_ignore_broadcasts') ignore.broadcasts4 = value !== 0;
    else if (name === 'net.ipv6.icmp.echo_ignore_all') ignore.echo6 = value !== 0;
    else if (name === 'net.ipv6.icmp.echo_ignore_multicast') ignore.multicast6 = value !== 0;
    else if (name === 'net.ipv6.icmp.echo_ignore_anycast') ignore.anycast6 = value !== 0;
    else return false;
    return true;
  }

  deliver(pkt: Packet): void {
    if (pkt.family === 4) this.deliver4(pkt);
    else this.deliver6(pkt);
  }

  private addressee(pkt: Packet): 'us' | 'many' | 'anycast' {
    const at = pkt.l3 + (pkt.family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
    const family = pkt.family === 4 ? 4 : 6;
    const type = this.parts.routes.type(addressAt(pkt.bytes, at, family), family);
    if (type === 'ANYCAST') return 'anycast';
    return type === 'BROADCAST' || type === 'MULTICAST' ? 'many' : 'us';
  }

  // --- IPv4 -----------------------------------------------------------------------------------------------------------

  private deliver4(pkt: Packet): void {
    switch (pkt.protocol) {
      case IPPROTO_ICMP:
        this.icmp4(pkt);
        break;
      case IPPROTO_TCP:
        this.tcp(pkt);
        break;
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        this.udp(pkt, pkt.protocol);
        break;
      case IPPROTO_IGMP:
      case IPPROTO_PIM:
        break;
      default:
        this.parts.error(pkt, { type: 3, code: 2 });
    }
  }

  /** icmp_rcv(): echo and timestamp requests are answered, all else is heard in silence. */
  private icmp4(pkt: Packet): void {
    const { bytes, l4, end } = pkt;
    if (l4 + 8 > end || !sumsUp(pkt, l4, end, 0)) return;
    const type = bytes[l4];
    if (type !== 8 && type !== 13) return;
    if (this.addressee(pkt) !== 'us' && this.ignore.broadcasts4) return;
    if (type === 8) {
      if (!this.ignore.echo4) this.reply4(pkt, { type: 0, code: bytes[l4 + 1], data: bytes.subarray(l4 + 8, end) });
    } else if (l4 + 12 <= end) {
      // The originate time stamp comes back with the times of receipt and of sending.
      const data = new Uint8Array(12);
      data.set(bytes.subarray(l4 + 8, l4 + 12));
      const time = this.parts.timeOfDay(pkt.now);
      for (const at of [4, 8]) data.set([time >>> 24, time >>> 16, time >>> 8, time], at);
      this.reply4(pkt, { type: 14, code: 0, data });
    }
  }

  /** icmp_reply(): type of service as asked, no DF. */
  private reply4(pkt: Packet, message: { type: number; code: number; data: Uint8Array }): void {
    const { bytes, l3, l4 } = pkt;
    const src = errorSource4(pkt, this.parts);
    const options = src && echoOptions(pkt, src, this.parts);
    if (!src || !options) return;
    const dst = addressAt(bytes, l3 + ipv4.SOURCE_AT, 4);
    const id = this.parts.random() & 0xffff;
    const header = { src, dst, ttl: TTL, tos: ipv4.tos(bytes, l3), id, options };
    this.parts.reply(ip4(header, icmp({ ...message, rest: u32(bytes, l4 + 4) })), pkt);
  }

  // --- TCP and UDP, both families -------------------------------------------------------------------------------------

  /** No connection is known: a reset, unless the segment is one, is broken, or went to many. tcp_v4_send_reset(), tcp_v6_send_reset() */
  private tcp(pkt: Packet): void {
    if (this.parts.openPorts) return;
    const { bytes, l3, l4, end } = pkt;
    const flags = tcp.whole(bytes, l4, end) ? tcp.flags(bytes, l4) : tcp.RST;
    if ((flags & tcp.RST) !== 0 || this.addressee(pkt) !== 'us' || !transportSumsUp(pkt, IPPROTO_TCP, end)) return;
    const acknowledges = (flags & tcp.ACK) !== 0;
    const taken = end - l4 - tcp.headerLength(bytes, l4) + (flags & tcp.SYN ? 1 : 0) + (flags & tcp.FIN ? 1 : 0);
    const layer = tcpLayer({
      sport: tcp.destinationPort(bytes, l4),
      dport: tcp.sourcePort(bytes, l4),
      flags: acknowledges ? 'R' : 'RA',
      seq: acknowledges ? tcp.acknowledgment(bytes, l4) : 0,
      ack: acknowledges ? 0 : (tcp.sequence(bytes, l4) + taken) >>> 0,
      window: 0,
    });
    // The traffic class comes back without its ECN bits.
    if (pkt.family === 4) {
      const src = addressAt(bytes, l3 + ipv4.DESTINATION_AT, 4);
      const dst = addressAt(bytes, l3 + ipv4.SOURCE_AT, 4);
      const options = echoOptions(pkt, src, this.parts);
      if (!options) return;
      this.parts.reply(ip4({ src, dst, ttl: TTL, tos: ipv4.tos(bytes, l3) & 0xfc, df: true, options }, layer), pkt);
    } else {
      const src = addressAt(bytes, l3 + ipv6.DESTINATION_AT, 6);
      const dst = addressAt(bytes, l3 + ipv6.SOURCE_AT, 6);
      const trafficClass = ipv6.trafficClass(bytes, l3) & 0xfc;
      const reset = ip6({ src, dst, hopLimit: TTL, trafficClass }, layer);
      // Summed by the device, which writes 0 as all ones: skb_checksum_help(). That of IPv4 is summed by ip_send_unicast_reply(), and may be 0.
      const at = ipv6.LENGTH + tcp.CHECKSUM_AT;
      if (u16(reset, at) === 0) putU16(reset, at, 0xffff);
      this.parts.reply(reset, pkt);
    }
  }

  /** Port unreachable, if length and checksum are right. UDP-Lite's length field says how much the checksum covers. */
  private udp(pkt: Packet, protocol: number): void {
    if (this.parts.openPorts) return;
    const { bytes, l4, end, family } = pkt;
    if (!udp.fits(bytes, l4, end) || this.addressee(pkt) === 'many') return;
    const length = udp.length(bytes, l4);
    const lite = protocol === IPPROTO_UDPLITE;
    const unsummed = !lite && udp.storedChecksum(bytes, l4) === 0;
    if (unsummed && family === 6) return; // RFC 8200 8.1
    // 0 means all that is there: UDP-Lite's full coverage (RFC 3828 3.1), IPv6's jumbogram (RFC 2675 4).
    const covered = length === 0 && (lite || family === 6) ? end - l4 : length;
    if (covered < udp.LENGTH || l4 + covered > end) return;
    if (lite && udp.storedChecksum(bytes, l4) === 0) return;
    // RFC 3828 3.1: the pseudo-header has the length of all of it, however little is covered.
    if (!unsummed && !transportSumsUp(pkt, protocol, l4 + covered, lite ? end - l4 : covered)) return;
    // nf_reset_ct() in __udp4_lib_rcv() and ip6_protocol_deliver_rcu(): the error is tracked on its own, by what it quotes.
    pkt.forgetConnection();
    // Octets behind the datagram are not part of it, and not quoted.
    if (!lite) pkt.end = l4 + covered;
    this.parts.error(pkt, family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 });
  }

  // --- IPv6 -----------------------------------------------------------------------------------------------------------

  /**
   * Header after header until one that ends the chain. When the tracker has reassembled the packet, the kernel starts where the payload
   * of the pieces began, with the next header that the IPv6 header (or its hop-by-hop options) names: what stood between them and
   * the fragment header is passed over, and the payload taken for it. ip6_protocol_deliver_rcu(), nf_ct_frag6_reasm()
   */
  private deliver6(pkt: Packet): void {
    const { l3 } = pkt;
    const gatheredBefore = pkt.fragments as Fragments | undefined;
    let nextAt = l3 + ipv6.NEXT_HEADER_AT;
    let at = l3 + ipv6.LENGTH;
    let fragmented = gatheredBefore !== undefined;
    if (pkt.bytes[nextAt] === IPPROTO_HOPOPTS && at + 8 <= pkt.end) {
      nextAt = at; // examined on receipt
      at += (pkt.bytes[at + 1] + 1) << 3;
    }
    if (gatheredBefore) at = l3 + gatheredBefore.payloadAt;
    for (;;) {
      const next = pkt.bytes[nextAt];
      if (next === IPPROTO_FRAGMENT) {
        if (fragmented) {
          this.parts.error(pkt, { type: 4, code: 0, rest: at - l3 }); // one is enough: IP6SKB_FRAGMENTED
          return;
        }
        const gathered = this.parts.defragmenter.gatherAtHost(pkt, at, nextAt, (code, pointer) =>
          this.parts.error(pkt, { type: 4, code, rest: pointer }),
        );
        fragmented = true;
        if (gathered === 'pass') {
          nextAt = at;
          at += 8;
        } else if (gathered !== 'whole') return; // else what came in its place starts where it stood
      } else if (next === IPPROTO_DSTOPTS || next === IPPROTO_ROUTING) {
        if (!this.extension(pkt, next, at)) return;
        nextAt = at;
        at += (pkt.bytes[at + 1] + 1) << 3;
      } else {
        this.upper6(pkt, next, nextAt, at, fragmented);
        return;
      }
    }
  }

  /** Whether to go on behind the header. ipv6_destopt_rcv(), ipv6_rthdr_rcv() */
  private extension(pkt: Packet, type: number, at: number): boolean {
    const { bytes, l3, end } = pkt;
    if (at + 8 > end || at + ((bytes[at + 1] + 1) << 3) > end) return false;
    if (type === IPPROTO_DSTOPTS) {
      const verdict = examineOptions(pkt, at, false);
      if (typeof verdict === 'object') this.parts.error(pkt, verdict);
      return verdict === 'go';
    }
    // RFC 8200 4.4: an unknown kind is passed over when no segment is left. Segment routing (4) and RPL (3) are off, and dropped.
    const kind = bytes[at + 2];
    if (kind === 3 || kind === 4 || isMulticast(bytes, l3 + ipv6.DESTINATION_AT, 6)) return false;
    if (bytes[at + 3] !== 0) this.parts.error(pkt, { type: 4, code: 0, rest: at + 2 - l3 });
    return bytes[at + 3] === 0;
  }

  private upper6(pkt: Packet, protocol: number, nextAt: number, at: number, fragmented: boolean): void {
    pkt.protocol = protocol;
    pkt.l4 = at;
    switch (protocol) {
      case IPPROTO_ICMPV6:
        this.icmp6(pkt, fragmented);
        break;
      case IPPROTO_TCP:
        this.tcp(pkt);
        break;
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        this.udp(pkt, protocol);
        break;
      case IPPROTO_NONE:
      case IPPROTO_PIM:
        break;
      default:
        this.parts.error(pkt, { type: 4, code: 1, rest: nextAt - pkt.l3 });
    }
  }

  /** icmpv6_rcv() */
  private icmp6(pkt: Packet, fragmented: boolean): void {
    const { bytes, l4, end } = pkt;
    if (l4 + 8 > end || !transportSumsUp(pkt, IPPROTO_ICMPV6, end)) return;
    if (bytes[l4] === 128) this.echo6(pkt);
    else if (bytes[l4] === 135 && !fragmented) this.neighbour(pkt); // RFC 6980: neighbour discovery is never fragmented
  }

  /** icmpv6_echo_reply(): from the address asked, if one node has it. */
  private echo6(pkt: Packet): void {
    const { bytes, l3, l4, end } = pkt;
    const { ignore } = this;
    const addressee = this.addressee(pkt);
    if (ignore.echo6 || (addressee === 'many' && ignore.multicast6) || (addressee === 'anycast' && ignore.anycast6))
      return;
    const dst = addressAt(bytes, l3 + ipv6.SOURCE_AT, 6);
    // Asked by a group's address, the answer goes back by the same link, if there is a route to the asker there.
    const { routes } = this.parts;
    const back = routes.find(bytes, l3 + ipv6.SOURCE_AT, 6, pkt.inDevice);
    if (addressee !== 'us' && !back) return;
    const src =
      addressee !== 'us' ? routes.sourceFor(pkt.inDevice, 6, dst) : addressAt(bytes, l3 + ipv6.DESTINATION_AT, 6);
    if (!src) return;
    const data = bytes.subarray(l4 + 8, end);
    const message = icmp6({ type: 129, code: bytes[l4 + 1], rest: u32(bytes, l4 + 4), data });
    const header = { src, dst, hopLimit: TTL, trafficClass: ipv6.trafficClass(bytes, l3) };
    this.parts.reply(ip6(header, message), pkt, addressee !== 'us' && back?.type === 'UNICAST');
  }

  /**
   * A neighbour solicitation for an address of ours, although a TUN device has no neighbours: advertised as a router's, and as
   * overriding when asked by multicast. net/ipv6/ndisc.c ndisc_recv_ns()
   */
  private neighbour(pkt: Packet): void {
    const { bytes, l3, l4, end } = pkt;
    const { routes } = this.parts;
    if (ipv6.hopLimit(bytes, l3) !== 255 || bytes[l4 + 1] !== 0 || l4 + 24 > end) return;
    if (!optionsHaveLength(bytes, l4 + 24, end)) return;
    const target = addressAt(bytes, l4 + 8, 6);
    const dst = addressAt(bytes, l3 + ipv6.SOURCE_AT, 6);
    if (routes.type(target, 6, pkt.inDevice) !== 'LOCAL' || routes.type(dst, 6) === 'UNSPEC') return;
    const flags = isMulticast(bytes, l3 + ipv6.DESTINATION_AT, 6) ? 0xe0000000 : 0xc0000000;
    const message = icmp6({ type: 136, code: 0, rest: flags, data: target });
    this.parts.reply(ip6({ src: target, dst, hopLimit: 255 }, message), pkt, true);
  }
}

/** RFC 4861 4.6: no option of length 0, none cut short. */
function optionsHaveLength(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at + 2 <= end && bytes[at + 1] !== 0 && at + 8 * bytes[at + 1] <= end) at += 8 * bytes[at + 1];
  return at === end;
}

const sumsUp = (pkt: Packet, from: number, to: number, start: number): boolean =>
  pkt.checksumPartial || sum(pkt.bytes, from, to, start) === 0xffff;

const transportSumsUp = (pkt: Packet, protocol: number, to: number, length = to - pkt.l4): boolean =>
  sumsUp(pkt, pkt.l4, to, pseudoSum(pkt.bytes, pkt.l3, protocol, length));
