// Where matches that do not look at the fragment offset find their header: tcpmss and ecn take what a later fragment carries for one.

import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';

const transport4 = (pkt: Packet): number => pkt.l4;

/**
 * For a later IPv6 fragment the kernel knows no transport offset and leaves 0, so that such a match reads the IPv6 header itself.
 * net/ipv6/netfilter/ip6_tables.c ip6t_do_table() sets acpar.thoff = 0; ipv6_find_hdr() returns without writing it.
 */
const transport6 = (pkt: Packet): number => (pkt.fragmentOffset === 0 ? pkt.l4 : pkt.l3);

export const transportAt = (family: Family): ((pkt: Packet) => number) => (family === 4 ? transport4 : transport6);
