import { defineTarget } from '../engine/extension.ts';
import { address, text } from '../grammar/values.ts';
import { notThereYet } from './shared/not-there-yet.ts';
import { words } from './shared/text.ts';

const UNSPECIFIED = ['0.0.0.0', '::'];

export const TEE = defineTarget({
  name: 'TEE',
  families: [4, 6],
  summary: 'Sends a copy of the packet to another host. The engine does not copy yet and refuses to load it.',
  kernel: 'net/netfilter/xt_TEE.c tee_tg4(), tee_tg6()',
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
  compile: notThereYet('TEE'),
});
