// What a network card does with a super-packet, done here for a device that has no offloads. (The other half, an unfinished
// checksum, is packet/checksum.ts finishPartial().) Not the fast path, which hands the virtio-net header on: views may be allocated.
//
// Only plain TCP and UDP over IPv4 or IPv6 come as super-packets: the kernel cuts what is in a tunnel before it reaches a TUN,
// which offers no tunnel offloads. include/linux/virtio_net.h, net/ipv4/tcp_offload.c tcp_gso_segment(), net/ipv4/udp_offload.c
// __udp_gso_segment(), net/ipv4/af_inet.c inet_gso_segment().

import { putU16, putU32, u16, u32 } from '../packet/bytes.ts';
import { finishPartial, fold, pseudoSum, sum } from '../packet/checksum.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../packet/numbers.ts';
import { GSO_ECN, GSO_UDP, type Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, HEADROOM } from './device.ts';

const TCP_FIN_PSH = 0x09;
const TCP_CWR = 0x80;

/** Octets of the headers that every segment of `pkt` repeats. */
export function segmentHeaders(pkt: Packet): number {
  const transport = transportAt(pkt);
  return transport - pkt.l3 + (isUdp(pkt) ? 8 : (pkt.bytes[transport + 12] >>> 4) << 2);
}

const isUdp = (pkt: Packet): boolean => (pkt.gsoType & ~GSO_ECN) === GSO_UDP;
const transportAt = (pkt: Packet): number => (pkt.checksumPartial ? pkt.checksumStart : pkt.l4);

/**
 * Cuts a super-packet: each piece is made in `piece` (a Packet of BUFFER_LENGTH octets, other than `pkt`), checksums finished, and
 * handed to `each`. False, and nothing was handed out, for headers that cannot be: no payload, or reaching past the packet.
 */
export function segment(pkt: Packet, piece: Packet, each: (piece: Packet) => void): boolean {
  const headers = segmentHeaders(pkt);
  const first = pkt.l3 + headers;
  if (pkt.gsoSize === 0 || first >= pkt.end || headers < (isUdp(pkt) ? 28 : 40)) return false;
  if (piece.bytes.length < BUFFER_LENGTH) piece.bytes = new Uint8Array(BUFFER_LENGTH);
  for (let at = first, index = 0; at < pkt.end; at += pkt.gsoSize, index++) {
    const upTo = Math.min(at + pkt.gsoSize, pkt.end);
    piece.bytes.set(pkt.bytes.subarray(pkt.l3, first), HEADROOM);
    piece.bytes.set(pkt.bytes.subarray(at, upTo), HEADROOM + headers);
    piece.load(HEADROOM, HEADROOM + headers + upTo - at, pkt.now);
    finishPiece(pkt, piece, { index, before: at - first, last: upTo === pkt.end });
    each(piece);
  }
  return true;
}

interface Place {
  index: number;
  /** Octets of payload in front of this piece. */
  before: number;
  last: boolean;
}

function finishPiece(pkt: Packet, piece: Packet, place: Place): void {
  const { bytes, l3 } = piece;
  const transport = l3 + transportAt(pkt) - pkt.l3;
  const field = transport + (isUdp(pkt) ? 6 : 16);
  if (bytes[l3] >>> 4 === 4) finishHeader4(piece, place.index);
  else putU16(bytes, l3 + 4, piece.end - l3 - 40);
  if (isUdp(pkt)) putU16(bytes, transport + 4, piece.end - transport);
  else finishTcp(bytes, transport, place);
  // The sum of the pseudo header, for the length of this piece instead of the whole.
  const whole = pkt.end - transportAt(pkt);
  const seed = pkt.checksumPartial
    ? u16(bytes, field)
    : pseudoSum(pkt.bytes, pkt.l3, isUdp(pkt) ? IPPROTO_UDP : IPPROTO_TCP, whole);
  putU16(bytes, field, fold(fold(seed + (~whole & 0xffff)) + (piece.end - transport)));
  piece.parse();
  piece.checksumPartial = true;
  piece.checksumStart = transport;
  piece.checksumField = field;
  finishPartial(piece);
}

/** inet_gso_segment(): the identification counts up from one piece to the next. */
function finishHeader4({ bytes, l3, end }: Packet, index: number): void {
  putU16(bytes, l3 + 2, end - l3);
  putU16(bytes, l3 + 4, (u16(bytes, l3 + 4) + index) & 0xffff);
  putU16(bytes, l3 + 10, 0);
  putU16(bytes, l3 + 10, ~sum(bytes, l3, l3 + ((bytes[l3] & 15) << 2)) & 0xffff);
}

/** tcp_gso_segment(): FIN and PSH belong to the last piece alone, CWR to the first. */
function finishTcp(bytes: Uint8Array, transport: number, { index, before, last }: Place): void {
  putU32(bytes, transport + 4, (u32(bytes, transport + 4) + before) >>> 0);
  if (!last) bytes[transport + 13] &= ~TCP_FIN_PSH;
  if (index > 0) bytes[transport + 13] &= ~TCP_CWR;
}
