import { defineMatch } from '../engine/extension.ts';
import { own } from '../grammar/values.ts';
import { inNumbers, numberedBy } from './shared/labels.ts';
import { option } from './shared/text.ts';

const kind = numberedBy('cosmos');

export const realm = defineMatch({
  name: 'realm',
  families: [4],
  summary: 'Realm of the route that the packet takes.',
  supplied: 'Inline: the realms that the configuration gives to prefixes; 0, cosmos, for all others.',
  kernel: 'net/netfilter/xt_realm.c realm_mt()',
  placement: { hooks: ['INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] },
  effect: 'pure',
  options: { realm: own(kind, { help: 'realm, by number or name', invert: true, required: true }) },
  check: (given) => ({ ...given.realm.value, inverted: given.realm.inverted }),
  save: (c) => option('realm', kind.print(c), c.inverted),
  list: (c, { numeric }) => `${c.inverted ? '! ' : ''}realm ${numeric ? inNumbers(c) : kind.print(c)}`,
  compile:
    (c, { services }) =>
    (pkt) =>
      // The mask is for the realm of the route alone.
      (((services.realm?.(pkt) ?? 0) & c.mask) >>> 0 === c.value) !== c.inverted,
  saw: (_checked, pkt, services) => `realm 0x${(services.realm?.(pkt) ?? 0).toString(16)}`,
});
