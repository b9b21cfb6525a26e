// The virtio-net header in front of a packet: where an unfinished checksum is, how a super-packet is to be cut. Read into the fields of
// Packet, and written from them.
//
//   at+0    at+1       at+2      at+4       at+6        at+8          include/uapi/linux/virtio_net.h struct virtio_net_hdr,
//   | flags | gsoType | hdrLen | gsoSize | csumStart | csumOffset |   little endian (TUNSETVNETLE)

import type { Packet } from '../packet/packet.ts';
import { segmentHeaders } from './segment.ts';

export const VNET_LENGTH = 10; // octets
const NEEDS_CSUM = 1;
const DATA_VALID = 2;

/** The header in front of a packet that was read, into its fields. Not called for the all-zero one. */
export function takeHeader(pkt: Packet, at: number): void {
  const { bytes, l3 } = pkt;
  const flags = bytes[at];
  if (flags & NEEDS_CSUM) {
    pkt.checksumPartial = true;
    pkt.checksumStart = l3 + (bytes[at + 6] | (bytes[at + 7] << 8));
    pkt.checksumField = pkt.checksumStart + (bytes[at + 8] | (bytes[at + 9] << 8));
    // Cut off by parse(): whoever claims such a packet is lying about its lengths.
    if (pkt.checksumField + 2 > pkt.end) pkt.checksumPartial = false;
  }
  if (flags & DATA_VALID) pkt.checksumTrusted = true;
  pkt.gsoType = bytes[at + 1];
  if (pkt.gsoType !== 0) pkt.gsoSize = bytes[at + 4] | (bytes[at + 5] << 8);
}

/** `at`: VNET_LENGTH octets in front of the packet, in its own buffer. */
export function putHeader(pkt: Packet, at: number): void {
  const { bytes, l3 } = pkt;
  // Not fill(): a call that is not inlined costs more than ten octets.
  for (let index = at; index < at + VNET_LENGTH; index++) bytes[index] = 0;
  if (pkt.checksumPartial) {
    const start = pkt.checksumStart - l3;
    const offset = pkt.checksumField - pkt.checksumStart;
    bytes[at] = NEEDS_CSUM;
    bytes[at + 6] = start;
    bytes[at + 7] = start >>> 8;
    bytes[at + 8] = offset;
    bytes[at + 9] = offset >>> 8;
  }
  if (pkt.gsoSize !== 0) {
    const headers = segmentHeaders(pkt);
    bytes[at + 1] = pkt.gsoType;
    bytes[at + 2] = headers;
    bytes[at + 3] = headers >>> 8;
    bytes[at + 4] = pkt.gsoSize;
    bytes[at + 5] = pkt.gsoSize >>> 8;
  }
}
