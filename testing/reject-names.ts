// What an answer tells the sender, in the words of --reject-with.

import type { Family } from '../packet/numbers.ts';
import type { PacketFields } from './fields.ts';

/** ICMP names as packets have them, by the option's; include the option's aliases (libipt_REJECT, libip6t_REJECT). */
const TYPES: readonly {
  readonly name: string;
  readonly alias: string;
  readonly icmp: string;
  readonly protocol: string;
}[] = [
  { name: 'icmp-net-unreachable', alias: 'net-unreach', icmp: 'network-unreachable', protocol: 'icmp' },
  { name: 'icmp-host-unreachable', alias: 'host-unreach', icmp: 'host-unreachable', protocol: 'icmp' },
  { name: 'icmp-proto-unreachable', alias: 'proto-unreach', icmp: 'protocol-unreachable', protocol: 'icmp' },
  { name: 'icmp-port-unreachable', alias: 'port-unreach', icmp: 'port-unreachable', protocol: 'icmp' },
  { name: 'icmp-net-prohibited', alias: 'net-prohib', icmp: 'network-prohibited', protocol: 'icmp' },
  { name: 'icmp-host-prohibited', alias: 'host-prohib', icmp: 'host-prohibited', protocol: 'icmp' },
  { name: 'icmp-admin-prohibited', alias: 'admin-prohib', icmp: 'communication-prohibited', protocol: 'icmp' },
  { name: 'icmp6-no-route', alias: 'no-route', icmp: 'no-route', protocol: 'icmp6' },
  { name: 'icmp6-adm-prohibited', alias: 'adm-prohibited', icmp: 'communication-prohibited', protocol: 'icmp6' },
  { name: 'icmp6-addr-unreachable', alias: 'addr-unreach', icmp: 'address-unreachable', protocol: 'icmp6' },
  { name: 'icmp6-port-unreachable', alias: 'port-unreach', icmp: 'port-unreachable', protocol: 'icmp6' },
  { name: 'icmp6-policy-fail', alias: 'policy-fail', icmp: 'failed-policy', protocol: 'icmp6' },
  { name: 'icmp6-reject-route', alias: 'reject-route', icmp: 'reject-route', protocol: 'icmp6' },
];

/** Of an answer that came out: 'tcp-reset', 'icmp6-port-unreachable'; undefined for anything else. */
export function answerName({ protocol, flags, type }: PacketFields): string | undefined {
  if (protocol === 'tcp') return flags?.includes('R') ? 'tcp-reset' : undefined;
  return TYPES.find((one) => one.protocol === protocol && one.icmp === type)?.name;
}

/**
 * The option's full name for it, for one of its aliases, or for the ICMP name, in the packet's family. Throws RangeError for a word
 * that is none.
 */
export function canonicalReject(word: string, family: Family): string {
  if (word === 'tcp-reset' || word === 'tcp-rst') return 'tcp-reset';
  const own = TYPES.filter(({ protocol }) => protocol === (family === 4 ? 'icmp' : 'icmp6'));
  const found =
    TYPES.find(({ name }) => name === word) ?? own.find(({ alias, icmp }) => alias === word || icmp === word);
  if (found) return found.name;
  throw new RangeError(`"${word}" is no type of REJECT: tcp-reset, ${own.map(({ name }) => name).join(', ')}`);
}
