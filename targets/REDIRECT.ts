import { addressWords, DESTINATION } from '../conntrack/nat/range.ts';
import { defineTarget } from '../engine/extension.ts';
import type { Routes } from '../engine/services.ts';
import { ACCEPT, DROP } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { OUTPUT } from '../grammar/tables.ts';
import { flag, own } from '../grammar/values.ts';
import { type Address, parseAddress } from '../packet/address.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { type NatWords, parsePorts, printPorts, rangeOf } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const ports = {
  words: 1 as const,
  metavar: 'port[-port]',
  parse: ([word]: readonly string[], scope: ValueScope) => parsePorts(word, 'kept', scope),
  print: printPorts,
};

export const REDIRECT = defineTarget({
  name: 'REDIRECT',
  families: [4, 6],
  summary: 'Destination NAT to this machine.',
  kernel: 'net/netfilter/xt_REDIRECT.c redirect_tg4(), redirect_tg6()',
  options: {
    'to-ports': own(ports, { help: 'destination port or ports' }),
    random: flag({ help: 'choose the port at random' }),
  },
  check(options, scope) {
    const ports = options['to-ports'];
    if (ports?.value.base !== undefined) scope.fail('Shifted portmap ranges not supported with this kernel', ports);
    return { range: ports?.value ?? ({} as NatWords), random: options.random !== undefined };
  },
  save: (c) => words(c.range.ports && `--to-ports ${printPorts(c.range)}`, c.random && '--random'),
  list: (c) => words(c.range.ports && `redir ports ${printPorts(c.range)}`, c.random && 'random'),
  placement: { tables: ['nat'], hooks: ['PREROUTING', 'OUTPUT'] },
  needsTracking: true,
  compile(checked, { family, services: { routes, tracker } }) {
    const range = rangeOf(checked.range, checked, family);
    const loopback = addressWords(parseAddress(family === 4 ? '127.0.0.1' : '::1', family)!, family);
    return (pkt) => {
      // What we send ourselves comes back by the loopback device.
      let words: Int32Array | undefined = loopback;
      if (pkt.hook !== OUTPUT) {
        const own = inAddress(pkt, family, routes);
        words = own && addressWords(own, family);
      }
      if (!words) {
        pkt.reason = 'no address to redirect to';
        return DROP;
      }
      tracker.nat.map(pkt, DESTINATION, { ...range, addresses: [words, words] });
      return ACCEPT;
    };
  },
});

/**
 * IPv4: the first address of the device; IPv6: the first one of the scope that the packet was addressed in.
 * net/netfilter/nf_nat_redirect.c nf_nat_redirect_ipv4(), nf_nat_redirect_ipv6()
 */
function inAddress({ bytes, l3, inDevice }: Packet, family: Family, routes: Routes): Address | undefined {
  const own = routes.addressesOf(inDevice, family);
  if (family === 4) return own[0];
  const scope = scopeOf(bytes, l3 + ipv6.DESTINATION_AT);
  return own.find((address) => scope === GLOBAL || scopeOf(address, 0) === scope);
}

const GLOBAL = 14;

/** Scopes as multicast addresses have them (RFC 4291 2.7): of this host, of the link, of the site, else global. ipv6_addr_scope() */
function scopeOf(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0xff) {
    const scope = bytes[at + 1] & 0x0f;
    return scope === 1 || scope === 2 || scope === 5 ? scope : GLOBAL;
  }
  if (bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0x80) return 2;
  if (bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0xc0) return 5;
  return GLOBAL;
}
