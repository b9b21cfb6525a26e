import type { Packet } from '../../packet/packet.ts';

/** Makes room for `length` octets from l3 on, in the packet's buffer if it has as much, and sets the end. What was there is lost. */
export function place(pkt: Packet, length: number): void {
  if (pkt.l3 + length > pkt.room) {
    pkt.bytes = new Uint8Array(pkt.l3 + length);
    pkt.room = pkt.bytes.length;
  }
  pkt.end = pkt.l3 + length;
}
