import { defineMatch } from '../engine/extension.ts';
import { u32 } from '../grammar/values.ts';
import { option } from './shared/text.ts';

export const cpu = defineMatch({
  name: 'cpu',
  families: [4, 6],
  summary: 'The processor that handles the packet.',
  supplied: 'Inline: the number of the worker; 0 while there is one.',
  kernel: 'net/netfilter/xt_cpu.c cpu_mt()',
  effect: 'pure',
  options: { cpu: u32({ help: 'number, from 0', invert: true, required: true }) },
  check: (given) => ({ number: given.cpu.value, inverted: given.cpu.inverted }),
  save: ({ number, inverted }) => option('cpu', number, inverted),
  list: ({ number, inverted }) => `cpu ${inverted ? '! ' : ''}${number}`,
  compile({ number, inverted }, { services }) {
    // A worker has services of its own, and stays the same.
    const matched = (number === (services.cpu ?? 0)) !== inverted;
    return () => matched;
  },
  saw: (_checked, _pkt, services) => `cpu ${services.cpu ?? 0}`,
});
