// The router: one class, in the order of a packet's walk (types.ts). Its parts: routes.ts and decide.ts, options4.ts and options6.ts,
// icmp-error.ts with limiter.ts, host.ts; and conntrack/defrag for the way out.

import { Cutter, pull, segmentsFit } from '../../conntrack/defrag/cut.ts';
import type { Expired, Fragments } from '../../conntrack/defrag/types.ts';
import { type Address, addressAt } from '../../packet/address.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { type Family, IPPROTO_HOPOPTS, IPPROTO_TCP } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { type Decision, decide4, decide6, passesOn6, refused6 } from './decide.ts';
import { Host } from './host.ts';
import { type ErrorContext, errorSource4, type IcmpError, icmpError } from './icmp-error.ts';
import { ErrorLimiter } from './limiter.ts';
import { compileOptions, finishForwarded, recoverOptions } from './options4.ts';
import { examineOptions } from './options6.ts';
import { createRoutes, isLinkLocal6, LOOPBACK } from './routes.ts';
import { STACK_SYSCTLS } from './sysctls.ts';
import type { Destination, Emitted, RouteTable, Stack, StackOptions, Transmit } from './types.ts';

const DAY_MS = 86_400_000;
const TCP_HEADER = 20;

export const createStack = (options: StackOptions): Stack => new Router(options);

class Router implements Stack {
  readonly routes: RouteTable;
  private readonly options: StackOptions;
  private readonly context: ErrorContext;
  private readonly cutter: Cutter;
  private readonly limiter = new ErrorLimiter();
  private readonly host: Host;
  /** While an answer is sent: the link that it answers to, which a link-local destination is on; whether it goes there without a route. */
  private link = '';
  private onLink = false;
  private forwards4 = true;
  private forwards6 = true;
  /** net.ipv4.ip_early_demux and tcp_early_demux: looks at TCP headers before routing, and so pulls them together. */
  private readonly earlyDemux = { ip: true, tcp: true };

  constructor(options: StackOptions) {
    this.options = options;
    this.routes = createRoutes(options.topology);
    this.cutter = new Cutter(options.random);
    const timeOfDay = options.timeOfDay ?? ((now: number) => Math.floor(now) % DAY_MS);
    this.context = { routes: this.routes, random: options.random, timeOfDay };
    this.host = new Host({
      ...this.context,
      routes: this.routes,
      defragmenter: options.defragmenter,
      openPorts: options.openPorts ?? false,
      reply: (octets, about, onLink) => this.send(octets, about, false, onLink),
      error: (about, error) => this.answer(about, error),
    });
    for (const [name, value] of Object.entries(STACK_SYSCTLS)) this.setSysctl(name, value);
  }

