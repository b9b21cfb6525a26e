// Packets of a scenario that take over what came out before: the end that sends them has seen it.

import { fromHex, toHex, u32 } from '../../packet/bytes.ts';
import { rewriteTransportU16 } from '../../packet/checksum.ts';
import { Packet } from '../../packet/packet.ts';
import type { Copy, StepResult } from './scenario-format.ts';

/** `hex` with the copies in it, and its transport checksum as right as it was. What did not come out is not copied. */
export function withCopies(hex: string, copies: readonly Copy[], results: readonly StepResult[]): string {
  const octets = fromHex(hex);
  if (!octets) return hex;
  const pkt = Packet.of(octets);
  for (const { step, packet = 0, from, to, add = 0 } of copies) {
    const source = fromHex(results[step]?.out?.[packet]?.hex ?? '');
    if (!source || from + 4 > source.length) continue;
    const value = (u32(source, from) + add) >>> 0;
    rewriteTransportU16(pkt, to, value >>> 16);
    rewriteTransportU16(pkt, to + 2, value & 0xffff);
  }
  return toHex(pkt.bytes, pkt.l3, pkt.end);
}
