// Names of ICMP types and codes as rules spell them (`--icmp-type`, `--icmpv6-type`), for descriptions and packet words.
// A name without code is the type with any code. Where two names mean the same, the first is printed.

import type { Family } from './numbers.ts';

export interface IcmpName {
  name: string;
  type: number;
  code?: number;
}

const row = (name: string, type: number, code?: number): IcmpName => ({ name, type, code });

const ICMP: readonly IcmpName[] = [
  row('echo-reply', 0),
  row('pong', 0),
  row('destination-unreachable', 3),
  row('network-unreachable', 3, 0),
  row('host-unreachable', 3, 1),
  row('protocol-unreachable', 3, 2),
  row('port-unreachable', 3, 3),
  row('fragmentation-needed', 3, 4),
  row('source-route-failed', 3, 5),
  row('network-unknown', 3, 6),
  row('host-unknown', 3, 7),
  row('network-prohibited', 3, 9),
  row('host-prohibited', 3, 10),
  row('TOS-network-unreachable', 3, 11),
  row('TOS-host-unreachable', 3, 12),
  row('communication-prohibited', 3, 13),
  row('host-precedence-violation', 3, 14),
  row('precedence-cutoff', 3, 15),
  row('source-quench', 4),
  row('redirect', 5),
  row('network-redirect', 5, 0),
  row('host-redirect', 5, 1),
  row('TOS-network-redirect', 5, 2),
  row('TOS-host-redirect', 5, 3),
  row('echo-request', 8),
  row('ping', 8),
  row('router-advertisement', 9),
  row('router-solicitation', 10),
  row('time-exceeded', 11),
  row('ttl-exceeded', 11),
  row('ttl-zero-during-transit', 11, 0),
  row('ttl-zero-during-reassembly', 11, 1),
  row('parameter-problem', 12),
  row('ip-header-bad', 12, 0),
  row('required-option-missing', 12, 1),
  row('timestamp-request', 13),
  row('timestamp-reply', 14),
  row('address-mask-request', 17),
  row('address-mask-reply', 18),
];

const ICMPV6: readonly IcmpName[] = [
  row('destination-unreachable', 1),
  row('no-route', 1, 0),
  row('communication-prohibited', 1, 1),
  row('beyond-scope', 1, 2),
  row('address-unreachable', 1, 3),
  row('port-unreachable', 1, 4),
  row('failed-policy', 1, 5),
  row('reject-route', 1, 6),
  row('packet-too-big', 2),
  row('time-exceeded', 3),
  row('ttl-exceeded', 3),
  row('ttl-zero-during-transit', 3, 0),
  row('ttl-zero-during-reassembly', 3, 1),
  row('parameter-problem', 4),
  row('bad-header', 4, 0),
  row('unknown-header-type', 4, 1),
  row('unknown-option', 4, 2),
  row('echo-request', 128),
  row('ping', 128),
  row('echo-reply', 129),
  row('pong', 129),
  row('mld-listener-query', 130),
  row('mld-listener-report', 131),
  row('mld-listener-done', 132),
  row('router-solicitation', 133),
  row('router-advertisement', 134),
  row('neighbour-solicitation', 135),
  row('neighbor-solicitation', 135),
  row('neighbour-advertisement', 136),
  row('neighbor-advertisement', 136),
  row('redirect', 137),
  row('mld2-listener-report', 143),
];

export const ICMP_NAMES: Record<Family, readonly IcmpName[]> = { 4: ICMP, 6: ICMPV6 };

/** The closest name, or numbers where there is none: `port-unreachable`, `echo-request`, `destination-unreachable code 77`, `type 40 code 3`. */
export function icmpName(type: number, code: number, family: Family): string {
  const names = ICMP_NAMES[family];
  const exact = names.find((entry) => entry.type === type && entry.code === code);
  if (exact) return exact.name;
  const general = names.find((entry) => entry.type === type && entry.code === undefined);
  const suffix = code === 0 ? '' : ` code ${code}`;
  return (general ? general.name : `type ${type}`) + suffix;
}

export const icmpByName = (name: string, family: Family): IcmpName | undefined =>
  ICMP_NAMES[family].find((entry) => entry.name.toLowerCase() === name.toLowerCase());
