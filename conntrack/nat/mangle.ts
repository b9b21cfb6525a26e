// Writes something else into the payload of a packet: addresses and ports that helpers translate. The packet may grow or shrink; lengths and
// checksums are set anew, so that a wrong checksum becomes a right one, as in the kernel.
// Source: net/netfilter/nf_nat_helper.c __nf_nat_mangle_tcp_packet(), nf_nat_mangle_udp_packet(), mangle_contents()

import { putU16, u16 } from '../../packet/bytes.ts';
import { difference, fillTransportChecksum, fold, mended, transportChecksumAt } from '../../packet/checksum.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_UDP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { pull } from '../defrag/cut.ts';

const MOST_OCTETS = 65_535;
/** Room for more of the same, when a buffer is too small. */
const SPARE = 64;

/**
 * Replaces the `length` octets at offset `at` (into pkt.bytes) of the payload. False: the packet would grow too long, and nothing was done. The
 * sequence numbers behind are the caller's business.
 */
export function mangle(pkt: Packet, at: number, length: number, replacement: Uint8Array): boolean {
  const growth = replacement.length - length;
  if (pkt.length + growth > MOST_OCTETS) return false;
  const before = pkt.end - pkt.l4;
  pull(pkt, pkt.length + Math.max(growth, 0));
  // The parts of a UDP packet without checksum stay without.
  const sumAt = transportChecksumAt(pkt);
  if (growth > 0) makeRoom(pkt, growth);
  const { bytes } = pkt;
  bytes.copyWithin(at + replacement.length, at + length, pkt.end);
  bytes.set(replacement, at);
  pkt.end += growth;
  setLengths(pkt);
  if (sumAt >= 0) setChecksum(pkt, sumAt, before);
  return true;
}

/** The device goes on filling its own buffer, so that the packet may get another one. */
function makeRoom(pkt: Packet, growth: number): void {
  if (pkt.end + growth <= pkt.room) return;
  const larger = new Uint8Array(pkt.end + growth + SPARE);
  larger.set(pkt.bytes.subarray(0, pkt.end));
  pkt.bytes = larger;
  pkt.room = larger.length;
}

function setLengths(pkt: Packet): void {
  const { bytes, l3, l4, end } = pkt;
  if (pkt.family === 4) {
    putU16(bytes, l3 + 2, end - l3);
    ipv4.fillChecksum(bytes, l3);
  } else {
    putU16(bytes, l3 + ipv6.PAYLOAD_LENGTH_AT, end - l3 - ipv6.LENGTH);
  }
  if (pkt.protocol === IPPROTO_UDP) putU16(bytes, l4 + 4, end - l4);
}

/** An unfinished checksum covers the length; whoever finishes it sums the rest. */
function setChecksum(pkt: Packet, sumAt: number, before: number): void {
  const { bytes, l4, end } = pkt;
  if (!pkt.checksumPartial) {
    fillTransportChecksum(pkt);
    // As the device does that finishes it in the kernel: 0 is written as ones, for TCP too. net/core/dev.c skb_checksum_help()
    if (u16(bytes, sumAt) === 0) putU16(bytes, sumAt, 0xffff);
    return;
  }
  putU16(bytes, sumAt, mended(u16(bytes, sumAt), difference(fold(before), fold(end - l4)), true));
}
