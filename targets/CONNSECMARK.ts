import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { flag } from '../grammar/values.ts';

export const CONNSECMARK = defineTarget({
  name: 'CONNSECMARK',
  families: [4, 6],
  summary: 'Copies the security mark between packet and connection, to the one that has none.',
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
  compile({ mode }, { services }) {
    const { connections } = services.tracker;
    if (mode === 'save') {
      return ({ connection, secmark }) => {
        if (secmark !== 0 && connection >= 0 && connections.secmark(connection) === 0)
          connections.setSecmark(connection, secmark);
        return CONTINUE;
      };
    }
    return (pkt) => {
      if (pkt.secmark === 0 && pkt.connection >= 0) pkt.secmark = connections.secmark(pkt.connection);
      return CONTINUE;
    };
  },
});
