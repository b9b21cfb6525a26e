// Answers to what came out. Traffic is made before anybody knows what the router will do to it; where rules translate, its answers would go
// to addresses that nobody has any more. So the packets that came out are answered as their receivers would, in several rounds, for answers
// to answers; now and then a router on the way complains instead.
//
// Ports that were drawn at random are not answered: the kernel has drawn others.

import { addressAt, formatAddress } from '../../packet/address.ts';
import { icmp, icmp6, ip4, ip6, type Layer, tcp as tcpLayer, udp } from '../../packet/build.ts';
import { fromHex, u16 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Emitted, Side, Step } from '../../testing/scenario/scenario-format.ts';
import type { Dice } from './dice.ts';
import { FIXED_PORTS } from './random-extensions.ts';
import { stepOf } from './random-traffic.ts';

/** Answers to some of the packets of `out`, which came of `step`, to go in right after it. */
export function randomAnswers(dice: Dice, step: Step, out: readonly Emitted[]): Step[] {
  const hex = 'in' in step ? step.hex : 'local' in step ? step.local : undefined;
  if (typeof hex !== 'string') return [];
  const given = Packet.of(fromHex(hex)!);
  return out.flatMap((emitted) => {
    const pkt = Packet.of(fromHex(emitted.hex)!);
    if (pkt.family === 0 || !mayBeAnswered(pkt, given) || !dice.chance(0.6)) return [];
    // An error to the router itself would teach it a smaller MTU, which ours does not learn.
    const passedOn = 'in' in step && step.in !== emitted.out;
    const octets = dice.chance(0.15) ? complaint(dice, pkt, passedOn) : answer(dice, pkt);
    return octets ? [stepOf({ step: 'in', side: emitted.out as Side, octets })] : [];
  });
}

function mayBeAnswered(pkt: Packet, given: Packet): boolean {
  if (pkt.fragmentOffset !== 0 || pkt.moreFragments || pkt.l4 + 8 > pkt.end) return false;
  if (pkt.protocol !== given.protocol || given.l4 + 8 > given.end) return true;
  const at = isIcmp(pkt) ? 4 : 0;
  const port = u16(pkt.bytes, pkt.l4 + at);
  return port === u16(given.bytes, given.l4 + at) || FIXED_PORTS.includes(port);
}

const isIcmp = (pkt: Packet): boolean => pkt.protocol === (pkt.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

const textAt = (pkt: Packet, at: 'SOURCE_AT' | 'DESTINATION_AT'): string => {
  const family = pkt.family === 4 ? 4 : 6;
  return formatAddress(addressAt(pkt.bytes, pkt.l3 + (family === 4 ? ipv4 : ipv6)[at], family), family);
};

const back = (dice: Dice, pkt: Packet, layer: Layer, src = textAt(pkt, 'DESTINATION_AT')): Uint8Array => {
  const dst = textAt(pkt, 'SOURCE_AT');
  return pkt.family === 4 ? ip4({ src, dst, id: dice.int(0x4000, 0x40ff) }, layer) : ip6({ src, dst }, layer);
};

function answer(dice: Dice, pkt: Packet): Uint8Array | undefined {
  const { bytes, l4, end } = pkt;
  if (pkt.protocol === IPPROTO_UDP)
    return back(
      dice,
      pkt,
      udp({ sport: u16(bytes, l4 + 2), dport: u16(bytes, l4), data: dice.octets(dice.int(0, 40)) }),
    );
  if (pkt.protocol === IPPROTO_TCP) return tcp.whole(bytes, l4, end) ? segment(dice, pkt) : undefined;
  if (!isIcmp(pkt)) return undefined;
  const type = bytes[l4];
  const fields = {
    code: bytes[l4 + 1],
    id: u16(bytes, l4 + 4),
    seq: u16(bytes, l4 + 6),
    data: bytes.slice(l4 + 8, end),
  };
  if (pkt.family === 4 && (type === 8 || type === 13 || type === 17))
    return back(dice, pkt, icmp({ ...fields, type: type === 8 ? 0 : type + 1 }));
  if (pkt.family === 6 && (type === 128 || type === 139)) return back(dice, pkt, icmp6({ ...fields, type: type + 1 }));
  return undefined;
}

/** What a TCP end would send next. */
function segment(dice: Dice, pkt: Packet): Uint8Array | undefined {
  const { bytes, l4, end } = pkt;
  const flags = tcp.flags(bytes, l4);
  if (flags & tcp.RST) return undefined;
  const opens = (flags & tcp.SYN) !== 0;
  const closes = (flags & tcp.FIN) !== 0;
  const length = end - l4 - tcp.headerLength(bytes, l4) + (opens ? 1 : 0) + (closes ? 1 : 0);
  const first = opens && !(flags & tcp.ACK);
  return back(
    dice,
    pkt,
    tcpLayer({
      sport: u16(bytes, l4 + 2),
      dport: u16(bytes, l4),
      flags: first ? dice.pick(['SA', 'SA', 'SA', 'RA']) : closes ? 'FA' : dice.pick(['A', 'PA', 'FA']),
      seq: first ? dice.u32() : tcp.acknowledgment(bytes, l4),
      ack: (tcp.sequence(bytes, l4) + length) >>> 0,
      window: 10_000,
      data: first ? undefined : dice.octets(dice.int(0, 30)),
    }),
  );
}

/** An error about the packet, from its receiver or from a router before it, quoting more or less of it. */
function complaint(dice: Dice, pkt: Packet, passedOn: boolean): Uint8Array | undefined {
  const { bytes, l3, l4, end } = pkt;
  const data = bytes.slice(l3, dice.pick([end, end, l4 + 8, l4 + 4, Math.min(end, l4 + 20)]));
  const badChecksum = dice.chance(0.05);
  const tooBig = (type: number, code: number) => (pkt.family === 4 ? type === 3 && code === 4 : type === 2);
  if (pkt.family === 4) {
    const [type, code] = dice.pick([
      [3, 3],
      [3, 4],
      [11, 0],
      [12, 0],
      [5, 1],
    ]);
    if (tooBig(type, code) && !passedOn) return undefined;
    return back(
      dice,
      pkt,
      icmp({ type, code, rest: type === 3 ? 1400 : 0, data, badChecksum }),
      dice.pick([undefined, '192.0.2.254', '10.1.9.9']),
    );
  }
  const [type, code] = dice.pick([
    [1, 4],
    [2, 0],
    [3, 0],
    [4, 1],
    [137, 0],
  ]);
  if (tooBig(type, code) && !passedOn) return undefined;
  return back(
    dice,
    pkt,
    icmp6({ type, code, rest: type === 2 ? 1400 : 0, data, badChecksum }),
    dice.pick([undefined, '2001:db8:5::1', 'fd00:1::99']),
  );
}