  setSysctl(name: string, value: string | number): boolean {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 0) return false;
    if (name === 'net.ipv4.ip_forward' || name === 'net.ipv4.conf.all.forwarding') this.forwards4 = number !== 0;
    else if (name === 'net.ipv6.conf.all.forwarding') this.forwards6 = number !== 0;
    else if (name === 'net.ipv4.ip_early_demux') this.earlyDemux.ip = number !== 0;
    else if (name === 'net.ipv4.tcp_early_demux') this.earlyDemux.tcp = number !== 0;
    else return this.limiter.setSysctl(name, number) || this.host.setSysctl(name, number);
    return true;
  }

  // --- On receipt -----------------------------------------------------------------------------------------------------

  receive(pkt: Packet): boolean {
    if (pkt.family === 4) {
      return ipv4.checksumRight(pkt.bytes, pkt.l3) || this.refuse(pkt, 'IPv4 header checksum wrong');
    }
    if (pkt.inDevice !== LOOPBACK) {
      const reason = refused6(pkt);
      if (reason !== '') return this.refuse(pkt, reason);
    }
    return ipv6.nextHeader(pkt.bytes, pkt.l3) !== IPPROTO_HOPOPTS || this.examineHopByHop(pkt);
  }

  /** net/ipv6/exthdrs.c ipv6_parse_hopopts(): only the first header is one; it acts before any rule sees the packet. */
  private examineHopByHop(pkt: Packet): boolean {
    const { bytes, l3, end } = pkt;
    const at = l3 + ipv6.LENGTH;
    if (at + 8 > end || at + ((bytes[at + 1] + 1) << 3) > end) return this.refuse(pkt, 'hop-by-hop options cut short');
    const verdict = examineOptions(pkt, at, true);
    if (verdict === 'go') return true;
    if (verdict !== 'drop') this.answer(pkt, verdict);
    return this.refuse(pkt, 'hop-by-hop option');
  }

  // --- After PREROUTING -----------------------------------------------------------------------------------------------

  route(pkt: Packet): Destination {
    if (pkt.inDevice === LOOPBACK) return 'input';
    this.demultiplexEarly(pkt);
    const decision =
      pkt.family === 4 ? decide4(pkt, this.routes, this.forwards4) : decide6(pkt, this.routes, this.forwards6);
    const routed = decision === 'input' || decision === 'forward' || decision === 'no route';
    if (routed && pkt.family === 4 && pkt.l4 - pkt.l3 > ipv4.MIN_LENGTH && !this.examineOptions4(pkt)) return 'dropped';
    if (decision === 'input' || decision === 'forward') return decision;
    pkt.reason = REASONS[decision];
    if (decision === 'no route') this.answerNoRoute(pkt);
    return 'dropped';
  }

  /**
   * The kernel looks for a socket of a TCP packet before it routes, and pulls the header out of the pieces for that; a cut inside is
   * lost on the way out. net/ipv4/ip_input.c ip_rcv_finish_core(), net/ipv4/tcp_ipv4.c tcp_v4_early_demux()
   */
  private demultiplexEarly(pkt: Packet): void {
    if (pkt.fragments === undefined || pkt.l4 + TCP_HEADER > pkt.end) return;
    const first = pkt.family === 4 ? pkt.bytes[pkt.l3 + ipv4.PROTOCOL_AT] : ipv6.nextHeader(pkt.bytes, pkt.l3);
    if (first !== IPPROTO_TCP) return;
    if (this.earlyDemux.ip && this.earlyDemux.tcp) pull(pkt, pkt.l4 - pkt.l3 + TCP_HEADER);
  }

  private examineOptions4(pkt: Packet): boolean {
    const own = errorSource4(pkt, this.context) ?? UNSPECIFIED;
    const fault = compileOptions(pkt, own, this.context);
    if (fault === -1) return true;
    if (fault >= 0) this.answer(pkt, { type: 12, code: 0, rest: (fault << 24) >>> 0 });
    return this.refuse(pkt, fault >= 0 ? 'IPv4 options broken' : 'IPv4 source route');
  }

  private answerNoRoute(pkt: Packet): void {
    if (pkt.family === 6) this.answer(pkt, { type: 1, code: 0 });
    else if (this.limiter.allowsNoRoute(pkt)) this.answer(pkt, { type: 3, code: 0 });
  }

  // --- Around FORWARD -------------------------------------------------------------------------------------------------

  forward(pkt: Packet): boolean {
    return pkt.family === 4 ? this.forward4(pkt) : this.forward6(pkt);
  }

  /** net/ipv4/ip_forward.c ip_forward() */
  private forward4(pkt: Packet): boolean {
    const { bytes, l3 } = pkt;
    const ttl = ipv4.ttl(bytes, l3);
    if (ttl <= 1) {
      this.answer(pkt, { type: 11, code: 0 });
      return this.refuse(pkt, 'TTL exceeded');
    }
    if (pkt.length > this.routes.leastMtu && !this.fitsTheWay4(pkt)) return false;
    ipv4.setTtl(bytes, l3, ttl - 1);
    return true;
  }

  private fitsTheWay4(pkt: Packet): boolean {
    const mtu = this.routes.mtu(pkt.outDevice);
    if (pkt.length <= mtu || !ipv4.dontFragment(pkt.bytes, pkt.l3) || fits(pkt, mtu)) return true;
    this.answer(pkt, { type: 3, code: 4, rest: mtu });
    return this.refuse(pkt, 'too long for the MTU');
  }

  /** net/ipv6/ip6_output.c ip6_forward() */
  private forward6(pkt: Packet): boolean {
    const { bytes, l3 } = pkt;
    const hopLimit = ipv6.hopLimit(bytes, l3);
    if (hopLimit <= 1) {
      this.answer(pkt, { type: 3, code: 0 });
      return this.refuse(pkt, 'hop limit exceeded');
    }
    const passes = passesOn6(pkt);
    if (passes !== 'yes') {
      if (passes === 'beyond scope') this.answer(pkt, { type: 1, code: 2 });
      return this.refuse(pkt, 'source not to be passed on');
    }
    if (pkt.length > this.routes.leastMtu && !this.fitsTheWay6(pkt)) return false;
    ipv6.setHopLimit(bytes, l3, hopLimit - 1);
    return true;
  }

  private fitsTheWay6(pkt: Packet): boolean {
    const mtu = Math.max(this.routes.mtu(pkt.outDevice), ipv6.MIN_MTU);
    if (pkt.length <= mtu || fits(pkt, mtu)) return true;
    this.answer(pkt, { type: 2, code: 0, rest: mtu });
    return this.refuse(pkt, 'too long for the MTU');
  }

  forwarded(pkt: Packet): void {
    if (pkt.family !== 4 || pkt.l4 - pkt.l3 === ipv4.MIN_LENGTH) return;
    const towards = addressAt(pkt.bytes, pkt.l3 + ipv4.DESTINATION_AT, 4);
    finishForwarded(pkt, this.routes.sourceFor(pkt.outDevice, 4, towards));
  }

  // --- Around INPUT ---------------------------------------------------------------------------------------------------

  /** net/ipv4/ip_input.c ip_local_deliver() */
  input(pkt: Packet): boolean {
    if (pkt.family !== 4) return true;
    const gathered = this.options.defragmenter.gather(pkt, 'local');
    if (gathered === 'whole' && pkt.l4 - pkt.l3 > ipv4.MIN_LENGTH) recoverOptions(pkt, this.context);
    return gathered === 'pass' || gathered === 'whole';
  }

  deliver(pkt: Packet): void {
    this.host.deliver(pkt);
  }

  // --- Out ------------------------------------------------------------------------------------------------------------

  routeOutput(pkt: Packet): boolean {
    const family = pkt.family as Family;
    const at = pkt.l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
    if (this.link !== '' && this.onLink) {
      pkt.outDevice = this.link;
      return true;
    }
    const scoped = family === 6 && this.link !== '' && isLinkLocal6(pkt.bytes, at);
    const way = scoped
      ? this.routes.find(pkt.bytes, at, 6, this.link)
      : this.routes.lookup(addressAt(pkt.bytes, at, family), family);
    if (!way) return this.refuse(pkt, 'no route');
    pkt.outDevice = way.device;
    return true;
  }

  /** net/ipv4/netfilter.c ip_route_me_harder(), net/ipv6/netfilter.c ip6_route_me_harder(): only what is on a link stays on it. */
  routeAgain(pkt: Packet): boolean {
    const family = pkt.family as Family;
    const at = pkt.l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
    if (family === 6 && isLinkLocal6(pkt.bytes, at))
      return this.routes.find(pkt.bytes, at, 6, pkt.outDevice) !== undefined || this.refuse(pkt, 'no route');
    const way = this.routes.lookup(addressAt(pkt.bytes, at, family), family);
    if (!way) return this.refuse(pkt, 'no route');
    pkt.outDevice = way.device;
    return true;
  }

  emit(pkt: Packet, transmit: Transmit): Emitted {
    if (pkt.fragments === undefined && pkt.length <= this.routes.leastMtu) return 'whole';
    const mtu = this.routes.mtu(pkt.outDevice);
    const own = pkt.inDevice === '';
    const result = this.cutter.cut(pkt, mtu, own, transmit);
    if (result === 'whole' || result === 'cut') return result;
    if (result === 'too big' && !own)
      this.answer(pkt, pkt.family === 4 ? { type: 3, code: 4, rest: mtu } : { type: 2, code: 0, rest: mtu });
    pkt.reason = result === 'too big' ? 'too long for the MTU' : 'extension headers reach beyond the first piece';
    return 'dropped';
  }

  advance(now: number): void {
    this.options.defragmenter.advance(now, (expired) => this.answerExpired(expired, now));
  }

  /** RFC 8200 4.5; for IPv4 only what was meant for us. net/ipv4/ip_fragment.c ip_expire(), include/net/ipv6_frag.h */
  private answerExpired({ family, first, device, user }: Expired, now: number): void {
    if (!first) return;
    const pkt = Packet.of(first);
    pkt.now = now;
    pkt.inDevice = device;
    const ours = user === 'local' || (family === 4 && this.routes.isLocal(pkt.bytes, ipv4.DESTINATION_AT, 4));
    if (family === 6) this.answer(pkt, { type: 3, code: 1 });
    else if (ours) this.answer(pkt, { type: 11, code: 1 });
  }

  sendError(about: Packet, error: IcmpError): void {
    this.answer(about, error);
  }

  private answer(about: Packet, error: IcmpError): void {
    const octets = icmpError(about, error, this.context);
    if (!octets) return;
    const family = about.family as Family;
    const back = this.routes.find(about.bytes, about.l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family);
    if (this.limiter.allows(about, error, back?.length ?? 0)) this.send(octets, about, true);
  }

  private send(octets: Uint8Array, about: Packet, attached: boolean, onLink = false): void {
    const { link } = this;
    this.link = about.inDevice;
    this.onLink = onLink;
    this.options.send(octets, about, attached);
    this.link = link;
    this.onLink = false;
  }

  private refuse(pkt: Packet, reason: string): false {
    pkt.reason = reason;
    return false;
  }
}

const UNSPECIFIED: Address = new Uint8Array(16);

const REASONS: Record<Exclude<Decision, 'input' | 'forward'>, string> = {
  'no route': 'no route',
  martian: 'martian address',
  'not ours': 'neither ours nor to be forwarded',
};

/** A packet longer than the MTU that still goes on: its segments or the pieces it came in are short enough. ip_exceeds_mtu(), ip6_pkt_too_big() */
function fits(pkt: Packet, mtu: number): boolean {
  const fragments = pkt.fragments as Fragments | undefined;
  if (fragments) return fragments.largest <= mtu;
  return pkt.gsoSize > 0 && segmentsFit(pkt, mtu);
}
