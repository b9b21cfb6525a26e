// Pieces of one datagram from a row's fields, and how what leaves is written down.

import * as build from '../../packet/build.ts';
import { fromHex } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import { type Family, IPPROTO_UDP } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { LENGTH, type PieceFields } from './defrag.rows.ts';

const PAYLOAD = Uint8Array.from({ length: LENGTH - 8 }, (_, index) => index);

/** The datagram that the rows cut up. */
export const wholeOf = (family: Family, data = PAYLOAD): Uint8Array =>
  family === 4
    ? build.ip4({ id: 1 }, build.udp({ sport: 1000, dport: 2000, data }))
    : build.ip6({}, build.udp({ sport: 1000, dport: 2000, data }));

export function pieceOf(family: Family, fields: PieceFields): Uint8Array {
  const { from, to, id = 1, df = false, ecn = 0, protocol = IPPROTO_UDP, forged = false, ipOptions = '' } = fields;
  const more = fields.more ?? to < LENGTH;
  const data = wholeOf(family)
    .slice(family === 4 ? 20 : 40)
    .slice(from, to);
  if (forged) data.fill(0xee);
  const rest = build.raw(protocol, data);
  return family === 4
    ? build.ip4({ id, df, mf: more, offset: from, tos: ecn, options: fromHex(ipOptions) }, rest)
    : build.ip6({ trafficClass: ecn }, build.fragment({ id, offset: from, more }), rest);
}

/** "32:48+" for 48 octets at 32 with more to come, " DF" behind it, or "whole". */
export function describePiece(hex: string): string {
  const pkt = Packet.of(fromHex(hex)!);
  if (!pkt.moreFragments && pkt.fragmentOffset === 0 && pkt.fragmentHeader < 0) return 'whole';
  const dataAt = pkt.family === 4 ? pkt.l4 : pkt.fragmentHeader + 8;
  const df = pkt.family === 4 && ipv4.dontFragment(pkt.bytes, 0) ? ' DF' : '';
  return `${pkt.fragmentOffset}:${pkt.end - dataAt}${pkt.moreFragments ? '+' : ''}${df}`;
}
