import { defineMatch } from '../engine/extension.ts';
import type { Given } from '../grammar/options.ts';
import type { HookName } from '../grammar/tables.ts';
import { type Mark, own } from '../grammar/values.ts';
import { fits, inNumbers, numberedBy } from './shared/labels.ts';
import { option, words } from './shared/text.ts';

const group = numberedBy('default');
const FROM: readonly HookName[] = ['PREROUTING', 'INPUT', 'FORWARD'];
const TO: readonly HookName[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

interface Asked extends Mark {
  readonly inverted: boolean;
}
interface Checked {
  readonly from?: Asked;
  readonly to?: Asked;
}

const asked = ({ value, inverted }: Given<Mark>): Asked => ({ ...value, inverted });
const listed = (name: string, one: Asked | undefined, print: (value: Mark) => string): string | undefined =>
  one && `${one.inverted ? '! ' : ''}${name} ${print(one)}`;

export const devgroup = defineMatch({
  name: 'devgroup',
  families: [4, 6],
  summary: 'Group of the device that the packet came by, or leaves by.',
  supplied:
    'Inline: what the kernel has of our devices (`ip link set group`), looked up at the start and at each reload, unless the configuration says otherwise. Where nobody says: 0, default.',
  kernel: 'net/netfilter/xt_devgroup.c devgroup_mt()',
  placement: {
    refuses: ({ from, to }: Checked, { hooks }) =>
      (from && hooks.some((hook) => !FROM.includes(hook))) || (to && hooks.some((hook) => !TO.includes(hook)))
        ? 'no such device there'
        : undefined,
  },
  effect: 'pure',
  options: {
    'src-group': own(group, { help: 'group of the device it came by', invert: true }),
    'dst-group': own(group, { help: 'group of the device it leaves by', invert: true }),
  },
  check(given, scope): Checked {
    const from = given['src-group'];
    const to = given['dst-group'];
    if (!from && !to) scope.fail("devgroup match: You must specify either '--src-group' or '--dst-group'");
    return { ...(from && { from: asked(from) }), ...(to && { to: asked(to) }) };
  },
  save: ({ from, to }) =>
    words(
      from && option('src-group', group.print(from), from.inverted),
      to && option('dst-group', group.print(to), to.inverted),
    ),
  list: ({ from, to }, { numeric }) => {
    const print = numeric ? inNumbers : group.print;
    return words(listed('src-group', from, print), listed('dst-group', to, print));
  },
  compile({ from, to }, { services }) {
    const groupOf = (device: string): number => services.deviceGroup?.(device) ?? 0;
    return (pkt) => {
      if (from && fits(from, groupOf(pkt.inDevice)) === from.inverted) return false;
      return !to || fits(to, groupOf(pkt.outDevice)) !== to.inverted;
    };
  },
  saw: ({ from, to }, pkt, services) => {
    const shown = (name: string, device: string): string =>
      `${name} 0x${(services.deviceGroup?.(device) ?? 0).toString(16)}`;
    return words(from && shown('src-group', pkt.inDevice), to && shown('dst-group', pkt.outDevice));
  },
});
