// Random traffic: talks between hosts of both sides (TCP, UDP, echo, other protocols), a segment at a time and interleaved; then
// what goes wrong with packets on their way: fragments, losses, duplicates, broken octets, ICMP errors about what was sent before.
// A talk keeps the numbers that real ends would keep, so that flows get established, and strays from them now and then.

import { addressAt, formatAddress } from '../../packet/address.ts';
import {
  ah,
  destinationOptions,
  esp,
  fragment,
  fragments4,
  fragments6,
  gre,
  hopByHop,
  icmp,
  icmp6,
  icmp6ErrorAbout,
  icmpErrorAbout,
  ip4,
  ip6,
  type Layer,
  raw,
  routing,
  sctp,
  tcp,
  udp,
  udplite,
} from '../../packet/build.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import type { Side, Step } from '../../testing/scenario/scenario-format.ts';
import type { Dice } from './dice.ts';

/** Hosts by side; `self` are the router's own addresses. */
const HOSTS: Record<Family, Record<Side, string[]>> = {
  4: { A: ['10.0.1.2', '10.0.1.77', '10.1.2.3'], B: ['10.0.2.2', '192.0.2.9', '198.51.100.200'] },
  6: { A: ['fd00:a::2', 'fd00:a::77', 'fd00:1::3'], B: ['fd00:b::2', '2001:db8::9', '2001:db8:ffff::200'] },
};
const SELF: Record<Family, Record<Side, string>> = {
  4: { A: '10.0.1.1', B: '10.0.2.1' },
  6: { A: 'fd00:a::1', B: 'fd00:b::1' },
};
/** Addresses that the router treats in a way of their own, or not at all. */
const ODD: Record<Family, string[]> = {
  4: ['224.0.0.5', '255.255.255.255', '127.0.0.1', '0.0.0.0', '10.0.1.255', '240.0.0.1', '169.254.1.1'],
  6: ['ff02::1', 'ff05::2', '::1', '::', 'fe80::1', '::ffff:10.0.1.2', '2002:a00:102::1'],
};
export const PORTS = [22, 53, 80, 443, 1000, 1024, 5060, 8080, 40_000, 65_535];

const other = (side: Side): Side => (side === 'A' ? 'B' : 'A');

export interface Sent {
  step: 'in' | 'local';
  side: Side;
  octets: Uint8Array;
}

/** Both ends of a talk; `server` may be the router itself. */
interface Ends {
  family: Family;
  side: Side;
  client: string;
  server: string;
  /** The server is the router: it answers by itself. */
  toSelf: boolean;
  /** Where answers come from and go to, if not from the server to the client. */
  seen?: Seen;
  /** Share of IPv6 packets with extension headers, if not the usual one. */
  extended?: number;
}

type Talk = Generator<Sent, void>;

export interface TrafficOptions {
  /** Number of packets that go in. */
  packets: number;
  families: readonly Family[];
  /** Names of protocols beyond TCP, UDP and ICMP that may appear: "gre", "udplite", "sctp", "esp", "ah", "other". */
  protocols: ReadonlySet<string>;
  /** Talks at a time; 4 unless set. */
  talks?: number;
  /** Share of packets that arrive later than those sent after them. */
  late?: number;
  /** Hosts of each side that talk; all of them unless set. */
  hosts?: number;
  /** Weight of packets that arrive in pieces, 9 unless set, of about 100. */
  cut?: number;
  /** Share of IPv6 packets with extension headers. */
  extended?: number;
  /** How the ends see each other where rules translate; left as it is: each other's own addresses. */
  translate?(seen: Seen): void;
}

/** Addresses that packets of a talk have; rules between the ends may make others of them. */
export interface Seen {
  readonly family: Family;
  readonly side: Side;
  /** What the server takes the client for. */
  client: string;
  /** Who answers in the server's place. */
  server: string;
}

export function randomTraffic(dice: Dice, options: TrafficOptions): Sent[] {
  return new Traffic(dice, options).make();
}

export const stepOf = ({ step, side, octets }: Sent): Step =>
  step === 'local' ? { local: hexOf(octets) } : { in: side, hex: hexOf(octets) };

const hexOf = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

