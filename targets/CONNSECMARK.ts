import { defineTarget } from '../engine/extension.ts';
import { flag } from '../grammar/values.ts';
import { notThereYet } from './shared/not-there-yet.ts';

export const CONNSECMARK = defineTarget({
  name: 'CONNSECMARK',
  families: [4, 6],
  summary: 'Copies the security mark between packet and connection. The engine does not yet and refuses to load it.',
  kernel: 'net/netfilter/xt_CONNSECMARK.c connsecmark_tg()',
  options: {
    save: flag({ help: "copy the packet's mark to a connection that has none", excludes: ['restore'] }),
    restore: flag({ help: "copy the connection's mark to a packet that has none", excludes: ['save'] }),
  },
  check(options, scope) {
    if (!options.save && !options.restore) scope.fail('CONNSECMARK target: parameter required');
    return { mode: options.save ? ('save' as const) : ('restore' as const) };
  },
  save: ({ mode }) => `--${mode}`,
  list: ({ mode }) => `CONNSECMARK ${mode}`,
  placement: { tables: ['mangle', 'security'] },
  needsTracking: true,
  compile: notThereYet('the security mark of connections'),
});
