import { defineTarget } from '../engine/extension.ts';
import { addressMask, addressMaskBounds } from '../grammar/values.ts';
import { formatAddress } from '../packet/address.ts';
import { natIsMissing } from './shared/nat-range.ts';

export const NETMAP = defineTarget({
  name: 'NETMAP',
  families: [4, 6],
  summary: 'Maps a network of addresses onto another one. The engine does not translate yet and refuses to load it.',
  kernel: 'net/netfilter/xt_NETMAP.c netmap_tg4(), netmap_tg6()',
  options: { to: addressMask({ help: 'network to map to', required: true }) },
  check({ to: { value } }, { family }) {
    return { network: formatAddress(addressMaskBounds(value, family)[0], family), length: value.length };
  },
  save: ({ network, length }) => `--to ${network}/${length}`,
  list: ({ network, length }) => `to:${network}/${length}`,
  placement: { tables: ['nat'], hooks: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'] },
  needsTracking: true,
  textOnly: 'address translation comes with the tracker in full',
  compile: natIsMissing,
});
