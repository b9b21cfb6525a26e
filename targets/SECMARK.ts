import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { text } from '../grammar/values.ts';

export const SECMARK = defineTarget({
  name: 'SECMARK',
  families: [4, 6],
  summary:
    'Gives the packet the security mark of a context. Contexts are names here: no security module is asked whether it knows them.',
  supplied: 'Inline nobody but rules sets or reads the mark.',
  kernel: 'net/netfilter/xt_SECMARK.c secmark_tg()',
  options: {
    selctx: text({ cutAt: 255 })({ help: 'security context', required: true }),
  },
  check: ({ selctx }) => ({ context: selctx.value }),
  // Never quoted: a context with a blank does not come back.
  save: ({ context }) => `--selctx ${context}`,
  list: ({ context }) => `SECMARK selctx ${context}`,
  placement: {
    tables: ['mangle', 'security'],
    refuses: ({ context }) => (context === '' ? "xt_SECMARK: unable to map security context ''" : undefined),
  },
  compile({ context }, { services }) {
    const secmark = services.tracker.connections.contexts.numberOf(context);
    return (pkt) => {
      pkt.secmark = secmark;
      return CONTINUE;
    };
  },
});
