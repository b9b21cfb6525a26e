import { addressWords } from '../conntrack/nat/range.ts';
import { defineTarget } from '../engine/extension.ts';
import type { Routes } from '../engine/services.ts';
import { ACCEPT, DROP } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { type Address, addressAt } from '../packet/address.ts';
import { u32 } from '../packet/bytes.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { type NatWords, parsePorts, printPorts, rangeOf } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const ports = {
  words: 1 as const,
  metavar: 'port[-port]',
  parse: ([word]: readonly string[], scope: ValueScope) => parsePorts(word, 'forgotten', scope),
  print: printPorts,
};

export const MASQUERADE = defineTarget({
  name: 'MASQUERADE',
  families: [4, 6],
  summary: 'Source NAT to the address of the interface that the packet leaves by, for as long as it has it.',
  kernel: 'net/netfilter/xt_MASQUERADE.c masquerade_tg()',
  options: {
    'to-ports': own(ports, { help: 'source ports to use' }),
    random: flag({ help: 'choose the port at random' }),
    'random-fully': flag({ help: 'choose the port at random, harder to guess' }),
  },
  check: (options) => ({
    range: options['to-ports']?.value ?? ({} as NatWords),
    random: options.random !== undefined,
    randomFully: options['random-fully'] !== undefined,
  }),
  save: (c) =>
    words(
      c.range.ports && `--to-ports ${printPorts(c.range)}`,
      c.random && '--random',
      c.randomFully && '--random-fully',
    ),
  list: (c) =>
    words(c.range.ports && `masq ports: ${printPorts(c.range)}`, c.random && 'random', c.randomFully && 'random-fully'),
  placement: { tables: ['nat'], hooks: ['POSTROUTING'] },
  needsTracking: true,
  compile(checked, { family, services: { routes, tracker } }) {
    const range = rangeOf(checked.range, checked, family);
    return (pkt) => {
      // A source of 0.0.0.0 is somebody who asks for an address.
      if (family === 4 && u32(pkt.bytes, pkt.l3 + ipv4.SOURCE_AT) === 0) return ACCEPT;
      const own = ownAddress(pkt, family, routes);
      if (!own) {
        pkt.reason = 'no address to masquerade with';
        return DROP;
      }
      const words = addressWords(own, family);
      tracker.nat.masquerade(pkt, { ...range, addresses: [words, words] });
      return ACCEPT;
    };
  },
});

/**
 * IPv4: the address on the way to the next hop; IPv6: the one that a program of ours would speak to the destination with.
 * net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv4(), nf_nat_masquerade_ipv6()
 */
function ownAddress({ bytes, l3, outDevice }: Packet, family: Family, routes: Routes): Address | undefined {
  const destination = addressAt(bytes, l3 + (family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT), family);
  const via = family === 4 ? routes.lookup(destination, 4)?.via : undefined;
  return routes.sourceFor(outDevice, family, via ?? destination);
}