class Traffic {
  private readonly dice: Dice;
  private readonly options: TrafficOptions;
  private readonly sent: Sent[] = [];
  private readonly talks: Talk[] = [];

  constructor(dice: Dice, options: TrafficOptions) {
    this.dice = dice;
    this.options = options;
  }

  make(): Sent[] {
    while (this.sent.length < this.options.packets) {
      if (this.talks.length < (this.options.talks ?? 4) || this.dice.chance(0.05)) this.talks.push(this.newTalk());
      const talk = this.dice.pick(this.talks);
      const next = talk.next();
      if (next.done) this.talks.splice(this.talks.indexOf(talk), 1);
      else this.onTheWay(next.value);
    }
    return this.delayed(this.sent);
  }

  /** Some packets change places with those behind them. */
  private delayed(sent: Sent[]): Sent[] {
    const { late = 0 } = this.options;
    if (late === 0) return sent;
    const order = sent.map((_, index) => (this.dice.chance(late) ? index + this.dice.int(1, 8) + 0.5 : index));
    return sent
      .map((_, index) => index)
      .sort((a, b) => order[a] - order[b])
      .map((index) => sent[index]);
  }

  private newTalk(): Talk {
    const { dice } = this;
    const ends = this.ends();
    const kind = dice.weighted<(ends: Ends) => Talk>([
      [8, (of) => tcpTalk(dice, of)],
      [4, (of) => udpTalk(dice, of)],
      [3, (of) => echoTalk(dice, of)],
      [2, (of) => this.otherTalk(of)],
      [this.options.protocols.has('sctp') ? 1.5 : 0, (of) => sctpTalk(dice, of)],
      [1, (of) => garbage(dice, of)],
      [1.5, (of) => localTalk(dice, of)],
    ]);
    return kind(ends);
  }

  private ends(): Ends {
    const { dice } = this;
    const { hosts } = this.options;
    const family = dice.pick(this.options.families);
    const side = dice.weighted<Side>([
      [7, 'A'],
      [3, 'B'],
    ]);
    const odd = dice.chance(0.04);
    const toSelf = !odd && dice.chance(0.12);
    const client = dice.chance(0.03) ? dice.pick(ODD[family]) : dice.pick(HOSTS[family][side].slice(0, hosts));
    const server = odd
      ? dice.pick(ODD[family])
      : toSelf
        ? SELF[family][dice.pick(['A', 'B'] as const)]
        : dice.pick(HOSTS[family][dice.chance(0.97) ? other(side) : side].slice(0, hosts));
    const seen: Seen = { family, side, client, server };
    this.options.translate?.(seen);
    return {
      family,
      side,
      client,
      server,
      toSelf: toSelf && seen.server === server,
      seen,
      extended: this.options.extended,
    };
  }

  private *otherTalk(ends: Ends): Talk {
    const { dice } = this;
    const kinds: [string, () => Layer[]][] = [
      ['gre', () => [gre({ version: dice.pick([0, 1]), key: 7, callId: dice.int(1, 3), seq: 1, data: 20 })]],
      ['udplite', () => [udplite({ sport: 1000, dport: dice.pick(PORTS), coverage: dice.pick([0, 8, 12]), data: 20 })]],
      ['esp', () => [esp({ spi: dice.int(1, 3), data: 20 })]],
      ['ah', () => [ah({ spi: dice.int(1, 3) }), udp({ sport: 1000, dport: dice.pick(PORTS), data: 4 })]],
      ['other', () => [raw(dice.pick([2, 4, 103, 253]), dice.octets(dice.int(0, 40)))]],
    ];
    const able = kinds.filter(([name]) => this.options.protocols.has(name));
    if (able.length === 0) return;
    const [, layers] = dice.pick(able);
    for (let count = dice.int(1, 4); count > 0; count--) {
      yield dice.chance(0.6) ? send(dice, ends, 0, ...layers()) : send(dice, ends, 1, ...layers());
    }
  }

