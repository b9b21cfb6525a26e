import { defineMatch } from '../engine/extension.ts';
import { text } from '../grammar/values.ts';

const named = text({ cutAt: 29 })({ help: 'name of the helper; "" for any', invert: true, required: true });

export const helper = defineMatch({
  name: 'helper',
  families: [4, 6],
  summary: 'The connection was expected by a helper that reads another one: an FTP data connection, a call.',
  kernel: 'net/netfilter/xt_helper.c helper_mt()',
  needsTracking: true,
  effect: 'pure',
  options: { helper: named },
  check: (given) => ({ name: given.helper.value, inverted: given.helper.inverted }),
  save: ({ name, inverted }) => `${inverted ? '! ' : ''}--helper ${named.print(name)}`,
  list: ({ name, inverted }) => `helper match ${inverted ? '! ' : ''}"${name}"`,
  compile({ name, inverted }, { services: { tracker } }) {
    return (pkt) => {
      const of = pkt.connection < 0 ? undefined : tracker.masterHelper(pkt.connection);
      if (of === undefined) return inverted;
      // The kernel compares as far as the helper's name goes: "ftp-2121" is ftp, too.
      return (name === '' || name.startsWith(of)) !== inverted;
    };
  },
  saw(_checked, pkt, { tracker }) {
    const of = pkt.connection < 0 ? undefined : tracker.masterHelper(pkt.connection);
    return of === undefined ? 'not expected by a helper' : `expected by ${of}`;
  },
});
