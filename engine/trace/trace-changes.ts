// What happened to the addresses and ports of a packet between two steps of its trace: translation shows there, and nowhere else.

import { addressAt, formatAddress } from '../../packet/address.ts';
import { u16 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import type { TraceStep } from './trace.ts';

const WITH_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP];

/** `A.port`, as describe() has it. */
function endpoint({ bytes, l3, l4, end, family, protocol, fragmentOffset }: Packet, which: 0 | 1): string {
  const [first, length] = family === 4 ? [12, 4] : [8, 16];
  const address = formatAddress(addressAt(bytes, l3 + first + which * length, family as Family), family as Family);
  const hasPorts = WITH_PORTS.includes(protocol) && fragmentOffset === 0 && l4 + 4 <= end;
  return hasPorts ? `${address}.${u16(bytes, l4 + 2 * which)}` : address;
}

/** `source is now B (was A)`, for each end that is another. */
export function rewrites(before: Uint8Array, after: Uint8Array): string[] {
  const [was, is] = [Packet.of(before), Packet.of(after)];
  if (was.family === 0 || was.family !== is.family || is.fragmentOffset !== was.fragmentOffset) return [];
  if (is.moreFragments !== was.moreFragments) return [];
  return (['source', 'destination'] as const).flatMap((name, which) => {
    const [old, now] = [endpoint(was, which as 0 | 1), endpoint(is, which as 0 | 1)];
    return old === now ? [] : [`${name} is now ${now} (was ${old})`];
  });
}

/** Follows the packets of a trace: give it every step in order, and it says what was rewritten since the packet's step before. */
export class Rewrites {
  private readonly seen = new Map<number, Uint8Array>();

  at(step: TraceStep): string[] {
    if (step.kind !== 'hook' && step.kind !== 'sent') return [];
    const before = this.seen.get(step.packet);
    this.seen.set(step.packet, step.octets);
    return before ? rewrites(before, step.octets) : [];
  }
}
