import { defineTarget } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { type NatRange, natIsMissing, parsePorts, printPorts } from './shared/nat-range.ts';
import { words } from './shared/text.ts';

const ports = {
  words: 1 as const,
  metavar: 'port[-port]',
  parse: ([word]: readonly string[], scope: ValueScope) => parsePorts(word, 'kept', scope),
  print: printPorts,
};

export const REDIRECT = defineTarget({
  name: 'REDIRECT',
  families: [4, 6],
  summary: 'Destination NAT to this machine. The engine does not translate yet and refuses to load it.',
  kernel: 'net/netfilter/xt_REDIRECT.c redirect_tg4(), redirect_tg6()',
  options: {
    'to-ports': own(ports, { help: 'destination port or ports' }),
    random: flag({ help: 'choose the port at random' }),
  },
  check(options, scope) {
    const ports = options['to-ports'];
    if (ports?.value.base !== undefined) scope.fail('Shifted portmap ranges not supported with this kernel', ports);
    return { range: ports?.value ?? ({} as NatRange), random: options.random !== undefined };
  },
  save: (c) => words(c.range.ports && `--to-ports ${printPorts(c.range)}`, c.random && '--random'),
  list: (c) => words(c.range.ports && `redir ports ${printPorts(c.range)}`, c.random && 'random'),
  placement: { tables: ['nat'], hooks: ['PREROUTING', 'OUTPUT'] },
  needsTracking: true,
  textOnly: 'address translation comes with the tracker in full',
  compile: natIsMissing,
});
