import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { address, text } from '../grammar/values.ts';
import { parseAddress } from '../packet/address.ts';
import { words } from './shared/text.ts';

const UNSPECIFIED = ['0.0.0.0', '::'];

export const TEE = defineTarget({
  name: 'TEE',
  families: [4, 6],
  summary: 'Sends a copy of the packet to another host, which is the next hop of the copy whatever its destination.',
  kernel:
    'net/netfilter/xt_TEE.c tee_tg4(), tee_tg6(), net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c',
  options: {
    gateway: address({ help: 'host that gets the copy', required: true }),
    oif: text({ cutAt: 15 })({ help: 'device to send it by' }),
  },
  check: (options) => ({ gateway: options.gateway.value, oif: options.oif?.value ?? '' }),
  save: ({ gateway, oif }) => words(`--gateway ${gateway}`, oif !== '' && `--oif ${oif}`),
  list: ({ gateway, oif }) => words(`TEE gw:${gateway}`, oif !== '' && `oif=${oif}`),
  placement: {
    refuses: ({ gateway }) => (UNSPECIFIED.includes(gateway) ? 'xt_TEE: the gateway must be an address' : undefined),
  },
  compile({ gateway, oif }, { family, services }) {
    const nextHop = parseAddress(gateway, family)!;
    return (pkt) => {
      services.duplicate(pkt, nextHop, oif);
      return CONTINUE;
    };
  },
});