  /** What happens between the sender and the router. */
  private onTheWay(packet: Sent): void {
    const { dice } = this;
    if (packet.step === 'local') {
      this.sent.push(packet);
      return;
    }
    const fate = dice.weighted<(packet: Sent) => void>([
      [75, (it) => this.sent.push(it)],
      [2, () => {}],
      [2, (it) => this.sent.push(it, it)],
      [this.options.cut ?? 9, (it) => this.sent.push(...this.cut(it))],
      [5, (it) => this.sent.push({ ...it, octets: broken(dice, it.octets) })],
      [7, (it) => this.sent.push(it, this.errorAbout(it))],
    ]);
    fate(packet);
  }

  /** Fragments: mostly all of them and in order. */
  private cut(packet: Sent): Sent[] {
    const { dice } = this;
    const { octets } = packet;
    const is4 = octets[0] >>> 4 === 4;
    const size = 8 * dice.int(1, Math.max(1, Math.ceil(octets.length / 16)));
    let pieces = is4 ? fragments4(octets, size) : fragments6(octets, size, dice.int(1, 0xffff));
    if (pieces.length > 12) return [packet];
    if (dice.chance(0.1)) pieces.splice(dice.int(0, pieces.length - 1), 1);
    if (dice.chance(0.1)) pieces.splice(dice.int(0, pieces.length - 1), 0, dice.pick(pieces) ?? octets);
    if (dice.chance(0.1) && pieces.length > 0) pieces.push(shifted(dice.pick(pieces), dice));
    if (dice.chance(0.25)) pieces = dice.shuffled(pieces);
    else if (dice.chance(0.15)) pieces.reverse();
    return pieces.map((piece) => ({ ...packet, octets: piece }));
  }

  /** An ICMP error about this packet or an earlier one, from where it went to or from a router on the way. */
  private errorAbout(latest: Sent): Sent {
    const { dice } = this;
    const about = dice.chance(0.7) ? latest : dice.pick([...this.sent, latest]);
    const is4 = about.octets[0] >>> 4 === 4;
    const from = dice.chance(0.5) ? undefined : dice.pick(HOSTS[is4 ? 4 : 6][other(about.side)]);
    const quote = dice.chance(0.7) ? undefined : dice.int(0, 80);
    const badChecksum = dice.chance(0.04);
    // The kernel remembers a path MTU that its own packets are told of, and tells those that it forwards to the same place of it.
    const learned = isFromSelf(about.octets);
    const octets = is4
      ? icmpErrorAbout(about.octets, {
          ...dice.pick([
            { type: 3, code: learned ? dice.int(0, 3) : dice.int(0, 15) },
            { type: 11, code: dice.int(0, 1) },
            { type: 12, code: 0 },
            { type: 4 },
            { type: 5 },
            learned ? { type: 3, code: 1 } : { type: 3, code: 4, mtu: 1300 },
          ]),
          from,
          quote,
          badChecksum,
        })
      : icmp6ErrorAbout(about.octets, {
          ...dice.pick([
            { type: 1, code: dice.int(0, 6) },
            learned ? { type: 3, code: 0 } : { type: 2, mtu: 1300 },
            { type: 3, code: dice.int(0, 1) },
            { type: 4, code: dice.int(0, 2) },
            { type: 101 },
          ]),
          from,
          quote,
          badChecksum,
        });
    return { step: 'in', side: dice.chance(0.95) ? other(about.side) : about.side, octets };
  }
}

/** From the router, or from an address that an answer to would reach it: a group, the loopback. */
const isFromSelf = (octets: Uint8Array): boolean => {
  const { family, l3, bytes } = Packet.of(octets);
  if (family === 0) return true; // who knows
  const source = formatAddress(addressAt(bytes, l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family), family);
  return [...Object.values(SELF[family]), ...ODD[family]].includes(source);
};

// --- Packets ------------------------------------------------------------------------------------------------------------------

