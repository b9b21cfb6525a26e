import { defineTarget } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { type NatRange, natIsMissing, parsePorts, printPorts } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const ports = {
  words: 1 as const,
  metavar: 'port[-port]',
  parse: ([word]: readonly string[], scope: ValueScope) => parsePorts(word, 'forgotten', scope),
  print: printPorts,
};

export const MASQUERADE = defineTarget({
  name: 'MASQUERADE',
  families: [4, 6],
  summary:
    'Source NAT to the address of the interface that the packet leaves by. The engine does not translate yet and refuses to load it.',
  kernel: 'net/netfilter/xt_MASQUERADE.c masquerade_tg()',
  options: {
    'to-ports': own(ports, { help: 'source ports to use' }),
    random: flag({ help: 'choose the port at random' }),
    'random-fully': flag({ help: 'choose the port at random, harder to guess' }),
  },
  check: (options) => ({
    range: options['to-ports']?.value ?? ({} as NatRange),
    random: options.random !== undefined,
    randomFully: options['random-fully'] !== undefined,
  }),
  save: (c) =>
    words(
      c.range.ports && `--to-ports ${printPorts(c.range)}`,
      c.random && '--random',
      c.randomFully && '--random-fully',
    ),
  list: (c) =>
    words(c.range.ports && `masq ports: ${printPorts(c.range)}`, c.random && 'random', c.randomFully && 'random-fully'),
  placement: { tables: ['nat'], hooks: ['POSTROUTING'] },
  needsTracking: true,
  textOnly: 'address translation comes with the tracker in full',
  compile: natIsMissing,
});
