// The copy that TEE sends. net/ipv4/netfilter/nf_dup_ipv4.c nf_dup_ipv4(), net/ipv6/netfilter/nf_dup_ipv6.c nf_dup_ipv6()

import type { Fragments } from '../conntrack/defrag/types.ts';
import { INPUT, PREROUTING } from '../grammar/tables.ts';
import { type Address, addressAt } from '../packet/address.ts';
import { toHex } from '../packet/bytes.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import { CT_UNTRACKED, Packet } from '../packet/packet.ts';
import { isLinkLocal6 } from './stack/routes.ts';
import type { Stack } from './stack/types.ts';

const DONT_FRAGMENT = 0x40;

/**
 * A packet of its own, untracked, with the marks of `pkt`. It may not be cut up, so that the sender hears of a short MTU on its way; and
 * what has not been forwarded yet loses a hop, so that two hosts that send each other copies come to an end.
 */
export function duplicateOf(pkt: Packet): Packet {
  const copy = Packet.of(pkt.bytes.subarray(pkt.l3, pkt.end));
  copy.now = pkt.now;
  copy.mark = pkt.mark;
  copy.priority = pkt.priority;
  copy.secmark = pkt.secmark;
  copy.traced = pkt.traced;
  copy.ctState = CT_UNTRACKED;
  const fragments = pkt.fragments as Fragments | undefined;
  // The pieces are shared with the packet, so the copy is cut anew where they reach. ip6_fragment(), ip_do_fragment(): skb_shared(frag)
  copy.fragments = fragments && { ...fragments, pulled: pkt.length };
  copy.checksumTrusted = pkt.checksumTrusted;
  copy.checksumPartial = pkt.checksumPartial;
  copy.checksumStart = pkt.checksumStart - pkt.l3;
  copy.checksumField = pkt.checksumField - pkt.l3;
  copy.gsoSize = pkt.gsoSize;
  copy.gsoType = pkt.gsoType;
  const { bytes } = copy;
  const early = pkt.hook === PREROUTING || pkt.hook === INPUT;
  if (copy.family === 4) {
    bytes[ipv4.FRAGMENT_AT] |= DONT_FRAGMENT;
    if (early) bytes[ipv4.TTL_AT] = (bytes[ipv4.TTL_AT] - 1) & 0xff;
    ipv4.fillChecksum(bytes, 0);
  } else if (early) {
    ipv6.setHopLimit(bytes, 0, (ipv6.hopLimit(bytes, 0) - 1) & 0xff);
  }
  return copy;
}

/** What the mangle table of OUTPUT compares: mark, addresses, TOS; in IPv6 also flow label and hop limit. */
export function routingOf({ family, bytes, l3, mark }: Packet): string {
  if (family === 4) return `${mark} ${bytes[l3 + 1]} ${toHex(bytes, l3 + ipv4.SOURCE_AT, l3 + ipv4.MIN_LENGTH)}`;
  return `${mark} ${toHex(bytes, l3, l3 + 4)} ${toHex(bytes, l3 + ipv6.HOP_LIMIT_AT, l3 + ipv6.LENGTH)}`;
}

/** In IPv4 a device without a route there is taken for the right one; in IPv6 it is none. ip_route_output_key_hash_rcu(), ip6_route_output_flags() */
export function wayTo({ routes }: Stack, gateway: Address, family: Family, device: string): string | undefined {
  const known = routes.devices.includes(device) ? device : undefined;
  if (known !== undefined && family === 4) return known;
  return known === undefined ? routes.lookup(gateway, family)?.device : routes.find(gateway, 0, 6, known)?.device;
}

/** Where its own destination leads; a link-local or multicast address has its way on the link that the copy is for. ip6_route_me_harder() */
export function wayByDestination(stack: Stack, pkt: Packet): { device: string } | undefined {
  const family = pkt.family as Family;
  const at = pkt.l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
  const scoped = family === 6 && (isLinkLocal6(pkt.bytes, at) || pkt.bytes[at] === 0xff);
  if (scoped) return stack.routes.find(pkt.bytes, at, 6, pkt.outDevice);
  return stack.routes.lookup(addressAt(pkt.bytes, at, family), family);
}