/** A packet of a talk, from the client (0) or the server (1), in the headers that real ones come in, mostly. */
function send(dice: Dice, ends: Ends, from: 0 | 1, ...layers: Layer[]): Sent {
  const seen = ends.seen ?? ends;
  const [src, dst] = from === 0 ? [ends.client, ends.server] : [seen.server, seen.client];
  const side = from === 0 ? ends.side : other(ends.side);
  const ttl = dice.chance(0.93) ? 64 : dice.pick([0, 1, 2, 3, 128, 255]);
  const tos = dice.chance(0.85) ? 0 : dice.pick([0x10, 0x28, 0xb8, 0x02, 0x03, 0xff]);
  if (ends.family === 4) {
    const options = dice.chance(0.98)
      ? undefined
      : dice.pick([Uint8Array.of(1, 1, 1, 0), Uint8Array.of(148, 4, 0, 0), dice.octets(8)]);
    const octets = ip4({ src, dst, ttl, tos, id: dice.int(0x1000, 0x10ff), df: dice.chance(0.5), options }, ...layers);
    return { step: 'in', side, octets };
  }
  const flowLabel = dice.chance(0.9) ? 0 : dice.int(1, 0xff);
  return {
    step: 'in',
    side,
    octets: ip6(
      { src, dst, hopLimit: ttl, trafficClass: tos, flowLabel },
      ...extensions(dice, dst, ends.extended),
      ...layers,
    ),
  };
}

/** IPv6 extension headers in front of the upper layer, now and then. */
function extensions(dice: Dice, dst: string, share = 0.12): Layer[] {
  if (dice.chance(1 - share)) return [];
  const one = (): Layer =>
    dice.weighted<() => Layer>([
      [3, () => destinationOptions()],
      [
        2,
        () =>
          destinationOptions({ options: [{ type: dice.pick([0x05, 0x1e, 0x3e, 0x7e, 0xbe, 0xfe, 0xc9]), data: 2 }] }),
      ],
      [2, () => fragment({ id: dice.int(1, 99) })],
      [1, () => routing({ type: dice.pick([0, 2, 4, 77]), segmentsLeft: 0, addresses: [dst] })],
      [1, () => routing({ type: dice.pick([0, 2, 4]), segmentsLeft: 1, addresses: [dst] })],
    ])();
  const first = dice.chance(0.3)
    ? [dice.chance(0.7) ? hopByHop() : hopByHop({ options: [{ type: dice.pick([5, 0x3e, 0x7e, 0xc2]), data: 2 }] })]
    : [];
  return [...first, ...Array.from({ length: dice.int(first.length > 0 ? 0 : 1, 2) }, one)];
}

/** Octets that some link or liar has changed. */
function broken(dice: Dice, octets: Uint8Array): Uint8Array {
  const copy = octets.slice();
  switch (dice.int(0, 4)) {
    case 0: // any octet
      copy[dice.int(0, copy.length - 1)] = dice.u32();
      return copy;
    case 1: // an octet of the headers
      copy[dice.int(0, Math.min(copy.length - 1, 63))] ^= 1 << dice.int(0, 7);
      return copy;
    case 2: // cut short, the header still claims all
      return copy.slice(0, dice.int(1, copy.length));
    case 3: // cut short, and the header knows
      return withLength(copy.slice(0, dice.int(Math.min(copy.length, 40), copy.length)));
    default: {
      // something behind the end
      const longer = new Uint8Array(copy.length + dice.int(1, 20));
      longer.set(copy);
      return longer;
    }
  }
}

/** The length fields of the IP header, and the checksum of an IPv4 one, made to agree with the octets that are there. */
function withLength(octets: Uint8Array): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets[0] >>> 4 === 6 && octets.length >= 40) view.setUint16(4, octets.length - 40);
  if (octets[0] >>> 4 === 4 && octets.length >= 20) {
    const before = view.getUint16(2);
    view.setUint16(2, octets.length);
    // RFC 1624 equation 3
    let sum = (~view.getUint16(10) & 0xffff) + (~before & 0xffff) + octets.length;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(10, ~sum & 0xffff);
  }
  return octets;
}

/** A fragment that claims to belong elsewhere: overlaps others. */
function shifted(piece: Uint8Array, dice: Dice): Uint8Array {
  const copy = piece.slice();
  if (copy[0] >>> 4 === 6 && copy[6] === 44) copy[43] ^= 8 << dice.int(0, 2);
  return copy;
}

// --- TCP ----------------------------------------------------------------------------------------------------------------------

interface TcpEnd {
  /** Next number to send, and what the other end expects next. */
  seq: number;
  window: number;
  scale: number | undefined;
}

