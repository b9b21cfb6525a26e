// Protocol names. IANA "Assigned Internet Protocol Numbers" under the short names of /etc/protocols (as Debian ships it), and the names
// that the tools know by themselves. The host's own names come first, as with getprotobyname() and getprotobynumber().

import { type Family, IPPROTO_AH, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_ROUTING } from '../packet/numbers.ts';
import type { Names } from './names.ts';
import { wholeNumber } from './scan.ts';

/** libxtables' own list: used when the host's names do not help, and alone when names must not be looked up (-n). In its order. */
const OWN: readonly (readonly [name: string, number: number])[] = [
  ['tcp', 6],
  ['sctp', 132],
  ['udp', 17],
  ['udplite', 136],
  ['icmp', 1],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['all', 0],
];

/** /etc/protocols of Debian: canonical name first, aliases (upper-case ones left out, names are compared in lower case) after it. */
const HOST: Readonly<Record<number, readonly string[]>> = {
  0: ['ip', 'hopopt'],
  1: ['icmp'],
  2: ['igmp'],
  3: ['ggp'],
  4: ['ipencap'],
  5: ['st'],
  6: ['tcp'],
  8: ['egp'],
  9: ['igp'],
  12: ['pup'],
  17: ['udp'],
  20: ['hmp'],
  22: ['xns-idp'],
  27: ['rdp'],
  29: ['iso-tp4'],
  33: ['dccp'],
  36: ['xtp'],
  37: ['ddp'],
  38: ['idpr-cmtp'],
  41: ['ipv6'],
  43: ['ipv6-route'],
  44: ['ipv6-frag'],
  45: ['idrp'],
  46: ['rsvp'],
  47: ['gre'],
  50: ['esp'],
  51: ['ah'],
  57: ['skip'],
  58: ['ipv6-icmp'],
  59: ['ipv6-nonxt'],
  60: ['ipv6-opts'],
  73: ['rspf'],
  81: ['vmtp'],
  88: ['eigrp'],
  89: ['ospf'],
  93: ['ax.25'],
  94: ['ipip'],
  97: ['etherip'],
  98: ['encap'],
  103: ['pim'],
  108: ['ipcomp'],
  112: ['vrrp'],
  115: ['l2tp'],
  124: ['isis'],
  132: ['sctp'],
  133: ['fc'],
  135: ['mobility-header'],
  136: ['udplite'],
  137: ['mpls-in-ip'],
  138: ['manet'],
  139: ['hip'],
  140: ['shim6'],
  141: ['wesp'],
  142: ['rohc'],
  143: ['ethernet'],
};

const HOST_NUMBERS = new Map(
  Object.entries(HOST).flatMap(([number, names]) => names.map((name) => [name, Number(number)])),
);
const OWN_NUMBERS = new Map(OWN);

/** Number of a protocol, from a number (0 to 255) or a name of any case; undefined when nobody knows it. */
export function protocolNumber(text: string, names: Names): number | undefined {
  const number = wholeNumber(text, 0, 255);
  if (number !== undefined) return number;
  const lower = text.toLowerCase();
  return names.protocol(lower) ?? HOST_NUMBERS.get(lower) ?? OWN_NUMBERS.get(lower);
}

/** Name that -save prints for it; undefined: printed as a number. */
export const protocolName = (number: number, names: Names): string | undefined =>
  names.protocolName(number) ?? HOST[number]?.[0] ?? ownName(number);

const ownName = (number: number): string | undefined => OWN.find((entry) => entry[1] === number)?.[0];

/** Name that -L -n prints: libxtables' own list only. */
export const numericProtocolName = (number: number): string | undefined => (number === 0 ? undefined : ownName(number));

/** Every name that -p takes, for "did you mean". */
export const protocolNames = (_family: Family): readonly string[] => [
  ...new Set([...OWN_NUMBERS.keys(), ...HOST_NUMBERS.keys()]),
];

/** Extension headers that the kernel looks behind when it looks for the protocol. ip6tables.c is_exthdr() */
const LOOKED_BEHIND: readonly number[] = [IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_DSTOPTS];

/** Whether no packet has that as its protocol for the rules. */
export const neverLast = (protocol: number, family: Family): boolean =>
  family === 6 && LOOKED_BEHIND.includes(protocol);
