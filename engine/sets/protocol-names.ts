// Names of protocols in elements: those of the host, and of the protocols with ports or types where the host does not say.

import type { Names } from '../../grammar/names.ts';
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import { syntax } from './number-text.ts';

const PROTOCOL_NAMES: Readonly<Record<string, number>> = {
  icmp: IPPROTO_ICMP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  'ipv6-icmp': IPPROTO_ICMPV6,
  sctp: IPPROTO_SCTP,
  udplite: IPPROTO_UDPLITE,
};

export const protocolName = (protocol: number, names: Names): string =>
  names.protocolName(protocol) ??
  Object.keys(PROTOCOL_NAMES).find((name) => PROTOCOL_NAMES[name] === protocol) ??
  protocol.toString();

/** Throws SetError. */
export function protocolOf(word: string, names: Names): number {
  const lower = word.toLowerCase();
  if (lower === 'icmpv6') return IPPROTO_ICMPV6;
  const known = names.protocol(word) ?? PROTOCOL_NAMES[lower];
  if (known !== undefined) return known;
  if (/^\d+$/.test(word) && Number(word) <= 255) return Number(word);
  throw syntax(`cannot parse '${word}' as a protocol`);
}