/** A connection: opens (or is found midway), talks, closes; each event may be one that the state does not call for. */
function* tcpTalk(dice: Dice, ends: Ends): Talk {
  const ports = [dice.int(30_000, 30_050), dice.pick(PORTS)];
  const sack = dice.chance(0.4);
  const stamps = dice.chance(0.3);
  const sides: [TcpEnd, TcpEnd] = [tcpEnd(dice), tcpEnd(dice)];
  const scaled = dice.chance(0.5);
  let clock = dice.int(1, 1_000);
  const segment = (
    from: 0 | 1,
    flags: string,
    more: { data?: number; seq?: number; ack?: number; badChecksum?: boolean; options?: object } = {},
  ): Sent => {
    const me = sides[from];
    const you = sides[1 - from];
    const { data = 0 } = more;
    const seq = more.seq ?? me.seq;
    const acks = flags.includes('A');
    const opening = flags.includes('S');
    const options = {
      ...(opening && { mss: dice.pick([536, 1220, 1440, 1460, 9000]) }),
      ...(opening && sack && { sackPermitted: true }),
      ...(stamps && { timestamps: [clock++, acks ? clock - 2 : 0] as const }),
      ...(opening && scaled && { windowScale: me.scale }),
      ...more.options,
    };
    const sent = send(
      dice,
      ends,
      from,
      tcp({
        sport: ports[from],
        dport: ports[1 - from],
        flags,
        seq: seq >>> 0,
        ack: acks || dice.chance(0.01) ? (more.ack ?? you.seq) >>> 0 : 0,
        window: me.window,
        options,
        data: data > 0 ? dice.octets(data) : undefined,
        badChecksum: more.badChecksum ?? dice.chance(0.01),
      }),
    );
    if (more.seq === undefined) me.seq = (seq + data + (opening || flags.includes('F') ? 1 : 0)) >>> 0;
    return sent;
  };
  if (dice.chance(0.85)) {
    yield segment(0, dice.chance(0.9) ? 'S' : dice.pick(['SEC', 'SP', 'SU']));
    while (dice.chance(0.15)) yield segment(0, 'S', { seq: sides[0].seq - 1 });
    if (ends.toSelf || dice.chance(0.08)) return; // nobody but the router answers, or nobody at all
    if (dice.chance(0.05)) yield segment(1, 'S'); // both open at once
    if (dice.chance(0.07)) {
      yield segment(1, 'RA');
      return;
    }
    yield segment(1, 'SA', dice.chance(0.95) ? {} : { ack: dice.u32() });
    if (dice.chance(0.1)) yield segment(1, 'SA', { seq: sides[1].seq - 1 });
    yield segment(0, 'A');
  }
  for (let events = dice.int(1, 14); events > 0; events--) yield* tcpEvent(dice, sides, segment);
  if (dice.chance(0.75)) yield* tcpClose(dice, sides, segment);
  if (dice.chance(0.3)) {
    sides[0].seq = dice.u32();
    yield segment(0, 'S'); // the same ports again
  }
}

function tcpEnd(dice: Dice): TcpEnd {
  return {
    seq: dice.chance(0.1) ? 0xffff_fff0 + dice.int(0, 15) : dice.u32(),
    window: dice.pick([65_535, 29_200, 1_000, 100, 0]),
    scale: dice.chance(0.8) ? dice.int(0, 14) : 15,
  };
}

type Segment = (
  from: 0 | 1,
  flags: string,
  more?: { data?: number; seq?: number; ack?: number; options?: object },
) => Sent;

