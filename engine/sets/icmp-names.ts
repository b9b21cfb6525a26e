// Names that ipset has for ICMP types with their codes. The first name of a pair is the one that prints.

import type { Family } from '../../packet/numbers.ts';

type Named = readonly (readonly [type: number, code: number, ...names: string[]])[];

const ICMP: Named = [
  [0, 0, 'echo-reply', 'pong'],
  [3, 0, 'network-unreachable'],
  [3, 1, 'host-unreachable'],
  [3, 2, 'protocol-unreachable'],
  [3, 3, 'port-unreachable'],
  [3, 4, 'fragmentation-needed'],
  [3, 5, 'source-route-failed'],
  [3, 6, 'network-unknown'],
  [3, 7, 'host-unknown'],
  [3, 9, 'network-prohibited'],
  [3, 10, 'host-prohibited'],
  [3, 11, 'TOS-network-unreachable'],
  [3, 12, 'TOS-host-unreachable'],
  [3, 13, 'communication-prohibited'],
  [3, 14, 'host-precedence-violation'],
  [3, 15, 'precedence-cutoff'],
  [4, 0, 'source-quench'],
  [5, 0, 'network-redirect'],
  [5, 1, 'host-redirect'],
  [5, 2, 'TOS-network-redirect'],
  [5, 3, 'TOS-host-redirect'],
  [8, 0, 'echo-request', 'ping'],
  [9, 0, 'router-advertisement'],
  [10, 0, 'router-solicitation'],
  [11, 0, 'ttl-zero-during-transit'],
  [11, 1, 'ttl-zero-during-reassembly'],
  [12, 0, 'ip-header-bad'],
  [12, 1, 'required-option-missing'],
  [13, 0, 'timestamp-request'],
  [14, 0, 'timestamp-reply'],
  [17, 0, 'address-mask-request'],
  [18, 0, 'address-mask-reply'],
];

const ICMPV6: Named = [
  [1, 0, 'no-route'],
  [1, 1, 'communication-prohibited'],
  [1, 3, 'address-unreachable'],
  [1, 4, 'port-unreachable'],
  [2, 0, 'packet-too-big'],
  [3, 0, 'ttl-zero-during-transit'],
  [3, 1, 'ttl-zero-during-reassembly'],
  [4, 0, 'bad-header'],
  [4, 1, 'unknown-header-type'],
  [4, 2, 'unknown-option'],
  [128, 0, 'echo-request', 'ping'],
  [129, 0, 'echo-reply', 'pong'],
  [133, 0, 'router-solicitation'],
  [134, 0, 'router-advertisement'],
  [135, 0, 'neighbour-solicitation', 'neighbor-solicitation'],
  [136, 0, 'neighbour-advertisement', 'neighbor-advertisement'],
  [137, 0, 'redirect'],
];

const names = (family: Family): Named => (family === 4 ? ICMP : ICMPV6);

/** type << 8 | code of a name, which may be cut short and of any case. */
export function icmpByName(word: string, family: Family): number | undefined {
  const start = word.toLowerCase();
  const found = names(family).find(([, , ...spelled]) => spelled.some((name) => name.toLowerCase().startsWith(start)));
  return found && (found[0] << 8) | found[1];
}

export const icmpName = (typeCode: number, family: Family): string =>
  names(family).find(([type, code]) => ((type << 8) | code) === typeCode)?.[2] ??
  `${typeCode >>> 8}/${typeCode & 0xff}`;
