// Ends that talk TCP as real ones do, through our engine in memory: each sees only what arrives, and answers to that. So a dialogue goes on
// through address translation and rewritten payloads. What they sent is recorded as the steps of a scenario; the kernel then gets the same packets.

import { addressAt, formatAddress } from '../../packet/address.ts';
import {
  fragments4,
  fragments6,
  icmp6ErrorAbout,
  icmpErrorAbout,
  ip,
  type Layer,
  tcp,
  udp,
} from '../../packet/build.ts';
import { fromHex, toHex, u16 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import * as header from '../../packet/tcp.ts';
import type { Side, Step } from '../../testing/scenario/scenario-format.ts';
import { firewallOf, ROUTER } from '../engine/firewall-of.ts';
import type { Dice } from './dice.ts';

export type Family = 4 | 6;

export interface Place {
  readonly address: string;
  readonly port: number;
}

export interface Host {
  readonly address: string;
  readonly side: Side;
}

/** The engine between the hosts, and what was put into it. */
export class Wire {
  readonly steps: Step[] = [];
  readonly dice: Dice;
  /** Errors about packets come back, too. */
  complains = true;
  private readonly engine: ReturnType<typeof firewallOf>;

  constructor(dice: Dice, v4rules: string, v6rules: string, sysctls: Record<string, number>) {
    this.dice = dice;
    this.engine = firewallOf(ROUTER, { sysctls });
    this.engine.load(4, v4rules);
    this.engine.load(6, v6rules);
  }

  /** A packet comes in; what leaves, mostly as it was, sometimes in pieces, with an error about it, or twice. */
  put(side: Side, octets: Uint8Array): Packet[] {
    const { dice } = this;
    const whole = dice.chance(0.94) ? [octets] : this.pieces(octets);
    const out = whole.flatMap((piece) => this.inject(side, piece));
    if (dice.chance(0.02)) this.inject(side, octets);
    for (const sent of out) if (dice.chance(0.02) && this.complains && !this.shifts()) this.complain(sent);
    return out;
  }

  private inject(side: Side, octets: Uint8Array): Packet[] {
    this.steps.push({ in: side, hex: toHex(octets) });
    return this.engine.receive(`tun${side}`, octets).map((line) => {
      const [device, hex] = line.split(' ');
      const pkt = Packet.of(fromHex(hex)!);
      pkt.outDevice = device;
      return pkt;
    });
  }

  private pieces(octets: Uint8Array): Uint8Array[] {
    const size = 8 * this.dice.int(3, 12);
    const pieces =
      octets[0] >>> 4 === 4 ? fragments4(octets, size) : fragments6(octets, size, this.dice.int(1, 0xffff));
    return pieces.length > 12 ? [octets] : pieces;
  }

  /** Numbers of some connection are shifted: then the kernel garbles ICMP errors (docs/differences.md). */
  private shifts(): boolean {
    const { firewall } = this.engine;
    const ids = [...firewall.tracker.entries(firewall.now)];
    return ids.some((id) => firewall.tracker.seqadj.get(id, 0) !== undefined);
  }

  /** From the far side: what left could not be delivered. */
  private complain(sent: Packet): void {
    const octets = sent.view();
    const error =
      sent.family === 4 ? icmpErrorAbout(octets, { type: 3, code: 1 }) : icmp6ErrorAbout(octets, { type: 1, code: 3 });
    this.inject(sent.outDevice === 'tunA' ? 'A' : 'B', error);
  }
}

const textAt = (pkt: Packet, at: 'SOURCE_AT' | 'DESTINATION_AT'): string => {
  const family = pkt.family === 4 ? 4 : 6;
  return formatAddress(addressAt(pkt.bytes, pkt.l3 + (family === 4 ? ipv4 : ipv6)[at], family), family);
};

const sourceOf = (pkt: Packet): Place => ({ address: textAt(pkt, 'SOURCE_AT'), port: u16(pkt.bytes, pkt.l4) });

/** Whether `pkt` leaves towards that host, at that port. */
const isFor = (pkt: Packet, host: Host, port: number): boolean =>
  pkt.outDevice === `tun${host.side}` &&
  textAt(pkt, 'DESTINATION_AT') === host.address &&
  pkt.l4 + 8 <= pkt.end &&
  u16(pkt.bytes, pkt.l4 + 2) === port;

interface End {
  readonly host: Host;
  readonly port: number;
  /** Whom it speaks to, as it sees it; undefined until it has heard of somebody. */
  peer: Place | undefined;
  next: number;
  expected: number;
  /** What came too early. */
  early: { from: number; to: number } | undefined;
}

export type Who = 'client' | 'server';

/** One connection. */
export class Connection {
  readonly family: Family;
  readonly ends: Record<Who, End>;
  /** What arrived at either end last. */
  heard: Record<Who, string> = { client: '', server: '' };
  private readonly wire: Wire;

  constructor(wire: Wire, family: Family, client: Host, port: number, seen: Place, server: Host, serverPort: number) {
    this.wire = wire;
    this.family = family;
    const end = (host: Host, own: number, peer: Place | undefined): End => ({
      host,
      port: own,
      peer,
      next: wire.dice.chance(0.1) ? 0xffff_fff0 : wire.dice.u32(),
      expected: 0,
      early: undefined,
    });
    this.ends = { client: end(client, port, seen), server: end(server, serverPort, undefined) };
  }

  /** False: nobody answered. */
  open(): boolean {
    if (!this.segment('client', 'S')) return false;
    if (!this.segment('server', 'SA')) return false;
    this.segment('client', 'A');
    return true;
  }

  /** Says something, in one segment or two; now and then again, or in the wrong order. Whether it arrived. */
  say(who: Who, text: string): boolean {
    const { dice } = this.wire;
    const other = who === 'client' ? 'server' : 'client';
    const cut = dice.chance(0.12) ? dice.int(1, Math.max(1, text.length - 1)) : text.length;
    const parts = [text.slice(0, cut), text.slice(cut)].filter((part) => part !== '');
    const { next } = this.ends[who];
    if (parts.length === 2 && dice.chance(0.4)) {
      this.segment(who, 'PA', parts[1], next + cut);
      if (dice.chance(0.7)) this.segment(other, 'A');
      this.segment(who, 'PA', parts[0], next);
      this.ends[who].next = (next + text.length) >>> 0;
    } else for (const part of parts) this.segment(who, 'PA', part);
    if (dice.chance(0.1)) this.segment(who, 'PA', text, next);
    if (dice.chance(0.9)) this.segment(other, 'A');
    return this.heard[other] !== '';
  }

  close(who: Who): void {
    const { dice } = this.wire;
    const other = who === 'client' ? 'server' : 'client';
    if (dice.chance(0.2)) {
      this.segment(who, 'RA');
      return;
    }
    this.segment(who, 'FA');
    this.segment(other, 'FA');
    this.segment(who, 'A');
  }

  /** Whether it arrived. `at` 0: it is the next one. */
  private segment(who: Who, flags: string, data = '', at?: number): boolean {
    const end = this.ends[who];
    if (end.peer === undefined) return false;
    const seq = (at ?? end.next) >>> 0;
    const { early } = end;
    const layer = tcp({
      sport: end.port,
      dport: end.peer.port,
      flags,
      seq,
      ack: flags.includes('A') ? end.expected : 0,
      window: 20_000,
      data,
      options: flags.includes('S') ? { mss: 1460, sackPermitted: true } : early && { sack: [[early.from, early.to]] },
    });
    if (at === undefined) end.next = (seq + data.length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    // Lost before it came to the router.
    if (this.wire.dice.chance(0.02)) return false;
    const octets = ip(this.family, { src: end.host.address, dst: end.peer.address }, layer);
    const other = this.ends[who === 'client' ? 'server' : 'client'];
    const arrived = this.wire.put(end.host.side, octets).filter((pkt) => isFor(pkt, other.host, other.port));
    for (const pkt of arrived) this.arrive(who === 'client' ? 'server' : 'client', pkt);
    return arrived.length > 0;
  }

  private arrive(at: Who, pkt: Packet): void {
    const { bytes, l4, end: to, protocol } = pkt;
    if (protocol !== IPPROTO_TCP || !header.whole(bytes, l4, to) || pkt.fragmentOffset !== 0) return;
    const end = this.ends[at];
    end.peer ??= sourceOf(pkt);
    const from = l4 + header.headerLength(bytes, l4);
    const flags = header.flags(bytes, l4);
    const seq = header.sequence(bytes, l4);
    const length = to - from + (flags & (header.SYN | header.FIN) ? 1 : 0);
    if (length === 0) return;
    if (flags & header.SYN || seq === end.expected) {
      end.expected = (seq + length) >>> 0;
      if (end.early?.from === end.expected) end.expected = end.early.to;
      end.early = undefined;
      if (to > from) this.heard[at] = String.fromCharCode(...bytes.subarray(from, to));
    } else if (((seq - end.expected) | 0) > 0) end.early = { from: seq, to: (seq + length) >>> 0 };
  }
}

/** A datagram from `host`, and whether it arrived at the other one: from where, and what it says. */
export function datagram(
  wire: Wire,
  family: Family,
  from: Host & { port: number },
  to: Place,
  at: Host & { port: number },
  data: string,
): { from: Place; text: string } | undefined {
  const layer: Layer = udp({ sport: from.port, dport: to.port, data });
  const out = wire.put(from.side, ip(family, { src: from.address, dst: to.address }, layer));
  const found = out.find((pkt) => pkt.protocol === IPPROTO_UDP && isFor(pkt, at, at.port));
  if (!found) return undefined;
  return { from: sourceOf(found), text: String.fromCharCode(...found.bytes.subarray(found.l4 + 8, found.end)) };
}