function* tcpEvent(dice: Dice, sides: readonly TcpEnd[], segment: Segment): Talk {
  const from = dice.pick([0, 1] as const);
  const data = dice.pick([1, 5, 20, 100, 600, 1400]);
  const [me, you] = [sides[from], sides[1 - from]];
  const stray = dice.pick([-1, 1, -data, data, -70_000, 70_000, 1 << 20, 1 << 30, 0x7fff_ffff]);
  yield dice.weighted<() => Sent>([
    [30, () => segment(from, 'PA', { data })],
    [20, () => segment(from, 'A')],
    [10, () => segment(from, 'PA', { data, seq: me.seq - data })], // once more
    [5, () => segment(from, 'A', { seq: me.seq + stray, data: dice.pick([0, data]) })],
    [5, () => segment(from, 'A', { ack: you.seq + stray })],
    [3, () => segment(from, 'A', { options: { sack: [[you.seq - 200, you.seq - dice.int(-50, 100)]] } })],
    [2, () => segment(from, 'R', { seq: me.seq + dice.pick([0, 1, stray]) })],
    [
      2,
      () =>
        segment(from, dice.pick(['', 'F', 'FPU', 'SF', 'SR', 'P', 'U', 'FSRPAUEC', 'RA', 'S', 'SA']), { seq: me.seq }),
    ],
    [1, () => segment(from, 'UA', { data: 1 })],
  ])();
}

function* tcpClose(dice: Dice, sides: readonly TcpEnd[], segment: Segment): Talk {
  const first = dice.pick([0, 1] as const);
  const second = (1 - first) as 0 | 1;
  if (dice.chance(0.25)) {
    yield segment(first, dice.pick(['R', 'RA']));
    if (dice.chance(0.3)) yield segment(second, 'A');
    return;
  }
  yield segment(first, 'FA');
  if (dice.chance(0.7)) yield segment(second, 'A');
  if (dice.chance(0.2)) yield segment(second, 'PA', { data: 10 });
  if (dice.chance(0.9)) yield segment(second, 'FA');
  if (dice.chance(0.9)) yield segment(first, 'A');
  if (dice.chance(0.1)) yield segment(second, 'FA', { seq: sides[second].seq - 1 });
}

// --- The others ---------------------------------------------------------------------------------------------------------------

function* udpTalk(dice: Dice, ends: Ends): Talk {
  const ports = [dice.chance(0.02) ? 0 : dice.int(31_000, 31_050), dice.pick(PORTS)];
  for (let count = dice.int(1, 6); count > 0; count--) {
    const from = dice.chance(0.6) || ends.toSelf ? 0 : 1;
    yield send(
      dice,
      ends,
      from,
      udp({
        sport: ports[from],
        dport: ports[1 - from],
        data: dice.octets(dice.pick([0, 1, 12, 40, 300, 1_300, 1_472, 1_473])),
        noChecksum: dice.chance(0.04),
        badChecksum: dice.chance(0.03),
        length: dice.chance(0.97) ? undefined : dice.pick([0, 7, 8, 9, 60_000]),
      }),
    );
  }
}

/** An association: opens, talks, closes; with wrong tags, chunks that the state does not call for, and several chunks in a packet. */
function* sctpTalk(dice: Dice, ends: Ends): Talk {
  const ports = [dice.int(33_000, 33_020), dice.pick(PORTS)];
  const tags = [dice.u32(), dice.u32()];
  const initiate = (from: 0 | 1) => {
    const data = new Uint8Array(16);
    new DataView(data.buffer).setUint32(0, tags[from]);
    return data;
  };
  const chunks = (from: 0 | 1, tag: number, ...types: number[]): Sent =>
    send(
      dice,
      ends,
      from,
      sctp({
        sport: ports[from],
        dport: ports[1 - from],
        tag: dice.chance(0.95) ? tag : dice.u32(),
        chunks: types.map((type) => ({
          type,
          flags: dice.chance(0.95) ? 0 : 1,
          data: type === 1 || type === 2 ? initiate(from) : dice.octets(dice.pick([0, 4, 12, 30])),
          length: dice.chance(0.98) ? undefined : dice.pick([0, 3, 4, 600]),
        })),
        badChecksum: dice.chance(0.02),
      }),
    );
  if (dice.chance(0.9)) {
    yield chunks(0, 0, INIT);
    if (dice.chance(0.1)) yield chunks(0, 0, INIT);
    if (ends.toSelf || dice.chance(0.08)) return;
    yield dice.chance(0.92) ? chunks(1, tags[0], INIT_ACK) : chunks(1, tags[0], ABORT);
    yield chunks(0, tags[1], ...(dice.chance(0.7) ? [COOKIE_ECHO] : [COOKIE_ECHO, DATA]));
    yield chunks(1, tags[0], COOKIE_ACK);
  }
  for (let events = dice.int(0, 8); events > 0; events--) {
    const from = dice.pick([0, 1] as const);
    const kinds = dice.weighted<number[]>([
      [6, [DATA]],
      [4, [SACK]],
      [2, [SACK, DATA]],
      [3, [HEARTBEAT]],
      [3, [HEARTBEAT_ACK]],
      [1, [dice.int(0, 16)]],
    ]);
    yield chunks(from, tags[1 - from], ...kinds);
  }
  if (dice.chance(0.3)) return;
  const first = dice.pick([0, 1] as const);
  const second = (1 - first) as 0 | 1;
  if (dice.chance(0.3)) {
    yield chunks(first, tags[second], ABORT);
    return;
  }
  yield chunks(first, tags[second], SHUTDOWN);
  yield chunks(second, tags[first], SHUTDOWN_ACK);
  if (dice.chance(0.9)) yield chunks(first, tags[second], SHUTDOWN_COMPLETE);
}

