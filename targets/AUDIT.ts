import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';
import { addressAt, formatAddress } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { type Family, IPPROTO_FRAGMENT, IPPROTO_NONE } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';

/** KERN_NOTICE, as audit prints what nobody fetches. */
const LEVEL = 5;

const TYPES = ['accept', 'drop', 'reject'];

const auditType = {
  words: 1 as const,
  metavar: TYPES.join('|'),
  parse([word]: readonly string[], scope: ValueScope): string {
    const type = word.toLowerCase();
    return TYPES.includes(type) ? type : scope.fail(`Bad action type value "${word}"`, `one of: ${TYPES.join(', ')}`);
  },
  print: (type: string): string => type,
};

export const AUDIT = defineTarget({
  name: 'AUDIT',
  families: [4, 6],
  summary: 'Writes an audit record about the packet, of type NETFILTER_PKT. What the option says is not in it.',
  kernel: 'net/netfilter/xt_AUDIT.c audit_tg()',
  options: { type: own(auditType, { help: 'what the record says was done', required: true }) },
  check: ({ type }) => ({ type: type.value }),
  save: ({ type }) => `--type ${type}`,
  list: ({ type }) => `AUDIT ${type}`,
  compile(_checked, { family, services }) {
    return (pkt) => {
      services.log({ now: pkt.now, level: LEVEL, text: record(pkt, family), event: { kind: 'audit' } });
      return CONTINUE;
    };
  },
});

/** The first one when there is no last one to be seen. net/ipv6/exthdrs_core.c ipv6_skip_exthdr() */
function lastHeader({ bytes, l3, protocol, fragmentOffset }: Packet): number {
  if (fragmentOffset !== 0) return IPPROTO_FRAGMENT;
  return protocol < 0 || protocol === IPPROTO_NONE ? ipv6.nextHeader(bytes, l3) : protocol;
}

/** audit_ip4(), audit_ip6() */
function record(pkt: Packet, family: Family): string {
  const { bytes, l3, mark } = pkt;
  const at = (offset: number): string => formatAddress(addressAt(bytes, l3 + offset, family), family);
  const [source, destination] =
    family === 4 ? [at(ipv4.SOURCE_AT), at(ipv4.DESTINATION_AT)] : [at(ipv6.SOURCE_AT), at(ipv6.DESTINATION_AT)];
  const protocol = family === 4 ? ipv4.protocol(bytes, l3) : lastHeader(pkt);
  return `mark=${mark === 0 ? '0' : `0x${mark.toString(16)}`} saddr=${source} daddr=${destination} proto=${protocol}`;
}