// RFC 9260 3.2
const [DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
];
const [COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE] = [10, 11, 14];

function* echoTalk(dice: Dice, ends: Ends): Talk {
  const id = dice.int(1, 20);
  const is4 = ends.family === 4;
  const message = (type: number, seq: number, code = 0): Layer => {
    const fields = { type, code, id, seq, data: dice.pick([0, 8, 56, 56, 1_400]), badChecksum: dice.chance(0.03) };
    return is4 ? icmp(fields) : icmp6(fields);
  };
  const [ask, answer] = dice.chance(0.8)
    ? is4
      ? [8, 0]
      : [128, 129]
    : dice.pick(
        is4
          ? [
              [13, 14],
              [15, 16],
              [17, 18],
              [9, 10],
              [30, 40],
            ]
          : [
              [133, 134],
              [135, 136],
              [130, 131],
              [137, 143],
              [139, 140],
              [200, 201],
            ],
      );
  for (let seq = 1; seq <= dice.int(1, 4); seq++) {
    const code = dice.chance(0.95) ? 0 : dice.int(0, 5);
    if (dice.chance(0.9)) yield send(dice, ends, 0, message(ask, seq, code));
    if (!ends.toSelf && dice.chance(0.8)) yield send(dice, ends, 1, message(answer, seq, code));
  }
}

function* garbage(dice: Dice, ends: Ends): Talk {
  const octets = dice.octets(dice.int(1, 120));
  if (dice.chance(0.8)) octets[0] = ends.family === 4 ? 0x45 : 0x60;
  yield { step: 'in', side: ends.side, octets };
}

/** The router itself speaks, and is answered. */
function* localTalk(dice: Dice, ends: Ends): Talk {
  const { family, side } = ends;
  const talk: Ends = {
    family,
    side,
    client: SELF[family][side],
    server: dice.pick(HOSTS[family][side]),
    toSelf: false,
  };
  const ports = [dice.int(32_000, 32_050), dice.pick(PORTS)];
  const is4 = family === 4;
  const ping = (type: number) =>
    is4 ? icmp({ type, id: 9, seq: 1, data: 8 }) : icmp6({ type, id: 9, seq: 1, data: 8 });
  const pairs: [Layer, Layer][] = [
    [udp({ sport: ports[0], dport: ports[1], data: 30 }), udp({ sport: ports[1], dport: ports[0], data: 30 })],
    [
      tcp({ sport: ports[0], dport: ports[1], flags: 'S', seq: 1 }),
      tcp({ sport: ports[1], dport: ports[0], flags: 'SA', seq: 9, ack: 2 }),
    ],
    [is4 ? ping(8) : ping(128), is4 ? ping(0) : ping(129)],
  ];
  const [question, answer] = dice.pick(pairs);
  const head = { src: talk.client, dst: talk.server };
  const octets = is4 ? ip4({ ...head, id: dice.int(0x1000, 0x10ff) }, question) : ip6(head, question);
  yield { step: 'local', side, octets };
  // The hosts are on the router's own side: their answers come in there.
  if (dice.chance(0.8)) yield { ...send(dice, talk, 1, answer), side };
}
